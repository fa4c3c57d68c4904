package io.github.sae4j.step;

/**
 * Which latents are dead: what counts as firing, and how long a latent may go without it.
 *
 * @param fired when a latent counts as firing
 * @param counting how steps or rows without firing are counted
 */
public record DeadLatentRule(Fired fired, Counting counting) {

  /** When a latent counts as having fired in a step. */
  public enum Fired {
    /** Its activation was positive in some row. */
    POSITIVE,
    /** It was selected in some row, even at 0 (with Multi-TopK: among the multiple of k). */
    SELECTED,
    /** Its activation was above {@link #FIRED_THRESHOLD} in some row. */
    ABOVE_THRESHOLD,
    /** Its activation was above {@link #FIRED_SMALL_THRESHOLD} in some row. */
    ABOVE_SMALL_THRESHOLD;

    /**
     * Whether a selected latent fired.
     *
     * @param activation its activation in a row
     * @return true if it fired there
     */
    public boolean by(float activation) {
      return switch (this) {
        case POSITIVE -> activation > 0;
        case SELECTED -> true;
        case ABOVE_THRESHOLD -> activation > FIRED_THRESHOLD;
        case ABOVE_SMALL_THRESHOLD -> activation > FIRED_SMALL_THRESHOLD;
      };
    }
  }

  /**
   * How dead latents are counted.
   *
   * @param unit what a step adds to the counter of a latent that did not fire
   * @param window a latent is dead when its counter exceeds this
   * @param inclusive also when the counter equals the window
   * @param afterStep the mask is taken after this step's count, not before
   * @param restart the counter of a latent that fired
   */
  public record Counting(
      Unit unit, long window, boolean inclusive, boolean afterStep, long restart) {
    /** Unit of the counter. */
    public enum Unit {
      /** Optimizer steps: each adds 1. */
      STEPS,
      /** Rows (tokens): each step adds the number of its rows. */
      TOKENS
    }

    /**
     * Whether a latent with this counter is dead.
     *
     * @param sinceFired the counter
     * @return true if dead
     */
    public boolean dead(long sinceFired) {
      return inclusive ? sinceFired >= window : sinceFired > window;
    }
  }

  /** Threshold of {@link Fired#ABOVE_THRESHOLD}. */
  public static final float FIRED_THRESHOLD = 1e-3f;

  /** Threshold of {@link Fired#ABOVE_SMALL_THRESHOLD}. */
  public static final float FIRED_SMALL_THRESHOLD = 1e-5f;
}
