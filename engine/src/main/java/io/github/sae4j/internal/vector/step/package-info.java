/**
 * The passes of a fused training step: by sample, by latent, and the AuxK term.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector.step;
