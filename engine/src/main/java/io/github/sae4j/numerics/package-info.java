/** What makes bits reproducible: random numbers, ordered sums, and what a device guarantees. */
package io.github.sae4j.numerics;
