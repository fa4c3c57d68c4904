package io.github.sae4j.tornado.step;

import static io.github.sae4j.tornado.Bits.assertSame;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.Term;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.parity.ParityCheck;
import io.github.sae4j.parity.ParityResult;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import io.github.sae4j.tornado.Bits;
import io.github.sae4j.tornado.Oclgrind;
import io.github.sae4j.tornado.graph.CompiledKernels;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.runtime.Accelerator;
import io.github.sae4j.tornado.runtime.Schedule;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Twenty steps of every recipe, as one task graph, against the oracle's composed step: reports,
 * weights, moments and counters bit by bit. Latents die after two steps, so that AuxK acts, and
 * half of them start out of reach, so that they do die. On Oclgrind two steps, smaller batches, and
 * that half is dead from the start.
 */
@ExtendWith(Oclgrind.class)
class TrainingStepParityTest {
  private static final int STEPS = Oclgrind.ON ? 2 : 20;
  private static final int SHORT_EVERY = Oclgrind.ON ? 2 : 4;

  /** More than one stage of the product, but on Oclgrind, where another test has those. */
  private static final int D_IN = Oclgrind.ON ? 11 : 19;

  private static final int D_SAE = 67;
  private static final int BATCH = Oclgrind.ON ? 6 : 37;
  private static final int K = 5;

  /** Steps after which a latent that did not fire is dead. */
  private static final int WINDOW = Oclgrind.ON ? 1 : 2;

  private static final Device ORACLE = new ScalarDevice();
  private static Device tornado;

  @BeforeAll
  static void open() {
    tornado = Devices.open("tornado", DeviceOptions.DEFAULT);
  }

  @AfterAll
  static void close() {
    tornado.close();
  }

  /** Recipes as this device's work is cut, and two of them as other devices like it. */
  static Stream<Arguments> schedules() {
    Schedule own = Accelerator.all().getFirst().schedule();
    Schedule other = own == Schedule.SHARED ? Schedule.APART : Schedule.SHARED;
    Arguments[] recipes = recipes().toArray(Arguments[]::new);
    return Stream.concat(
        Stream.of(recipes).map(recipe -> Arguments.of(own, recipe.get()[0], recipe.get()[1])),
        Stream.of(recipes[0], recipes[3])
            .map(recipe -> Arguments.of(other, recipe.get()[0], recipe.get()[1])));
  }

  static Stream<Arguments> recipes() {
    return Stream.of(
        Arguments.of(Recipe.SAELENS, List.of()),
        Arguments.of(Recipe.SAELENS_PR370, List.of()),
        Arguments.of(Recipe.ELEUTHER, List.of()),
        Arguments.of(
            Recipe.ELEUTHER,
            List.of("multi_topk", true, "auxk", 7, "rescale_acts_by_decoder_norm", true)),
        Arguments.of(Recipe.OPENAI, List.of("auxk", 7, "clip_grad_norm", 0.5)),
        Arguments.of(Recipe.DICTIONARY_LEARNING, List.of()),
        Arguments.of(Recipe.DICTIONARY_LEARNING, List.of("gradient_accumulation", 3)),
        Arguments.of(
            Recipe.SAELENS,
            List.of("aux_loss_coefficient", 0, "normalize_activations", "layer_norm")));
  }

  @ParameterizedTest
  @MethodSource("schedules")
  void stepsReturnTheOraclesBits(Schedule schedule, Recipe recipe, List<Object> options) {
    StepSpec spec = spec(recipe, options);
    long deadSeen = 0;
    try (OffHeap memory = new OffHeap()) {
      TrainingState expected = start(memory);
      TrainingState got = start(memory);
      SplittableRandom random = new SplittableRandom(5);
      try (TrainingStep oracleStep = ORACLE.compile(spec, expected);
          TrainingStep step = compile(schedule, spec, got)) {
        assertTrue(tornado.execution(spec).fused(), () -> tornado.execution(spec).toString());
        assertInstanceOf(TornadoTrainingStep.class, step);
        for (int t = 1; t <= STEPS; t++) {
          // Some batches are short, the last one too: nothing of a longer one may be seen.
          int rows = t % SHORT_EVERY == 0 ? spec.shape().rows() * 2 / 3 - t : spec.shape().rows();
          Matrix x = Bits.random(memory, random, rows, D_IN);
          StepReport want = oracleStep.run(x, 1e-2 / t, t, t % 3 == 0);
          StepReport have = step.run(x, 1e-2 / t, t, t % 3 == 0);
          assertEquals(want, have, recipe + " step " + t);
          deadSeen += want.dead();
          if (t == Math.max(1, STEPS / 3)) {
            // Reading the state in the middle disturbs nothing, nor do other kernels.
            step.synchronize();
            assertSame("W_dec in the middle", expected.wDec(), got.wDec());
            tornado.add(memory.vector(3), memory.vector(3));
          }
        }
        step.synchronize();
      }
      for (int i = 0; i < expected.tensors().size(); i++) {
        TrainingState.Named tensor = expected.tensors().get(i);
        assertSame(tensor.name(), tensor.matrix(), got.tensors().get(i).matrix());
      }
      assertArrayEquals(expected.sinceFired(), got.sinceFired());
    }
    assertTrue(deadSeen > 0, "no latent died, so AuxK was not tested");
  }

