package io.github.sae4j.report.runs;

import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.training.RunFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the page shows of one run: its log, configuration, evaluation and warnings. A record that is
 * damaged or missing is left out, and the page says so.
 *
 * @param folder the run
 * @param members plain JSON objects
 * @param metrics its log
 */
public record RunData(RunFolder folder, Map<String, Object> members, MetricsTable metrics) {
  private static final int MOST_BYTES = 1 << 24;
  private static final String SEAL = "sha256";

  /**
   * Reads a run.
   *
   * @param folder its folder
   * @param name how the page calls it
   * @param metrics its log
   * @return what was found
   * @throws IOException if a file that is there cannot be read
   */
  public static RunData read(RunFolder folder, String name, MetricsTable metrics)
      throws IOException {
    List<Object> notes = new ArrayList<>();
    Map<String, Object> run = new LinkedHashMap<>();
    run.put("name", name);
    run.put("finished", finished(folder));
    run.put("metrics", metrics.toMap());
    run.put("config", record(folder.config(), notes));
    Map<String, Object> evaluation = record(folder.evaluation(), notes);
    run.put("evaluation", evaluation.isEmpty() ? null : evaluation);
    run.put("warnings", warnings(folder.warnings(), notes));
    run.put("notes", notes);
    return new RunData(folder, run, metrics);
  }

  /**
   * Whether the run has ended. Every layout has a manifest; hashes are left to who loads the SAE,
   * so that a page that follows a run is cheap.
   */
  private static boolean finished(RunFolder folder) {
    try {
      return Manifest.isIn(folder.trained()) && !folder.extended();
    } catch (IOException e) {
      return true; // it ended; that its SAE is damaged is said where it is loaded
    }
  }

  /** A JSON object of the run without its seal; empty where there is none. */
  private static Map<String, Object> record(Path file, List<Object> notes) {
    if (!Files.exists(file)) {
      return Map.of();
    }
    try {
      Map<String, Object> members = Json.readObject(file, MOST_BYTES);
      members.remove(SEAL);
      return members;
    } catch (IOException e) {
      notes.add(file.getFileName() + " cannot be read: " + e.getMessage());
      return Map.of();
    }
  }

  /** Each warning as the run wrote it. */
  private static List<Object> warnings(Path file, List<Object> notes) {
    List<Object> found = new ArrayList<>();
    if (!Files.isRegularFile(file)) {
      return found;
    }
    try {
      for (String line : Files.readAllLines(file)) {
        if (!line.isBlank()) {
          found.add(Json.parse(file, line.getBytes(StandardCharsets.UTF_8)));
        }
      }
    } catch (IOException e) {
      notes.add(file.getFileName() + " cannot be read: " + e.getMessage());
    }
    return found;
  }
}
