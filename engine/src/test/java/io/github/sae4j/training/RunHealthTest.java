package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.health.HealthMonitor;
import io.github.sae4j.internal.health.Step;
import io.github.sae4j.internal.health.Warning;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.RowOrder;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that are unhealthy, each in one way, and warned of; the rest is HealthMonitorTest. */
class RunHealthTest {
  private static final int D_IN = 8;
  private static final int ROWS = 4000;
  private static final int BATCH = 16;
  private static final BooleanSupplier NEVER = () -> false;

  @TempDir private Path folder;
  private final OffHeap memory = new OffHeap();
  private final Device device = new ScalarDevice();
  private final List<String> told = new ArrayList<>();
  private final Matrix rows = memory.matrix(ROWS, D_IN);

  private final TrainingListener listener =
      new TrainingListener() {
        @Override
        public void warning(String message) {
          told.add(message);
        }
      };

  RunHealthTest() {
    Random random = new Random(1);
    float[][] directions = new float[12][D_IN];
    for (float[] direction : directions) {
      for (int j = 0; j < D_IN; j++) {
        direction[j] = (float) random.nextGaussian();
      }
    }
    for (int b = 0; b < ROWS; b++) {
      float[] row = new float[D_IN];
      for (int t = 0; t < 2; t++) {
        float[] direction = directions[random.nextInt(directions.length)];
        float weight = (random.nextBoolean() ? 1 : -1) * (1 + random.nextFloat());
        for (int j = 0; j < D_IN; j++) {
          row[j] += weight * direction[j];
        }
      }
      rows.write(b, 1, row, 0);
    }
  }

  @AfterEach
  void free() {
    device.close();
    memory.close();
  }

  private static TrainingConfig healthy() {
    return TrainingConfig.of(Recipe.SAELENS)
        .with("d_sae", 24)
        .with("k", 3)
        .with("train_batch_size", BATCH)
        .with("eval_fraction", 0)
        .with("steps", 600)
        .with("lr", 1e-3)
        .with("dead_feature_window", 200);
  }

