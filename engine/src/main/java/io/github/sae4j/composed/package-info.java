/** Training steps composed from a device's kernels: the definition of every term and of a step. */
package io.github.sae4j.composed;
