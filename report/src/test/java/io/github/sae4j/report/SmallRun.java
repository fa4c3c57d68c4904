package io.github.sae4j.report;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Small runs on the project's sample, trained in a second or two. */
final class SmallRun {
  static final Path SAMPLE = Path.of("..", "sample", "minilm-l3-sample.safetensors");
  static final Path TOKENS = Path.of("..", "sample", "minilm-l3-sample.tokens.jsonl");

  private SmallRun() {}

  static Device device() {
    return Devices.open("auto", DeviceOptions.DEFAULT);
  }

  static ActivationFiles sample() throws IOException {
    return ActivationFiles.open(List.of(SAMPLE.toString()), Optional.empty());
  }

  /** Trains into a folder. */
  static Path train(Path folder, Device device, int latents, int k, int steps) throws IOException {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("d_sae", latents);
    options.put("k", k);
    options.put("train_batch_size", 256);
    options.put("steps", steps);
    options.put("lr", 1e-3);
    options.put("dead_feature_window", Math.max(1, steps / 2));
    TrainingConfig config = TrainingConfig.fromLayers(List.of(options));
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("versions", Map.of("sae4j", "test", "java", Runtime.version().toString()));
    record.put("device", device.name());
    record.put("command_line", List.of("train", "--output-path", folder.toString()));
    record.put(
        RunFolder.OPTIONS,
        Map.of("activations", List.of(SAMPLE.toAbsolutePath().normalize().toString())));
    try (ActivationFiles source = sample()) {
      new TrainingRun(
              new TrainingRun.Settings(
                  new RunFolder(folder),
                  CheckpointSchedule.DEFAULT,
                  false,
                  2,
                  record,
                  Map.of("model_name", "minilm", "hook_layer", 3)),
              config,
              TrainingData.of(source, Optional.empty(), 0.05),
              device,
              TrainingListener.NONE)
          .start(Optional.empty(), () -> false);
    }
    return folder;
  }

  /** The data inside a page. */
  static Map<?, ?> data(Path page) throws IOException {
    String html = Files.readString(page);
    String start = "<script type=\"application/json\" id=\"data\">";
    int from = html.indexOf(start) + start.length();
    String json = html.substring(from, html.indexOf("</script>", from));
    return (Map<?, ?>) Json.parse(page, json.getBytes(StandardCharsets.UTF_8));
  }
}
