package io.github.sae4j.cli;

import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.Json;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;

/** Prints metrics for people or programs. */
record MetricsReport(Metrics metrics) {
  void print(CommandSpec spec, boolean json) {
    Map<String, Object> values = metrics.toMap();
    if (json) {
      CommandLineApp.print(spec, Json.line(values));
      return;
    }
    values.forEach(
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
