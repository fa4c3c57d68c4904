package io.github.sae4j.objective;

import io.github.sae4j.kernels.Shapes;

/**
 * A penalty on active latents, without which a threshold would let all of them through. Its value
 * is that of {@link Penalty}, the mean over rows, times the warm-up of the step.
 *
 * @param penalty what is penalised
 * @param weight its coefficient, once warmed up; 0 for none
 * @param warmUp how the coefficient grows over the first steps
 */
public record Sparsity(Penalty penalty, double weight, WarmUp warmUp) implements Term {

  /** What is penalised; a is an activation, θ its latent's threshold, ν the latent's norm. */
  public sealed interface Penalty {
    /**
     * The number of latents above their threshold. Its gradient goes to thresholds alone, by the
     * rectangle of {@code TrainedGate.JumpRelu}.
     */
    record L0() implements Penalty {}

    /**
     * A smooth number of latents, Σ tanh(scale · a · ν) (SAELens's {@code tanh}).
     *
     * @param scale how fast an activation counts as one
     */
    record Tanh(double scale) implements Penalty {
      /** Checks the range. */
      public Tanh {
        positive("jumprelu_tanh_scale", scale);
      }
    }

    /**
     * The square of L0 / target − 1, so that training ends with the number of latents wanted.
     *
     * @param target the number of active latents wanted
     * @param of what L0 counts
     */
    record Quadratic(double target, Count of) implements Penalty {
      /** What L0 counts, and where the rectangle lies. */
      public enum Count {
        /** Each row's pre-activations; the penalty is the mean over rows (Gemma Scope 2). */
        ROWS,
        /**
         * The batch's mean, of the activations instead of the pre-activations
         * (dictionary_learning): the rectangle holds those in (θ, θ + bandwidth/2), and all zeros
         * of a latent whose θ is within half a bandwidth of 0.
         */
        BATCH_OF_ACTIVATIONS
      }

      /** Checks the range. */
      public Quadratic {
        positive("target_l0", target);
      }
    }

    /**
     * The p-norm of a row's activations, each times its latent's norm to a power: L1 with p = 1.
     *
     * @param p which norm
     * @param normPower 0 for plain activations; 1 with decoder norms; 2 where the peer multiplies
     *     by them twice (dictionary_learning's April form)
     */
    record Norm(double p, int normPower) implements Penalty {
      /** Checks the ranges. */
      public Norm {
        positive("lp_norm", p);
        Shapes.expect(
            normPower >= 0 && normPower <= 2, "l1_decoder_norm_power", "0, 1 or 2", normPower);
      }
    }

    private static void positive(String name, double value) {
      Shapes.expect(
          value > 0 && value < Double.POSITIVE_INFINITY, name, "a positive finite number", value);
    }
  }

  /**
   * A linear warm-up from 0.
   *
   * @param steps steps until the whole coefficient applies; 0 for at once
   * @param zeroAt number of the step with coefficient 0, from 1
   */
  public record WarmUp(long steps, long zeroAt) {
    /** The whole coefficient from the first step on. */
    public static final WarmUp NONE = new WarmUp(0, 1);

    /** Checks the range. */
    public WarmUp {
      Shapes.expect(steps >= 0, "sparsity_warm_up_steps", "at least 0", steps);
    }

    /**
     * The factor of a step.
     *
     * @param number number of the step, from 1
     * @return 0 to 1
     */
    public double at(long number) {
      return steps == 0 ? 1 : Math.clamp((double) (number - zeroAt) / steps, 0, 1);
    }
  }

  /** Checks the range. */
  public Sparsity {
    Shapes.expect(
        weight >= 0 && weight < Double.POSITIVE_INFINITY,
        "sparsity_coefficient",
        "a finite number of at least 0",
        weight);
  }

  @Override
  public String metric() {
    return penalty instanceof Penalty.Norm ? "l1_loss" : "l0_loss";
  }

  @Override
  public boolean needsVariance() {
    return false;
  }
}
