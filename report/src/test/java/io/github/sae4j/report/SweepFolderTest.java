package io.github.sae4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.SweepAxis;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.Sweep;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which runs a sweep's folder stands for, from its first step on. */
class SweepFolderTest {
  @TempDir private Path temporary;
  private Path folder;

  @BeforeEach
  void empty() throws IOException {
    folder = Files.createDirectory(temporary.resolve("sweep"));
  }

  private void sweep(BooleanSupplier stop) throws IOException {
    try (Device device = SmallRun.device();
        OffHeap memory = new OffHeap()) {
      Matrix rows = memory.matrix(64, 6);
      Random random = new Random(2);
      for (int b = 0; b < rows.rows(); b++) {
        for (int j = 0; j < rows.cols(); j++) {
          rows.set(b, j, (float) random.nextGaussian());
        }
      }
      new Sweep(
              new TrainingRun.Settings(
                  new RunFolder(folder),
                  new CheckpointSchedule(0, 0, 0, 2),
                  false,
                  1,
                  Map.of(),
                  Map.of()),
              List.of(new SweepAxis("k", List.of("8", "2", "16"))),
              Map.of("d_sae", 32, "train_batch_size", 8, "steps", 3),
              TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0),
              device,
              _ -> TrainingListener.NONE)
          .start(stop);
    }
  }

  @Test
  void theRunsOfASweepAreKnownWhileItGoesOn() throws IOException {
    List<Path> members =
        List.of(folder.resolve("k-8"), folder.resolve("k-2"), folder.resolve("k-16"));
    List<List<Path>> meanwhile = new ArrayList<>();
    int[] steps = {0};
    sweep(
        () -> {
          try {
            meanwhile.add(RunReport.runsOf(folder));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
          return ++steps[0] == 2;
        });
    assertFalse(Files.exists(folder.resolve("sweep.json")));
    assertEquals(Set.of(members), Set.copyOf(meanwhile));
    assertEquals(members, RunReport.runsOf(folder));
    String data = RunReport.liveData(List.of(folder));
    assertTrue(data.contains("\"k-16\"") && data.contains("losses/mse_loss"), data);
    // A run that has not begun is not there yet; the sweep's own folder is if none has.
    Files.move(members.get(1), folder.resolveSibling("elsewhere"));
    assertEquals(List.of(members.get(0), members.get(2)), RunReport.runsOf(folder));
    assertEquals(List.of(members.getFirst()), RunReport.runsOf(members.getFirst()));
    Path alone = Files.createDirectories(folder.resolveSibling("alone"));
    Files.copy(folder.resolve("config.json"), alone.resolve("config.json"));
    assertEquals(List.of(alone), RunReport.runsOf(alone));
  }

  @Test
  void aRecordThatCannotBeReadIsThatOfOneRun() throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"axes\": {\"k\": [\"2\"");
    assertEquals(List.of(folder), RunReport.runsOf(folder));
    Files.writeString(folder.resolve("config.json"), "{\"axes\": {\"k\": 3}, \"training\": {}}");
    assertEquals(List.of(folder), RunReport.runsOf(folder));
  }
}
