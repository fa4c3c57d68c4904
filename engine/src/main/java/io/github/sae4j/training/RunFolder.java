package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.Durable;
import io.github.sae4j.checkpoint.Manifest;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The layout of a run's folder: {@code config.json}, {@code metrics.jsonl}, {@code
 * checkpoints/<n_training_samples>/} and {@code final/}.
 *
 * @param path the folder
 */
public record RunFolder(Path path) {
  private static final int MOST_CONFIG_BYTES = 1 << 24;

  /** Member of {@code config.json}: the training configuration, resolved. */
  public static final String TRAINING = "training";

  /** Member of {@code config.json}: the other options of the command. */
  public static final String OPTIONS = "options";

  /** Member of {@code config.json}: the identity of the activations. */
  public static final String DATA = "data";

  /**
   * Finds the run that a user means by a path.
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

  /**
   * Everything that defines the run, as JSON.
   *
   * @return the file
   */
  public Path config() {
    return path.resolve(CheckpointStore.CONFIG);
  }

  /**
   * Metrics, one JSON object a logged step.
   *
   * @return the file
   */
  public Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  /**
   * The trained SAE.
   *
   * @return the folder
   */
  public Path trained() {
    return path.resolve(CheckpointStore.FINAL);
  }

  /**
   * Whether there is anything of a run here.
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
   * Whether the run has come to its end: the trained SAE is there and undamaged.
   *
   * @return true if nothing is left to do
   */
  public boolean finished() {
    try {
      Manifest.verify(trained());
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Reads {@code config.json}.
   *
   * @return its members; empty if there is no such file
   * @throws IOException if it is there and cannot be read
   */
  public Map<String, Object> readConfig() throws IOException {
    return Files.exists(config()) ? Json.readObject(config(), MOST_CONFIG_BYTES) : Map.of();
  }

  /**
   * A section of {@code config.json}, or of the newest valid checkpoint where that file is lost.
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
      return Optional.of(section.equals(DATA) ? state.data() : state.config());
    }
    if (readConfig().get(section) instanceof Map<?, ?> members) {
      Map<String, Object> copy = new LinkedHashMap<>();
      members.forEach((key, value) -> copy.put((String) key, value));
      return Optional.of(copy);
    }
    return Optional.empty();
  }

  /**
   * Makes sure that nobody's files are written over.
   *
   * @throws ConfigException if the folder holds something that is not a run
   * @throws IOException if it cannot be read
   */
  public void expectNotForeign() throws IOException {
    Optional<String> foreign = CheckpointStore.foreign(path);
    if (foreign.isPresent()) {
      throw new ConfigException("output_path", foreign.get() + "; choose an empty or new folder");
    }
  }

  /** Writes {@code config.json} so that it is there whole or not at all. */
  void writeConfig(Map<String, Object> members) throws IOException {
    Durable.write(config(), Json.pretty(members));
  }
}
