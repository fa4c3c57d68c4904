/** What one training step computes: its description, its state, and its definition from kernels. */
package io.github.sae4j.step;
