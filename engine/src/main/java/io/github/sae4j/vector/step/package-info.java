/** The passes of a fused training step: by sample, by latent, and the AuxK term. */
package io.github.sae4j.vector.step;
