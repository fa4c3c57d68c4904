package io.github.sae4j.report;

import io.github.sae4j.internal.json.Json;
import io.github.sae4j.report.runs.MetricsTable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The page of runs that go on, for whoever serves it. Of a log only what is new is read each time;
 * a log that was cut back, as by a run that resumes, is read anew. Any number of threads may use
 * it.
 */
public final class LiveReport {
  private final List<Path> runs;
  private final Map<Path, MetricsTable> tables = new HashMap<>();

  /**
   * A page of runs, which need not exist yet.
   *
   * @param runs their folders, at least one
   */
  public LiveReport(List<Path> runs) {
    if (runs.isEmpty()) {
      throw new IllegalArgumentException("runs: expected at least one, got none");
    }
    this.runs = List.copyOf(runs);
  }

  /**
   * Writes the page as it is now.
   *
   * @param seconds after which it asks its server for {@value RunReport#LIVE}
   * @param out receives UTF-8; stays open. Nothing is written if a run cannot be read
   * @throws io.github.sae4j.format.BadFileException if a folder is no run, or not yet
   * @throws IOException if reading or writing fails
   */
  public synchronized void writePage(int seconds, OutputStream out) throws IOException {
    RunReport.write(runs, ReportOptions.DEFAULT.live(seconds), this::table, out);
  }

  /**
   * The answer to the page's request for {@value RunReport#LIVE}.
   *
   * @return a JSON object
   * @throws io.github.sae4j.format.BadFileException if a folder is no run, or not yet
   * @throws IOException if reading fails
   */
  public synchronized String data() throws IOException {
    return Json.line(Map.of("runs", RunReport.runs(runs, ReportOptions.DEFAULT, this::table)));
  }

  private MetricsTable table(Path log) throws IOException {
    MetricsTable table = tables.computeIfAbsent(log, _ -> MetricsTable.empty());
    table.follow(log);
    return table;
  }
}
