package io.github.sae4j.kernels;

import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How latents become active: a map from a row's pre-activations {@code pre = x W_encᵀ + b_enc} to a
 * sparse code. A value, without device memory: devices read it when they encode, prepare an encoder
 * or compile a step.
 *
 * <p>Two forms cover all that is published. {@link Ranked} takes the largest: TopK, AbsTopK,
 * BatchTopK, GroupMax. {@link Threshold} takes those above a threshold: ReLU, JumpReLU, gated, and
 * BatchTopK at inference.
 *
 * <p>With a rank scale ({@code rescale_acts_by_decoder_norm}) fl(pre · scale) is ranked or compared
 * with the threshold, and pre is stored. Pre-activations, ranks and stored values must be finite
 * (numerics rule 10); otherwise {@link NonFiniteException} names the first such row and its first
 * such latent.
 */
public sealed interface Activation {
  /**
   * The number of latents of every row, where it is fixed.
   *
   * @return the number if it is the same for every row whatever the values are; otherwise empty
   */
  OptionalInt fixedLength();

  /**
   * Whether a row's code depends on that row alone.
   *
   * @return false where latents of a whole batch compete; the batch is then the rows of one call
   */
  boolean rowByRow();

  /**
   * Whether a code of value 0 or less stands for a clipped value, which has no gradient.
   *
   * @return false if every code has a gradient
   */
  boolean cutsNegatives();

  /**
   * Checks that this activation can be applied to this many latents.
   *
   * @param dSae number of latents
   * @throws IllegalArgumentException if it has more places than latents, or another number of
   *     thresholds
   */
  void checkLatents(int dSae);

  /**
   * The largest pre-activations, in the total order of numerics rule 10: value descending, then row
   * (where rows compete), then index ascending; −0 equals +0.
   *
   * @param scope what competes for the places
   * @param k places: latents per row with {@link Scope#ROW}, groups with {@link Scope#GROUP}, the
   *     mean number of latents per row with {@link Scope#BATCH}; whole but for the last
   * @param order what is ranked
   * @param relu where values below 0 are cut
   */
  record Ranked(Scope scope, double k, Order order, Relu relu) implements Activation {
    /** What competes. */
    public enum Scope {
      /** All latents of a row, for k places. */
      ROW,
      /**
       * The latents of each of k runs of d_sae / k consecutive ones: the largest of each is kept
       * (groupmax). d_sae must be a multiple of k.
       */
      GROUP,
      /**
       * All latents of all rows of a batch, for ⌊k · rows⌋ places (BatchTopK, Bussmann et al.
       * 2024). With {@link Relu#BEFORE} only positive ranks compete, so a batch with fewer of them
       * than places has fewer codes: zeros would be mere padding. A row may stay empty.
       */
      BATCH
    }

    /** What is ranked. */
    public enum Order {
      /** The value. */
      VALUE,
      /** The absolute value; the sign is kept (AbsTopK). */
      MAGNITUDE
    }

    /** Where values below 0 are cut. */
    public enum Relu {
      /** Ranked by max(v, 0) and stored so: ties among zeros go to the lowest index. */
      BEFORE,
      /** Ranked as they are; a selected negative is stored as +0. */
      AFTER,
      /** Nowhere: ranked and stored with their sign (AuxK of SAELens). */
      NONE;

      /**
       * What is stored of a selected value.
       *
       * @param value the pre-activation
       * @return the value, or +0 where it is cut
       */
      public float stored(float value) {
        return this == NONE || value > 0 ? value : 0f;
      }
    }

    /** Checks the ranges. */
    public Ranked {
      Shapes.expect(
          k > 0 && k <= Integer.MAX_VALUE && (scope == Scope.BATCH || k == Math.rint(k)),
          "k",
          scope == Scope.BATCH ? "more than 0" : "a whole number of at least 1",
          shown(k));
      Shapes.expect(
          order == Order.VALUE || relu == Relu.NONE, "relu", "NONE with order MAGNITUDE", relu);
    }

    /**
     * TopK.
     *
     * @param k latents per row
     * @param relu where values below 0 are cut
     * @return the k largest of each row
     */
    public static Ranked topK(int k, Relu relu) {
      return new Ranked(Scope.ROW, k, Order.VALUE, relu);
    }

    /**
     * Whether this is TopK, for which devices have a dedicated kernel.
     *
     * @return true if the latents of each row compete by value
     */
    public boolean isTopK() {
      return scope == Scope.ROW && order == Order.VALUE;
    }

    /**
     * Number of places for which the latents or groups of a row, or all latents of a batch,
     * compete.
     *
     * @param rows rows of the batch
     * @return k, or ⌊k · rows⌋ for a batch
     */
    public long places(int rows) {
      return (long) (scope == Scope.BATCH ? Math.floor(k * rows) : k);
    }

