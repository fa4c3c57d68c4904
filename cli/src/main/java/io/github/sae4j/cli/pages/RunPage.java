package io.github.sae4j.cli.pages;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.options.ActivationOptions;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.Split;
import io.github.sae4j.device.Device;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.report.FeatureInput;
import io.github.sae4j.report.ReportOptions;
import io.github.sae4j.report.RunReport;
import io.github.sae4j.report.tokens.Shard;
import io.github.sae4j.report.tokens.TextFiles;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** The page that {@code train} leaves in a run's folder, and what a run says of its rows. */
public final class RunPage {
  /** Rows for the pages of features, of those that were trained on: a small part of the work. */
  private static final int SHARE_OF_TRAINING = 20;

  private static final long FEWEST_ROWS = 4096;

  private RunPage() {}

  /** Texts of rows, and what the numbers of tokens stand for. */
  record Found(List<Shard> texts, Optional<Path> vocabulary) {}

  /**
   * Writes the page of a run that is done. Whatever goes wrong is a warning: the run is finished,
   * and {@code sae4j report} can write its page again.
   *
   * @param folder the run
   * @param device runs its SAE
   * @param source all rows, or pairs of rows, of the files that it read
   * @param shards the files of its inputs
   * @param kept which of them it was trained on and evaluated with
   * @param samples how many rows it was trained on in all
   * @param warnings what the run warned of
   */
  public static void atTheEnd(
      RunFolder folder,
      Device device,
      ActivationSource source,
      List<Shard> shards,
      Supplier<ActivationOptions.Kept> kept,
      long samples,
      List<String> warnings) {
    ReportOptions options = ReportOptions.DEFAULT.on(device).warned(warnings);
    Path page = folder.path().resolve(RunReport.FILE);
    List<Path> runs = List.of(folder.path());
    try {
      try (SparseAutoencoder sae = SaeCheckpoint.load(folder.trained(), device)) {
        long most = Math.clamp(samples / SHARE_OF_TRAINING, FEWEST_ROWS, FeatureOptions.USUAL_ROWS);
        FeatureInput features = features(sae, source, kept.get(), most);
        Optional<Found> texts = textsBeside(shards, features.span(), Optional.empty());
        if (texts.isPresent()) {
          features = features.texts(texts.get().texts(), texts.get().vocabulary());
        }
        RunReport.write(runs, options.with(features), page);
        return;
      } catch (IOException | RuntimeException | OutOfMemoryError e) {
        warn("the features are not on the run's page", e);
      }
      RunReport.write(runs, options, page);
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      warn("the run's page was not written", e);
    }
  }

  /**
   * Writes the page of a sweep that is done, all its runs beside each other.
   *
   * @param folder the sweep
   * @param runs its runs
   * @param device reads their SAEs
   */
  public static void ofSweep(RunFolder folder, List<RunFolder> runs, Device device) {
    try {
      RunReport.write(
          runs.stream().map(RunFolder::path).toList(),
          ReportOptions.DEFAULT.on(device),
          folder.path().resolve(RunReport.FILE));
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      warn("the sweep's page was not written", e);
    }
  }

  /** Warns of what a page goes without. */
  public static void warn(String what, Throwable e) {
    warn(what, String.valueOf(e.getMessage()));
  }

  private static void warn(String what, String why) {
    Terminal.say("sae4j: warning: " + what + ": " + Terminal.harmless(why));
  }

