package io.github.sae4j.report.runs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the page knows of a run, whichever layout its SAE is left in. */
class RunDataTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"saelens", "sentence-transformers"})
  void aRunIsFinishedOnceItsSaeIsThereAndNotWhileItIsExtended(String recipe) throws IOException {
    TrainingConfig config =
        TrainingConfig.fromMap(
            Map.of("recipe", recipe, "d_sae", 16, "k", 2, "train_batch_size", 8, "steps", 3));
    try (Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
        OffHeap memory = new OffHeap()) {
      Matrix rows = memory.matrix(64, 6);
      Random random = new Random(2);
      for (int b = 0; b < rows.rows(); b++) {
        for (int j = 0; j < rows.cols(); j++) {
          rows.set(b, j, (float) random.nextGaussian());
        }
      }
      int[] steps = {0};
      run(config, rows, device).start(Optional.empty(), () -> ++steps[0] == 2);
      assertEquals(false, finished());
      run(config, rows, device).resume(Optional.empty(), Optional.empty(), () -> false);
      assertEquals(true, finished());
      TrainingConfig longer = config.with("steps", 6);
      steps[0] = 0;
      run(longer, rows, device).extend(() -> ++steps[0] == 1);
      assertEquals(false, finished());
      run(longer, rows, device).resume(Optional.empty(), Optional.empty(), () -> false);
      assertEquals(true, finished());
    }
  }

  private Object finished() throws IOException {
    RunFolder run = new RunFolder(folder);
    return RunData.read(run, "run", MetricsTable.read(run.metrics())).members().get("finished");
  }

  private TrainingRun run(TrainingConfig config, Matrix rows, Device device) throws IOException {
    return new TrainingRun(
        new TrainingRun.Settings(
            new RunFolder(folder),
            new CheckpointSchedule(0, 0, 0, 2),
            false,
            1,
            Map.of(),
            Map.of()),
        config,
        TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0),
        device,
        TrainingListener.NONE);
  }
}
