package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.SweepAxis;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.health.Warning;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.Unwhitening;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainedGate.Gated;
import io.github.sae4j.step.TrainedGate.JumpRelu;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.Whitening;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code normalize_activations covariance_whitening}, folded into the SAE. */
class WhiteningTest {
  private static final int STEPS = 20;
  private static final int ROWS = 300;
  private static final String NORM = "normalize_activations";

  /** Folding is in f32: of what the largest element of a result is, at most this is lost. */
  private static final double BOUND = 2e-5;

  @TempDir private Path folder;
  private final Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
  private final SmallData small = new SmallData(ROWS);

  @BeforeEach
  void moveAndStretch() {
    // A mean, and columns of very different sizes: what whitening is for.
    for (int b = 0; b < ROWS; b++) {
      for (int j = 0; j < SmallData.WIDTH; j++) {
        small.rows.set(b, j, (float) (5 - j + small.rows.get(b, j) * Math.pow(1.5, -j)));
      }
    }
  }

  @AfterEach
  void free() {
    device.close();
    small.close();
  }

  private static Recipe recipe(String name) {
    return Recipe.valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_'));
  }

  private TrainingConfig config(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", 40)
        .with("k", 3)
        .with("train_batch_size", 16)
        .with("steps", STEPS)
        .with("lr", 5e-3)
        .with("eval_fraction", 0.1)
        .with("dead_feature_window", 4)
        .with(NORM, "covariance_whitening");
  }

  private TrainingConfig config() {
    return config(Recipe.SAELENS);
  }