  private static TrainingStep compile(Schedule schedule, StepSpec spec, TrainingState state) {
    Accelerator accelerator = Accelerator.all().getFirst();
    return accelerator.schedule() == schedule
        ? tornado.compile(spec, state)
        : new TornadoTrainingStep(new CompiledKernels(accelerator.with(schedule)), spec, state);
  }

  static Stream<Activation> otherActivations() {
    return Stream.of(
        Activation.Threshold.RELU,
        new Ranked(Ranked.Scope.BATCH, 2.5, Ranked.Order.VALUE, Ranked.Relu.BEFORE),
        Ranked.topK(K, Ranked.Relu.NONE));
  }

  @ParameterizedTest
  @MethodSource("otherActivations")
  @Tag("composed")
  void whatIsNoTaskGraphIsComposedOfKernels(Activation activation) {
    StepSpec spec =
        spec(Recipe.DICTIONARY_LEARNING, List.of())
            .withActivation(activation)
            .withInputFactor(0.7f);
    assertFalse(tornado.execution(spec).fused(), () -> tornado.execution(spec).toString());
    try (OffHeap memory = new OffHeap()) {
      TrainingState expected = start(memory);
      TrainingState got = start(memory);
      SplittableRandom random = new SplittableRandom(9);
      try (TrainingStep oracleStep = ORACLE.compile(spec, expected);
          TrainingStep step = tornado.compile(spec, got)) {
        for (int t = 1; t <= Math.min(STEPS, 5); t++) {
          Matrix x = Bits.random(memory, random, BATCH, D_IN);
          assertEquals(
              oracleStep.run(x, 1e-2 / t, t, true), step.run(x, 1e-2 / t, t, true), "step " + t);
        }
        step.synchronize();
      }
      for (int i = 0; i < expected.tensors().size(); i++) {
        TrainingState.Named tensor = expected.tensors().get(i);
        assertSame(tensor.name(), tensor.matrix(), got.tensors().get(i).matrix());
      }
      assertArrayEquals(expected.sinceFired(), got.sinceFired());
    }
  }

  /**
   * The list of steps that the engine keeps for parity, one of every way to run them and
   * combination of terms: objectives and activations that are added there are run here too. Steps
   * that are composed compile a kernel for every number of codes, which takes minutes.
   */
  @Test
  @Tag("composed")
  @Tag("long")
  void stepsOfTheEnginesListReturnTheOraclesBits() {
    Set<Object> seen = new HashSet<>();
    List<ParityResult> results =
        ParityCheck.steps(
            tornado,
            ORACLE,
            ParityCheck.SEED,
            4,
            spec ->
                seen.add(
                    List.of(
                        tornado.execution(spec),
                        spec.shape().pairs(),
                        spec.objective().terms().stream().map(Term::getClass).toList())));
    assertTrue(results.size() > 5, results::toString);
    assertEquals(List.of(), results.stream().filter(result -> !result.equal()).toList());
  }

  @Test
  @Tag("lifecycle")
  void aStateWithMoreTensorsIsComposed() {
    StepSpec spec = spec(Recipe.SAELENS, List.of());
    try (OffHeap memory = new OffHeap()) {
      TrainingState state =
          start(memory)
              .plus(
                  new Parameter(
                      "more", memory.vector(D_SAE), memory.vector(D_SAE), memory.vector(D_SAE)));
      try (TrainingStep step = tornado.compile(spec, state)) {
        assertFalse(step instanceof TornadoTrainingStep);
      }
    }
  }

  @Test
  void aBatchThatIsNotFiniteChangesNothing() {
    StepSpec spec = spec(Recipe.DICTIONARY_LEARNING, List.of());
    try (OffHeap memory = new OffHeap()) {
      TrainingState state = start(memory);
      TrainingState before = start(memory);
      int badRow = BATCH * 2 / 3;
      Matrix good = Bits.random(memory, new SplittableRandom(6), BATCH, D_IN);
      Matrix bad = Bits.random(memory, new SplittableRandom(7), BATCH, D_IN);
      bad.set(badRow, 2, Float.NaN);
      try (TrainingStep step = tornado.compile(spec, state)) {
        NonFiniteException thrown =
            assertThrows(NonFiniteException.class, () -> step.run(bad, 1e-3, 1, false));
        assertEquals(badRow, thrown.row());
        assertEquals(0, thrown.latent());
        step.synchronize();
        for (int i = 0; i < before.tensors().size(); i++) {
          TrainingState.Named tensor = before.tensors().get(i);
          assertSame(tensor.name(), tensor.matrix(), state.tensors().get(i).matrix());
        }
        assertArrayEquals(before.sinceFired(), state.sinceFired());
        // And the step still works.
        try (TrainingStep oracleStep = ORACLE.compile(spec, before)) {
          assertEquals(oracleStep.run(good, 1e-3, 1, false), step.run(good, 1e-3, 1, false));
        }
      }
    }
  }

