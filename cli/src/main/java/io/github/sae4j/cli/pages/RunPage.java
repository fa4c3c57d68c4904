package io.github.sae4j.cli.pages;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.device.Device;
import io.github.sae4j.report.FeatureInput;
import io.github.sae4j.report.ReportOptions;
import io.github.sae4j.report.RunReport;
import io.github.sae4j.report.tokens.TextFiles;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The page that {@code train} leaves in a run's folder, and what a run says of its rows. */
public final class RunPage {
  /** Rows for the pages of features, of those that were trained on: a small part of the work. */
  private static final int SHARE_OF_TRAINING = 20;

  private static final long FEWEST_ROWS = 4096;

  private RunPage() {}

  /** Texts of rows, and what the numbers of tokens stand for. */
  record Found(Path texts, Optional<Path> vocabulary) {}

  /**
   * Writes the page of a run that is done. Whatever goes wrong is a warning: the run is finished,
   * and {@code sae4j report} can write its page again.
   *
   * @param folder the run
   * @param device runs its SAE
   * @param source the rows that it was trained on and evaluated with
   * @param samples how many rows it was trained on in all
   * @param warnings what the run warned of
   */
  public static void atTheEnd(
      RunFolder folder,
      Device device,
      ActivationSource source,
      long samples,
      List<String> warnings) {
    ReportOptions options = ReportOptions.DEFAULT.on(device).warned(warnings);
    Path page = folder.path().resolve(RunReport.FILE);
    List<Path> runs = List.of(folder.path());
    try {
      try (SparseAutoencoder sae = SaeCheckpoint.load(folder.trained(), device)) {
        if (!sae.config().transcoder()) {
          RunReport.write(runs, options.with(features(folder, sae, source, samples)), page);
          return;
        }
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

  private static void warn(String what, Throwable e) {
    Terminal.say(
        "sae4j: warning: " + what + ": " + Terminal.harmless(String.valueOf(e.getMessage())));
  }

  private static FeatureInput features(
      RunFolder folder, SparseAutoencoder sae, ActivationSource source, long samples)
      throws IOException {
    long most = Math.clamp(samples / SHARE_OF_TRAINING, FEWEST_ROWS, FeatureOptions.USUAL_ROWS);
    List<String> notes = new ArrayList<>();
    ActivationSource rows = source;
    if (source.rows() > most) {
      rows = new FirstRows(source, most);
      notes.add(firstRows(most, source.rows()));
    }
    Optional<Found> texts = textsBeside(recordedActivations(folder.path()));
    if (OnBadRows.SKIP.toString().equals(folder.readConfig().get(RunFolder.ON_BAD_ROWS))) {
      FiniteRows.Selected finite = FiniteRows.select(rows);
      long bad = finite.leftOut().bad();
      if (bad > 0 && finite.rows().isPresent()) {
        rows = finite.rows().get();
        texts = Optional.empty();
        notes.add(bad + " rows are not finite and left out; texts, which count them, are too.");
      }
    }
    FeatureInput input = FeatureInput.of(sae, rows);
    if (texts.isPresent()) {
      input = input.texts(texts.get().texts(), texts.get().vocabulary());
    }
    return input.noted(notes);
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

  /** The tensor that a run reads, if its record names one. */
  static String recordedTensor(Path run) throws IOException {
    return options(run).get("tensor") instanceof String name ? name : null;
  }

  private static Map<?, ?> options(Path run) throws IOException {
    RunFolder folder = new RunFolder(run);
    return Files.exists(folder.config())
            && folder.readConfig().get(RunFolder.OPTIONS) instanceof Map<?, ?> options
        ? options
        : Map.of();
  }

  /**
   * Texts that lie beside activations; those of one file alone have rows that are numbered alike.
   */
  static Optional<Found> textsBeside(List<String> activations) {
    if (activations.size() != 1 || !Files.isRegularFile(Path.of(activations.getFirst()))) {
      return Optional.empty();
    }
    return TextFiles.beside(Path.of(activations.getFirst()))
        .map(texts -> new Found(texts, vocabularyBeside(texts)));
  }

  /** A vocabulary in the folder of texts that are numbers. */
  static Optional<Path> vocabularyBeside(Path texts) {
    return TextFiles.vocabularyBeside(texts);
  }
}
