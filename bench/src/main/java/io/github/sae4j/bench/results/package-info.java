/** Alternating runs, and the tables and ratios made of them. */
package io.github.sae4j.bench.results;
