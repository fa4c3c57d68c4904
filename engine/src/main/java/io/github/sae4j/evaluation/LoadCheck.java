package io.github.sae4j.evaluation;

import io.github.sae4j.sae.SaeConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * Whether what an SAE does on activations can be what its files declare. An SAE that was read as
 * another activation than it was trained with, or that is given activations of another place or
 * scale, shows here: its L0 is many times the declared one, or its reconstructions are worse than
 * the mean of the rows.
 */
public final class LoadCheck {
  /** An L0 so many times the declared one, or less than that part of it, cannot be meant. */
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
   * Compares metrics with what is declared.
   *
   * @param config the SAE's configuration
   * @param metrics its metrics on some rows
   * @return what does not fit, one line each; empty if nothing speaks against the SAE
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
                "L0 is %.4g, the files declare %.4g: another activation, another scale, or"
                    + " activations of another place",
                metrics.l0(),
                l0));
      }
    }
    if (metrics.fvu() > 1) {
      warnings.add(
          String.format(
              Locale.ROOT,
              "FVU is %.4g: reconstructions are worse than the mean of all rows; activations of"
                  + " another place, or another scale",
              metrics.fvu()));
    }
    return warnings;
  }
}
