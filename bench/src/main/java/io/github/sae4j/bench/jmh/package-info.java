/** JMH benchmarks of kernels and steps, of the peers and of the machine. */
package io.github.sae4j.bench.jmh;
