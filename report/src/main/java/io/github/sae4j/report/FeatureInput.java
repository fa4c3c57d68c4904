package io.github.sae4j.report;

/** Placeholder until the feature pages come. */
public record FeatureInput() {}
