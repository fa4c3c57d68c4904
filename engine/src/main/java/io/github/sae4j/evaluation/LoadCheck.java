package io.github.sae4j.evaluation;

import io.github.sae4j.sae.SaeConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * Whether an SAE's metrics are plausible given what its files declare. An SAE that was read with
 * another activation function than it was trained with, or that is given activations of another
 * hook or scale, shows here: its L0 is many times the declared one, or its reconstructions are
 * worse than the mean of the rows.
 */
public final class LoadCheck {
  /** A ratio of L0 to the declared one that cannot be intended, in either direction. */
  public static final double FACTOR = 10;

  private LoadCheck() {}

  /**
   * The mean number of active latents that the files declare.
   *
   * @param config the SAE's configuration
   * @return what the metadata says; else k where the activation has one
   */
  public static OptionalDouble declaredL0(SaeConfig config) {
    if (config.metadata().l0().isPresent()) {
      return config.metadata().l0();
    }
    return config.activation().fixedLength().isPresent()
        ? OptionalDouble.of(config.activation().fixedLength().getAsInt())
        : OptionalDouble.empty();
  }

  /**
   * Compares metrics with the declared ones.
   *
   * @param config the SAE's configuration
   * @param metrics its metrics on some rows
   * @return one line per mismatch; empty if there is none
   */
  public static List<String> warnings(SaeConfig config, Metrics metrics) {
    List<String> warnings = new ArrayList<>();
    OptionalDouble declared = declaredL0(config);
    if (declared.isPresent()) {
      double l0 = declared.getAsDouble();
      if (metrics.l0() >= FACTOR * l0 || metrics.l0() * FACTOR <= l0) {
        warnings.add(
            String.format(
                Locale.ROOT,
                "L0 is %.4g, the files declare %.4g: another activation function, another scale, or"
                    + " activations of another hook",
                metrics.l0(),
                l0));
      }
    }
    if (metrics.fvu() > 1) {
      warnings.add(
          String.format(
              Locale.ROOT,
              "FVU is %.4g: reconstructions are worse than the mean of all rows; activations of"
                  + " another hook or scale",
              metrics.fvu()));
    }
    return warnings;
  }
}
