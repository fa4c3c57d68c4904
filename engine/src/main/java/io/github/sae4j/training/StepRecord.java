package io.github.sae4j.training;

import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.step.StepReport;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One training step, as reported to a listener.
 *
 * @param number the step, from 1
 * @param steps steps of the whole run
 * @param samples rows trained on so far, this step's included
 * @param learningRate learning rate of the step
 * @param report losses and counts
 * @param stepSeconds time of the step itself
 * @param dataSeconds time spent waiting for its rows
 */
public record StepRecord(
    long number,
    long steps,
    long samples,
    double learningRate,
    StepReport report,
    double stepSeconds,
    double dataSeconds) {

  /**
   * The step for {@code metrics.jsonl}, by SAELens's names. Values that are not defined are null.
   *
   * <ul>
   *   <li>{@code losses/overall_loss}: what was minimised; {@code losses/mse_loss}: the main loss;
   *       {@code losses/auxiliary_reconstruction_loss}: the AuxK term with its coefficient; {@code
   *       losses/multi_topk_loss} before its weight; terms that the objective lacks are 0. {@code
   *       losses/inner_mse_loss}, of Matryoshka SAEs alone: the nested reconstructions' errors,
   *       summed
   *   <li>{@code metrics/fvu}: Σ‖e‖² / Σ‖x − x̄‖² of the batch, x̄ its mean; {@code
   *       metrics/explained_variance}: 1 − that; {@code metrics/explained_variance_legacy}: mean
   *       over rows of 1 − ‖e‖²/‖x − x̄‖²
   *   <li>{@code metrics/l0}: mean number of positive activations per row
   *   <li>{@code sparsity/dead_features}: latents counted dead when the step ran
   *   <li>{@code details/step_seconds} and {@code details/data_seconds}: means over the steps since
   *       the last line
   * </ul>
   *
   * @param meanStepSeconds mean time of a step since the last line
   * @param meanDataSeconds mean time of waiting for rows since the last line
   * @return names and values
   */
  Map<String, Object> metrics(double meanStepSeconds, double meanDataSeconds) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", number);
    put(line, "losses/overall_loss", report.loss());
    put(line, "losses/mse_loss", report.mainLoss());
    // Always present, so that all runs have the same members.
    put(line, "losses/auxiliary_reconstruction_loss", 0);
    put(line, "losses/multi_topk_loss", 0);
    for (StepReport.TermLoss loss : report.terms()) {
      double factor = loss.term() instanceof MultiTopK ? 1 : loss.term().weight();
      put(line, "losses/" + loss.term().metric(), factor * loss.value());
    }
    put(line, "metrics/fvu", report.fvu());
    put(line, "metrics/explained_variance", 1 - report.fvu());
    put(line, "metrics/explained_variance_legacy", report.rowExplained());
    put(line, "metrics/l0", report.l0());
    line.put("sparsity/dead_features", report.dead());
    put(line, "details/gradient_norm", report.gradientNorm());
    put(line, "details/current_learning_rate", learningRate);
    line.put("details/n_training_samples", samples);
    put(line, "details/step_seconds", meanStepSeconds);
    put(line, "details/data_seconds", meanDataSeconds);
    return line;
  }

  private static void put(Map<String, Object> line, String name, double value) {
    line.put(name, Double.isFinite(value) ? value : null);
  }
}
