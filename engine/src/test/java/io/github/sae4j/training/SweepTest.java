package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.SweepAxis;
import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.folders.SealedJson;
import io.github.sae4j.options.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SweepTest {
  private static final BooleanSupplier NEVER = () -> false;
  private static final int STEPS = 20;

  @TempDir private Path folder;
  private final Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
  private final SmallData small = new SmallData(300);

  private final Map<String, Object> given =
      new LinkedHashMap<>(
          Map.of(
              "d_sae", 40,
              "k", 3,
              "train_batch_size", 16,
              "steps", STEPS,
              "lr", 5e-3,
              "eval_fraction", 0.1,
              "dead_feature_window", 4));

  @AfterEach
  void free() {
    device.close();
    small.close();
  }

  private static List<SweepAxis> axes(String... texts) {
    return Arrays.stream(texts).map(SweepAxis::parse).toList();
  }

  private TrainingRun.Settings settings(String name) {
    return new TrainingRun.Settings(
        new RunFolder(folder.resolve(name)),
        new CheckpointSchedule(7, 0, 0, 2),
        false,
        5,
        Map.of(),
        Map.of());
  }

  private Sweep sweep(String name, String... axes) throws IOException {
    return new Sweep(
        settings(name),
        axes(axes),
        given,
        small.data(0.1),
        device,
        member -> TrainingListener.NONE);
  }

  /** Every run of a sweep alone, from the configuration that the sweep gave it. */
  private void alone(String name, Sweep sweep) throws IOException {
    for (Sweep.Member member : sweep.members()) {
      new TrainingRun(
              settings(name + "/" + member.name()),
              member.config(),
              small.data(0.1),
              device,
              TrainingListener.NONE)
          .start(Optional.empty(), NEVER);
    }
  }

  /** SAE, state of the last step, and metrics on held-out rows. */
  private void assertSame(String expected, String got, Sweep sweep) throws IOException {
    for (Sweep.Member member : sweep.members()) {
      for (String file :
          List.of(
              "final/sae_weights.safetensors",
              "checkpoints/320/trainer_state.safetensors",
              "evaluation.json")) {
        Path a = folder.resolve(expected).resolve(member.name()).resolve(file);
        Path b = folder.resolve(got).resolve(member.name()).resolve(file);
        assertArrayEquals(
            Files.readAllBytes(a), Files.readAllBytes(b), () -> member.name() + " " + file);
      }
    }
  }

  @Test
  void everyRunHasTheBitsThatItHasAlone() throws IOException {
    String[] axes = {"k=2,3", "recipe=saelens,eleuther", "seed=0,5"};
    given.put("lr_warm_up_steps", 2);
    Sweep sweep = sweep("sweep", axes);
    List<Sweep.Result> results = sweep.start(NEVER);
    assertEquals(8, results.size());
    alone("alone", sweep);
    assertSame("alone", "sweep", sweep);
  }

  @ParameterizedTest
  @ValueSource(strings = {"architecture=topk,batchtopk,matryoshka", "d_sae=24,40,64"})
  void architecturesAndSizesToo(String axis) throws IOException {
    Sweep sweep = sweep("sweep", axis);
    sweep.start(NEVER);
    alone("alone", sweep);
    assertSame("alone", "sweep", sweep);
  }

  @Test
  void rowsAreReadOnceForAll() throws IOException {
    sweep("one", "k=3").start(NEVER);
    long one = small.read.getAndSet(0);
    assertTrue(one >= STEPS * 16, () -> "training rows read: " + one);
    sweep("four", "k=1,2,3,4").start(NEVER);
    assertEquals(one, small.read.get());
  }

  /** Stopped between the steps of two runs, so that one is a step ahead of the other. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 16, 17, 18, 46})
  void aStoppedSweepEndsWithTheSameBits(int asked) throws IOException {
    String axis = "k=2,3,4";
    sweep("whole", axis).start(NEVER);
    int[] count = {0};
    List<Sweep.Result> stopped = sweep("stopped", axis).start(() -> ++count[0] >= asked);
    assertTrue(
        stopped.stream()
            .allMatch(end -> end.outcome().equals(Optional.of(TrainingRun.Outcome.STOPPED))));
    assertFalse(Files.exists(folder.resolve("stopped/sweep.json")));
    List<Sweep.Result> results = sweep("stopped", axis).resume(NEVER);
    assertTrue(results.stream().allMatch(end -> end.evaluation().isPresent()));
    assertSame("whole", "stopped", sweep("other", axis));
  }

  /** Killed while it wrote: one run had its checkpoint, one an older one, one had not begun. */
  @Test
  void runsResumeFromDifferentSteps() throws IOException {
    String axis = "k=2,3,4";
    Sweep sweep = sweep("whole", axis);
    sweep.start(NEVER);
    int[] count = {0};
    sweep("killed", axis).start(() -> ++count[0] > 3 * 15);
    Path killed = folder.resolve("killed");
    delete(killed.resolve("k-3/checkpoints/256"));
    delete(killed.resolve("k-4"));
    sweep("killed", axis).resume(NEVER);
    assertSame("whole", "killed", sweep);
  }

  /** One run is finished, the others are not. */
  @Test
  void aFinishedRunStaysAsItIs() throws IOException {
    String axis = "k=2,3";
    Sweep sweep = sweep("whole", axis);
    sweep.start(NEVER);
    sweep("again", axis).start(NEVER);
    delete(folder.resolve("again/k-3"));
    Path kept = folder.resolve("again/k-2/final/sae_weights.safetensors");
    Object before = Files.getLastModifiedTime(kept);
    List<Sweep.Result> results = sweep("again", axis).resume(NEVER);
    assertEquals(before, Files.getLastModifiedTime(kept));
    assertTrue(results.stream().allMatch(end -> end.evaluation().isPresent()));
    assertSame("whole", "again", sweep);
  }

  private static void delete(Path path) throws IOException {
    try (var files = Files.walk(path)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** A run of a sweep is a run as any other. */
  @Test
  void oneRunCanBeResumedAlone() throws IOException {
    String axis = "k=2,3";
    Sweep sweep = sweep("whole", axis);
    sweep.start(NEVER);
    int[] count = {0};
    sweep("parts", axis).start(() -> ++count[0] > 20);
    for (Sweep.Member member : sweep.members()) {
      new TrainingRun(
              settings("parts/" + member.name()),
              member.config(),
              small.data(0.1),
              device,
              TrainingListener.NONE)
          .resume(Optional.empty(), Optional.empty(), NEVER);
    }
    assertSame("whole", "parts", sweep);
  }

  @Test
  void aRunThatDivergesDoesNotEndTheOthers() throws IOException {
    given.put("clip_grad_norm", "none");
    Sweep sweep = sweep("sweep", "lr=5e-3,1e30,1e-3");
    List<Sweep.Result> results = sweep.start(NEVER);
    assertTrue(results.get(1).failure().orElseThrow().contains("step "));
    assertTrue(results.get(1).outcome().isEmpty());
    assertTrue(results.get(0).evaluation().isPresent());
    assertTrue(results.get(2).evaluation().isPresent());
    Map<String, Object> table = SealedJson.read(folder.resolve("sweep/sweep.json"), 1 << 20);
    assertEquals(
        List.of("finished", "diverged", "finished"),
        ((List<?>) table.get("runs"))
            .stream().map(run -> ((Map<?, ?>) run).get("outcome")).toList());
  }

  /** The run that diverged has no checkpoint: it begins again, and diverges again, far behind. */
  @Test
  void aSweepWithARunThatDivergedIsResumed() throws IOException {
    given.put("clip_grad_norm", "none");
    String axis = "lr=5e-3,1e30,1e-3";
    sweep("whole", axis).start(NEVER);
    int[] count = {0};
    sweep("parts", axis).start(() -> ++count[0] > 25);
    List<Sweep.Result> results = sweep("parts", axis).resume(NEVER);
    assertTrue(results.get(1).failure().isPresent());
    for (String run : List.of("lr-5e-3", "lr-1e-3")) {
      assertArrayEquals(weights("whole/" + run), weights("parts/" + run), run);
    }
  }

  private byte[] weights(String run) throws IOException {
    return Files.readAllBytes(folder.resolve(run).resolve("final/sae_weights.safetensors"));
  }

  /** Stopped again while one run catches up with the others, and again. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void aSweepIsStoppedWhileARunCatchesUp(int steps) throws IOException {
    String axis = "k=2,3";
    Sweep sweep = sweep("whole", axis);
    sweep.start(NEVER);
    int[] count = {0};
    sweep("parts", axis).start(() -> ++count[0] > 25);
    delete(folder.resolve("parts/k-3"));
    for (int stops = 0; stops < 3; stops++) {
      int[] again = {0};
      sweep("parts", axis).resume(() -> ++again[0] >= steps);
    }
    sweep("parts", axis).resume(NEVER);
    assertSame("whole", "parts", sweep);
  }

  @Test
  void anotherConfigurationIsRefused() throws IOException {
    int[] count = {0};
    sweep("sweep", "k=2,3").start(() -> ++count[0] > 9);
    delete(folder.resolve("sweep/k-3"));
    given.put("lr", 1e-2);
    ConfigException refused =
        assertThrows(ConfigException.class, () -> sweep("sweep", "k=2,3").resume(NEVER));
    assertTrue(refused.getMessage().contains("lr was 0.005, is now 0.01"), refused::getMessage);
    assertFalse(Files.exists(folder.resolve("sweep/k-3")));
  }

  @Test
  void aSweepThatCannotBeEvaluatedLeavesNoFolder() throws IOException {
    TrainingRun.Settings evaluated =
        new TrainingRun.Settings(
            new RunFolder(folder.resolve("none")),
            new CheckpointSchedule(7, 0, 0, 2),
            false,
            5,
            Map.of(),
            Map.of(),
            new HeldOutSchedule(5, false, 0));
    given.put("eval_fraction", 0);
    Sweep sweep =
        new Sweep(
            evaluated,
            axes("k=2,3"),
            given,
            small.data(0),
            device,
            member -> TrainingListener.NONE);
    assertThrows(ConfigException.class, () -> sweep.start(NEVER));
    assertFalse(Files.exists(folder.resolve("none")));
  }

  /** The row is left out when the sweep is resumed, and then whenever it is resumed again. */
  @Test
  void whatIsLeftOutIsRecordedForTheSweep() throws IOException {
    List<String> said = new ArrayList<>();
    TrainingListener hears =
        new TrainingListener() {
          @Override
          public void warning(String message) {
            said.add(message);
          }
        };
    small.rows.set(7, 3, Float.NaN);
    TrainingData strict = small.data(0.1);
    Sweep first = new Sweep(settings("bad"), axes("k=2,3"), given, strict, device, member -> hears);
    assertThrows(BadRowException.class, () -> first.start(NEVER));
    String hint = "--resume-from-checkpoint " + folder.resolve("bad") + " with";
    assertTrue(said.stream().anyMatch(line -> line.contains(hint)), said::toString);
    TrainingData lenient =
        TrainingData.of(
            new MatrixSource(small.rows, "rows"), Optional.empty(), 0.1, OnBadRows.SKIP, List.of());
    Sweep again =
        new Sweep(settings("bad"), axes("k=2,3"), given, lenient, device, member -> hears);
    int[] count = {0};
    again.resume(() -> ++count[0] > 3);
    Map<String, Object> config = SealedJson.read(folder.resolve("bad/config.json"), 1 << 20);
    Map<?, ?> removal = (Map<?, ?>) ((List<?>) config.get("removals")).getLast();
    assertEquals("skip", removal.get("on_bad_rows"));
    List<Sweep.Result> results =
        new Sweep(settings("bad"), axes("k=2,3"), given, lenient, device, member -> hears)
            .resume(NEVER);
    assertTrue(results.stream().allMatch(end -> end.evaluation().isPresent()));
  }

  /** What one of its runs refuses is refused before anything of it is recorded. */
  @Test
  void aSweepThatLeftRowsOutIsNotResumedWithout() throws IOException {
    TrainingData lenient =
        TrainingData.of(
            new MatrixSource(small.rows, "rows"), Optional.empty(), 0.1, OnBadRows.SKIP, List.of());
    int[] count = {0};
    new Sweep(
            settings("skip"),
            axes("k=2,3"),
            given,
            lenient,
            device,
            member -> TrainingListener.NONE)
        .start(() -> ++count[0] > 3);
    byte[] before = Files.readAllBytes(folder.resolve("skip/config.json"));
    Sweep strict = sweep("skip", "k=2,3");
    String said = assertThrows(ConfigException.class, strict::expectResumable).getMessage();
    assertTrue(said.contains("was skip so far, is now error"), said);
    assertEquals(
        said, assertThrows(ConfigException.class, () -> strict.resume(NEVER)).getMessage());
    assertArrayEquals(before, Files.readAllBytes(folder.resolve("skip/config.json")));
  }

  /** As of a single run: nothing more is evaluated. */
  @Test
  void aFinishedSweepIsNotHeldToAScheduleOfEvaluations() throws IOException {
    given.put("eval_fraction", 0.0);
    TrainingRun.Settings at = settings("done");
    TrainingRun.Settings scheduled =
        new TrainingRun.Settings(
            at.folder(),
            at.checkpoints(),
            false,
            5,
            Map.of(),
            Map.of(),
            new HeldOutSchedule(2, false, 0));
    for (TrainingRun.Settings settings : List.of(at, scheduled)) {
      Sweep sweep =
          new Sweep(
              settings,
              axes("k=2,3"),
              given,
              small.data(0),
              device,
              member -> TrainingListener.NONE);
      List<Sweep.Result> results = settings == at ? sweep.start(NEVER) : sweep.resume(NEVER);
      assertTrue(
          results.stream()
              .allMatch(end -> end.outcome().equals(Optional.of(TrainingRun.Outcome.FINISHED))));
    }
  }

  @Test
  void aBadRowKeepsWhatAllHaveReached() throws IOException {
    TrainingData data = small.data(0.1);
    small.rows.set(7, 3, Float.NaN);
    Sweep sweep =
        new Sweep(
            settings("bad"), axes("k=2,3"), given, data, device, member -> TrainingListener.NONE);
    given.put("steps", STEPS);
    BadRowException failure = assertThrows(BadRowException.class, () -> sweep.start(NEVER));
    assertTrue(failure.getMessage().contains("NaN"), failure::getMessage);
    long steps = -1;
    for (String run : List.of("k-2", "k-3")) {
      Path checkpoints = folder.resolve("bad").resolve(run).resolve("checkpoints");
      long newest;
      try (var names = Files.list(checkpoints)) {
        newest =
            names.mapToLong(path -> Long.parseLong(path.getFileName().toString())).max().orElse(0);
      }
      assertTrue(steps == -1 || steps == newest, "both runs reached the same step");
      steps = newest;
    }
  }

  @Test
  void theFrontHasNoRunThatAnotherBeats() throws IOException {
    List<Sweep.Result> results = sweep("sweep", "k=1,2,4").start(NEVER);
    List<Boolean> front = Sweep.pareto(results);
    for (int i = 0; i < results.size(); i++) {
      var one = results.get(i).evaluation().orElseThrow();
      boolean beaten =
          results.stream()
              .map(end -> end.evaluation().orElseThrow())
              .anyMatch(
                  other ->
                      other.fvu() < one.fvu() && other.l0() <= one.l0()
                          || other.fvu() <= one.fvu() && other.l0() < one.l0());
      assertEquals(!beaten, front.get(i), results.get(i).member().name());
    }
    assertTrue(front.contains(true));
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "train_batch_size=16,32 | train_batch_size",
        "steps=10,20 | steps",
        "shuffle_seed=1,2 | shuffle_seed",
        "eval_fraction=0.1,0.2 | eval_fraction",
        "k=3,3 | each value",
        "k= | expected values of k",
        "=3 | OPTION=VALUE",
        "k | OPTION=VALUE",
        "nonsense=1 | nonsense",
        "k=3,x | k",
        "k=3,41 | k",
      })
  void whatCannotBeSweptIsRefused(String axis, String named) {
    if (axis.startsWith("steps")) {
      given.remove("steps");
    }
    ConfigException refused =
        assertThrows(ConfigException.class, () -> sweep("refused", axis).start(NEVER));
    assertTrue(refused.getMessage().contains(named), refused::getMessage);
    assertFalse(Files.exists(folder.resolve("refused")));
  }

  @Test
  void anOptionIsSweptOnce() {
    assertThrows(ConfigException.class, () -> sweep("twice", "k=1,2", "k=3"));
  }

  @Test
  void aFolderHoldsOneSweep() throws IOException {
    sweep("used", "k=2").start(NEVER);
    assertThrows(ConfigException.class, () -> sweep("used", "k=2").start(NEVER));
    assertThrows(ConfigException.class, () -> sweep("used", "k=2,3").resume(NEVER));
  }
}
