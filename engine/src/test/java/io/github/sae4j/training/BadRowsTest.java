package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.RowOrder;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs over rows that are not finite, and over rows that are masked while a run goes on. */
class BadRowsTest {
  private static final int D_IN = 12;
  private static final int ROWS = 500;
  private static final int[] BAD = {3, 77, 78, 79, 256, 411};
  private static final BooleanSupplier NEVER = () -> false;
  private static final CheckpointSchedule NONE = new CheckpointSchedule(0, 0, 0, 9);

  @TempDir private Path folder;
  private final OffHeap memory = new OffHeap();
  private final Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
  private final List<String> warnings = new ArrayList<>();
  private Matrix rows;

  @BeforeEach
  void drawRows() {
    Random random = new Random(5);
    rows = memory.matrix(ROWS, D_IN);
    for (int b = 0; b < ROWS; b++) {
      for (int j = 0; j < D_IN; j++) {
        rows.set(b, j, (float) random.nextGaussian());
      }
    }
  }

  @AfterEach
  void free() {
    device.close();
    memory.close();
  }

  private void spoil(int... bad) {
    for (int i = 0; i < bad.length; i++) {
      rows.set(bad[i], i % D_IN, i % 2 == 0 ? Float.NaN : Float.NEGATIVE_INFINITY);
    }
  }

  private static TrainingConfig config(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", 40)
        .with("k", 3)
        .with("train_batch_size", recipe == Recipe.SENTENCE_TRANSFORMERS ? 32 : 16)
        .with("gradient_accumulation", recipe == Recipe.SENTENCE_TRANSFORMERS ? 1 : 2)
        .with("steps", 30)
        .with("lr", 5e-3)
        .with("eval_fraction", 0.1)
        .with("dead_feature_window", 4);
  }

  private static RowMask mask(int... excluded) {
    boolean[] mask = new boolean[ROWS];
    for (int row : excluded) {
      mask[row] = true;
    }
    return RowMask.of(mask);
  }

