package io.github.sae4j.cli;

import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;

/** Prints metrics as a table. */
final class MetricsReport {
  private MetricsReport() {}

  static void print(CommandSpec spec, Map<String, Object> metrics) {
    metrics.forEach(
        (name, value) -> {
          if (!(value instanceof Map)) {
            CommandLineApp.print(spec, String.format(Locale.ROOT, "%-30s %s", name, text(value)));
          }
        });
  }

  private static String text(Object value) {
    return switch (value) {
      case null -> "undefined";
      case Double number -> String.format(Locale.ROOT, "%.6g", number);
      default -> value.toString();
    };
  }
}
