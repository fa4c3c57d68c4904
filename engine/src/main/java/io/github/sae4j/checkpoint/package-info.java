/** Checkpoints of runs: atomic folders, the layout that runs write, the trainer's state. */
package io.github.sae4j.checkpoint;
