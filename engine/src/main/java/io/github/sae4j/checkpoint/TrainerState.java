package io.github.sae4j.checkpoint;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The state of a training run apart from its tensors; together they are all that resuming needs.
 * Stored beside the SAE's files as {@code trainer_state.json} and {@code trainer_state.safetensors}
 * (raw weights and Adam's moments as F32, counters as I64), every number bit for bit.
 *
 * @param step optimizer steps done
 * @param samples rows trained on, {@code n_training_samples}
 * @param streamPosition rows taken from the shuffled stream
 * @param normalizationFactor the factor of {@code expected_average_only_in}, 1 without
 * @param mseScale the factor of OpenAI's loss, 1 without
 * @param metricsBytes size of {@code metrics.jsonl} when this was written
 * @param config everything that defines the run, as JSON
 * @param data identity of the activations, as JSON
 * @param extra further state of the trainer, as JSON
 */
public record TrainerState(
    long step,
    long samples,
    long streamPosition,
    float normalizationFactor,
    double mseScale,
    long metricsBytes,
    Map<String, Object> config,
    Map<String, Object> data,
    Map<String, Object> extra) {
  private static final String JSON = "trainer_state.json";
  private static final String TENSORS = "trainer_state.safetensors";
  private static final String SINCE_FIRED = "since_fired";

  /** Of the I64 that holds the bits of a double. */
  private static final String STATISTIC = "statistic.";

  private static final long VERSION = 1;

  /** Copies the maps. */
  public TrainerState {
    config = Collections.unmodifiableMap(new LinkedHashMap<>(config));
    data = Collections.unmodifiableMap(new LinkedHashMap<>(data));
    extra = Collections.unmodifiableMap(new LinkedHashMap<>(extra));
  }

  /**
   * Whether a folder holds a trainer's state.
   *
   * @param folder a checkpoint
   * @return true if it does
   */
  public static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(JSON));
  }

  /**
   * Writes state and tensors into a folder that exists.
   *
   * @param folder a checkpoint under construction
   * @param tensors weights, moments and counters
   * @param counters further counters by name
   * @throws IOException if writing fails
   */
  public void write(Path folder, TrainingState tensors, Map<String, long[]> counters)
      throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter();
    for (TrainingState.Named tensor : tensors.tensors()) {
      writer.matrix(tensor.name(), tensor.matrix());
    }
    writer.longs(SINCE_FIRED, tensors.sinceFired(), tensors.dSae());
    counters.forEach((name, values) -> writer.longs(counter(name), values, values.length));
    tensors
        .statistics()
        .forEach(
            (name, value) ->
                writer.longs(STATISTIC + name, new long[] {Double.doubleToRawLongBits(value)}, 1));
    writer.write(folder.resolve(TENSORS));
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("trainer_state_version", VERSION);
    members.put("step", step);
    members.put("n_training_samples", samples);
    members.put("stream_position", streamPosition);
    members.put("normalization_factor", normalizationFactor);
    members.put("mse_scale", mseScale);
    members.put("metrics_bytes", metricsBytes);
    members.put("config", config);
    members.put("data", data);
    members.put("extra", extra);
    DiskFile.write(folder.resolve(JSON), Json.pretty(members));
  }

  /**
   * Reads the state without its tensors.
   *
   * @param folder a checkpoint, whose {@link Manifest} the caller has verified
   * @return the state
   * @throws BadFileException if the file is missing or malformed
   * @throws IOException if reading fails
   */
  public static TrainerState read(Path folder) throws IOException {
    JsonObject file = JsonObject.read(folder.resolve(JSON));
    if (file.natural("trainer_state_version") != VERSION) {
      throw file.bad("trainer_state_version", Long.toString(VERSION));
    }
    return new TrainerState(
        file.natural("step"),
        file.natural("n_training_samples"),
        file.natural("stream_position"),
        (float) file.number("normalization_factor"),
        file.number("mse_scale"),
        file.natural("metrics_bytes"),
        file.object("config"),
        file.object("data"),
        file.object("extra"));
  }

  /**
   * Reads the tensors into memory of the right shape.
   *
   * @param folder a checkpoint, whose {@link Manifest} the caller has verified
   * @param tensors receives weights, moments, counters and statistics
   * @param counters receives further counters by name; all must be there
   * @throws BadFileException if a tensor is missing, of another shape or not finite
   * @throws IOException if reading fails
   */
  public static void readTensors(Path folder, TrainingState tensors, Map<String, long[]> counters)
      throws IOException {
    try (TensorFile file = SafetensorsFile.open(folder.resolve(TENSORS))) {
      WeightTensors weights = new WeightTensors(file);
      for (TrainingState.Named tensor : tensors.tensors()) {
        Matrix target = tensor.matrix();
        weights.read(weights.check(tensor.name(), target.rows(), target.cols()), target);
      }
      readCounter(file, SINCE_FIRED, tensors.sinceFired());
      for (Map.Entry<String, long[]> entry : counters.entrySet()) {
        readCounter(file, counter(entry.getKey()), entry.getValue());
      }
      for (TensorInfo tensor : file.tensors()) {
        if (tensor.name().startsWith(STATISTIC)) {
          long[] bits = new long[1];
          readCounter(file, tensor.name(), bits);
          double value = Double.longBitsToDouble(bits[0]);
          if (!Double.isFinite(value)) {
            throw new BadFileException(
                file.path(),
                tensor.name() + ": expected the bits of a finite number, got " + value);
          }
          tensors.statistics().put(tensor.name().substring(STATISTIC.length()), value);
        }
      }
    }
  }

  private static void readCounter(TensorFile file, String name, long[] target) throws IOException {
    TensorInfo tensor = file.tensor(name);
    if (tensor.type() != ElementType.I64 || !tensor.shape().equals(List.of((long) target.length))) {
      throw new BadFileException(
          file.path(),
          name
              + ": expected I64 ["
              + target.length
              + "], got "
              + tensor.type()
              + " "
              + tensor.shape());
    }
    System.arraycopy(file.readLongs(tensor, 0, target.length), 0, target, 0, target.length);
  }

  private static String counter(String name) {
    return "counter." + name;
  }
}
