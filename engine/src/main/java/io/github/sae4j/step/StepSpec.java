package io.github.sae4j.step;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Selection;
import io.github.sae4j.kernels.Shapes;
import java.util.OptionalDouble;

/**
 * What one training step computes: shapes and semantics, nothing that changes from step to step.
 * The order of a step is fixed; the fields switch its parts:
 *
 * <ol>
 *   <li>decoder rows to unit norm ({@link DecoderNorm#BEFORE_FORWARD})
 *   <li>encode, select k (and 4k) latents per row, count which fired, fix the dead mask
 *   <li>per micro-batch: decode, residual, loss, gradient at the output; the AuxK term
 *   <li>gradients by latent, gradient of b_dec
 *   <li>decoder rows to unit norm ({@link DecoderNorm#AFTER_BACKWARD}); parallel part of the
 *       decoder's gradient removed; global-norm clipping
 *   <li>Adam
 *   <li>decoder rows to unit norm ({@link DecoderNorm#AFTER_STEP})
 * </ol>
 *
 * @param dIn width of the input
 * @param dSae number of latents
 * @param k latents per row
 * @param maxRows most rows of one step, all micro-batches together
 * @param microBatchRows rows of a micro-batch: losses and their normalisers are formed per
 *     micro-batch and averaged over them (gradient accumulation)
 * @param selection how main codes are ranked, {@link Selection#SIGNED} excluded
 * @param rescaleByDecoderNorm rank by pre-activation times decoder norm
 * @param applyBDecToInput encode x − b_dec instead of x
 * @param normalization what is done to each input row and undone on the output
 * @param loss the main loss
 * @param mseScale factor of {@link MainLoss#SCALED_MSE}
 * @param multiTopK adds FVU of a 4k reconstruction with weight 1/8
 * @param aux the AuxK term
 * @param decoderNorm when decoder rows are brought to unit norm
 * @param decoderNormEpsilon added to the norm
 * @param projectGradient removes the decoder gradient's part parallel to its row
 * @param projectEpsilon see {@link Device#projectRows}
 * @param clipNorm largest global norm of the gradient, if clipped
 * @param fired when a latent counts as firing
 * @param counting how dead latents are counted
 * @param beta1 Adam's β₁
 * @param beta2 Adam's β₂
 * @param adamEpsilon Adam's ε
 */
public record StepSpec(
    int dIn,
    int dSae,
    int k,
    int maxRows,
    int microBatchRows,
    Selection selection,
    boolean rescaleByDecoderNorm,
    boolean applyBDecToInput,
    InputNormalization normalization,
    MainLoss loss,
    double mseScale,
    boolean multiTopK,
    AuxSpec aux,
    DecoderNorm decoderNorm,
    float decoderNormEpsilon,
    boolean projectGradient,
    float projectEpsilon,
    OptionalDouble clipNorm,
    Fired fired,
    Counting counting,
    double beta1,
    double beta2,
    double adamEpsilon) {

  /** The main loss; e = x̂ − x, B the rows of the micro-batch. */
  public enum MainLoss {
    /** Σ‖e‖² / B. */
    SQUARED_ERROR,
    /** Fraction of variance unexplained, Σ‖e‖² / Σ‖x − x̄‖²; 0 with gradient 0 if that is 0. */
    FVU,
    /** mse_scale · Σ‖e‖² / (B d_in). */
    SCALED_MSE
  }

  /** When decoder rows are brought to unit norm. */
  public enum DecoderNorm {
    /** Never. */
    FREE,
    /** Before every forward pass. */
    BEFORE_FORWARD,
    /** After the backward pass, before projection and clipping. */
    AFTER_BACKWARD,
    /** After the optimizer's step. */
    AFTER_STEP
  }

  /** When a latent counts as having fired in a step. */
  public enum Fired {
    /** Its activation was positive in some row. */
    POSITIVE,
    /** It was selected in some row, even at 0 (with Multi-TopK: among the 4k). */
    SELECTED,
    /** Its activation was above 1e-3 in some row. */
    ABOVE_THRESHOLD
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

  /** Weight of the Multi-TopK term. */
  public static final double MULTI_TOP_K_WEIGHT = 1.0 / 8;

  /** Checks ranges and combinations. */
  public StepSpec {
    Shapes.expect(dIn >= 1, "d_in", "at least 1", dIn);
    Shapes.expect(dSae >= 1, "d_sae", "at least 1", dSae);
    Shapes.expect(k >= 1 && k <= dSae, "k", "1 to d_sae = " + dSae, k);
    Shapes.expect(maxRows >= 1, "batch rows", "at least 1", maxRows);
    Shapes.expect(
        (long) maxRows * dIn <= Integer.MAX_VALUE - 64,
        "batch rows times d_in",
        "less than 2^31 elements",
        (long) maxRows * dIn);
    Shapes.expect(
        microBatchRows >= 1 && microBatchRows <= maxRows,
        "micro-batch rows",
        "1 to " + maxRows,
        microBatchRows);
    Shapes.expect(
        selection != Selection.SIGNED, "selection", "RAW_THEN_RELU or RELU_FIRST", selection);
    Shapes.expect(
        loss != MainLoss.SCALED_MSE || (mseScale > 0 && mseScale < Double.POSITIVE_INFINITY),
        "mse_scale",
        "a positive finite number",
        mseScale);
    Shapes.expect(
        aux.coefficient() == 0 || normalization == InputNormalization.NONE,
        "AuxK coefficient",
        "0 with input normalisation " + normalization,
        aux.coefficient());
  }

  /**
   * Codes per row of the Multi-TopK term.
   *
   * @return min(4k, d_sae)
   */
  public int multiK() {
    return (int) Math.min(4L * k, dSae);
  }
}
