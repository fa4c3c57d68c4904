/**
 * Training steps composed from a device's kernels: the definition of every term and of a step.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.composed;
