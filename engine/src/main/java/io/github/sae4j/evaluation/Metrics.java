package io.github.sae4j.evaluation;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Metrics of an SAE on given rows. Notation: e = x̂ − x, x̄ the mean of all rows evaluated, means
 * are over rows. Undefined values are NaN here and {@code null} in {@link #toMap}. All but the two
 * legacy values are independent of the batch size.
 *
 * @param rows number of rows
 * @param fvu fraction of variance unexplained, Σ‖e‖² / Σ‖x − x̄‖²; undefined if all rows are equal
 * @param explainedVariance 1 − fvu. SAELens's {@code explained_variance} without the bug of its
 *     evals (mean of x² in place of the mean of x)
 * @param explainedVarianceLegacy mean of 1 − ‖e‖² / ‖x − x̄_batch‖² with the mean of the batch, as
 *     SAELens logs it; rows that equal their batch's mean are left out; undefined if that is all
 * @param explainedVarianceLegacyStd the standard deviation of the same over rows (unbiased)
 * @param mse mean of ‖e‖², summed over columns as SAELens's loss is
 * @param cosineSimilarity mean of ⟨x, x̂⟩ / (‖x‖ ‖x̂‖), 0 for a row where a norm is 0
 * @param l0 mean number of activations that are not 0
 * @param l1 mean sum of the activations' magnitudes
 * @param l2NormIn mean of ‖x‖
 * @param l2NormOut mean of ‖x̂‖
 * @param l2Ratio mean of ‖x̂‖ / ‖x‖, a norm ‖x‖ below 1e-4 counted as 1 as in SAELens
 * @param relativeReconstructionBias mean ‖x̂‖² / mean ⟨x, x̂⟩ (Rajamanoharan et al. 2024,
 *     "Improving Dictionary Learning with Gated Sparse Autoencoders", eq. 10): 1 without shrinkage;
 *     undefined if the divisor is 0
 * @param density how often each latent fired
 * @param recall how well codes keep neighbours, where it was asked for
 */
public record Metrics(
    long rows,
    double fvu,
    double explainedVariance,
    double explainedVarianceLegacy,
    double explainedVarianceLegacyStd,
    double mse,
    double cosineSimilarity,
    double l0,
    double l1,
    double l2NormIn,
    double l2NormOut,
    double l2Ratio,
    double relativeReconstructionBias,
    Density density,
    Optional<NeighbourRecall> recall) {

  /**
   * These metrics with another.
   *
   * @param measured how well codes keep neighbours; empty if it is not defined
   * @return the same, with it
   */
  public Metrics withRecall(Optional<NeighbourRecall> measured) {
    return new Metrics(
        rows,
        fvu,
        explainedVariance,
        explainedVarianceLegacy,
        explainedVarianceLegacyStd,
        mse,
        cosineSimilarity,
        l0,
        l1,
        l2NormIn,
        l2NormOut,
        l2Ratio,
        relativeReconstructionBias,
        density,
        measured);
  }

  /**
   * All metrics for JSON, named as SAELens names them where it has them.
   *
   * @return numbers by name; null where undefined
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("rows", rows);
    map.put("fvu", orNull(fvu));
    map.put("explained_variance", orNull(explainedVariance));
    map.put("explained_variance_legacy", orNull(explainedVarianceLegacy));
    map.put("explained_variance_legacy_std", orNull(explainedVarianceLegacyStd));
    map.put("mse", orNull(mse));
    map.put("cosine_similarity", orNull(cosineSimilarity));
    map.put("l0", orNull(l0));
    map.put("l1", orNull(l1));
    map.put("l2_norm_in", orNull(l2NormIn));
    map.put("l2_norm_out", orNull(l2NormOut));
    map.put("l2_ratio", orNull(l2Ratio));
    map.put("relative_reconstruction_bias", orNull(relativeReconstructionBias));
    recall.ifPresent(
        measured -> {
          map.put("recall_at_10", measured.recall());
          map.put("recall_rows", measured.rows());
        });
    map.put("never_fired", density.neverFired());
    map.put("never_fired_fraction", density.neverFiredFraction());
    map.put("mean_log10_feature_sparsity", density.meanLog10());
    map.put("below_1e-5", density.below(1e-5));
    map.put("below_1e-6", density.below(1e-6));
    map.put("feature_density", density.toMap());
    return map;
  }

  private static Double orNull(double value) {
    return Double.isFinite(value) ? value : null;
  }
}
