/**
 * The oracle: plain loops that define the order of every operation.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.scalar;
