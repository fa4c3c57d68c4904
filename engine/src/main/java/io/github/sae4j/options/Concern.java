package io.github.sae4j.options;

/** What an option is about; help and documents group options by concern. */
public enum Concern {
  /** Recipe, length and seed of a run. */
  RUN("Recipe and run"),
  /** Size of the autoencoder, and which of its latents become active. */
  SAE("Autoencoder and activation"),
  /** Rows: batches, order, normalisation, held-out share. */
  DATA("Data"),
  /** The main loss. */
  LOSS("Main loss"),
  /** What keeps latents inactive where a threshold decides. */
  SPARSITY("Sparsity of jumprelu, standard and gated"),
  /** The auxiliary loss on dead latents. */
  AUXK("AuxK, the loss that revives dead latents"),
  /** When latents count as dead. */
  DEAD("Dead latents"),
  /** The learning rate over the run. */
  SCHEDULE("Learning rate"),
  /** Adam, clipping and what is done to the decoder's rows. */
  OPTIMIZER("Optimizer and decoder norm"),
  /** Weights before the first step. */
  START("Weights at the start");

  private final String title;

  Concern(String title) {
    this.title = title;
  }

  /**
   * The heading above options of this concern.
   *
   * @return the heading, a few words
   */
  public String title() {
    return title;
  }
}
