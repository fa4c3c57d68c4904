/**
 * Benchmarks of the engine and of its peers. {@link io.github.sae4j.bench.Compare} measures both in
 * alternating runs of one process and prints their ratios; the JMH classes measure one kernel each.
 * This package may use the Vector API itself, for its probes of the machine.
 */
package io.github.sae4j.bench;
