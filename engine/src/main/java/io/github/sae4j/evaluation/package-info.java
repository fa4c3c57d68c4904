/** Metrics of a trained autoencoder, each with its definition. */
package io.github.sae4j.evaluation;