  /** A value that the main term ranks 0 may overflow where AuxK ranks it with its sign. */
  @Test
  void aRankOfAuxKThatIsNotFiniteIsFoundLikeTheOracleDoes() {
    StepSpec spec =
        spec(
            Recipe.SAELENS,
            List.of("relu_before_topk", true, "aux_relu", false, "normalize_decoder", "free"));
    try (OffHeap memory = new OffHeap()) {
      TrainingState expected = start(memory);
      TrainingState got = start(memory);
      for (TrainingState state : List.of(expected, got)) {
        state.bEnc().set(0, D_SAE - 1, -1e30f);
        state.wDec().rows(D_SAE - 1, 1).fill(1e15f);
      }
      SplittableRandom random = new SplittableRandom(8);
      try (TrainingStep oracleStep = ORACLE.compile(spec, expected);
          TrainingStep step = tornado.compile(spec, got)) {
        NonFiniteException wanted = null;
        for (int t = 1; wanted == null; t++) {
          assertTrue(t < 20, "the oracle finds all ranks finite");
          Matrix x = Bits.random(memory, random, BATCH, D_IN);
          long number = t;
          try {
            assertEquals(oracleStep.run(x, 1e-3, t, false), step.run(x, 1e-3, t, false));
          } catch (NonFiniteException e) {
            wanted = e;
            NonFiniteException thrown =
                assertThrows(NonFiniteException.class, () -> step.run(x, 1e-3, number, false));
            assertEquals(wanted.getMessage(), thrown.getMessage());
          }
        }
        step.synchronize();
        for (int i = 0; i < expected.tensors().size(); i++) {
          TrainingState.Named tensor = expected.tensors().get(i);
          assertSame(tensor.name(), tensor.matrix(), got.tensors().get(i).matrix());
        }
        assertArrayEquals(expected.sinceFired(), got.sinceFired());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void theMemoryPlanIsKept(Recipe recipe, List<Object> options) {
    GraphSpec spec = GraphSpec.of(spec(recipe, options));
    Accelerator accelerator = Accelerator.all().getFirst();
    KernelGraph graph = new KernelGraph(accelerator);
    try (OffHeap memory = new OffHeap()) {
      new StepArrays(graph, spec, start(memory));
    }
    long plan = GraphMemoryPlan.onDevice(spec, accelerator.schedule());
    assertTrue(graph.bytes() <= plan, graph.bytes() + " of " + plan);
    // Constants and headers count for much at this size.
    assertTrue(graph.bytes() + 24_000 >= plan, graph.bytes() + " of " + plan);
  }

  @Test
  @Tag("lifecycle")
  void aClosedStepIsRefused() {
    try (OffHeap memory = new OffHeap()) {
      TrainingStep step = tornado.compile(spec(Recipe.SAELENS, List.of()), start(memory));
      step.close();
      step.close();
      Matrix x = memory.matrix(1, D_IN);
      assertThrows(IllegalStateException.class, () -> step.run(x, 1e-3, 1, false));
      assertThrows(IllegalStateException.class, step::synchronize);
    }
  }

  private static StepSpec spec(Recipe recipe, List<Object> options) {
    TrainingConfig config =
        TrainingConfig.of(recipe)
            .with("d_sae", D_SAE)
            .with("k", K)
            .with("train_batch_size", BATCH)
            .with("lr", 1e-3)
            .with("dead_feature_window", WINDOW);
    for (int i = 0; i < options.size(); i += 2) {
      config = config.with((String) options.get(i), options.get(i + 1));
    }
    // Every recipe on scaled rows: the factor comes before all else.
    return config.stepSpec(D_IN, OptionalDouble.of(2.5)).withInputFactor(1.3f);
  }

  private static TrainingState start(OffHeap memory) {
    SplittableRandom random = new SplittableRandom(4);
    TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
    state.wEnc().copyFrom(Bits.random(memory, random, D_SAE, D_IN));
    state.wDec().copyFrom(Bits.random(memory, random, D_SAE, D_IN));
    for (int i = 0; i < D_SAE; i++) {
      state.bEnc().set(0, i, i % 2 == 0 ? -3f : 0.1f);
      state.sinceFired()[i] = Oclgrind.ON && i % 2 == 0 ? 1_000_000 : 0;
    }
    return state;
  }
}
