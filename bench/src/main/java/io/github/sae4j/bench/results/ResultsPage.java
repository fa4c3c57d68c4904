package io.github.sae4j.bench.results;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes a comparison as a page of Markdown tables. */
public final class ResultsPage {
  private ResultsPage() {}

  /**
   * Writes.
   *
   * @param file the file; its folder is created
   * @param environment names and values
   * @param peers one line each
   * @param sections the tables
   * @throws IOException if the file cannot be written
   */
  public static void write(
      Path file, Map<String, String> environment, List<String> peers, List<Section> sections)
      throws IOException {
    StringBuilder page = new StringBuilder("# Measured\n\n");
    environment.forEach((name, value) -> page.append("- " + name + ": " + value + "\n"));
    peers.forEach(peer -> page.append("- " + peer + "\n"));
    sections.forEach(section -> append(page, section));
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.writeString(file, page);
  }

  private static void append(StringBuilder page, Section section) {
    page.append("\n## " + section.title() + "\n\n");
    page.append(
        "| | threads | median ms | interval of the median | rate |\n|---|---|---|---|---|\n");
    for (Timing timing : section.timings().values()) {
      double rate = section.rate(timing.name());
      page.append(
          String.format(
              Locale.ROOT,
              "| %s | %d | %.3f | %s | %s |%n",
              timing.name(),
              timing.threads(),
              timing.median() * 1e3,
              timing.interval().times(1e3),
              Double.isNaN(rate)
                  ? ""
                  : String.format(Locale.ROOT, "%.1f %s", rate, section.unit(timing.name()))));
    }
    if (section.ratios().isEmpty()) {
      return;
    }
    page.append("\n| ratio | value | interval | wanted | |\n|---|---|---|---|---|\n");
    for (Ratio ratio : section.ratios()) {
      boolean held = !Double.isNaN(ratio.limit());
      page.append(
          String.format(
              Locale.ROOT,
              "| %s | %.3f | %s | %s | %s |%n",
              ratio.name(),
              ratio.value(),
              ratio.interval().map(Interval::toString).orElse(""),
              held
                  ? String.format(Locale.ROOT, "%s %.2f", ratio.atMost() ? "≤" : "≥", ratio.limit())
                  : "",
              held ? (ratio.missed() ? "missed" : "met") : ""));
    }
  }
}
