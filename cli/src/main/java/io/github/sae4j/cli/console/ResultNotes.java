package io.github.sae4j.cli.console;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.training.StepRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Explains the final numbers of a run in a few lines, for users who see them for the first time.
 */
public final class ResultNotes {
  private ResultNotes() {}

  /**
   * The lines.
   *
   * @param config the run's configuration
   * @param metrics metrics on the held-out rows, if there are any
   * @param last the last step, if this process ran one
   * @param trainingFvu FVU of the last batch for which it was measured, or NaN
   */
  public static List<String> of(
      TrainingConfig config,
      Optional<Map<String, Object>> metrics,
      Optional<StepRecord> last,
      double trainingFvu) {
    List<String> lines = new ArrayList<>();
    if (metrics.isPresent() && metrics.get().get("fvu") instanceof Double fvu) {
      lines.add(
          String.format(
              Locale.ROOT,
              "FVU %.3f: the share of the variance of rows that training never saw that is lost in"
                  + " reconstruction (0 is perfect, 1 as bad as their mean).",
              fvu));
    }
    if (!Double.isNaN(trainingFvu)) {
      lines.add(
          String.format(
              Locale.ROOT,
              "FVU %.3f in training: the same of the last batch logged. Were it far below the"
                  + " other, the SAE would know its training rows by heart.",
              trainingFvu));
    }
    if (last.isPresent()) {
      boolean inSteps = config.dead().window().isPresent();
      long window = (inSteps ? config.dead().window() : config.dead().tokens()).orElse(0);
      String unit = inSteps ? "steps" : "rows";
      boolean tooShort = (inSteps ? last.get().number() : last.get().samples()) <= window;
      lines.add(
          tooShort
              ? String.format(
                  Locale.ROOT,
                  "Dead: none yet; a latent counts as dead after %d %s without firing, and the run"
                      + " had no more.",
                  window,
                  unit)
              : String.format(
                  Locale.ROOT,
                  "Dead: %d latents had not fired on any row of the last %d %s of training.",
                  last.get().report().dead(),
                  window,
                  unit));
    }
    if (metrics.isPresent() && metrics.get().get("never_fired") instanceof Number never) {
      lines.add(
          String.format(
              Locale.ROOT,
              "Never fired: %d latents (%.1f%%) on the %s held-out rows; with few rows these"
                  + " include rare latents that are not dead.",
              never.longValue(),
              100 * ((Number) metrics.get().get("never_fired_fraction")).doubleValue(),
              metrics.get().get("rows")));
    }
    return lines;
  }
}
