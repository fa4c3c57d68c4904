/** What a run's folder records beside weights: the log, hashes, rows that were left out. */
package io.github.sae4j.internal.records;