    @Override
    public OptionalInt fixedLength() {
      return scope == Scope.BATCH ? OptionalInt.empty() : OptionalInt.of((int) k);
    }

    @Override
    public boolean rowByRow() {
      return scope != Scope.BATCH;
    }

    @Override
    public boolean cutsNegatives() {
      return relu != Relu.NONE;
    }

    @Override
    public void checkLatents(int dSae) {
      Shapes.expect(k <= dSae, "k", "at most d_sae = " + dSae, shown(k));
      Shapes.expect(
          scope != Scope.GROUP || dSae % (int) k == 0,
          "k",
          "a divisor of d_sae = " + dSae,
          shown(k));
    }

    /** Whole numbers without a decimal point. */
    private static Object shown(double k) {
      return k == Math.rint(k) && Math.abs(k) < Integer.MAX_VALUE ? (Object) (int) k : k;
    }

    /**
     * The same with another number of places.
     *
     * @param places see {@code k}
     * @return the changed activation
     */
    public Ranked withK(double places) {
      return new Ranked(scope, places, order, relu);
    }
  }

  /**
   * Latents above a threshold: latent i is active where {@code pre_i > θ_i} and its value is
   * positive; its value is {@code pre_i}, or follows from {@link Magnitude}. Codes hold active
   * latents only.
   *
   * @param theta θ, one for each latent or a single one for all; 0 is ReLU. Not to be changed
   * @param magnitude the value of an active latent where it is not the pre-activation (gated)
   */
  record Threshold(float[] theta, Optional<Magnitude> magnitude) implements Activation {
    /**
     * The value of an active latent in the gated form: {@code fma(x W_encᵀ, gain, bias)}, from the
     * product without b_enc, which is the gate's bias.
     *
     * @param gain one for each latent ({@code exp(r_mag)}). Not to be changed
     * @param bias one for each latent ({@code b_mag}). Not to be changed
     */
    public record Magnitude(float[] gain, float[] bias) {
      /** Checks the lengths. */
      public Magnitude {
        Shapes.expect(gain.length == bias.length, "bias", gain.length + " numbers", bias.length);
      }

      @Override
      public boolean equals(Object other) {
        return other instanceof Magnitude that
            && Arrays.equals(gain, that.gain)
            && Arrays.equals(bias, that.bias);
      }

      @Override
      public int hashCode() {
        return 31 * Arrays.hashCode(gain) + Arrays.hashCode(bias);
      }
    }

    /** Checks that there is a threshold and none is NaN. */
    public Threshold {
      Shapes.expect(theta.length >= 1, "theta", "at least one number", theta.length);
      for (float value : theta) {
        Shapes.expect(!Float.isNaN(value), "theta", "numbers", value);
      }
    }

    /** ReLU. */
    public static final Threshold RELU = jumpRelu(0f);

    /**
     * JumpReLU.
     *
     * @param theta one threshold for each latent, or a single one
     * @return the activation
     */
    public static Threshold jumpRelu(float... theta) {
      return new Threshold(theta, Optional.empty());
    }

    /**
     * The gated form (Rajamanoharan et al. 2024): the gate opens above 0.
     *
     * @param magnitude the value of a latent whose gate is open
     * @return the activation
     */
    public static Threshold gated(Magnitude magnitude) {
      return new Threshold(new float[] {0f}, Optional.of(magnitude));
    }

    /**
     * The threshold of a latent.
     *
     * @param latent the latent
     * @return θ
     */
    public float theta(int latent) {
      return theta[theta.length == 1 ? 0 : latent];
    }

    @Override
    public OptionalInt fixedLength() {
      return OptionalInt.empty();
    }

    @Override
    public boolean rowByRow() {
      return true;
    }

    @Override
    public boolean cutsNegatives() {
      return false;
    }

    @Override
    public void checkLatents(int dSae) {
      Shapes.expect(
          theta.length == 1 || theta.length == dSae,
          "theta",
          "1 threshold or d_sae = " + dSae,
          theta.length);
      magnitude.ifPresent(
          m -> Shapes.expect(m.gain.length == dSae, "gain", "d_sae = " + dSae, m.gain.length));
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Threshold that
          && Arrays.equals(theta, that.theta)
          && magnitude.equals(that.magnitude);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(theta) + magnitude.hashCode();
    }

    @Override
    public String toString() {
      String thresholds = theta.length == 1 ? "" + theta[0] : theta.length + " thresholds";
      return "Threshold[" + thresholds + (magnitude.isPresent() ? ", gated]" : "]");
    }
  }
}
