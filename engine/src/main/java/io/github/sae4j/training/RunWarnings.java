package io.github.sae4j.training;

import io.github.sae4j.config.ActivationNormalization;
import io.github.sae4j.config.BDecInit;
import io.github.sae4j.config.ConfigWarnings;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowRules;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.internal.health.Warning;
import io.github.sae4j.internal.start.DataStatistics;
import io.github.sae4j.internal.start.Spectrum;
import io.github.sae4j.step.Pairs;
import java.io.IOException;
import java.util.Locale;

/** What is allowed and probably not meant, said before the first step. */
final class RunWarnings {
  /** Kind of the warning of a mean that dominates. */
  static final String OFFSET = "mean_dominates";

  /** Kind of the warning of an epsilon that swallows the variances. */
  private static final String EPSILON = "whitening_epsilon";

  /** Mean variance of whitened rows below which users are warned: 1 is what they ask for. */
  private static final double LEAST_WHITENED = 0.5;

  /** The least that the option takes. */
  private static final double LEAST_EPSILON = 1e-30;

  /** Ratio of the mean's squared length to the variance from which users are warned. */
  private static final double MOST_OFFSET = 10;

  private final TrainingConfig config;
  private final TrainingData data;
  private final TrainingListener listener;
  private final RunHealth health;
  private final BatchSupply batches;

  RunWarnings(
      TrainingConfig config,
      TrainingData data,
      TrainingListener listener,
      RunHealth health,
      BatchSupply batches) {
    this.batches = batches;
    this.config = config;
    this.data = data;
    this.listener = listener;
    this.health = health;
  }

  /**
   * If the mean is far larger than the spread and b_dec starts at 0, latents learn the mean first.
   */
  void ofOffset() throws IOException {
    if (config.start().bDecInitMethod() != BDecInit.ZEROS
        || config.sae().pairs() == Pairs.TARGETS
        || config.whitens()
        || config.data().normalizeActivations() == ActivationNormalization.LAYER_NORM) {
      return;
    }
    RowRules finite = new RowRules(OnBadRows.SKIP, data.rules().removed());
    DataStatistics.Offset offset =
        batches.once(
            "offset",
            DataStatistics.Offset.class,
            () ->
                new DataStatistics(RowViews.inputs(data.training()), finite, config.rowsPerStep())
                    .offset());
    if (offset.ratio() > MOST_OFFSET) {
      health.warn(
          new Warning(
              0,
              OFFSET,
              String.format(
                  Locale.ROOT,
                  "b_dec_init_method: the rows' mean is %.3g times as long as their spread around"
                      + " it%s; with b_dec at zeros the latents learn the mean first and most of"
                      + " them may die",
                  Math.sqrt(offset.ratio()),
                  offset.share() > 0.5
                      ? String.format(
                          Locale.ROOT,
                          ", %.0f%% of that column %d alone",
                          100 * offset.share(),
                          offset.column())
                      : ""),
              "--b-dec-init-method geometric_median (or mean) starts there"));
    }
  }

  /** If ε is so large beside the variances that most directions stay as small as they are. */
  void ofSpectrum(Spectrum spectrum) {
    if (spectrum.whitened() < LEAST_WHITENED) {
      health.warn(
          new Warning(
              0,
              EPSILON,
              String.format(
                  Locale.ROOT,
                  "whitening_epsilon: %.3g is large beside the variances of the rows: whitened,"
                      + " they have %.2f on average along the %d directions in which they vary, not"
                      + " about 1, so that small directions still count for little",
                  config.data().whiteningEpsilon(),
                  spectrum.whitened(),
                  spectrum.directions()),
              spectrum.helpful() < LEAST_EPSILON
                  ? "multiply the rows by a constant: none from 1e-30 on is small enough for these"
                  : String.format(
                      Locale.ROOT, "--whitening-epsilon %.2g gives them 0.9", spectrum.helpful())));
    }
  }

  /** Of held-out rows that are left out, and of options that do not fit the length of the run. */
  void ofOptions() {
    LeftOut heldOut = data.heldOutLeftOut();
    heldOut.named().forEach(row -> listener.warning("held out, and left out: " + row));
    if (heldOut.rows() > 0) {
      listener.warning(
          heldOut.rows()
              + " of the rows held out are left out: "
              + heldOut.bad()
              + " are not finite, "
              + heldOut.masked()
              + " are masked");
    }
    ConfigWarnings.all(config, config.steps(data.training().rows()))
        .forEach(
            warning ->
                health.warn(
                    new Warning(
                        0,
                        warning.option(),
                        warning.option() + ": " + warning.message(),
                        warning.advice())));
  }
}
