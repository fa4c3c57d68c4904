package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When the lines of a run's log reach the disk, and what is said where they cannot. */
class LogOnDiskTest {
  private final RecordingFileSystem disk = new RecordingFileSystem();
  private final List<String> warnings = new ArrayList<>();

  @Test
  void linesThatAreLostAreComplainedOfOnce(@TempDir Path temp) throws IOException {
    Path folder = disk.of(temp.resolve("run"));
    int[] lines = {0};
    disk.fail(
        event ->
            event.startsWith("write ")
                && event.endsWith("metrics.jsonl")
                && ++lines[0] > 3
                && lines[0] % 3 != 0);
    RunFolder run = train(folder, new CheckpointSchedule(0, 0, 0, 1));
    assertTrue(run.finished());
    int written = Files.readAllLines(run.metrics()).size();
    assertTrue(written > 2 && written < 18, written + " lines");
    List<String> lost = warnings.stream().filter(line -> line.contains("metrics.jsonl")).toList();
    assertEquals(1, lost.size(), warnings::toString);
  }

  /** A checkpoint counts the lines before it, and the record of a run that ended has their hash. */
  @Test
  void linesAreOnTheDiskBeforeWhatCountsThem(@TempDir Path temp) throws IOException {
    Path folder = disk.of(temp.resolve("run"));
    train(folder, new CheckpointSchedule(3, 0, 0, 9));
    String log = folder.resolve("metrics.jsonl").toString();
    String before = "";
    int counted = 0;
    boolean recorded = false;
    for (String event : disk.events()) {
      if (event.endsWith(" " + log)) {
        before = event;
      } else if (event.startsWith("move ") && event.contains("/checkpoints/.")) {
        assertEquals("force " + log, before, event);
        counted++;
      } else if (event.startsWith("move ") && event.endsWith("config.json") && counted > 0) {
        assertEquals("force " + log, before, event);
        recorded = true;
      }
    }
    assertEquals(7, counted, "checkpoints");
    assertTrue(recorded, "the record of the log");
  }

  /** Twenty steps, a line of metrics each. */
  private RunFolder train(Path folder, CheckpointSchedule schedule) throws IOException {
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void warning(String message) {
            warnings.add(message);
          }
        };
    try (OffHeap memory = new OffHeap();
        Device device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      Matrix rows = memory.matrix(50, 4);
      for (int row = 0; row < 50; row++) {
        rows.set(row, row % 4, 1 + row);
      }
      TrainingConfig config =
          TrainingConfig.of(Recipe.SAELENS)
              .with("d_sae", 8)
              .with("k", 2)
              .with("train_batch_size", 10)
              .with("steps", 20)
              .with("b_dec_init_method", "mean")
              .with("dead_feature_window", 3);
      RunFolder run = new RunFolder(folder);
      new TrainingRun(
              new TrainingRun.Settings(run, schedule, true, 1, Map.of(), Map.of()),
              config,
              TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0.1),
              device,
              listener)
          .start(Optional.empty(), () -> false);
      return run;
    }
  }
}
