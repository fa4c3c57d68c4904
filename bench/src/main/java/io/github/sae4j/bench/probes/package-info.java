/** Probes of the machine's limits: peak arithmetic, read bandwidth. */
package io.github.sae4j.bench.probes;
