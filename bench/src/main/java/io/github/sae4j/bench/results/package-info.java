/** Alternating runs, and the tables and ratios made from them. */
package io.github.sae4j.bench.results;