  private TrainingRun run(String name, TrainingConfig config) {
    try {
      return run(name, config, small.data(0.1), BatchSupply.OWN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private TrainingRun run(
      String name, TrainingConfig config, TrainingData data, BatchSupply batches) {
    return new TrainingRun(
        new TrainingRun.Settings(
            new RunFolder(folder.resolve(name)),
            new CheckpointSchedule(5, 0, 0, 2),
            false,
            5,
            Map.of(),
            Map.of()),
        config,
        data,
        device,
        TrainingListener.NONE,
        batches);
  }

  private byte[] file(String name) throws IOException {
    return Files.readAllBytes(folder.resolve(name));
  }

  private void assertSameEnd(String expected, String got) throws IOException {
    for (String file :
        List.of(
            "final/sae_weights.safetensors",
            "checkpoints/" + STEPS * 16 + "/trainer_state.safetensors",
            "checkpoints/" + STEPS * 16 + "/activation_whitening.safetensors",
            "evaluation.json")) {
      assertArrayEquals(file(expected + "/" + file), file(got + "/" + file), file);
    }
  }

  @Test
  void theStepSeesRowsOfUnitCovariance() throws IOException {
    TrainingData data = small.data(0);
    TrainingConfig little = config().with("whitening_epsilon", 1e-9);
    try (Trainer trainer = Trainer.start(little, data, device, Optional.empty());
        OffHeap memory = device.openMemory()) {
      Whitening map = trainer.measured().whitening().orElseThrow();
      Matrix z = map.on(device, memory, ROWS).apply(small.rows);
      for (int i = 0; i < SmallData.WIDTH; i++) {
        double mean = 0;
        for (int b = 0; b < ROWS; b++) {
          mean += z.get(b, i) / (double) ROWS;
        }
        assertEquals(0, mean, 1e-5);
        for (int j = 0; j <= i; j++) {
          double sum = 0;
          for (int b = 0; b < ROWS; b++) {
            sum += (double) z.get(b, i) * z.get(b, j) / (ROWS - 1);
          }
          assertEquals(i == j ? 1 : 0, sum, 1e-4, i + ", " + j);
        }
      }
    }
  }

  /** Pre-activations of raw rows, and reconstructions of any code, in double from both weights. */
  @ParameterizedTest(name = "{0} {1}")
  @CsvSource({
    "saelens, topk",
    "saelens, batchtopk",
    "saelens, matryoshka",
    "saelens, jumprelu",
    "saelens, standard",
    "saelens, gated",
    "saelens-pr370, topk",
    "eleuther, topk",
    "openai, topk",
    "dictionary-learning, topk",
    "dictionary-learning, jumprelu",
    "dictionary-learning, gated",
  })
  void theFoldedSaeIsTheTrainedOneBehindTheMap(String recipe, String architecture)
      throws IOException {
    TrainingConfig config = config(recipe(recipe)).with("architecture", architecture);
    run("run", config).start(Optional.empty(), () -> false);
    try (Trainer trainer =
            Trainer.start(
                config.resolved(SmallData.WIDTH), small.data(0.1), device, Optional.empty());
        SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("run/final"), device);
        OffHeap memory = device.openMemory()) {
      while (!trainer.done()) {
        trainer.step(false);
      }
      Whitening map = trainer.measured().whitening().orElseThrow();
      Matrix z = map.on(device, memory, ROWS).apply(small.rows);
      try (SaeWeights whitened = copy(trainer.weights())) {
        Folding.of(whitened.wDec(), 1f, config.sae().rescaleActsByDecoderNorm()).apply(whitened);
        boolean subtracts = config.sae().applyBDecToInput();
        assertEquals(subtracts, sae.config().applyBDecToInput());
        assertClose(
            activations(whitened, z, subtracts), activations(sae.weights(), small.rows, subtracts));
        expectGateAsTrained(trainer.served(), sae.config().activation());
        double[][] codes = codes();
        double[][] expected = decoded(whitened, codes);
        float[] row = new float[SmallData.WIDTH];
        for (double[] out : expected) {
          for (int j = 0; j < row.length; j++) {
            row[j] = (float) out[j];
          }
          float[] back = map.back(row);
          for (int j = 0; j < row.length; j++) {
            out[j] = back[j];
          }
        }
        assertClose(expected, decoded(sae.weights(), codes));
      }
    }
  }

  /** Pre-activations are those of whitened rows, so what they are compared with is as it was. */
  private static void expectGateAsTrained(TrainingState state, Activation activation) {
    Set<String> names =
        state.tensors().stream().map(TrainingState.Named::name).collect(Collectors.toSet());
    if (names.contains(JumpRelu.THRESHOLD)) {
      Matrix thresholds = state.parameter(JumpRelu.THRESHOLD).value();
      for (int i = 0; i < thresholds.cols(); i++) {
        assertEquals(thresholds.get(0, i), ((Threshold) activation).theta(i));
      }
    }
    if (names.contains(Gated.R_MAG)) {
      Threshold.Magnitude magnitude = ((Threshold) activation).magnitude().orElseThrow();
      Matrix gain = state.parameter(Gated.R_MAG).value();
      Matrix bias = state.parameter(Gated.B_MAG).value();
      for (int i = 0; i < gain.cols(); i++) {
        assertEquals((float) StrictMath.exp(gain.get(0, i)), magnitude.gain()[i]);
        assertEquals(bias.get(0, i), magnitude.bias()[i]);
      }
    }
  }

  private SaeWeights copy(SaeWeights weights) {
    SaeWeights copy = SaeWeights.allocate(device, weights.dIn(), weights.dSae());
    copy.wEnc().copyFrom(weights.wEnc());
    copy.wDec().copyFrom(weights.wDec());
    copy.bEnc().copyFrom(weights.bEnc());
    copy.bDec().copyFrom(weights.bDec());
    return copy;
  }

  private static double[][] activations(SaeWeights weights, Matrix rows, boolean subtracts) {
    double[][] all = new double[rows.rows()][weights.dSae()];
    float[] w = new float[weights.dIn()];
    for (int i = 0; i < weights.dSae(); i++) {
      weights.readEncoder(i, 1, w, 0);
      for (int b = 0; b < rows.rows(); b++) {
        double sum = weights.bEnc().get(0, i);
        for (int j = 0; j < w.length; j++) {
          sum += w[j] * (rows.get(b, j) - (subtracts ? (double) weights.bDec().get(0, j) : 0));
        }
        all[b][i] = sum;
      }
    }
    return all;
  }

  private static double[][] codes() {
    Random random = new Random(4);
    return IntStream.range(0, 20)
        .mapToObj(b -> random.doubles(40, 0, 2).toArray())
        .toArray(double[][]::new);
  }

  private static double[][] decoded(SaeWeights weights, double[][] codes) {
    double[][] all = new double[codes.length][weights.dOut()];
    for (int b = 0; b < codes.length; b++) {
      for (int j = 0; j < weights.dOut(); j++) {
        all[b][j] = weights.bDec().get(0, j);
        for (int i = 0; i < weights.dSae(); i++) {
          all[b][j] += codes[b][i] * weights.wDec().get(i, j);
        }
      }
    }
    return all;
  }

  private static void assertClose(double[][] expected, double[][] got) {
    double largest = 0;
    double error = 0;
    for (int b = 0; b < expected.length; b++) {
      for (int i = 0; i < expected[b].length; i++) {
        largest = Math.max(largest, Math.abs(expected[b][i]));
        error = Math.max(error, Math.abs(expected[b][i] - got[b][i]));
      }
    }
    assertTrue(largest > 0.1, "something to compare");
    assertTrue(error <= BOUND * largest, error / largest + " of the largest");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 7})
  void anInterruptedRunEndsWithTheSameBits(int stopAt) throws IOException {
    run("whole", config()).start(Optional.empty(), () -> false);
    int[] steps = {0};
    run("parts", config()).start(Optional.empty(), () -> ++steps[0] == stopAt);
    run("parts", config()).resume(Optional.empty(), Optional.empty(), () -> false);
    assertSameEnd("whole", "parts");
  }

  /** The map has the same bits if it is measured again: what shows is that rows are read for it. */
  @Test
  void aResumedRunReadsTheMapInsteadOfMeasuringIt() throws IOException {
    for (String step : List.of("whole", "resumed", "extended")) {
      int[] steps = {0};
      TrainingConfig config = step.equals("extended") ? config().with("steps", 12) : config();
      run(step, config).start(Optional.empty(), () -> step.equals("resumed") && ++steps[0] == 7);
      assertEquals(2 * 270, small.readInRanges.getAndSet(0), "mean and covariance");
    }
    run("resumed", config()).resume(Optional.empty(), Optional.empty(), () -> false);
    run("extended", config()).extend(() -> false);
    assertEquals(0, small.readInRanges.get());
    assertSameEnd("whole", "resumed");
    assertSameEnd("whole", "extended");
  }

  /** The memory of a sweep is planned with one map. */
  @Test
  void runsOfAResumedSweepShareTheMapThatTheyRead() throws IOException {
    List<String> names = List.of("a", "b");
    for (String name : names) {
      int[] steps = {0};
      run(name, config()).start(Optional.empty(), () -> ++steps[0] == 5);
    }
    List<Whitening> maps = new ArrayList<>();
    TrainingData data = small.data(0.1);
    try (OffHeap memory = device.openMemory();
        SharedBatches batches = new SharedBatches(memory, folder)) {
      for (String name : names) {
        TrainingRun run = run(name, config(), data, batches);
        try (CheckpointStore store = run.openAgain();
            ActiveRun active = run.again(store, Optional.empty(), Optional.empty()).orElseThrow()) {
          maps.add(active.measured().whitening().orElseThrow());
        }
      }
    }
    assertSame(maps.get(0), maps.get(1));
  }

  @Test
  void mapsAreComparedInAllElements() {
    Whitening first = map(1);
    Whitening same = map(1);
    assertTrue(first.sameAs(same) && same.sameAs(first));
    for (Whitening other : List.of(map(2), inverted(3))) {
      assertFalse(first.sameAs(other) || other.sameAs(first));
    }
  }

  private static Whitening map(float factor) {
    return new Whitening(
        new float[] {1, 2},
        new float[][] {{factor, 0}, {0, 1}},
        new float[][] {{1 / factor, 0}, {0, 1}});
  }

  private static Whitening inverted(float mean) {
    return new Whitening(
        new float[] {mean, 2}, new float[][] {{1, 0}, {0, 1}}, new float[][] {{1, 0}, {0, 1}});
  }

  /** Rows as small as those of embeddings of norm 1: 0.001 is more than most of their variances. */
  @Test
  void anEpsilonThatSwallowsTheVariancesIsSaidWithOneThatHelps() throws IOException {
    for (int b = 0; b < ROWS; b++) {
      for (int j = 0; j < SmallData.WIDTH; j++) {
        small.rows.set(b, j, small.rows.get(b, j) / 300);
      }
    }
    run("run", config()).start(Optional.empty(), () -> false);
    Warning warning =
        RunHealth.read(folder.resolve("run/warnings.jsonl")).stream()
            .filter(each -> each.kind().equals("whitening_epsilon"))
            .findFirst()
            .orElseThrow();
    Matcher advice =
        Pattern.compile("--whitening-epsilon (\\S+) gives them 0.9").matcher(warning.advice());
    assertTrue(advice.matches(), warning::advice);
    double before = whitened("run");
    assertTrue(before < 0.5, "whitened to " + before);
    assertTrue(
        warning.message().contains(String.format(Locale.ROOT, "%.2f on average", before)),
        warning::message);
    double epsilon = Double.parseDouble(advice.group(1));
    run("helped", config().with("whitening_epsilon", epsilon)).start(Optional.empty(), () -> false);
    assertEquals(0.9, whitened("helped"), 0.02);
    assertTrue(whitened("helped") >= 0.9);
    assertTrue(
        RunHealth.read(folder.resolve("helped/warnings.jsonl")).stream()
            .noneMatch(each -> each.kind().equals("whitening_epsilon")));
  }

  private double whitened(String run) throws IOException {
    Map<?, ?> recorded =
        (Map<?, ?>) new RunFolder(folder.resolve(run)).readConfig().get("whitened");
    return (double) recorded.get("mean_variance_along_them");
  }

  /** What is refused is found without reading rows, and leaves nothing behind. */
  @Test
  void aRunThatCannotStartLeavesNoFolder() {
    TrainingRun run =
        run(
            "run",
            config()
                .with("lr_scheduler", "cosineannealingwarmrestarts")
                .with("n_restart_cycles", 40));
    assertThrows(ConfigException.class, () -> run.expectStartable(Optional.empty()));
    assertThrows(ConfigException.class, () -> run.start(Optional.empty(), () -> false));
    assertFalse(Files.exists(folder.resolve("run")));
    assertEquals(0, small.readInRanges.get());
  }

  @Test
  void anExtendedRunEndsWithTheBitsOfALongerOne() throws IOException {
    run("whole", config()).start(Optional.empty(), () -> false);
    run("longer", config().with("steps", 12)).start(Optional.empty(), () -> false);
    run("longer", config()).extend(() -> false);
    assertSameEnd("whole", "longer");
  }

  @Test
  void aCheckpointWithoutItsMapIsDamaged() throws IOException {
    int[] steps = {0};
    run("run", config()).start(Optional.empty(), () -> ++steps[0] == 7);
    Path checkpoint = folder.resolve("run/checkpoints/112");
    Files.delete(checkpoint.resolve("activation_whitening.safetensors"));
    assertThrows(
        BadFileException.class,
        () -> run("run", config()).resume(Optional.of(checkpoint), Optional.empty(), () -> false));
  }

  @Test
  void runsOfASweepHaveTheBitsThatTheyHaveAlone() throws IOException {
    Map<String, Object> given = new LinkedHashMap<>();
    Map<String, Object> all = config().toMap();
    for (String option :
        List.of("d_sae", "train_batch_size", "steps", "lr", "eval_fraction", NORM)) {
      given.put(option, all.get(option));
    }
    TrainingRun.Settings settings =
        new TrainingRun.Settings(
            new RunFolder(folder.resolve("sweep")),
            new CheckpointSchedule(5, 0, 0, 2),
            false,
            5,
            Map.of(),
            Map.of());
    Sweep sweep =
        new Sweep(
            settings,
            List.of(SweepAxis.parse("k=2,3")),
            given,
            small.data(0.1),
            device,
            member -> TrainingListener.NONE);
    long before = small.read.get();
    sweep.start(() -> false);
    long together = small.read.get() - before;
    for (Sweep.Member member : sweep.members()) {
      run("alone/" + member.name(), member.config()).start(Optional.empty(), () -> false);
      assertSameEnd("alone/" + member.name(), "sweep/" + member.name());
    }
    assertTrue(small.read.get() - before - together > 1.5 * together, "measured and read once");
  }

  /** The run's own evaluation is of raw rows and what the SAE makes of them. */
  @Test
  void heldOutRowsAreEvaluatedAsTheyAre() throws IOException {
    run("run", config()).start(Optional.empty(), () -> false);
    Matrix rows;
    try (OffHeap memory = device.openMemory();
        SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("run/final"), device)) {
      int count = (int) small.data(0.1).heldOut().orElseThrow().rows();
      rows = memory.matrix(count, SmallData.WIDTH);
      small.data(0.1).heldOut().orElseThrow().readRange(0, count, rows);
      Matrix out = memory.matrix(count, SmallData.WIDTH);
      sae.reconstruct(rows, out);
      double error = 0;
      double spread = 0;
      for (int j = 0; j < SmallData.WIDTH; j++) {
        double mean = 0;
        for (int b = 0; b < count; b++) {
          mean += rows.get(b, j) / (double) count;
        }
        for (int b = 0; b < count; b++) {
          error += Math.pow(rows.get(b, j) - out.get(b, j), 2);
          spread += Math.pow(rows.get(b, j) - mean, 2);
        }
      }
      assertTrue(error / spread < 0.9, "FVU " + error / spread);
      assertEquals(
          error / spread,
          JsonObject.read(folder.resolve("run/evaluation.json")).number("fvu"),
          1e-5);
    }
  }

