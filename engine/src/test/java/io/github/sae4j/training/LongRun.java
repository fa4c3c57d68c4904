package io.github.sae4j.training;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;

/** A process that trains for thousands of steps and reports its memory; for {@link MemoryTest}. */
final class LongRun {
  private LongRun() {}

  /**
   * @param args the run's folder, steps, steps between lines, bytes to leak at every step
   */
  public static void main(String[] args) throws IOException {
    int steps = Integer.parseInt(args[1]);
    int every = Integer.parseInt(args[2]);
    long lost = Long.parseLong(args[3]);
    TrainingConfig config =
        TrainingConfig.of(Recipe.SAELENS)
            .with("d_sae", 24)
            .with("k", 2)
            .with("train_batch_size", 64)
            .with("dead_feature_window", 20)
            .with("eval_fraction", 0)
            .with("steps", steps);
    try (OffHeap memory = new OffHeap();
        Device device =
            Devices.open("cpu", new DeviceOptions(OptionalInt.of(2), OptionalInt.empty()))) {
      Random random = new Random(1);
      Matrix rows = memory.matrix(1000, 64);
      for (int b = 0; b < rows.rows(); b++) {
        for (int j = 0; j < rows.cols(); j++) {
          rows.set(b, j, random.nextFloat() - 0.5f);
        }
      }
      TrainingData data = TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0);
      TrainingListener listener =
          new TrainingListener() {
            @Override
            public void step(StepRecord record) {
              if (lost > 0) {
                memory.block(lost).fill((byte) 1);
              }
              if (record.number() % every == 0) {
                System.out.println("resident " + resident());
              }
            }
          };
      new TrainingRun(
              new TrainingRun.Settings(
                  new RunFolder(Path.of(args[0])),
                  new CheckpointSchedule(every / 4, 0, 0, 2),
                  false,
                  50,
                  Map.of(),
                  Map.of()),
              config,
              data,
              device,
              listener)
          .start(Optional.empty(), () -> false);
    }
  }

  /** Kilobytes of this process in memory: heap, off-heap, code and stacks. */
  private static long resident() {
    try {
      return Files.readAllLines(Path.of("/proc/self/status")).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
