/** A trained sparse autoencoder: weights, configuration, encode and decode. */
package io.github.sae4j.sae;
