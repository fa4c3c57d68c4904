package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.internal.folders.SealedJson;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.SaeReader;
import io.github.sae4j.internal.records.RecordHashes;
import io.github.sae4j.options.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The layout of a run's folder: {@code config.json}, {@code metrics.jsonl}, {@code
 * checkpoints/<n_training_samples>/}, {@code final/}, {@code evaluation.json} and, where something
 * looked unhealthy, {@code warnings.jsonl}.
 *
 * @param path the folder
 */
public record RunFolder(Path path) {
  private static final int MOST_CONFIG_BYTES = 1 << 24;

  /** Member of {@code config.json}: the training configuration, resolved. */
  public static final String TRAINING = "training";

  /** Member of {@code config.json}: the other options of the command. */
  public static final String OPTIONS = "options";

  /** Member of {@code config.json}: after which steps the run was extended, if it was. */
  static final String EXTENSIONS = "extensions";

  /** Member of an extension: rows trained on before it. */
  static final String FROM_SAMPLES = "from_samples";

  /** Member of a trained SAE's metadata: rows that it was trained on. */
  static final String N_TRAINING_SAMPLES = "n_training_samples";

  /** Member of {@code config.json}: rows left out since a step, given when the run was resumed. */
  public static final String REMOVALS = "removals";

  /** Member of {@code config.json}: size and hash of the log, once the run has ended. */
  static final String LOG = "log";

  /** Member of {@code config.json}: hash of the SAE that the run started from. */
  static final String PRETRAINED = "pretrained_sha256";

  /** Member of {@code config.json}: what became of bad rows when the run began. */
  public static final String ON_BAD_ROWS = "on_bad_rows";

  /** Member of {@code config.json}: what whitening leaves of the rows' variances. */
  static final String WHITENED = "whitened";

  /** Member of {@code config.json}: the identity of the activations. */
  public static final String DATA = "data";

  /**
   * Finds the run that a path refers to.
   *
   * @param path a run's folder, or one of its checkpoints
   * @return the run
   * @throws BadFileException if it is neither
   */
  public static RunFolder of(Path path) throws BadFileException {
    Path whole = path.toAbsolutePath().normalize();
    if (TrainerState.isIn(whole)) {
      return CheckpointStore.runOf(whole)
          .map(RunFolder::new)
          .orElseThrow(
              () ->
                  new BadFileException(
                      path, "expected a checkpoint in its run's folder, found it elsewhere"));
    }
    RunFolder folder = new RunFolder(path);
    if (!Files.exists(folder.config()) && !Files.isDirectory(path.resolve("checkpoints"))) {
      throw new BadFileException(
          path, "expected a run's folder or one of its checkpoints, found neither");
    }
    return folder;
  }

  /** {@return the file with everything that defines the run, as JSON} */
  public Path config() {
    return path.resolve(CheckpointStore.CONFIG);
  }

  /** {@return the file of metrics, one JSON object per logged step} */
  public Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  /** {@return the file of warnings, one JSON object each; missing if there are none} */
  public Path warnings() {
    return path.resolve("warnings.jsonl");
  }

  /** {@return the folder of the trained SAE} */
  public Path trained() {
    return path.resolve(CheckpointStore.FINAL);
  }

  /** {@return the file of the trained SAE's metrics on held-out rows, one JSON object} */
  public Path evaluation() {
    return path.resolve("evaluation.json");
  }

  /**
   * Whether the folder holds any part of a run.
   *
   * @return true if a new run must not be started in this folder
   * @throws IOException if the folder cannot be read
   */
  public boolean used() throws IOException {
    return Files.exists(config())
        || Files.exists(trained())
        || !CheckpointStore.list(path).isEmpty();
  }

