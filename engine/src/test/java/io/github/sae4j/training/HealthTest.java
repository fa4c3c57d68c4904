package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Prerequisites of long runs: numbers are checked, and resuming is cheap. */
class HealthTest {
  private static final int D_IN = 10;
  private static final int ROWS = 400;

  private final OffHeap memory = new OffHeap();
  private Matrix rows;

  @BeforeEach
  void makeRows() {
    Random random = new Random(3);
    rows = memory.matrix(ROWS, D_IN);
    for (int b = 0; b < ROWS; b++) {
      for (int j = 0; j < D_IN; j++) {
        rows.set(b, j, random.nextFloat() - 0.4f);
      }
    }
  }

  @AfterEach
  void free() {
    memory.close();
  }

  private static TrainingConfig config() {
    return TrainingConfig.of(Recipe.SAELENS)
        .with("d_sae", 40)
        .with("k", 3)
        .with("train_batch_size", 16)
        .with("eval_fraction", 0)
        .with("steps", 1000);
  }

  private Trainer trainer(Device device) throws IOException {
    TrainingData data = TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0);
    return Trainer.start(config(), data, device, Optional.empty());
  }

  @EveryDevice
  void aPoisonedWeightStopsTheStepAndNamesLatentAndRow(Device device) throws IOException {
    for (float poison : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      try (Trainer trainer = trainer(device)) {
        trainer.step(false);
        trainer.step(false);
        assertEquals(Optional.empty(), trainer.nonFiniteWeights());
        trainer.state().bEnc().set(0, 7, poison);
        assertEquals(Optional.of("b_enc of latent 7 is " + poison), trainer.nonFiniteWeights());
        String message =
            assertThrows(DivergenceException.class, () -> trainer.step(false)).getMessage();
        assertTrue(
            message.matches(
                "step 3: the pre-activation of latent 7 is "
                    + poison
                    + " at .*rows.*\\d+.*, learning rate 3.0E-4"),
            message);
      }
    }
  }

  @EveryDevice
  void aPoisonedDecoderMakesALossThatIsNoNumberAndIsNamed(Device device) throws IOException {
    try (Trainer trainer = trainer(device)) {
      trainer.step(false);
      for (int i = 0; i < 40; i++) {
        trainer.state().wDec().set(i, 4, 1e30f); // its square overflows
      }
      String message =
          assertThrows(DivergenceException.class, () -> trainer.step(false)).getMessage();
      assertTrue(message.startsWith("step 2: "), message);
      assertTrue(message.contains("latent") || message.contains("the loss is"), message);
      assertTrue(message.matches(".*rows.*"), message);
    }
  }

  @EveryDevice
  void aClosedDeviceAndAClosedTrainerSaySo(Device device) throws IOException {
    Trainer trainer = trainer(device);
    trainer.step(false);
    trainer.close();
    assertThrows(IllegalStateException.class, () -> trainer.step(false));
    Device other =
        io.github.sae4j.device.Devices.open(
            device.name(), io.github.sae4j.device.DeviceOptions.DEFAULT);
    Matrix matrix = memory.matrix(3, 4);
    Matrix vector = memory.vector(3);
    other.rowNorms(matrix, vector);
    other.close();
    other.close();
    assertThrows(IllegalStateException.class, () -> other.rowNorms(matrix, vector));
    assertThrows(IllegalStateException.class, () -> other.scale(matrix, 2));
    assertThrows(
        IllegalStateException.class, () -> other.product(matrix, false, matrix, true, vector));
    assertThrows(IllegalStateException.class, other::openMemory);
  }

  /** A source that counts the rows it is asked for. */
  private record Counting(ActivationSource source, AtomicLong count) implements ActivationSource {
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
      this.count.addAndGet(count);
      source.read(rowIds, count, target);
    }

    @Override
    public void readRange(long first, int count, Matrix target) throws IOException {
      this.count.addAndGet(count);
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

  @Test
  void resumingLateReadsNoMoreThanResumingEarly(@TempDir Path folder) throws IOException {
    long early = rowsReadToGoOnAfter(5, folder.resolve("early"));
    long late = rowsReadToGoOnAfter(900, folder.resolve("late"));
    assertEquals(early, late);
    // The batch of the step that was done, the next one and the one read ahead.
    assertTrue(late <= 3 * 16, late + " rows");
  }

  private long rowsReadToGoOnAfter(int steps, Path folder) throws IOException {
    AtomicLong count = new AtomicLong();
    TrainingData data =
        TrainingData.of(new Counting(new MatrixSource(rows, "rows"), count), Optional.empty(), 0);
    try (Device device = new ScalarDevice()) {
      TrainingRun run =
          new TrainingRun(
              new TrainingRun.Settings(
                  new RunFolder(folder),
                  new CheckpointSchedule(0, 0, 0, 1),
                  false,
                  10,
                  Map.of(),
                  Map.of()),
              config(),
              data,
              device,
              TrainingListener.NONE);
      int[] done = {0};
      assertEquals(
          TrainingRun.Outcome.STOPPED, run.start(Optional.empty(), () -> ++done[0] == steps));
      count.set(0);
      assertEquals(
          TrainingRun.Outcome.STOPPED, run.resume(Optional.empty(), Optional.empty(), () -> true));
    }
    return count.get();
  }
}