  /**
   * The rows of a page: of those that a run has, the first.
   *
   * @param source all rows of the files, or pairs of rows
   * @param kept which of them the run has
   * @param most how many are read
   */
  static FeatureInput features(
      SparseAutoencoder sae, ActivationSource source, ActivationOptions.Kept kept, long most)
      throws IOException {
    List<String> notes = new ArrayList<>();
    Optional<RowMask> mask = kept.mask();
    ActivationSource rows = keptOf(mask, source);
    if (mask.isPresent()) {
      long out = source.rows() - rows.rows();
      notes.add(String.format(Locale.ROOT, "Without %,d rows that the run leaves out.", out));
    }
    if (rows.rows() > most) {
      notes.add(firstRows(most, rows.rows()));
      rows = new FirstRows(rows, most);
    }
    if (kept.onBadRows() == OnBadRows.SKIP) {
      Set<Long> bad = new HashSet<>();
      Optional<RowMask> before = mask;
      FiniteRows.scan(
          rows, (row, _) -> bad.add(before.isPresent() ? before.get().keptRow(row) : row));
      long finite = rows.rows() - bad.size();
      if (finite == 0) {
        throw new ConfigException("on_bad_rows", "no row is finite");
      }
      if (!bad.isEmpty()) {
        notes.add(String.format(Locale.ROOT, "Without %,d rows that are not finite.", bad.size()));
        RowMask others = RowMask.where(source.rows(), bad::contains);
        mask = Optional.of(before.isPresent() ? before.get().and(others) : others);
        rows = new FirstRows(keptOf(mask, source), finite);
      }
    }
    FeatureInput input = FeatureInput.of(sae, rows);
    return (mask.isPresent() ? input.leavingOut(mask.get()) : input).noted(notes);
  }

  private static ActivationSource keptOf(Optional<RowMask> mask, ActivationSource source) {
    return mask.isPresent() ? Split.of(mask.get(), 0).training(source) : source;
  }

  static String firstRows(long some, long all) {
    return String.format(
        Locale.ROOT, "Of the first %,d of %,d rows; --rows of report takes more.", some, all);
  }

  /** The activations of a run, as far as its record names them and they are still there. */
  static List<String> recordedActivations(Path run) throws IOException {
    List<String> paths = new ArrayList<>();
    if (options(run).get("activations") instanceof List<?> all) {
      for (Object each : all) {
        if (!(each instanceof String path) || !Files.exists(Path.of(path))) {
          return List.of();
        }
        paths.add(path);
      }
    }
    return paths;
  }

  private static Map<?, ?> options(Path run) throws IOException {
    return record(run).get(RunFolder.OPTIONS) instanceof Map<?, ?> options ? options : Map.of();
  }

  /** What a run says of itself; empty for an SAE that is none. */
  static Map<String, Object> record(Path run) throws IOException {
    RunFolder folder = new RunFolder(run);
    return Files.exists(folder.config()) ? folder.readConfig() : Map.of();
  }

  /**
   * Texts that lie beside files of activations, if they do beside each. Those that do not fit are
   * warned of: nobody has named them.
   *
   * @param rows how many rows' texts are wanted
   * @param vocabulary what numbers of tokens stand for; empty to look for it beside them
   */
  static Optional<Found> textsBeside(
      List<Shard> activations, long rows, Optional<Path> vocabulary) {
    List<Shard> texts = TextFiles.beside(activations, rows);
    if (!texts.isEmpty()) {
      Found found =
          new Found(texts, vocabulary.or(() -> vocabularyBeside(texts.getFirst().file())));
      try {
        TextFiles.open(texts, found.vocabulary(), rows).close();
        return Optional.of(found);
      } catch (IOException e) {
        warn("texts of rows are not shown", e);
        return Optional.empty();
      }
    }
    activations.stream()
        .map(Shard::file)
        .filter(file -> TextFiles.sidecar(file).isPresent())
        .findFirst()
        .ifPresent(
            file ->
                warn(
                    "texts of rows are not shown",
                    "only some files of activations have them, as " + file + " does"));
    return Optional.empty();
  }

  /** Files in words. */
  static String named(List<Shard> files) {
    String others = files.size() == 1 ? "" : " and " + (files.size() - 1) + " more";
    return files.getFirst().file() + others;
  }

  /** A vocabulary in the folder of texts that are numbers. */
  static Optional<Path> vocabularyBeside(Path texts) {
    return TextFiles.vocabularyBeside(texts);
  }
}
