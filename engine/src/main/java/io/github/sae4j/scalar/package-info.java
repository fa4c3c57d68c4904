/** The oracle: plain loops that define the order of every operation. */
package io.github.sae4j.scalar;