  @Test
  void aPretrainedSaeIsRefusedBeforeAnythingIsMeasured() throws IOException {
    run("run", config().with(NORM, "none")).start(Optional.empty(), () -> false);
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder.resolve("run/final"), device)) {
      small.rows.set(1, 0, Float.NaN); // measuring would find it
      TrainingData data = small.data(0.1);
      ConfigException refused =
          assertThrows(
              ConfigException.class, () -> Trainer.start(config(), data, device, Optional.of(sae)));
      assertTrue(refused.getMessage().contains("from_pretrained"), refused::getMessage);
    }
  }

  @ParameterizedTest(name = "{0} {1}={2}")
  @CsvSource({
    "eleuther, pairs, targets, normalize_activations",
    "sentence-transformers, k, 3, normalize_activations",
    "saelens, whitening_epsilon, 0, whitening_epsilon",
    "saelens, whitening_epsilon, 1e-80, whitening_epsilon",
    "saelens, whitening_epsilon, 1e40, whitening_epsilon",
  })
  void whatCannotBeWhitenedIsRefused(String recipe, String option, String value, String named) {
    ConfigException refused =
        assertThrows(ConfigException.class, () -> config(recipe(recipe)).with(option, value));
    assertTrue(refused.getMessage().contains(named), refused::getMessage);
  }

  @Test
  void aGatedSaeNeedsTheMeanInItsInput() {
    TrainingConfig gated = config().with("architecture", "gated");
    assertThrows(ConfigException.class, () -> gated.with("apply_b_dec_to_input", false));
    assertFalse(
        gated.with(NORM, "none").with("apply_b_dec_to_input", false).sae().applyBDecToInput());
  }

  /** What {@code --dry-run} shows is what is allocated. */
  @Test
  void thePlanCountsTheMapAndTheFoldedWeights() throws IOException {
    TrainingConfig config = config().resolved(SmallData.WIDTH);
    long native0 = 0;
    for (MemoryPlan.Part part : MemoryPlan.ofWhitening(spec(config))) {
      native0 += part.onHeap() ? 0 : part.bytes();
    }
    try (Trainer trainer = Trainer.start(config, small.data(0.1), device, Optional.empty());
        OffHeap memory = device.openMemory()) {
      Whitening map = trainer.measured().whitening().orElseThrow();
      map.on(device, memory, 16);
      long d = SmallData.WIDTH;
      long expected = 4 * d * d + 2 * 16 * 4 * d;
      assertTrue(memory.bytes() >= expected && expected + 8 * 40 * d <= native0);
      try (SaeWeights folded =
          Unwhitening.of(
              device,
              trainer.weights(),
              Folding.of(trainer.weights().wDec(), 1f, true),
              map,
              true)) {
        assertEquals(40, folded.dSae());
      }
    }
  }

  private static StepSpec spec(TrainingConfig config) {
    return config.stepSpec(SmallData.WIDTH, SmallData.WIDTH, OptionalDouble.of(1));
  }
}