  private TrainingRun run(
      String name,
      TrainingConfig config,
      OnBadRows onBadRows,
      CheckpointSchedule schedule,
      RowMask... removals)
      throws IOException {
    TrainingRun.Settings settings =
        new TrainingRun.Settings(
            new RunFolder(folder.resolve(name)), schedule, false, 5, Map.of(), Map.of());
    TrainingData data =
        TrainingData.of(
            new MatrixSource(rows, "rows"),
            Optional.empty(),
            config.data().evalFraction(),
            onBadRows,
            List.of(removals));
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void warning(String message) {
            warnings.add(message);
          }
        };
    return new TrainingRun(settings, config, data, device, listener);
  }

  private TrainingRun run(
      String name, TrainingConfig config, OnBadRows onBadRows, RowMask... removals)
      throws IOException {
    return run(name, config, onBadRows, NONE, removals);
  }

  private static void start(TrainingRun run) throws IOException {
    assertEquals(TrainingRun.Outcome.FINISHED, run.start(Optional.empty(), NEVER));
  }

  private static void resume(TrainingRun run) throws IOException {
    assertEquals(
        TrainingRun.Outcome.FINISHED, run.resume(Optional.empty(), Optional.empty(), NEVER));
  }

  private byte[] weights(String name) throws IOException {
    Path sae = folder.resolve(name).resolve("final");
    Path weights = sae.resolve("sae_weights.safetensors");
    return Files.readAllBytes(
        Files.exists(weights) ? weights : sae.resolve("model.safetensors")); // of contrastive codes
  }

  private Path newest(String name) throws IOException {
    return CheckpointStore.newestValid(folder.resolve(name)).newest().orElseThrow();
  }

  @ParameterizedTest
  @EnumSource
  void skippedRowsAndMaskedRowsLeaveTheSamePlaces(Recipe recipe) throws IOException {
    TrainingConfig config =
        config(recipe)
            .with(
                "normalize_activations",
                recipe == Recipe.SENTENCE_TRANSFORMERS ? "none" : "expected_average_only_in");
    start(run("masked", config, OnBadRows.ERROR, mask(BAD)));
    spoil(BAD);
    start(run("skipped", config, OnBadRows.SKIP));
    assertArrayEquals(weights("masked"), weights("skipped"));
  }

  @ParameterizedTest
  @EnumSource
  void anInterruptedRunSkipsTheSameRows(Recipe recipe) throws IOException {
    TrainingConfig config = config(recipe);
    spoil(BAD);
    start(run("whole", config, OnBadRows.SKIP));
    int[] done = {0};
    BooleanSupplier stop = () -> ++done[0] % 7 == 0;
    assertEquals(
        TrainingRun.Outcome.STOPPED,
        run("parts", config, OnBadRows.SKIP).start(Optional.empty(), stop));
    while (run("parts", config, OnBadRows.SKIP).resume(Optional.empty(), Optional.empty(), stop)
        == TrainingRun.Outcome.STOPPED) {}
    assertArrayEquals(weights("whole"), weights("parts"));
    List<String> whole = Files.readAllLines(folder.resolve("whole/metrics.jsonl"));
    List<String> parts = Files.readAllLines(folder.resolve("parts/metrics.jsonl"));
    assertEquals(leftOut(whole), leftOut(parts));
    assertTrue(leftOut(whole).getLast() > BAD.length, "twice as it has more than one epoch");
  }

  private List<Long> leftOut(List<String> lines) throws IOException {
    List<Long> counts = new ArrayList<>();
    for (String line : lines) {
      Map<?, ?> members = (Map<?, ?>) Json.parse(folder, line.getBytes(StandardCharsets.UTF_8));
      counts.add((Long) members.get("details/rows_left_out"));
    }
    return counts;
  }

  @Test
  void aBadRowStopsTheRunAfterACheckpointAndBothWaysOnLeadToTheSameEnd() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    spoil(77);
    start(run("whole", config, OnBadRows.SKIP));
    warnings.clear();
    BadRowException e =
        assertThrows(
            BadRowException.class,
            () -> run("skip", config, OnBadRows.ERROR).start(Optional.empty(), NEVER));
    assertTrue(e.getMessage().contains("row 77 holds NaN at column 0"), e.getMessage());
    assertTrue(e.getMessage().contains("--on-bad-rows skip"), e.getMessage());
    assertTrue(e.getMessage().contains("--mask"), e.getMessage());
    String wayOut = warnings.getLast();
    assertTrue(wayOut.contains("--resume-from-checkpoint " + folder.resolve("skip")), wayOut);
    long step = TrainerState.read(newest("skip")).step();
    assertTrue(step > 0 && step < 30, "step " + step);
    assertTrue(wayOut.contains("after step " + step), wayOut);
    copy("skip", "mask");

    assertThrows(
        BadRowException.class,
        () ->
            run("skip", config, OnBadRows.ERROR).resume(Optional.empty(), Optional.empty(), NEVER));
    resume(run("skip", config, OnBadRows.SKIP));
    resume(run("mask", config, OnBadRows.ERROR, mask(77)));
    assertArrayEquals(weights("whole"), weights("skip"));
    assertArrayEquals(weights("whole"), weights("mask"));
    assertEquals(List.of(step), fromSteps("skip"));
    assertEquals(List.of(step), fromSteps("mask"));
  }

  private List<Object> fromSteps(String name) throws IOException {
    List<Object> steps = new ArrayList<>();
    Object removals = new RunFolder(folder.resolve(name)).readConfig().get(RunFolder.REMOVALS);
    for (Object each : (List<?>) removals) {
      steps.add(((Map<?, ?>) each).get("from_step"));
    }
    return steps;
  }

  private void copy(String from, String to) throws IOException {
    Path target = folder.resolve(to);
    try (var files = Files.walk(folder.resolve(from))) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, target.resolve(folder.resolve(from).relativize(file).toString()));
      }
    }
  }

  @Test
  void rulesThatHoldCannotBeTakenBack() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    int[] done = {0};
    run("skip", config, OnBadRows.SKIP).start(Optional.empty(), () -> ++done[0] == 5);
    Exception e =
        assertThrows(
            ConfigException.class,
            () ->
                run("skip", config, OnBadRows.ERROR)
                    .resume(Optional.empty(), Optional.empty(), NEVER));
    assertTrue(e.getMessage().contains("on_bad_rows: was skip so far"), e.getMessage());

    done[0] = 0;
    run("mask", config, OnBadRows.ERROR).start(Optional.empty(), () -> ++done[0] == 5);
    done[0] = 0;
    run("mask", config, OnBadRows.ERROR, mask(77))
        .resume(Optional.empty(), Optional.empty(), () -> ++done[0] == 5);
    e =
        assertThrows(
            ConfigException.class,
            () ->
                run("mask", config, OnBadRows.ERROR)
                    .resume(Optional.empty(), Optional.empty(), NEVER));
    assertTrue(e.getMessage().contains("by a mask since step 5"), e.getMessage());
    resume(run("mask", config, OnBadRows.SKIP, mask(77), mask(78)));
    assertEquals(List.of(5L, 10L), fromSteps("mask"));
  }

  /** Killed before its first checkpoint, a run has its record alone to say what it did. */
  @Test
  void aRunWithoutACheckpointRemembersItsRuleToo() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    spoil(BAD);
    start(run("whole", config, OnBadRows.SKIP));
    run("skip", config, OnBadRows.SKIP).start(Optional.empty(), () -> true);
    assertEquals("skip", new RunFolder(folder.resolve("skip")).readConfig().get("on_bad_rows"));
    Path checkpoint = newest("skip");
    try (var files = Files.list(checkpoint)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(checkpoint);
    Exception e =
        assertThrows(
            ConfigException.class,
            () ->
                run("skip", config, OnBadRows.ERROR)
                    .resume(Optional.empty(), Optional.empty(), NEVER));
    assertTrue(e.getMessage().contains("on_bad_rows: was skip so far"), e.getMessage());
    resume(run("skip", config, OnBadRows.SKIP));
    assertArrayEquals(weights("whole"), weights("skip"));
  }

  /**
   * Rows come one by one, so that a bad one's batch is empty. The reference is the run over the
   * same rows in the same order without the bad ones: the state must not have moved, nor Adam's
   * count of steps.
   */
  @Test
  void anEmptyBatchIsPassedOver() throws IOException {
    TrainingConfig config =
        TrainingConfig.of(Recipe.SAELENS)
            .with("d_sae", 40)
            .with("k", 3)
            .with("train_batch_size", 1)
            .with("epochs", 1)
            .with("lr", 5e-3)
            .with("eval_fraction", 0)
            .with("dead_feature_window", 4);
    spoil(BAD);
    start(run("skipped", config, OnBadRows.SKIP, new CheckpointSchedule(100, 0, 0, 9)));
    List<Path> checkpoints = CheckpointStore.list(folder.resolve("skipped"));
    TrainerState last = TrainerState.read(checkpoints.get(checkpoints.size() - 2));
    assertEquals(400, last.step());
    assertEquals(400, last.streamPosition());
    assertTrue(last.samples() < 400 && last.samples() >= 400 - BAD.length, "" + last.samples());

    Matrix all = rows;
    int left = ROWS - BAD.length;
    RowOrder before = new RowOrder(config.run().seed(), 0, ROWS);
    RowOrder after = new RowOrder(config.run().seed(), 0, left);
    rows = memory.matrix(left, D_IN);
    int at = 0;
    for (int position = 0; position < ROWS; position++) {
      float[] row = new float[D_IN];
      all.read((int) before.at(position), 1, row, 0);
      if (FiniteRows.badColumn(row) < 0) {
        rows.write((int) after.at(at), 1, row, 0);
        at++;
      }
    }
    start(run("without", config, OnBadRows.ERROR));
    assertArrayEquals(weights("without"), weights("skipped"));
  }

  @Test
  void aRunOfNothingButBadRowsIsRefusedAfterOneEpoch() throws IOException {
    TrainingConfig config =
        config(Recipe.SAELENS).with("eval_fraction", 0).with("b_dec_init_method", "mean");
    rows.fill(Float.NaN);
    for (int steps : new int[] {3, 300}) {
      String name = "empty" + steps;
      Exception e =
          assertThrows(
              BadFileException.class,
              () -> start(run(name, config.with("steps", steps), OnBadRows.SKIP)));
      int looked = steps == 3 ? 3 * 32 : 16 * 32; // the first multiple of the batch beyond 500
      assertTrue(
          e.getMessage()
              .endsWith(
                  "no row is left to train on: "
                      + looked
                      + " are not finite or too large, 0 are masked"),
          e.getMessage());
      assertFalse(Files.exists(folder.resolve(name).resolve("final")));
    }
  }

  /** Their products with gradients would be infinite, which used to end a run as a divergence. */
  @ParameterizedTest
  @EnumSource
  void rowsTooLargeToTrainOnAreBadRows(Recipe recipe) throws IOException {
    TrainingConfig config = config(recipe);
    start(run("masked", config, OnBadRows.ERROR, mask(77, 411)));
    rows.set(77, 5, 1e20f);
    for (int j = 0; j < D_IN; j++) {
      rows.set(411, j, -1e19f);
    }
    warnings.clear();
    start(run("skipped", config, OnBadRows.SKIP));
    assertArrayEquals(weights("masked"), weights("skipped"));
    String named = "left out: rows row 77 holds 1.0000000200408773E20 at column 5, too large";
    assertTrue(warnings.stream().anyMatch(line -> line.startsWith(named)), warnings::toString);
    Exception e =
        assertThrows(
            BadRowException.class,
            () -> run("error", config, OnBadRows.ERROR).start(Optional.empty(), NEVER));
    assertTrue(e.getMessage().contains("too large to train on"), e.getMessage());
    if (config.needsMseScale()) {
      // Named while the rows are measured, which such a row would dominate: nothing is trained yet.
      assertTrue(CheckpointStore.newestValid(folder.resolve("error")).newest().isEmpty());
    } else {
      assertTrue(TrainerState.read(newest("error")).step() > 0, "a checkpoint was written");
    }
  }

  @Test
  void rowsThatAreLeftOutAreNamedOnceAndCounted() throws IOException {
    spoil(BAD);
    start(run("skipped", config(Recipe.SAELENS).with("eval_fraction", 0), OnBadRows.SKIP));
    for (int bad : BAD) {
      String named = "left out: rows row " + bad + " holds ";
      assertEquals(1, warnings.stream().filter(line -> line.startsWith(named)).count(), named);
    }
    assertTrue(
        warnings.getLast().matches("rows left out of training: 1[0-2] that are not finite, 0 .*"),
        warnings.getLast());
  }

  @Test
  void heldOutRowsAreLeftOutToo() throws IOException {
    spoil(BAD);
    TrainingData data =
        TrainingData.of(
            new MatrixSource(rows, "rows"), Optional.empty(), 0.9, OnBadRows.SKIP, List.of());
    long bad = data.heldOutLeftOut().bad();
    assertTrue(bad > 0, "none was held out");
    assertEquals(450 - bad, data.heldOut().orElseThrow().rows());
    FiniteRows.expect(data.heldOut().orElseThrow());
    TrainingData masked =
        TrainingData.of(
            new MatrixSource(rows, "rows"),
            Optional.empty(),
            0.9,
            OnBadRows.ERROR,
            List.of(mask(BAD)));
    assertEquals(450 - bad, masked.heldOut().orElseThrow().rows());
    FiniteRows.expect(masked.heldOut().orElseThrow());
    assertEquals(data.training().rows(), masked.training().rows());
  }

  @Test
  void anInterruptEndsTheRunAfterACheckpoint() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    start(run("whole", config, OnBadRows.ERROR));
    int[] done = {0};
    BooleanSupplier interrupting =
        () -> {
          if (++done[0] == 9) {
            Thread.currentThread().interrupt();
          }
          return false;
        };
    try {
      run("parts", config, OnBadRows.ERROR).start(Optional.empty(), interrupting);
      // The batches had all come before the interrupt did: nothing had to be waited for.
    } catch (InterruptedIOException e) {
      long step = TrainerState.read(newest("parts")).step();
      assertTrue(step >= 9, "step " + step);
    }
    assertTrue(Thread.interrupted(), "the flag stays set");
    resume(run("parts", config, OnBadRows.ERROR));
    assertArrayEquals(weights("whole"), weights("parts"));
    assertFalse(Thread.interrupted());
  }
}
