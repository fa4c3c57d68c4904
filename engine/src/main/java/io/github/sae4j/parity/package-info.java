/** The parity check: a device against the scalar oracle, bit by bit. */
package io.github.sae4j.parity;
