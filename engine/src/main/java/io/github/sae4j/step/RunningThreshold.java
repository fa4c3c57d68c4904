package io.github.sae4j.step;

import io.github.sae4j.kernels.Shapes;

/**
 * The threshold that BatchTopK training estimates for inference, where rows do not compete: a
 * running mean of the smallest positive activation of each step, with exponential decay.
 *
 * <pre>t ← (1 − rate) · t + rate · min(positive activations)</pre>
 *
 * @param kind the variant: its precision, its start, and the effect of a step without positive
 *     activations
 * @param rate weight of the newest step (SAELens's {@code topk_threshold_lr}; 1 − {@code
 *     threshold_beta} of dictionary_learning)
 * @param startStep steps before it is estimated at all; used by {@link Kind#DICTIONARY_LEARNING}
 */
public record RunningThreshold(Kind kind, double rate, long startStep) {
  /** Its name among the statistics of a {@link TrainingState}, and in files. */
  public static final String NAME = "topk_threshold";

  /** Whose variant of the running mean. */
  public enum Kind {
    /** In double, from 0; a step without positive activations leaves it as it is. */
    SAELENS,
    /**
     * In f32, −1 for as long as it has not been estimated; the first estimate is taken as it is. A
     * step without positive activations counts as one whose smallest is 0.
     */
    DICTIONARY_LEARNING
  }

  /** Checks the ranges. */
  public RunningThreshold {
    Shapes.expect(rate > 0 && rate <= 1, "topk_threshold_lr", "more than 0 and at most 1", rate);
    Shapes.expect(startStep >= 0, "threshold_start_step", "at least 0", startStep);
  }

  /**
   * The threshold before the first step.
   *
   * @return 0, or −1 where that means that there is none yet
   */
  public double initial() {
    return kind == Kind.SAELENS ? 0 : -1;
  }

  /**
   * The threshold after a step.
   *
   * @param threshold the one before
   * @param step number of the step, from 1
   * @param least the smallest positive activation of the step; infinity if there was none
   * @return the new threshold
   */
  public double next(double threshold, long step, float least) {
    boolean none = least == Float.POSITIVE_INFINITY;
    switch (kind) {
      case SAELENS -> {
        if (none) {
          return threshold;
        }
        double kept = (1 - rate) * threshold;
        return kept + rate * least;
      }
      case DICTIONARY_LEARNING -> {
        if (step <= startStep + 1) {
          return threshold;
        }
        float seen = none ? 0f : least;
        if (threshold < 0) {
          return seen;
        }
        float kept = (float) (1 - rate) * (float) threshold;
        return kept + (float) rate * seen;
      }
    }
    throw new AssertionError(kind);
  }
}