  private TrainingRun run(String name, TrainingConfig config, CheckpointSchedule checkpoints)
      throws IOException {
    return new TrainingRun(
        new TrainingRun.Settings(
            new RunFolder(folder.resolve(name)), checkpoints, false, 10, Map.of(), Map.of()),
        config,
        TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0),
        device,
        listener);
  }

  private List<Warning> warnings(String name, TrainingConfig config) throws IOException {
    told.clear();
    CheckpointSchedule none = new CheckpointSchedule(0, 0, 0, 1);
    assertEquals(
        TrainingRun.Outcome.FINISHED, run(name, config, none).start(Optional.empty(), NEVER));
    List<Warning> kept = RunHealth.read(new RunFolder(folder.resolve(name)).warnings());
    assertEquals(told, kept.stream().map(Warning::text).toList(), "what is told is kept");
    return kept;
  }

  private List<String> kinds(String name, TrainingConfig config) throws IOException {
    return warnings(name, config).stream().map(Warning::kind).toList();
  }

  @Test
  void aHealthyRunHasNoFileOfWarnings() throws IOException {
    assertEquals(List.of(), warnings("run", healthy()));
    assertFalse(Files.exists(new RunFolder(folder.resolve("run")).warnings()));
  }

  @Test
  void latentsThatDieWithoutAuxK() throws IOException {
    List<Warning> warnings =
        warnings(
            "run",
            healthy()
                .with("d_sae", 200)
                .with("k", 1)
                .with("lr", 0.03)
                .with("aux_loss_coefficient", 0));
    assertEquals(List.of("dead_latents"), warnings.stream().map(Warning::kind).toList());
    assertTrue(warnings.getFirst().advice().startsWith("--aux-loss-coefficient"));
  }

  /** A row a thousand times as long as the others comes in step 131. */
  private void longRow() {
    long row = new RowOrder(healthy().run().seed(), 0, ROWS).at(130L * BATCH);
    float[] values = new float[D_IN];
    rows.read((int) row, 1, values, 0);
    for (int j = 0; j < D_IN; j++) {
      values[j] *= 1000;
    }
    rows.write((int) row, 1, values, 0);
  }

  @Test
  void aRowFarLongerThanTheOthersMakesTheLossJump() throws IOException {
    // 250 batches are an epoch: the row comes twice or more, and the file has one line.
    longRow();
    List<Warning> warnings =
        warnings("run", healthy().with("b_dec_init_method", "geometric_median"));
    assertEquals("loss_spike", warnings.getFirst().kind(), warnings::toString);
    assertEquals(131, warnings.getFirst().step());
    assertEquals(
        1, warnings.stream().filter(warning -> warning.kind().equals("loss_spike")).count());
  }

  @Test
  void aMeanThatDominatesAndIsNotLearntIsWorseThanTheMean() throws IOException {
    float[] row = new float[D_IN];
    for (int b = 0; b < ROWS; b++) {
      rows.read(b, 1, row, 0);
      for (int j = 0; j < D_IN; j++) {
        row[j] += 40;
      }
      rows.write(b, 1, row, 0);
    }
    List<Warning> warnings = warnings("run", healthy().with("lr", 1e-5));
    assertEquals(
        List.of("mean_dominates", "worse_than_mean"),
        warnings.stream().map(Warning::kind).limit(2).toList());
    assertEquals(0, warnings.getFirst().step());
    assertTrue(warnings.getFirst().advice().contains("--b-dec-init-method geometric_median"));
    // The advice helps.
    List<String> kinds = kinds("centred", healthy().with("b_dec_init_method", "geometric_median"));
    assertFalse(kinds.contains("mean_dominates"), kinds::toString);
    assertFalse(kinds.contains("worse_than_mean"), kinds::toString);
  }

  @Test
  void aWindowLongerThanTheRun() throws IOException {
    List<Warning> warnings = warnings("run", healthy().with("dead_feature_window", 600));
    assertEquals(List.of("dead_feature_window"), warnings.stream().map(Warning::kind).toList());
    assertTrue(warnings.getFirst().advice().startsWith("--dead-feature-window 60"));
  }

  @Test
  void rowsThatComeSlowlyFromSomeStepOn() throws IOException {
    TrainingConfig config = healthy();
    List<Warning> seen = new ArrayList<>();
    Slow source = new Slow(new MatrixSource(rows, "rows"));
    try (Trainer trainer =
        Trainer.start(
            config, TrainingData.of(source, Optional.empty(), 0), device, Optional.empty())) {
      HealthMonitor monitor = new HealthMonitor(config, 24, 600, 0.005);
      while (!trainer.done()) {
        source.slow = trainer.stepsDone() >= 400;
        StepRecord step = trainer.step(false);
        // The machine's own pauses are not what is tested: steps take the same time, and rows are
        // looked at from where they all come slowly.
        Step even = new Step(step.number(), false, step.report(), 2e-4, step.dataSeconds());
        List<Warning> warnings = monitor.see(even);
        if (step.number() > 480) {
          seen.addAll(warnings);
        }
      }
    }
    assertFalse(seen.isEmpty());
    for (Warning warning : seen) {
      assertEquals("throughput_drop", warning.kind());
      assertTrue(warning.message().endsWith("wait for rows"), warning::message);
    }
  }

  @Test
  void aRunThatIsKilledAndGoesOnRepeatsNothing() throws IOException {
    longRow();
    TrainingConfig config =
        healthy().with("dead_feature_window", 600).with("b_dec_init_method", "geometric_median");
    List<Warning> whole = warnings("whole", config);
    assertEquals(
        List.of("dead_feature_window", "loss_spike"),
        whole.stream().map(Warning::kind).limit(2).toList());
    told.clear();
    CheckpointSchedule every = new CheckpointSchedule(90, 0, 0, 9);
    // Killed after the spike; a checkpoint from before it is the newest.
    int[] step = {0};
    BooleanSupplier kill =
        () -> {
          if (++step[0] == (int) whole.get(1).step() + 1) {
            throw new IllegalStateException("killed");
          }
          return false;
        };
    try {
      run("parts", config, every).start(Optional.empty(), kill);
    } catch (IllegalStateException e) {
      assertEquals("killed", e.getMessage());
    }
    Path file = new RunFolder(folder.resolve("parts")).warnings();
    Files.writeString(
        file, "{\"step\": 9, \"ki", java.nio.file.StandardOpenOption.APPEND); // cut off
    assertEquals(
        TrainingRun.Outcome.FINISHED,
        run("parts", config, every).resume(Optional.empty(), Optional.empty(), NEVER));
    assertEquals(whole.stream().map(Warning::text).toList(), told);
    assertEquals(
        Files.readString(new RunFolder(folder.resolve("whole")).warnings()),
        Files.readString(file));
  }

  /** A source that takes its time from when it is told to. */
  private static final class Slow implements ActivationSource {
    private final ActivationSource source;
    private volatile boolean slow;

    Slow(ActivationSource source) {
      this.source = source;
    }

    @Override
    public long rows() {
      return source.rows();
    }

    @Override
    public int width() {
      return source.width();
    }

    @Override
    public void read(long[] rowIds, int count, Matrix target) throws IOException {
      if (slow) {
        try {
          Thread.sleep(20); // a step takes a fraction of a millisecond
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
      }
      source.read(rowIds, count, target);
    }

    @Override
    public void readRange(long first, int count, Matrix target) throws IOException {
      source.readRange(first, count, target);
    }

    @Override
    public RowOrigin origin(long row) {
      return source.origin(row);
    }

    @Override
    public DataIdentity identity() throws IOException {
      return source.identity();
    }

    @Override
    public void close() throws IOException {
      source.close();
    }
  }
}
