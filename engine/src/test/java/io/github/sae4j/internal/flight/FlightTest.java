package io.github.sae4j.internal.flight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.Trainer;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the recorder sees of a run. */
class FlightTest {
  private static final int STEPS = 7;
  private static final int BATCH = 10;

  @TempDir private Path folder;

  /** A run of seven steps: a checkpoint after step 4, state and SAE after the last. */
  private List<RecordedEvent> record(Device device, TrainingConfig config) throws IOException {
    Path file = folder.resolve("run.jfr");
    try (OffHeap memory = new OffHeap();
        Recording recording = new Recording()) {
      Matrix rows = memory.matrix(50, 6);
      Random random = new Random(2);
      for (int b = 0; b < 50; b++) {
        for (int j = 0; j < 6; j++) {
          rows.set(b, j, random.nextFloat() - 0.5f);
        }
      }
      recording.start();
      new TrainingRun(
              new TrainingRun.Settings(
                  new RunFolder(folder.resolve("run")),
                  new CheckpointSchedule(4, 0, 0, 9),
                  false,
                  1,
                  Map.of(),
                  Map.of()),
              config,
              TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0),
              device,
              TrainingListener.NONE)
          .start(Optional.empty(), () -> false);
      recording.stop();
      recording.dump(file);
    }
    return RecordingFile.readAllEvents(file).stream()
        .filter(event -> event.getEventType().getName().startsWith("sae4j."))
        .toList();
  }

  private static TrainingConfig config(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", 30)
        .with("k", 3)
        .with("train_batch_size", BATCH)
        .with("eval_fraction", 0)
        .with("steps", STEPS);
  }

  @EveryDevice
  void everyStepAndPhaseIsRecorded(Device device) throws IOException {
    for (Recipe recipe : List.of(Recipe.SAELENS, Recipe.ELEUTHER)) { // with clipping, and without
      folder = folder.resolve(recipe.toString());
      Files.createDirectories(folder);
      List<RecordedEvent> events = record(device, config(recipe));
      Map<String, List<RecordedEvent>> byName =
          events.stream().collect(Collectors.groupingBy(event -> event.getEventType().getName()));
      List<Long> steps = LongStream.rangeClosed(1, STEPS).boxed().toList();
      for (String name : List.of("Step", "Encode", "Decode", "Gradients", "Update")) {
        List<RecordedEvent> some = byName.get("sae4j." + name);
        assertEquals(steps, some.stream().map(event -> event.getLong("step")).toList(), name);
        for (RecordedEvent event : some) {
          assertEquals(BATCH, event.getInt("rows"), name);
        }
      }
      // What b_dec starts at may be read the same way, before the first step.
      long read =
          byName.get("sae4j.Reading").stream()
              .filter(
                  event ->
                      !event
                          .getEndTime()
                          .isBefore(byName.get("sae4j.Step").getFirst().getStartTime()))
              .count();
      assertTrue(read >= STEPS - 2 && read <= STEPS, read + " batches"); // read ahead
      assertTrue(
          byName.get("sae4j.Reading").stream()
              .allMatch(event -> event.getThread().getJavaName().equals("sae4j-reader")));
      // State after step 4, state and SAE after the last.
      assertEquals(
          List.of(4L, 7L, 7L),
          byName.get("sae4j.Checkpoint").stream().map(event -> event.getLong("step")).toList());
      phasesLieInTheirSteps(byName);
    }
  }

  /** Their codes, reconstructions and gradients are formed together. */
  @EveryDevice
  void stepsInTilesAndOfContrastsRecordGradientsAndUpdates(Device device) throws IOException {
    for (TrainingConfig config :
        List.of(
            config(Recipe.SAELENS).with("architecture", "jumprelu"),
            config(Recipe.SENTENCE_TRANSFORMERS))) {
      folder = Files.createDirectories(folder.resolve(config.run().recipe().toString()));
      Map<String, List<RecordedEvent>> byName =
          record(device, config).stream()
              .collect(Collectors.groupingBy(event -> event.getEventType().getName()));
      List<Long> steps = LongStream.rangeClosed(1, STEPS).boxed().toList();
      for (String name : List.of("Step", "Gradients", "Update")) {
        List<RecordedEvent> some = byName.getOrDefault("sae4j." + name, List.of());
        assertEquals(steps, some.stream().map(event -> event.getLong("step")).toList(), name);
      }
      assertFalse(byName.containsKey("sae4j.Encode"));
      assertFalse(byName.containsKey("sae4j.Decode"));
    }
  }

  private static void phasesLieInTheirSteps(Map<String, List<RecordedEvent>> byName) {
    for (RecordedEvent step : byName.get("sae4j.Step")) {
      List<RecordedEvent> phases = new ArrayList<>();
      for (String name : List.of("Encode", "Decode", "Gradients", "Update")) {
        byName.get("sae4j." + name).stream()
            .filter(event -> event.getLong("step") == step.getLong("step"))
            .forEach(phases::add);
      }
      assertEquals(4, phases.size());
      assertTrue(!phases.getFirst().getStartTime().isBefore(step.getStartTime()));
      for (int i = 1; i < phases.size(); i++) {
        assertTrue(!phases.get(i).getStartTime().isBefore(phases.get(i - 1).getEndTime()));
      }
      assertTrue(!step.getEndTime().isBefore(phases.getLast().getEndTime()));
    }
  }

  /**
   * A span is used again: were its begin still that of the first time, or its duration, it would
   * overlap what went before or what comes after.
   */
  @Test
  void aSpanThatIsUsedAgainIsMeasuredAgain() throws Exception {
    Path file = folder.resolve("spans.jfr");
    Flight.Span span = Flight.phase(Phase.ENCODE);
    span.begin();
    span.end(1, 1); // not recorded
    try (Recording recording = new Recording()) {
      recording.start();
      span.begin();
      Thread.sleep(30);
      span.end(2, 1);
      span.begin();
      span.end(3, 1);
      span.begin();
      span.end(4, 1);
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> events =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals("sae4j.Encode"))
            .toList();
    assertEquals(List.of(2L, 3L, 4L), events.stream().map(event -> event.getLong("step")).toList());
    for (int i = 1; i < events.size(); i++) {
      assertTrue(!events.get(i).getStartTime().isBefore(events.get(i - 1).getEndTime()), "" + i);
    }
  }

  /** As in a runtime image that jlink made without the recorder. */
  @Test
  void withoutTheRecorderNothingIsMissing() throws Exception {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--limit-modules=java.base,java.logging,java.management,jdk.incubator.vector",
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                WithoutRecorder.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, child.waitFor(), said);
    assertTrue(said.contains("trained without jdk.jfr: true"), said);
  }

  /** Trains a step. */
  static final class WithoutRecorder {
    private WithoutRecorder() {}

    public static void main(String... args) throws IOException {
      boolean without = ModuleLayer.boot().findModule("jdk.jfr").isEmpty();
      try (OffHeap memory = new OffHeap();
          Device device = Devices.open("cpu", DeviceOptions.DEFAULT)) {
        Matrix rows = memory.matrix(50, 6);
        for (int b = 0; b < 50; b++) {
          rows.set(b, b % 6, 1 + b);
        }
        TrainingData data = TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0);
        try (Trainer trainer =
            Trainer.start(config(Recipe.SAELENS), data, device, Optional.empty())) {
          trainer.step(true);
        }
      }
      System.out.println("trained without jdk.jfr: " + without);
    }
  }
}
