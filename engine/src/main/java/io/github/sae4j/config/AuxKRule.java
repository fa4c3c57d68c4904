package io.github.sae4j.config;

/** How many dead latents the AuxK term takes per row where {@code auxk} is auto. */
public enum AuxKRule {
  /** d_in / 2, rounded down. */
  HALF_D_IN,
  /** d_sae / 2, rounded down. */
  HALF_D_SAE
}
