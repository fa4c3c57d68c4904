package io.github.sae4j.bench.results;

/**
 * Something to time.
 *
 * @param name its name in tables, unique within a run
 * @param threads threads it uses
 * @param warmups untimed runs before the first round
 * @param body one run
 */
public record Contender(String name, int threads, int warmups, Runnable body) {}
