package io.github.sae4j.cli.console;

import java.util.Locale;

/** Formats durations. */
public final class Durations {
  private Durations() {}

  /** Seconds as {@code 42 s}, {@code 3:05 min} or {@code 2:07 h}. */
  public static String text(double seconds) {
    long whole = Math.round(seconds);
    if (!Double.isFinite(seconds) || whole < 0) {
      return "?";
    }
    if (whole < 60) {
      return whole + " s";
    }
    if (whole < 3600) {
      return String.format(Locale.ROOT, "%d:%02d min", whole / 60, whole % 60);
    }
    return String.format(Locale.ROOT, "%d:%02d h", whole / 3600, whole / 60 % 60);
  }
}
