package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ema_decay}: the SAE is a running average of the weights. */
class WeightAverageTest {
  private static final double DECAY = 0.9;
  private static final int STEPS = 12;

  @TempDir private Path folder;
  private final Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
  private final SmallData small = new SmallData(300);

  @AfterEach
  void free() {
    device.close();
    small.close();
  }

  private TrainingConfig config() {
    return TrainingConfig.of(Recipe.SAELENS)
        .with("d_sae", 40)
        .with("k", 3)
        .with("train_batch_size", 16)
        .with("steps", STEPS)
        .with("lr", 5e-3)
        .with("eval_fraction", 0.1)
        .with("dead_feature_window", 4);
  }

  private TrainingConfig averaged() {
    return config().with("ema_decay", DECAY);
  }

  private Trainer trainer(TrainingConfig config) throws IOException {
    return Trainer.start(
        config.resolved(SmallData.WIDTH), small.data(0.1), device, Optional.empty());
  }

  /** By its definition in double: each step's weights with their share of the whole. */
  @Test
  void itIsTheAverageWithTheBiasOfItsStartCorrected() throws IOException {
    double[] sum = new double[40 * SmallData.WIDTH];
    double weights = 0;
    try (Trainer trainer = trainer(averaged())) {
      for (int t = 1; t <= STEPS; t++) {
        trainer.step(false);
        float[] now = all(trainer.state().wEnc());
        for (int i = 0; i < sum.length; i++) {
          sum[i] = DECAY * sum[i] + (1 - DECAY) * now[i];
        }
        weights = DECAY * weights + (1 - DECAY);
        float[] average = all(trainer.weights().wEnc());
        for (int i = 0; i < sum.length; i++) {
          assertEquals(sum[i] / weights, average[i], 1e-6, "step " + t);
        }
      }
      assertFalse(Arrays.equals(all(trainer.state().wEnc()), all(trainer.weights().wEnc())));
    }
  }

  @Test
  void theFirstStepIsItsOwnAverage() throws IOException {
    try (Trainer trainer = trainer(averaged())) {
      trainer.step(false);
      assertArrayEquals(all(trainer.state().wDec()), all(trainer.weights().wDec()));
    }
  }

  @Test
  void whatIsTrainedDoesNotChange() throws IOException {
    try (Trainer with = trainer(averaged());
        Trainer without = trainer(config())) {
      for (int t = 0; t < STEPS; t++) {
        with.step(false);
        without.step(false);
      }
      for (TrainingState.Named tensor : without.state().tensors()) {
        Matrix other =
            with.state().tensors().stream()
                .filter(named -> named.name().equals(tensor.name()))
                .findFirst()
                .orElseThrow()
                .matrix();
        assertArrayEquals(all(tensor.matrix()), all(other), tensor.name());
      }
      assertEquals(
          4, with.state().tensors().size() - without.state().tensors().size(), "the averages");
    }
  }

  /** What {@code --dry-run} shows is what is allocated. */
  @Test
  void thePlanCountsEveryAverage() {
    for (TrainingConfig config :
        List.of(
            config(),
            config().with("architecture", "gated"),
            config().with("architecture", "jumprelu"),
            TrainingConfig.of(Recipe.SENTENCE_TRANSFORMERS).with("d_sae", 40).with("k", 3))) {
      StepSpec spec =
          config.resolved(SmallData.WIDTH).stepSpec(SmallData.WIDTH, OptionalDouble.of(1));
      try (OffHeap memory = new OffHeap()) {
        TrainingState state = TrainingState.allocate(memory, spec);
        long before = bytes(state);
        state.allocateAverages(memory);
        assertEquals(bytes(state) - before, MemoryPlan.ofAverages(spec).bytes());
      }
    }
  }

  private static long bytes(TrainingState state) {
    return state.tensors().stream().mapToLong(named -> 4L * named.matrix().size()).sum();
  }

  private static float[] all(Matrix matrix) {
    float[] all = new float[matrix.rows() * matrix.cols()];
    matrix.read(0, matrix.rows(), all, 0);
    return all;
  }

  private TrainingRun run(String name, TrainingConfig config) throws IOException {
    return new TrainingRun(
        new TrainingRun.Settings(
            new RunFolder(folder.resolve(name)),
            new CheckpointSchedule(5, 0, 0, 2),
            false,
            5,
            Map.of(),
            Map.of()),
        config,
        small.data(0.1),
        device,
        TrainingListener.NONE);
  }

  private byte[] file(String name) throws IOException {
    return Files.readAllBytes(folder.resolve(name));
  }

  @Test
  void anInterruptedRunEndsWithTheSameAverage() throws IOException {
    run("whole", averaged()).start(Optional.empty(), () -> false);
    run("without", config()).start(Optional.empty(), () -> false);
    String sae = "/final/sae_weights.safetensors";
    assertFalse(Arrays.equals(file("without" + sae), file("whole" + sae)));
    for (int stopAt : new int[] {1, 5, 7}) {
      int[] steps = {0};
      String parts = "parts" + stopAt;
      run(parts, averaged()).start(Optional.empty(), () -> ++steps[0] == stopAt);
      run(parts, averaged()).resume(Optional.empty(), Optional.empty(), () -> false);
      assertArrayEquals(file("whole" + sae), file(parts + sae));
      String state = "/checkpoints/192/trainer_state.safetensors";
      assertArrayEquals(file("whole" + state), file(parts + state));
    }
    assertTrue(new String(file("whole/config.json")).contains("\"ema_decay\": 0.9"));
  }
}
