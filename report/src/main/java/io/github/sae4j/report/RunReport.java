package io.github.sae4j.report;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.SweepAxis;
import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.report.page.Packed;
import io.github.sae4j.report.page.Page;
import io.github.sae4j.report.runs.MetricsTable;
import io.github.sae4j.report.runs.RunData;
import io.github.sae4j.report.runs.WeightShapes;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.Sweep;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Writes one self-contained HTML page of a run, or of several that are compared: curves, densities,
 * weights, configuration and warnings; and of the features, where rows and texts are given. The
 * page needs no network, now or later. Everything on it is computed from the runs' files and the
 * rows.
 *
 * <pre>{@code
 * RunReport.write(List.of(run), ReportOptions.DEFAULT.on(device), run.resolve("report.html"));
 * }</pre>
 */
public final class RunReport {
  /** Name of the page in a run's folder. */
  public static final String FILE = "report.html";

  /** What a live page asks its server for, beside itself. */
  public static final String LIVE = "data.json";

  /** The table of a sweep, in its folder. */
  private static final String SWEEP = "sweep.json";

  private static final int MOST_TABLE_BYTES = 1 << 26;

  private RunReport() {}

  /**
   * Writes a page into a file, which appears whole or not at all.
   *
   * @param runs folders of runs, their checkpoints, or folders of sweeps; at least one unless
   *     features are given; several runs are compared
   * @param options what the page shows besides
   * @param out the file; an existing one is replaced
   * @throws io.github.sae4j.format.BadFileException if a folder is no run, or a file of rows, texts
   *     or labels is malformed
   * @throws IOException if reading or writing fails
   */
  public static void write(List<Path> runs, ReportOptions options, Path out) throws IOException {
    Path whole = out.toAbsolutePath();
    Files.createDirectories(whole.getParent());
    Path fresh = whole.resolveSibling("." + whole.getFileName() + ".new");
    try {
      try (OutputStream page = new BufferedOutputStream(Files.newOutputStream(fresh), 1 << 16)) {
        write(runs, options, page);
      }
      Files.move(fresh, whole, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  /**
   * Writes a page.
   *
   * @param runs folders of runs, or their checkpoints, at least one unless features are given
   * @param options what the page shows besides
   * @param out receives UTF-8; stays open
   * @throws io.github.sae4j.format.BadFileException if a folder is no run, or a file of rows, texts
   *     or labels is malformed
   * @throws IOException if reading or writing fails
   */
  public static void write(List<Path> runs, ReportOptions options, OutputStream out)
      throws IOException {
    write(runs, options, MetricsTable::read, out);
  }

  /** The same, from logs that may have been read before. */
  static void write(List<Path> runs, ReportOptions options, Logs logs, OutputStream out)
      throws IOException {
    if (runs.isEmpty() && options.features().isEmpty()) {
      throw new IllegalArgumentException("runs: expected at least one, got none");
    }
    if (runs.size() > 1 && options.features().isPresent()) {
      throw new IllegalArgumentException(
          "features: expected one run with them, got " + runs.size());
    }
    Map<String, Object> data = new LinkedHashMap<>();
    List<Object> all = runs(runs, options, logs);
    String title = options.title().orElseGet(() -> title(all));
    data.put("title", title);
    data.put("created", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    data.put("version", version());
    data.put(
        "live_seconds",
        options.liveSeconds().isPresent() ? options.liveSeconds().getAsInt() : null);
    data.put("live", LIVE);
    data.put("runs", all);
    Optional<Packed> packed = Optional.empty();
    if (options.features().isPresent()) {
      packed = Optional.of(new Packed());
      data.put("features", FeatureData.of(options.features().get(), packed.get()));
    }
    Page.write(title, data, packed, options.liveSeconds().isPresent(), out);
  }

  /**
   * What a page of runs shows, for one that is served while they go on: the answer to its request
   * for {@value #LIVE}.
   *
   * @param runs folders of runs
   * @return a JSON object
   * @throws IOException if reading fails
   */
  public static String liveData(List<Path> runs) throws IOException {
    return new LiveReport(runs).data();
  }

  /** Reads the log of a run. */
  @FunctionalInterface
  interface Logs {
    MetricsTable read(Path log) throws IOException;
  }

  /**
   * The runs that a folder stands for: those of a sweep, else itself. Of a sweep that goes on, or
   * was interrupted, those that have begun; its own folder until one has.
   *
   * @param folder a run's folder, or a sweep's
   * @return folders of runs
   * @throws IOException if the sweep's table cannot be read
   */
  public static List<Path> runsOf(Path folder) throws IOException {
    Path table = folder.resolve(SWEEP);
    if (!Files.isRegularFile(table)) {
      return begun(folder);
    }
    if (!(Json.readObject(table, MOST_TABLE_BYTES).get("runs") instanceof List<?> rows)) {
      return List.of(folder);
    }
    List<Path> runs = new ArrayList<>();
    for (Object row : rows) {
      if (row instanceof Map<?, ?> members
          && members.get("run") instanceof String name
          && Files.isDirectory(folder.resolve(name))) {
        runs.add(folder.resolve(name));
      }
    }
    return runs.isEmpty() ? List.of(folder) : runs;
  }

  /** The runs of a sweep that has no table yet: it is written when all have ended. */
  private static List<Path> begun(Path folder) throws IOException {
    RunFolder sweep = new RunFolder(folder);
    List<Path> runs = new ArrayList<>();
    try {
      List<SweepAxis> axes = Sweep.axesOf(sweep);
      if (!axes.isEmpty() && sweep.readConfig().get(RunFolder.TRAINING) instanceof Map<?, ?> all) {
        Map<String, Object> given = new LinkedHashMap<>();
        all.forEach((option, value) -> given.put((String) option, value));
        for (Sweep.Member member : Sweep.members(axes, given)) {
          RunFolder run = new RunFolder(folder.resolve(member.name()));
          if (run.used()) {
            runs.add(run.path());
          }
        }
      }
    } catch (BadFileException | ConfigException e) {
      return List.of(folder); // whose record is damaged, as the page says then
    }
    return runs.isEmpty() ? List.of(folder) : runs;
  }

  /** What the page shows of each run. */
  static List<Object> runs(List<Path> folders, ReportOptions options, Logs logs)
      throws IOException {
    List<Path> runs = new ArrayList<>();
    for (Path folder : folders) {
      runs.addAll(runsOf(folder));
    }
    List<Object> all = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (Path path : runs) {
      RunFolder folder = RunFolder.of(path);
      String plain = folder.path().toAbsolutePath().normalize().getFileName().toString();
      String name = plain;
      for (int number = 2; !names.add(name); number++) {
        name = plain + " (" + number + ")";
      }
      Map<String, Object> run =
          new LinkedHashMap<>(RunData.read(folder, name, logs.read(folder.metrics())).members());
      if (runs.size() == 1 && run.get("warnings") instanceof List<?> found && found.isEmpty()) {
        run.put("warnings", new ArrayList<Object>(options.warnings()));
      }
      if (options.device().isPresent() && Boolean.TRUE.equals(run.get("finished"))) {
        run.put("weights", weights(folder, options.device().get(), run));
      }
      all.add(run);
    }
    return all;
  }

  /** Histograms of the weights; a trained SAE that cannot be read is a line on the page. */
  private static Map<String, Object> weights(
      RunFolder folder, Device device, Map<String, Object> run) {
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder.trained(), device)) {
      return WeightShapes.of(sae).toMap();
    } catch (IOException e) {
      List<Object> notes = new ArrayList<>((List<?>) run.get("notes"));
      notes.add("the trained SAE cannot be read: " + e.getMessage());
      run.put("notes", notes);
      return null;
    }
  }

  private static String title(List<Object> runs) {
    if (runs.isEmpty()) {
      return "Features";
    }
    return runs.size() == 1
        ? (String) ((Map<?, ?>) runs.getFirst()).get("name")
        : runs.size() + " runs";
  }

  private static String version() {
    String version = RunReport.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
