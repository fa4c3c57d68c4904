/** The engine's kernels and training step on any TornadoVM device. */
package io.github.sae4j.tornado;
