package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.AtomicFolder;
import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.internal.folders.SealedJson;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.start.Centers;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.TrainingStep;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainingRunTest {
  private static final int D_IN = 12;
  private static final int ROWS = 500;
  private static final BooleanSupplier NEVER = () -> false;
  private static final CheckpointSchedule NONE = new CheckpointSchedule(0, 0, 0, 2);
  private static final CheckpointSchedule EVERY_7 = new CheckpointSchedule(7, 0, 0, 2);

  @TempDir private Path folder;
  private final OffHeap memory = new OffHeap();
  private final Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
  private final List<String> warnings = new ArrayList<>();
  private final List<Path> checkpoints = new ArrayList<>();
  private Matrix rows;

  /** Forcing files to the disk takes most of the time, so only some tests ask for checkpoints. */
  private CheckpointSchedule schedule = NONE;

  private boolean goOn;

  private final TrainingListener listener =
      new TrainingListener() {
        @Override
        public void warning(String message) {
          warnings.add(message);
        }

        @Override
        public void checkpoint(Path path) {
          checkpoints.add(path);
        }
      };

  @BeforeEach
  void rowsOfFewDirections() {
    Random random = new Random(1);
    rows = memory.matrix(ROWS, D_IN);
    float[][] directions = new float[20][D_IN];
    for (float[] direction : directions) {
      for (int j = 0; j < D_IN; j++) {
        direction[j] = (float) random.nextGaussian();
      }
    }
    for (int b = 0; b < ROWS; b++) {
      float[] row = new float[D_IN];
      for (int t = 0; t < 3; t++) {
        float[] direction = directions[random.nextInt(20)];
        float weight = 1 + random.nextFloat();
        for (int j = 0; j < D_IN; j++) {
          row[j] += weight * direction[j] + 0.1f;
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

  private static TrainingConfig config(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", 40)
        .with("k", 3)
        .with("train_batch_size", 16)
        .with("gradient_accumulation", recipe == Recipe.SENTENCE_TRANSFORMERS ? 1 : 2)
        .with("steps", 30)
        .with("lr", 5e-3)
        .with("dead_feature_window", 4);
  }

  private TrainingRun run(String name, TrainingConfig config, CheckpointSchedule schedule)
      throws IOException {
    TrainingRun.Settings settings =
        new TrainingRun.Settings(
            new RunFolder(folder.resolve(name)), schedule, goOn, 5, Map.of(), Map.of());
    TrainingData data =
        TrainingData.of(
            new MatrixSource(rows, "rows"), Optional.empty(), config.data().evalFraction());
    return new TrainingRun(settings, config, data, device, listener);
  }

  private TrainingRun run(String name, TrainingConfig config) throws IOException {
    return run(name, config, schedule);
  }

  private void start(String name, TrainingConfig config) throws IOException {
    assertEquals(TrainingRun.Outcome.FINISHED, run(name, config).start(Optional.empty(), NEVER));
  }

  /** Stops a run after so many steps. */
  private void interrupt(String name, TrainingConfig config, int steps) throws IOException {
    int[] done = {0};
    assertEquals(
        TrainingRun.Outcome.STOPPED,
        run(name, config).start(Optional.empty(), () -> ++done[0] == steps));
  }

  private TrainingRun.Outcome resume(String name, TrainingConfig config) throws IOException {
    return run(name, config).resume(Optional.empty(), Optional.empty(), NEVER);
  }

  /** The weights of a finished run, whichever layout they have. */
  private byte[] weights(String name) throws IOException {
    Path trained = folder.resolve(name).resolve("final");
    try (Stream<Path> files = Files.list(trained)) {
      return Files.readAllBytes(
          files.filter(file -> file.toString().endsWith(".safetensors")).findFirst().orElseThrow());
    }
  }

  /** The log without times. */
  private List<Map<String, Object>> metrics(String name) throws IOException {
    List<Map<String, Object>> lines = new ArrayList<>();
    Path file = folder.resolve(name).resolve("metrics.jsonl");
    for (String line : Files.readAllLines(file)) {
      Map<String, Object> copy = new LinkedHashMap<>();
      ((Map<?, ?>) Json.parse(file, line.getBytes(StandardCharsets.UTF_8)))
          .forEach((key, value) -> copy.put((String) key, value));
      assertTrue((double) copy.remove("details/step_seconds") > 0);
      assertTrue((double) copy.remove("details/data_seconds") >= 0);
      lines.add(copy);
    }
    return lines;
  }

  @ParameterizedTest
  @EnumSource
  void anInterruptedRunEndsWithTheBitsOfAnUninterruptedOne(Recipe recipe) throws IOException {
    TrainingConfig config = config(recipe);
    start("whole", config);
    interrupt("parts", config, 9);
    assertEquals(TrainingRun.Outcome.FINISHED, resume("parts", config));
    assertArrayEquals(weights("whole"), weights("parts"));
    assertEquals(metrics("whole"), metrics("parts"));
  }

  /**
   * The threshold is part of the state, and what is left behind is a JumpReLU with it: on rows of
   * training its codes are about as many as a batch had.
   */
  @ParameterizedTest
  @CsvSource({
    "saelens,batchtopk", "saelens,matryoshka",
    "dictionary-learning,batchtopk", "dictionary-learning,matryoshka"
  })
  void whatABatchChoseIsServedByAThreshold(String recipe, String architecture) throws IOException {
    TrainingConfig config =
        TrainingConfig.fromMap(Map.of("recipe", recipe))
            .with("d_sae", 40)
            .with("k", 3)
            .with("train_batch_size", 32)
            .with("steps", 40)
            .with("lr", 5e-3)
            .with("topk_threshold_lr", 0.2)
            .with("threshold_start_step", 3)
            .with("architecture", architecture);
    start("whole", config);
    for (int after : new int[] {2, 9}) {
      interrupt("parts" + after, config, after);
      assertEquals(TrainingRun.Outcome.FINISHED, resume("parts" + after, config));
      assertArrayEquals(weights("whole"), weights("parts" + after));
      assertEquals(metrics("whole"), metrics("parts" + after));
    }
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("whole/final"), device)) {
      Threshold threshold = assertInstanceOf(Threshold.class, sae.config().activation());
      assertTrue(threshold.theta(0) > 0, threshold.toString());
      try (OffHeap scratch = new OffHeap()) {
        SparseCodes codes = scratch.codes(ROWS, 3);
        sae.encode(rows, codes);
        double l0 = (double) codes.size() / ROWS;
        assertTrue(l0 > 1.5 && l0 < 6, "L0 " + l0);
      }
    }
  }

  /**
   * SAEs with trained thresholds, penalised activity or gates: interrupted runs end with the bits
   * of whole ones, and what is saved is served and loaded as SAELens's layout.
   */
  @ParameterizedTest
  @CsvSource({
    "saelens,jumprelu,false",
    "saelens,jumprelu,true",
    "saelens,standard,false",
    "saelens,gated,false",
    "dictionary-learning,jumprelu,false",
    "dictionary-learning,standard,false",
    "dictionary-learning,standard,true",
    "dictionary-learning,gated,false"
  })
  void gatesAreSavedResumedAndServed(String recipe, String architecture, boolean other)
      throws IOException {
    TrainingConfig config =
        TrainingConfig.fromMap(
                Map.of(
                    "recipe",
                    recipe,
                    "architecture",
                    architecture,
                    other && architecture.equals("jumprelu") ? "log_threshold" : "april_update",
                    other))
            .with("d_sae", 40)
            .with("train_batch_size", 32)
            .with("steps", 20)
            .with("lr", 5e-3)
            .with("sparsity_coefficient", 0.3)
            .with("sparsity_warm_up_steps", 8)
            .with("jumprelu_bandwidth", 0.5)
            .with("normalize_activations", "expected_average_only_in");
    start("whole", config);
    for (int after : new int[] {2, 9}) {
      interrupt("parts" + after, config, after);
      assertEquals(TrainingRun.Outcome.FINISHED, resume("parts" + after, config));
      assertArrayEquals(weights("whole"), weights("parts" + after));
      assertEquals(metrics("whole"), metrics("parts" + after));
    }
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("whole/final"), device)) {
      Threshold threshold = assertInstanceOf(Threshold.class, sae.config().activation());
      assertEquals(architecture.equals("gated"), threshold.magnitude().isPresent());
      assertEquals(architecture.equals("jumprelu") ? 40 : 1, threshold.theta().length);
      assertEquals(
          config.sae().applyBDecToInput(), sae.config().applyBDecToInput(), "b_dec at the input");
      if (architecture.equals("jumprelu")) {
        double start = config.sparsity().initThreshold();
        long moved = 0;
        for (float theta : threshold.theta()) {
          moved += Math.abs(theta - start) > 1e-5 ? 1 : 0;
        }
        assertTrue(moved > 10, moved + " thresholds moved");
      }
      try (OffHeap scratch = new OffHeap()) {
        SparseCodes codes = scratch.codes(ROWS, 3);
        sae.encode(rows, codes);
        double l0 = (double) codes.size() / ROWS;
        assertTrue(l0 > 1 && l0 < 40, "L0 " + l0);
      }
    }
    // A run may begin with it: what its first step sees is what was saved.
    TrainingConfig more = config.with("steps", 1).with("lr", 0);
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("whole/final"), device)) {
      TrainingData again =
          TrainingData.of(
              new MatrixSource(rows, "rows"), Optional.empty(), more.data().evalFraction());
      try (Trainer trainer = Trainer.start(more, again, device, Optional.of(sae))) {
        Activation served = more.inferenceActivation(trainer.state());
        if (served instanceof Threshold threshold && threshold.magnitude().isPresent()) {
          Threshold saved = (Threshold) sae.config().activation();
          assertArrayEquals(
              saved.magnitude().get().bias(), threshold.magnitude().get().bias(), "b_mag");
          assertArrayEquals(
              saved.magnitude().get().gain(), threshold.magnitude().get().gain(), 1e-6f);
        } else if (!other) {
          assertEquals(sae.config().activation(), served);
        }
      }
    }
  }

  /** The k of a step follows from its number, whichever process runs it. */
  @ParameterizedTest
  @CsvSource({"dictionary-learning,batchtopk", "eleuther,topk"})
  void aRunIsResumedWhileItsKFalls(String recipe, String architecture) throws IOException {
    TrainingConfig config =
        TrainingConfig.fromMap(Map.of("recipe", recipe))
            .with("d_sae", 40)
            .with("k", 3)
            .with("train_batch_size", 32)
            .with("steps", 20)
            .with("lr", 5e-3)
            .with("k_anneal_steps", 9)
            .with("architecture", architecture);
    start("whole", config);
    for (int after : new int[] {4, 13}) {
      interrupt("parts" + after, config, after);
      assertEquals(TrainingRun.Outcome.FINISHED, resume("parts" + after, config));
      assertArrayEquals(weights("whole"), weights("parts" + after));
      assertEquals(metrics("whole"), metrics("parts" + after));
    }
  }

  /** There is no threshold yet to serve with. */
  @Test
  void aRunThatEndsBeforeTheThresholdIsEstimatedIsServedByTopK() throws IOException {
    TrainingConfig config =
        TrainingConfig.of(Recipe.DICTIONARY_LEARNING)
            .with("d_sae", 40)
            .with("k", 3)
            .with("train_batch_size", 32)
            .with("steps", 4)
            .with("architecture", "batchtopk");
    start("short", config);
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("short/final"), device)) {
      assertEquals(3, sae.config().activation().fixedLength().orElseThrow());
    }
    assertTrue(
        warnings.stream().anyMatch(warning -> warning.contains("threshold_start_step")),
        warnings.toString());
  }

  /** A device whose steps count how often they are asked for their state. */
  private Device counting(int[] synchronizations) {
    return (Device)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {Device.class},
            (proxy, method, args) -> {
              Object answer = method.invoke(device, args);
              return answer instanceof TrainingStep step
                  ? Proxy.newProxyInstance(
                      getClass().getClassLoader(),
                      new Class<?>[] {TrainingStep.class},
                      (ofStep, called, arguments) -> {
                        synchronizations[0] += called.getName().equals("synchronize") ? 1 : 0;
                        return called.invoke(step, arguments);
                      })
                  : answer;
            });
  }

  @Test
  void aDeviceIsAskedForItsStateOncePerCheckpoint() throws IOException {
    int[] synchronizations = {0};
    TrainingConfig config = config(Recipe.SAELENS);
    new TrainingRun(
            new TrainingRun.Settings(
                new RunFolder(folder.resolve("run")), EVERY_7, false, 5, Map.of(), Map.of()),
            config,
            TrainingData.of(
                new MatrixSource(rows, "rows"), Optional.empty(), config.data().evalFraction()),
            counting(synchronizations),
            listener)
        .start(Optional.empty(), NEVER);
    assertEquals(5, checkpoints.size());
    assertEquals(5, synchronizations[0], "the finished SAE is written with the last of them");
  }

  @Test
  void theFinishedSaeIsEvaluatedAsLoadedFromDisk() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    TrainingRun run = run("run", config);
    assertEquals(Optional.empty(), run.evaluation());
    run.start(Optional.empty(), NEVER);
    TrainingData data =
        TrainingData.of(
            new MatrixSource(rows, "rows"), Optional.empty(), config.data().evalFraction());
    Path file = new RunFolder(folder.resolve("run")).evaluation();
    try (SparseAutoencoder trained = SaeCheckpoint.load(folder.resolve("run/final"), device)) {
      Metrics expected = new Evaluator(trained).evaluate(data.heldOut().orElseThrow());
      assertEquals(expected.toMap(), run.evaluation().orElseThrow().toMap());
      assertEquals(Json.pretty(expected.toMap()), Json.pretty(SealedJson.read(file, 1 << 20)));
    }
    // As after a kill between the SAE and its evaluation.
    String before = Files.readString(file);
    Files.delete(file);
    assertEquals(TrainingRun.Outcome.FINISHED, resume("run", config));
    assertEquals(before, Files.readString(file));
  }

  @Test
  void aRunThatHoldsNothingOutIsNotEvaluated() throws IOException {
    TrainingRun run = run("run", config(Recipe.SAELENS).with("eval_fraction", 0));
    run.start(Optional.empty(), NEVER);
    assertEquals(Optional.empty(), run.evaluation());
    assertFalse(Files.exists(new RunFolder(folder.resolve("run")).evaluation()));
  }

  @Test
  void aRunGoesOnOnAnotherDeviceAndWithAnotherLog() throws IOException {
    TrainingConfig config = config(Recipe.ELEUTHER).with("multi_topk", true);
    start("whole", config);
    interrupt("parts", config, 9);
    DeviceOptions threads = new DeviceOptions(OptionalInt.of(3), OptionalInt.empty());
    try (Device other = Devices.open("cpu", threads)) {
      TrainingRun.Settings settings =
          new TrainingRun.Settings(
              new RunFolder(folder.resolve("parts")), EVERY_7, true, 1, Map.of(), Map.of());
      TrainingData data =
          TrainingData.of(
              new MatrixSource(rows, "elsewhere"), Optional.empty(), config.data().evalFraction());
      new TrainingRun(settings, config, data, other, listener)
          .resume(Optional.empty(), Optional.empty(), NEVER);
    }
    assertArrayEquals(weights("whole"), weights("parts"));
    List<Map<String, Object>> log = metrics("parts");
    assertEquals(metrics("whole").getLast(), log.getLast());
    assertEquals(
        List.of(5L, 10L, 11L), log.subList(0, 3).stream().map(m -> m.get("step")).toList());
  }

  @Test
  void aNormalisationFactorSurvivesInterruption() throws IOException {
    TrainingConfig config =
        config(Recipe.OPENAI).with("normalize_activations", "expected_average_only_in");
    start("whole", config);
    interrupt("parts", config, 11);
    resume("parts", config);
    assertArrayEquals(weights("whole"), weights("parts"));
  }

  @Test
  void anOlderCheckpointLeadsToTheSameEnd() throws IOException {
    start("whole", config(Recipe.SAELENS));
    schedule = EVERY_7;
    interrupt("parts", config(Recipe.SAELENS), 20);
    Path own = folder.resolve("parts/checkpoints/448"); // 14 steps of 32 rows
    run("parts", config(Recipe.SAELENS)).resume(Optional.of(own), Optional.empty(), NEVER);
    assertArrayEquals(weights("whole"), weights("parts"));
    assertEquals(metrics("whole"), metrics("parts")); // without the lines of steps 15 and 20 twice
  }

  @Test
  void withoutACheckpointARunIsResumedFromItsFirstStep() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    start("whole", config);
    interrupt("parts", config, 1);
    for (Path checkpoint : CheckpointStore.list(folder.resolve("parts"))) {
      Files.move(checkpoint, checkpoint.resolveSibling("lost"));
    }
    resume("parts", config);
    assertArrayEquals(weights("whole"), weights("parts"));
    assertEquals(metrics("whole"), metrics("parts"));
  }

  @Test
  void aDamagedCheckpointIsPassedOver() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    start("whole", config);
    schedule = EVERY_7;
    interrupt("parts", config, 16);
    List<Path> all = CheckpointStore.list(folder.resolve("parts"));
    Path file = all.getLast().resolve("trainer_state.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
    resume("parts", config);
    assertTrue(
        warnings.stream().anyMatch(w -> w.contains(all.getLast() + " skipped")),
        warnings::toString);
    assertArrayEquals(weights("whole"), weights("parts"));
  }

  @Test
  void aDamagedCheckpointThatIsGivenIsRefused() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    interrupt("parts", config, 9);
    Path given = CheckpointStore.list(folder.resolve("parts")).getLast();
    Path file = given.resolve("trainer_state.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
    Exception e =
        assertThrows(
            BadFileException.class,
            () -> run("parts", config).resume(Optional.of(given), Optional.empty(), NEVER));
    assertTrue(e.getMessage().startsWith(file + ": damaged"), e.getMessage());
  }

  /** Valid by its checksums, but not a state that a run could be in. */
  @ParameterizedTest
  @CsvSource({
    "'\"trainer_state_version\": 1', '\"trainer_state_version\": 2'",
    "'\"step\": 9', '\"step\": 8'",
    "'\"step\": 9', '\"step\": 31'",
    "'\"step\": 9', '\"step\": 9223372036854775807'",
    "'\"n_training_samples\": 288', '\"n_training_samples\": 287'",
    "'\"stream_position\": 288', '\"stream_position\": 289'"
  })
  void aStateThatDoesNotFitTheRunIsRefused(String was, String is) throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    interrupt("parts", config, 9);
    Path found = CheckpointStore.list(folder.resolve("parts")).getLast();
    AtomicFolder.write(
        found,
        fresh -> {
          for (String name :
              List.of("sae_weights.safetensors", "trainer_state.safetensors", "cfg.json")) {
            Files.copy(found.resolve(name), fresh.resolve(name));
          }
          String state = Files.readString(found.resolve("trainer_state.json"));
          assertTrue(state.contains(was), state);
          Files.writeString(fresh.resolve("trainer_state.json"), state.replace(was, is));
        });
    Exception e = assertThrows(BadFileException.class, () -> resume("parts", config));
    assertTrue(e.getMessage().startsWith(found.toString()), e.getMessage());
  }

  /** Before the first checkpoint it is all that exists of a run. */
  @Test
  void aDigitThatFlippedInTheRecordIsNoticed() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    interrupt("parts", config, 1);
    deleteTree(folder.resolve("parts/checkpoints"));
    Path record = folder.resolve("parts/config.json");
    String text = Files.readString(record);
    for (String[] change :
        new String[][] {{"\"seed\": 42", "\"seed\": 43"}, {"\"sha256\"", "\"sha257\""}}) {
      assertTrue(text.contains(change[0]), text);
      Files.writeString(record, text.replace(change[0], change[1]));
      Exception e = assertThrows(BadFileException.class, () -> resume("parts", config));
      assertTrue(e.getMessage().startsWith(record + ": "), e.getMessage());
      assertTrue(e.getMessage().contains("checksum"), e.getMessage());
    }
    Files.writeString(record, text);
    resume("parts", config);
  }

  @Test
  void anotherSaeInThePlaceOfTheOneTheRunStartedFromIsNoticed() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    start("first", config);
    start("second", config.with("seed", 43));
    try (SparseAutoencoder first = SaeCheckpoint.load(folder.resolve("first"), device);
        SparseAutoencoder second = SaeCheckpoint.load(folder.resolve("second"), device)) {
      int[] done = {0};
      run("tuned", config).start(Optional.of(first), () -> ++done[0] == 1);
      deleteTree(folder.resolve("tuned/checkpoints"));
      for (Optional<SparseAutoencoder> other :
          List.of(Optional.of(second), Optional.<SparseAutoencoder>empty())) {
        Exception e =
            assertThrows(
                ConfigException.class,
                () -> run("tuned", config).resume(Optional.empty(), other, NEVER));
        assertTrue(e.getMessage().startsWith("from_pretrained: "), e.getMessage());
      }
      run("tuned", config).resume(Optional.empty(), Optional.of(first), NEVER);
    }
  }

  @Test
  void aLogThatWasDamagedOrRemovedIsSaid() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    Path log = folder.resolve("parts/metrics.jsonl");
    interrupt("parts", config, 11);
    String text = Files.readString(log);
    int digit = text.indexOf("\"losses/overall_loss\":") + 24;
    Files.writeString(log, text.substring(0, digit) + "7" + text.substring(digit + 1));
    int[] done = {0};
    run("parts", config).resume(Optional.empty(), Optional.empty(), () -> ++done[0] == 2);
    String said = log + ": its lines up to step 11 are missing or were changed";
    assertTrue(warnings.stream().anyMatch(w -> w.startsWith(said)), warnings::toString);
    warnings.clear();
    Files.delete(log);
    resume("parts", config);
    assertTrue(
        warnings.getFirst().startsWith(log + ": its lines up to step 13"), warnings::toString);
    RunFolder run = new RunFolder(folder.resolve("parts"));
    assertEquals(List.of(), run.damage());
    Files.writeString(log, "x");
    assertEquals(List.of(log + " is missing or was changed since the run ended"), run.damage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"final", "checkpoints/32"})
  void aFolderThatHasLostItsRecordIsUsedAllTheSame(String left) throws IOException {
    interrupt("parts", config(Recipe.SAELENS), 1);
    start("whole", config(Recipe.SAELENS));
    Path other = folder.resolve("other").resolve(left);
    Files.createDirectories(other.getParent());
    Path from = folder.resolve(left.equals("final") ? "whole" : "parts").resolve(left);
    Files.move(from, other);
    Exception e = assertThrows(ConfigException.class, () -> start("other", config(Recipe.SAELENS)));
    assertTrue(e.getMessage().contains("holds a run already"), e.getMessage());
    Manifest.verify(other);
  }

  private static void deleteTree(Path tree) throws IOException {
    try (Stream<Path> files = Files.walk(tree)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @Test
  void aCheckpointThatWasMovedAwayFromItsRunIsNotResumed() throws IOException {
    interrupt("parts", config(Recipe.SAELENS), 9);
    Path found = CheckpointStore.list(folder.resolve("parts")).getLast();
    assertEquals(folder.resolve("parts"), RunFolder.of(found).path());
    Path moved = Files.move(found, folder.resolve("elsewhere"));
    Exception e = assertThrows(BadFileException.class, () -> RunFolder.of(moved));
    assertTrue(e.getMessage().contains("found it elsewhere"), e.getMessage());
  }

  @Test
  void twoRunsOfTheSameInputsAreTheSame() throws IOException {
    start("one", config(Recipe.DICTIONARY_LEARNING));
    start("two", config(Recipe.DICTIONARY_LEARNING));
    assertArrayEquals(weights("one"), weights("two"));
    start("three", config(Recipe.DICTIONARY_LEARNING).with("seed", 43));
    assertFalse(Arrays.equals(weights("one"), weights("three")));
  }

  @ParameterizedTest
  @EnumSource
  void aRunThatIsMadeLongerEndsWithTheBitsOfALongOne(Recipe recipe) throws IOException {
    TrainingConfig config =
        config(recipe).with("lr_scheduler", "constant").with("lr_warm_up_steps", 3);
    start("whole", config);
    start("parts", config.with("steps", 11));
    TrainingRun longer = run("parts", config);
    assertEquals(TrainingRun.Outcome.FINISHED, longer.extend(NEVER));
    assertArrayEquals(weights("whole"), weights("parts"));
    assertEquals(
        metrics("whole"),
        metrics("parts").stream().filter(m -> !m.get("step").equals(11L)).toList());
  }

  /** Each layout keeps elsewhere how many rows its SAE was trained on. */
  @ParameterizedTest
  @CsvSource({
    "cfg.json, dictionary-learning, gated, none",
    "sae_weights.safetensors, saelens, jumprelu, targets",
    "sae.safetensors, eleuther, topk, targets",
    "model.safetensors, sentence-transformers, topk, none",
    "model.safetensors, sentence-transformers, topk, positives"
  })
  void runsOfEveryLayoutAreMadeLonger(String file, String recipe, String architecture, String pairs)
      throws IOException {
    TrainingConfig config =
        TrainingConfig.fromMap(
            Map.of(
                "recipe", recipe,
                "architecture", architecture,
                "pairs", pairs,
                "d_sae", 40,
                "k", 3,
                "train_batch_size", 32,
                "steps", 12,
                "lr_scheduler", "constant",
                "lr_warm_up_steps", 3));
    Path parts = folder.resolve("parts");
    assertEquals(
        TrainingRun.Outcome.FINISHED, ofPairs("whole", config).start(Optional.empty(), NEVER));
    ofPairs("parts", config.with("steps", 5)).start(Optional.empty(), NEVER);
    assertTrue(Files.exists(parts.resolve("final").resolve(file)), file);
    assertFalse(new RunFolder(parts).extended());
    int[] done = {0};
    assertEquals(
        TrainingRun.Outcome.STOPPED, ofPairs("parts", config).extend(() -> ++done[0] == 2));
    assertTrue(new RunFolder(parts).extended());
    assertFalse(new RunFolder(parts).finished());
    assertEquals(
        TrainingRun.Outcome.FINISHED,
        ofPairs("parts", config).resume(Optional.empty(), Optional.empty(), NEVER));
    assertTrue(new RunFolder(parts).finished());
    assertArrayEquals(weights("whole"), weights("parts"));
  }

  /** A run on the rows, beside which the same rows stand in reverse. */
  private TrainingRun ofPairs(String name, TrainingConfig config) throws IOException {
    ActivationSource source = new MatrixSource(rows, "rows");
    if (config.sae().pairs() != Pairs.NONE) {
      Matrix others = memory.matrix(ROWS, D_IN);
      for (int b = 0; b < ROWS; b++) {
        others.rows(b, 1).copyFrom(rows.rows(ROWS - 1 - b, 1));
      }
      source = RowViews.pairs(source, new MatrixSource(others, "others"));
    }
    return new TrainingRun(
        new TrainingRun.Settings(
            new RunFolder(folder.resolve(name)), NONE, goOn, 5, Map.of(), Map.of()),
        config,
        TrainingData.of(source, Optional.empty(), config.data().evalFraction()),
        device,
        listener);
  }

  /** The last batch of the shorter run was short: the next begins after it, no row is left out. */
  @Test
  void aRunThatIsMadeLongerMayBeInterruptedAndMadeLongerAgain() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS);
    TrainingConfig first = config.with("training_samples", 100);
    TrainingConfig second = config.with("training_samples", 500);
    TrainingConfig third = config.with("training_samples", 777);
    start("whole", first);
    run("whole", second).extend(NEVER);
    run("whole", third).extend(NEVER);
    start("parts", first);
    schedule = EVERY_7;
    for (TrainingConfig longer : List.of(second, third)) {
      // Stopped at once, before there is a checkpoint of the longer run, and a little later.
      RunFolder parts = new RunFolder(folder.resolve("parts"));
      int[] done = {0};
      TrainingRun run = run("parts", longer);
      assertThrows(
          IllegalStateException.class,
          () ->
              run.extend(
                  () -> {
                    throw new IllegalStateException("killed");
                  }));
      assertFalse(parts.finished());
      Exception e = assertThrows(ConfigException.class, () -> run.extend(NEVER));
      assertTrue(e.getMessage().contains("is not finished"), e.getMessage());
      assertEquals(
          TrainingRun.Outcome.STOPPED,
          run.resume(Optional.empty(), Optional.empty(), () -> ++done[0] == 3));
      assertEquals(TrainingRun.Outcome.FINISHED, resume("parts", longer));
      assertTrue(parts.finished());
    }
    assertArrayEquals(weights("whole"), weights("parts"));
    assertEquals(metrics("whole"), metrics("parts"));
    Map<String, Object> last = metrics("parts").getLast();
    assertEquals(777L, last.get("details/n_training_samples"));
    // 100 rows in 4 steps, 400 in 13, 277 in 9
    assertEquals(26L, last.get("step"));
    Path early = CheckpointStore.list(folder.resolve("parts")).getFirst();
    assertTrue(Long.parseLong(early.getFileName().toString()) > 500, early::toString);
  }

  @Test
  void aCheckpointFromBeforeARunWasMadeLongerIsNotResumed() throws IOException {
    schedule = new CheckpointSchedule(7, 0, 0, 99);
    TrainingConfig config = config(Recipe.SAELENS);
    start("parts", config);
    Path early = CheckpointStore.list(folder.resolve("parts")).getFirst();
    int[] done = {0};
    run("parts", config.with("steps", 60)).extend(() -> ++done[0] == 3);
    Exception e =
        assertThrows(
            ConfigException.class,
            () ->
                run("parts", config.with("steps", 60))
                    .resume(Optional.of(early), Optional.empty(), NEVER));
    assertTrue(e.getMessage().contains("from before the run was extended"), e.getMessage());
  }

  @Test
  void withoutTheStateOfItsLastStepARunIsNotMadeLonger() throws IOException {
    start("parts", config(Recipe.SAELENS));
    Path last = CheckpointStore.list(folder.resolve("parts")).getLast();
    Files.move(last, folder.resolve("lost"));
    Exception e =
        assertThrows(
            BadFileException.class,
            () -> run("parts", config(Recipe.SAELENS).with("steps", 60)).extend(NEVER));
    assertTrue(e.getMessage().contains("the state of the last step is missing"), e.getMessage());
  }

  @Test
  void anotherConfigurationIsRefusedAndNamed() throws IOException {
    interrupt("parts", config(Recipe.SAELENS), 9);
    Exception e =
        assertThrows(
            ConfigException.class,
            () -> resume("parts", config(Recipe.SAELENS).with("lr", 1e-3).with("k", 4)));
    assertTrue(e.getMessage().contains("lr was 0.005, is now 0.001"), e.getMessage());
    assertTrue(e.getMessage().contains("k was 3, is now 4"), e.getMessage());
  }

  @Test
  void otherDataAreRefused() throws IOException {
    interrupt("parts", config(Recipe.SAELENS), 9);
    rows.set(0, 0, 99f);
    Exception e =
        assertThrows(BadFileException.class, () -> resume("parts", config(Recipe.SAELENS)));
    assertTrue(e.getMessage().contains("sampled rows hold other values"), e.getMessage());
  }

  @Test
  void aFinishedRunHasNothingLeftToDo() throws IOException {
    start("whole", config(Recipe.SAELENS));
    byte[] before = weights("whole");
    assertTrue(new RunFolder(folder.resolve("whole")).finished());
    assertEquals(TrainingRun.Outcome.FINISHED, resume("whole", config(Recipe.SAELENS)));
    assertArrayEquals(before, weights("whole"));
  }

  @Test
  void aFolderWithARunIsNotWrittenOver() throws IOException {
    interrupt("parts", config(Recipe.SAELENS), 3);
    Exception e = assertThrows(ConfigException.class, () -> start("parts", config(Recipe.SAELENS)));
    assertTrue(e.getMessage().contains("holds a run already"), e.getMessage());
  }

  @Test
  void twoWritersCannotShareAFolder() throws IOException {
    try (CheckpointStore other = CheckpointStore.open(folder.resolve("busy"))) {
      Exception e = assertThrows(IOException.class, () -> start("busy", config(Recipe.SAELENS)));
      assertTrue(e.getMessage().contains("already writing to this run"), e.getMessage());
      assertEquals(folder.resolve("busy"), other.run());
    }
  }

  @Test
  void onlySoManyCheckpointsAreKept() throws IOException {
    schedule = EVERY_7;
    start("whole", config(Recipe.SAELENS));
    assertEquals(5, checkpoints.size(), "after steps 7, 14, 21, 28 and 30");
    assertEquals(checkpoints.subList(3, 5), CheckpointStore.list(folder.resolve("whole")));
  }

  @Test
  void aCheckpointThatCannotBeWrittenEndsTheRun() throws IOException {
    schedule = EVERY_7;
    TrainingRun run = run("whole", config(Recipe.SAELENS));
    Exception e =
        assertThrows(
            IOException.class, () -> run.start(Optional.empty(), fileInPlaceOfCheckpoints()));
    assertTrue(e.getMessage().startsWith("cannot write checkpoint"), e.getMessage());
  }

  @Test
  void orIsAWarningWhereThatIsAskedFor() throws IOException {
    schedule = EVERY_7;
    goOn = true;
    run("whole", config(Recipe.SAELENS)).start(Optional.empty(), fileInPlaceOfCheckpoints());
    assertEquals(5, warnings.stream().filter(w -> w.startsWith("cannot write")).count());
    assertTrue(new RunFolder(folder.resolve("whole")).finished());
  }

  /** Puts a file where the checkpoints should go while the run {@code whole} is in progress. */
  private BooleanSupplier fileInPlaceOfCheckpoints() {
    return () -> {
      try {
        Path file = folder.resolve("whole/checkpoints");
        if (!Files.exists(file)) {
          Files.createFile(file);
        }
        return false;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  @Test
  void divergenceStopsTheRunAndNamesTheLastCheckpoint() throws IOException {
    // The first step leaves finite weights of some 1e18; products of them overflow.
    TrainingConfig config = config(Recipe.SAELENS).with("lr", 1e20).with("lr_warm_up_steps", 30);
    schedule = new CheckpointSchedule(1, 0, 0, 1);
    Exception e = assertThrows(DivergenceException.class, () -> start("whole", config));
    Path last = CheckpointStore.list(folder.resolve("whole")).getLast();
    assertTrue(e.getMessage().matches("(after )?step \\d+: .*"), e.getMessage());
    assertTrue(e.getMessage().endsWith("; the last checkpoint is " + last), e.getMessage());
    assertFalse(new RunFolder(folder.resolve("whole")).finished());
  }

  /** The step's own loss is sound: it is the update that makes the weights infinite. */
  @ParameterizedTest
  @CsvSource({"1, final", "30, checkpoints"})
  void weightsThatAreNotFiniteAreNeverWritten(int steps, String written) throws IOException {
    schedule = new CheckpointSchedule(1, 0, 0, 1);
    TrainingConfig config = config(Recipe.SAELENS).with("lr", 1e38).with("steps", steps);
    Exception e = assertThrows(DivergenceException.class, () -> start("whole", config));
    assertTrue(
        e.getMessage().matches("after step 1: W_enc of latent \\d+ is .*; there is no checkpoint"),
        e.getMessage());
    assertFalse(Files.exists(folder.resolve("whole").resolve(written)));
  }

  @Test
  void aRowThatIsNotANumberIsNamed() throws IOException {
    rows.set(77, 5, Float.NEGATIVE_INFINITY);
    for (Recipe recipe : Recipe.values()) {
      TrainingConfig config = config(recipe).with("steps", 100).with("eval_fraction", 0);
      Exception e = assertThrows(BadFileException.class, () -> start(recipe.toString(), config));
      assertTrue(
          e.getMessage()
              .startsWith("rows: row 77 holds -Infinity at column 5, expected a number; --on-bad"),
          e.getMessage());
    }
  }

  @Test
  void aMeanFarLargerThanTheSpreadIsWarnedOf() throws IOException {
    start("near", config(Recipe.SAELENS));
    assertEquals(List.of(), warnings.stream().filter(w -> w.contains("mean")).toList());
    for (int b = 0; b < ROWS; b++) {
      rows.set(b, 7, 1000f);
    }
    start("far", config(Recipe.SAELENS));
    String warning =
        warnings.stream().filter(w -> w.contains("rows' mean is")).findFirst().orElseThrow();
    assertTrue(warning.startsWith("b_dec_init_method: "), warning);
    assertTrue(warning.contains("100% of that column 7 alone"), warning);
    assertTrue(warning.contains("--b-dec-init-method geometric_median (or mean)"), warning);
    warnings.clear();
    TrainingConfig centred = config(Recipe.SAELENS).with("b_dec_init_method", "mean");
    start("centred", centred);
    assertEquals(List.of(), warnings.stream().filter(w -> w.contains("mean")).toList());
    // The option helps, as the warning says.
    assertTrue(fvu("far") > 10 * fvu("centred"), fvu("far") + " and " + fvu("centred"));
  }

  @Test
  void aFoldedFactorReconstructsRawRows() throws IOException {
    TrainingConfig config =
        config(Recipe.SAELENS)
            .with("normalize_activations", "expected_average_only_in")
            .with("b_dec_init_method", "mean")
            .with("steps", 400);
    start("scaled", config);
    start("plain", config.with("normalize_activations", "none"));
    double scaled = fvu("scaled");
    double plain = fvu("plain");
    // The two runs differ in scale only: neither is far better than the other.
    assertTrue(scaled < 0.5 && plain < 0.5, scaled + " and " + plain);
  }

  private double fvu(String name) throws IOException {
    try (SparseAutoencoder sae =
        SaeCheckpoint.load(folder.resolve(name).resolve("final"), device)) {
      Matrix out = memory.matrix(ROWS, D_IN);
      sae.reconstruct(rows, out);
      double[] mean = Centers.mean(rows);
      double error = 0;
      double variance = 0;
      for (int b = 0; b < ROWS; b++) {
        for (int j = 0; j < D_IN; j++) {
          error += Math.pow(out.get(b, j) - rows.get(b, j), 2);
          variance += Math.pow(rows.get(b, j) - mean[j], 2);
        }
      }
      return error / variance;
    }
  }

  @Test
  void fineTuningStartsWhereTheSaeStands() throws IOException {
    TrainingConfig config = config(Recipe.SAELENS).with("steps", 200);
    start("first", config);
    double before = fvu("first");
    for (String normalization : List.of("none", "expected_average_only_in")) {
      try (SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("first"), device)) {
        TrainingConfig gentle =
            config.with("steps", 1).with("lr", 1e-9).with("normalize_activations", normalization);
        run(normalization, gentle).start(Optional.of(sae), NEVER);
      }
      assertEquals(before, fvu(normalization), 1e-4 * before);
    }
  }

  @Test
  void fineTuningRefusesAnSaeOfAnotherShape() throws IOException {
    start("first", config(Recipe.SAELENS));
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("first"), device)) {
      Exception e =
          assertThrows(
              ConfigException.class,
              () ->
                  run("second", config(Recipe.SAELENS).with("d_sae", 41))
                      .start(Optional.of(sae), NEVER));
      assertEquals("d_sae: expected 40 as in the SAE to start from, got 41", e.getMessage());
    }
  }

  @Test
  void linesOfMetricsHaveTheNamesOfSaeLens() throws IOException {
    start("whole", config(Recipe.SAELENS));
    Map<String, Object> last = metrics("whole").getLast();
    assertEquals(30L, last.get("step"));
    assertEquals(960L, last.get("details/n_training_samples"));
    for (String name :
        List.of(
            "losses/overall_loss",
            "losses/mse_loss",
            "losses/auxiliary_reconstruction_loss",
            "metrics/explained_variance",
            "metrics/explained_variance_legacy",
            "metrics/fvu",
            "metrics/l0",
            "details/current_learning_rate")) {
      assertTrue(last.get(name) instanceof Double, name);
    }
    assertTrue(last.get("sparsity/dead_features") instanceof Long);
  }

  @Test
  void aRunShorterThanTheDeadWindowIsWarnedOf() throws IOException {
    start("whole", config(Recipe.SAELENS).with("dead_feature_window", 1000));
    assertTrue(warnings.getFirst().contains("1000 steps, the run has 30"), warnings::toString);
  }
}
