package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.internal.folders.SealedJson;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Evaluation while a run trains, the best SAE kept, the run ended early. */
class HeldOutTest {
  private static final BooleanSupplier NEVER = () -> false;
  private static final int STEPS = 40;

  @TempDir private Path folder;
  private final Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
  private final SmallData small = new SmallData(300);
  private final List<String> notes = new ArrayList<>();

  @AfterEach
  void free() {
    device.close();
    small.close();
  }

  private TrainingConfig config(double lr) {
    return TrainingConfig.of(Recipe.SAELENS)
        .with("d_sae", 40)
        .with("k", 3)
        .with("train_batch_size", 16)
        .with("steps", STEPS)
        .with("lr", lr)
        .with("eval_fraction", 0.1)
        .with("dead_feature_window", 4);
  }

  private TrainingRun run(String name, TrainingConfig config, HeldOutSchedule heldOut)
      throws IOException {
    TrainingRun.Settings settings =
        new TrainingRun.Settings(
            new RunFolder(folder.resolve(name)),
            new CheckpointSchedule(5, 0, 0, 100),
            false,
            7,
            Map.of(),
            Map.of(),
            heldOut);
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void note(String message) {
            notes.add(message);
          }
        };
    return new TrainingRun(
        settings, config, small.data(config.data().evalFraction()), device, listener);
  }

  /** The lines of the log, by step. */
  private List<Map<?, ?>> lines(String name) throws IOException {
    Path file = folder.resolve(name).resolve("metrics.jsonl");
    List<Map<?, ?>> lines = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      lines.add((Map<?, ?>) Json.parse(file, line.getBytes(StandardCharsets.UTF_8)));
    }
    return lines;
  }

  private List<Map<?, ?>> evaluations(String name) throws IOException {
    return lines(name).stream().<Map<?, ?>>filter(line -> line.containsKey("eval/fvu")).toList();
  }

  private Metrics metrics(Path sae) throws IOException {
    try (SparseAutoencoder loaded = SaeCheckpoint.load(sae, device)) {
      return new Evaluator(loaded).evaluate(small.data(0.1).heldOut().orElseThrow());
    }
  }

  @Test
  void theNumbersAreThoseOfTheCheckpointOfThatStep() throws IOException {
    run("run", config(5e-3), new HeldOutSchedule(10, false, 0)).start(Optional.empty(), NEVER);
    List<Map<?, ?>> evaluated = evaluations("run");
    assertEquals(
        List.of(10L, 20L, 30L, 40L), evaluated.stream().map(line -> line.get("step")).toList());
    for (Map<?, ?> line : evaluated) {
      Metrics expected = metrics(folder.resolve("run/checkpoints/" + 16 * (long) line.get("step")));
      expected
          .toMap()
          .forEach(
              (name, value) -> {
                if (value instanceof Number number) {
                  Number logged = (Number) line.get("eval/" + name);
                  assertEquals(number.doubleValue(), logged.doubleValue(), name);
                }
              });
    }
    Map<String, Object> last = SealedJson.read(folder.resolve("run/evaluation.json"), 1 << 20);
    assertEquals(last.get("fvu"), evaluated.getLast().get("eval/fvu"));
    assertFalse(Files.exists(folder.resolve("run/best")));
    assertFalse(Files.exists(folder.resolve("run/evaluated")));
  }

  @Test
  void whatIsComputedDoesNotChange() throws IOException {
    run("without", config(5e-3), HeldOutSchedule.NONE).start(Optional.empty(), NEVER);
    run("with", config(5e-3), new HeldOutSchedule(3, true, 0)).start(Optional.empty(), NEVER);
    assertArrayEquals(weights("without/final"), weights("with/final"));
  }

  private byte[] weights(String sae) throws IOException {
    return Files.readAllBytes(folder.resolve(sae).resolve("sae_weights.safetensors"));
  }

  /** With a rate that grows past what works, the lowest FVU is not the last one. */
  private TrainingConfig soonWorse() {
    return config(0.3).with("lr_warm_up_steps", STEPS).with("clip_grad_norm", "none");
  }

  private long bestStep(String name) throws IOException {
    Map<?, ?> best = null;
    for (Map<?, ?> line : evaluations(name)) {
      if (best == null || (double) line.get("eval/fvu") < (double) best.get("eval/fvu")) {
        best = line;
      }
    }
    return (long) best.get("step");
  }

  @Test
  void theBestIsKept() throws IOException {
    run("run", soonWorse(), new HeldOutSchedule(5, true, 0)).start(Optional.empty(), NEVER);
    long step = bestStep("run");
    assertTrue(step < STEPS, () -> "the case is one where the best is not the last, got " + step);
    assertArrayEquals(weights("run/checkpoints/" + 16 * step), weights("run/best"));
  }

  @Test
  void aRunEndsEarly() throws IOException {
    run("run", soonWorse(), new HeldOutSchedule(5, true, 2)).start(Optional.empty(), NEVER);
    long step = bestStep("run");
    List<Map<?, ?>> lines = lines("run");
    assertEquals(step + 10, lines.getLast().get("step"));
    assertArrayEquals(weights("run/checkpoints/" + 16 * (step + 10)), weights("run/final"));
    assertArrayEquals(weights("run/checkpoints/" + 16 * step), weights("run/best"));
    assertTrue(
        notes.stream().anyMatch(note -> note.contains("stopped early after step " + (step + 10))),
        notes::toString);
    assertTrue(new RunFolder(folder.resolve("run")).finished());
  }

  /** Wherever it is interrupted, it ends at the same step with the same SAEs. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4, 5, 9, 10, 14})
  void anInterruptedRunEndsAtTheSameStep(int stopAt) throws IOException {
    HeldOutSchedule heldOut = new HeldOutSchedule(5, true, 2);
    run("whole", soonWorse(), heldOut).start(Optional.empty(), NEVER);
    int[] steps = {0};
    TrainingRun.Outcome outcome =
        run("parts", soonWorse(), heldOut).start(Optional.empty(), () -> ++steps[0] == stopAt);
    assertEquals(TrainingRun.Outcome.STOPPED, outcome);
    run("parts", soonWorse(), heldOut).resume(Optional.empty(), Optional.empty(), NEVER);
    assertArrayEquals(weights("whole/final"), weights("parts/final"));
    assertArrayEquals(weights("whole/best"), weights("parts/best"));
    assertEquals(
        evaluations("whole").stream().map(line -> line.get("eval/fvu")).toList(),
        evaluations("parts").stream().map(line -> line.get("eval/fvu")).toList());
  }

  /** Killed after its last checkpoint and before the SAE was written. */
  @Test
  void aRunThatHadEndedEarlyDoesNotGoOn() throws IOException {
    HeldOutSchedule heldOut = new HeldOutSchedule(5, true, 2);
    run("run", soonWorse(), heldOut).start(Optional.empty(), NEVER);
    byte[] before = weights("run/final");
    Object lines = lines("run").size();
    Files.delete(folder.resolve("run/final/sae_weights.safetensors"));
    run("run", soonWorse(), heldOut).resume(Optional.empty(), Optional.empty(), NEVER);
    assertArrayEquals(before, weights("run/final"));
    assertEquals(lines, lines("run").size());
  }

  @Test
  void itTakesHeldOutRows() {
    assertThrows(
        ConfigException.class,
        () ->
            run("run", config(1e-3).with("eval_fraction", 0), new HeldOutSchedule(5, false, 0))
                .start(Optional.empty(), NEVER));
    assertThrows(ConfigException.class, () -> new HeldOutSchedule(0, true, 0));
    assertThrows(ConfigException.class, () -> new HeldOutSchedule(0, false, 1));
    assertThrows(ConfigException.class, () -> new HeldOutSchedule(-1, false, 0));
    assertThrows(ConfigException.class, () -> new HeldOutSchedule(1, false, -1));
  }
}
