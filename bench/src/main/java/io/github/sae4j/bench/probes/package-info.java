/** What the machine can do at best: peak arithmetic, read bandwidth. */
package io.github.sae4j.bench.probes;