  /**
   * Whether the run is finished: the trained SAE exists and is undamaged, and the run was not
   * extended since.
   *
   * @return true if it is finished
   */
  public boolean finished() {
    try {
      Manifest.verify(trained());
      return !extended();
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Whether the trained SAE is that of the run before it was last extended.
   *
   * @return true until the longer run has ended
   * @throws IOException if the trained SAE cannot be read
   */
  public boolean extended() throws IOException {
    return extendedFrom() != 0 && extendedFrom() >= trainedSamples();
  }

  /**
   * Reads {@code config.json}. One without a checksum, of a run that an earlier version began, is
   * taken as it is: {@link #section} trusts it only where a checkpoint, or the finished SAE, stands
   * beside it.
   *
   * @return its members; empty if there is no such file
   * @throws BadFileException if it was damaged or edited
   * @throws IOException if it cannot be read
   */
  public Map<String, Object> readConfig() throws IOException {
    if (!Files.exists(config())) {
      return Map.of();
    }
    return unsealed()
        ? Json.readObject(config(), MOST_CONFIG_BYTES)
        : SealedJson.read(config(), MOST_CONFIG_BYTES);
  }

  /**
   * Whether the record is of a time before records had checksums. Nothing of it decides what is
   * computed then: a checkpoint does, which had one already.
   */
  private boolean unsealed() throws IOException {
    return Files.exists(config()) && !SealedJson.isSealed(config(), MOST_CONFIG_BYTES);
  }

  /**
   * A section of {@code config.json}, or of a checkpoint if that file is lost.
   *
   * @param section {@link #TRAINING} or {@link #DATA}
   * @param checkpoint a checkpoint of the run, if there is one
   * @return its members, if they were found
   * @throws IOException if a file cannot be read
   */
  public Optional<Map<String, Object>> section(String section, Optional<Path> checkpoint)
      throws IOException {
    if (checkpoint.isPresent()) {
      TrainerState state = TrainerState.read(checkpoint.get());
      if (section.equals(TRAINING) && extendedFrom() == state.samples()) {
        return section(section, Optional.empty()); // extended there, and not yet resumed
      }
      return Optional.of(section.equals(DATA) ? state.data() : state.config());
    }
    if (unsealed() && !finished()) {
      throw new BadFileException(
          config(),
          "is of an earlier version, without a checksum, and there is no valid checkpoint to go on"
              + " from; begin the run anew: --config with this file, and another --output-path");
    }
    if (readConfig().get(section) instanceof Map<?, ?> members) {
      Map<String, Object> copy = new LinkedHashMap<>();
      members.forEach((key, value) -> copy.put((String) key, value));
      return Optional.of(copy);
    }
    return Optional.empty();
  }

  /**
   * Ensures that no foreign files are overwritten.
   *
   * @throws ConfigException if the folder holds something that is not a run
   * @throws IOException if it cannot be read
   */
  public void expectNotForeign() throws IOException {
    if (Files.exists(path) && !Files.isDirectory(path)) {
      throw new ConfigException("output_path", path + " is a file; choose an empty or new folder");
    }
    Optional<String> foreign = CheckpointStore.foreign(path);
    if (foreign.isPresent()) {
      throw new ConfigException("output_path", foreign.get() + "; choose an empty or new folder");
    }
  }

  /** What the run did with bad rows when it began. */
  OnBadRows onBadRows() throws IOException {
    return OnBadRows.SKIP.toString().equals(readConfig().get(ON_BAD_ROWS))
        ? OnBadRows.SKIP
        : OnBadRows.ERROR;
  }

  /** Rows after which the run was last extended; 0 if it never was. */
  long extendedFrom() throws IOException {
    return readableConfig().get(EXTENSIONS) instanceof List<?> all
            && !all.isEmpty()
            && all.getLast() instanceof Map<?, ?> last
            && last.get(FROM_SAMPLES) instanceof Long samples
        ? samples
        : 0;
  }

  /** Checkpoints replace a lost or damaged file. */
  private Map<String, Object> readableConfig() throws IOException {
    try {
      return readConfig();
    } catch (BadFileException e) {
      return Map.of();
    }
  }

  /**
   * Rows that the trained SAE was trained on, by its metadata, which each layout keeps elsewhere.
   */
  long trainedSamples() throws IOException {
    Object samples = SaeReader.metadata(trained()).toMap().get(N_TRAINING_SAMPLES);
    if (samples instanceof Long count) {
      return count;
    }
    throw new BadFileException(
        trained(), "metadata: expected a count named " + N_TRAINING_SAMPLES + ", got " + samples);
  }

  /**
   * Lists the differences between a configuration and the run's.
   *
   * @param now a configuration
   * @param checkpoint a checkpoint of the run, if there is one
   * @return one phrase per option; empty if nothing differs, or the run's is lost
   * @throws IOException if a file cannot be read
   */
  public List<String> differences(TrainingConfig now, Optional<Path> checkpoint)
      throws IOException {
    Optional<Map<String, Object>> saved = section(TRAINING, checkpoint);
    if (saved.isEmpty()) {
      return List.of();
    }
    TrainingConfig before = TrainingConfig.fromMap(saved.get());
    TrainingConfig after = now;
    Optional<Map<String, Object>> data = section(DATA, checkpoint);
    if (data.isPresent()) {
      // Runs of earlier versions left some options to the width of the data.
      int width = DataIdentity.fromMap(data.get()).width();
      before = before.resolved(width);
      after = after.resolved(width);
    }
    Map<String, Object> was = before.toMap();
    List<String> differences = new ArrayList<>();
    after
        .toMap()
        .forEach(
            (option, value) -> {
              if (!Objects.equals(was.get(option), value)) {
                differences.add(option + " was " + was.get(option) + ", is now " + value);
              }
            });
    return differences;
  }

  /**
   * Checks the log of a finished run.
   *
   * @return one line if it is missing or was changed since the run ended, or if the run's record
   *     has no checksum; else none
   * @throws IOException if a file cannot be read
   */
  public List<String> damage() throws IOException {
    if (unsealed()) {
      return List.of(
          config() + " has no checksum, it is of an earlier version: changes to it go unnoticed");
    }
    if (!(readConfig().get(LOG) instanceof Map<?, ?> log)
        || !(log.get("bytes") instanceof Long bytes)) {
      return List.of();
    }
    return RecordHashes.of(metrics(), bytes).equals(log.get("sha256"))
        ? List.of()
        : List.of(metrics() + " is missing or was changed since the run ended");
  }

  /** Records size and hash of the log of a finished run. */
  void recordLog(long bytes) throws IOException {
    Map<String, Object> config = new LinkedHashMap<>(readConfig());
    if (!config.isEmpty()) {
      Map<String, Object> log = new LinkedHashMap<>();
      log.put("bytes", bytes);
      log.put("sha256", RecordHashes.of(metrics(), bytes));
      config.put(LOG, log);
      writeConfig(config);
    }
  }

  /** Writes {@code evaluation.json} atomically. */
  void writeEvaluation(Map<String, Object> metrics) throws IOException {
    SealedJson.write(evaluation(), metrics);
  }

  /** Writes {@code config.json} atomically. */
  void writeConfig(Map<String, Object> members) throws IOException {
    SealedJson.write(config(), members);
  }
}
