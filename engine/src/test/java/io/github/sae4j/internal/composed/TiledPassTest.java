package io.github.sae4j.internal.composed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Steps over tiles of rows: the same bits wherever tiles end, and memory that is bounded. */
class TiledPassTest {
  private static final int D_IN = 11;
  private static final int D_SAE = 70;
  private static final int ROWS = 23;

  /** Many tiles: a row at a time, a few rows, and tiles of products that end within those. */
  private static final List<TiledPass.Limits> SMALL =
      List.of(
          new TiledPass.Limits(4, 1),
          new TiledPass.Limits(4 * 4 * D_SAE, 2 * D_SAE),
          new TiledPass.Limits(4 * 5 * D_SAE, 9 * D_SAE));

  static List<Map<String, Object>> steps() {
    List<Map<String, Object>> steps = new ArrayList<>();
    for (String recipe : List.of("saelens", "dictionary-learning")) {
      for (String architecture : List.of("jumprelu", "standard", "gated")) {
        steps.add(Map.of("recipe", recipe, "architecture", architecture));
      }
    }
    steps.add(
        Map.of(
            "architecture", "jumprelu",
            "jumprelu_sparsity_loss_mode", "tanh",
            "normalize_activations", "layer_norm",
            "pre_act_loss_coefficient", 0.1));
    steps.add(Map.of("architecture", "jumprelu", "jumprelu_sparsity_loss_mode", "quadratic"));
    steps.add(Map.of("architecture", "standard", "lp_norm", 2));
    return steps;
  }

  private static StepSpec spec(Map<String, Object> options, int rows, int dIn, int dSae) {
    Map<String, Object> all = new LinkedHashMap<>(options);
    all.put("d_sae", dSae);
    all.put("train_batch_size", rows);
    all.put("jumprelu_bandwidth", 0.5);
    all.put("sparsity_warm_up_steps", 2);
    all.put("dead_feature_window", 1);
    return TrainingConfig.fromMap(all).stepSpec(dIn, OptionalDouble.empty());
  }

  @ParameterizedTest
  @MethodSource("steps")
  void bitsDoNotDependOnWhereTilesEnd(Map<String, Object> options) {
    try (Device scalar = new ScalarDevice();
        Device vector = new VectorDevice(2)) {
      String expected = run(scalar, options, TiledPass.Limits.USUAL);
      for (Device device : List.of(scalar, vector)) {
        for (TiledPass.Limits limits : SMALL) {
          assertEquals(expected, run(device, options, limits), device.name() + " " + limits);
        }
      }
    }
  }

  private static String run(Device device, Map<String, Object> options, TiledPass.Limits limits) {
    StepSpec spec = spec(options, ROWS, D_IN, D_SAE);
    try (OffHeap memory = device.openMemory()) {
      TrainingState state = state(memory, spec);
      StringBuilder all = new StringBuilder();
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(device, spec, state, null, limits)) {
        SplittableRandom random = new SplittableRandom(5);
        for (int number = 1; number <= 4; number++) {
          Matrix x = memory.matrix(ROWS, D_IN);
          fill(x, random, 2);
          StepReport report = step.run(x, 0.01, number, true);
          assertTrue(report.l0() > 1, report.toString());
          all.append(report).append('\n');
        }
      }
      for (TrainingState.Named tensor : state.tensors()) {
        all.append(tensor.name()).append(Arrays.hashCode(tensor.matrix().toArray())).append('\n');
      }
      return all.append(Arrays.toString(state.sinceFired())).toString();
    }
  }

  /** In the worst case, all latents of all rows are candidates, and all latents are dead. */
  @ParameterizedTest
  @MethodSource("steps")
  void realMemoryIsWithinThePlan(Map<String, Object> options) {
    StepSpec spec = spec(options, 500, 40, 300);
    try (Device device = new ScalarDevice()) {
      long real = real(spec, 0, TiledPass.Limits.USUAL);
      long planned = planned(device, spec);
      String what = options + " real " + real + " planned " + planned;
      assertTrue(real <= 1.01 * planned + 64 * 128, what);
      assertTrue(real >= 0.8 * planned, what);
    }
  }

  /** Latents that are one fewer than two blocks whose norms' gradients are added together. */
  @ParameterizedTest
  @MethodSource("steps")
  void aShortLastBlockOfNormsTakesNoMemoryOfItsOwn(Map<String, Object> options) {
    StepSpec spec = spec(options, 20, 200, 2 * TiledPass.NORM_ROWS - 1);
    try (Device device = new ScalarDevice()) {
      long real = real(spec, 0, TiledPass.Limits.USUAL);
      long planned = planned(device, spec);
      assertTrue(
          real <= 1.01 * planned + 64 * 128, options + " real " + real + " planned " + planned);
    }
  }

  /** 300 dead latents are six runs of 50; one fewer must not take memory for another length. */
  @Test
  void aShortLastRunOfDeadLatentsTakesNoMemoryOfItsOwn() {
    StepSpec spec =
        spec(Map.of("architecture", "jumprelu", "pre_act_loss_coefficient", 0.1), 500, 40, 300);
    TiledPass.Limits limits = new TiledPass.Limits(4 * 500 * 50, 4 << 20);
    long even = real(spec, 0, limits);
    for (int alive : new int[] {1, 49, 120}) {
      long uneven = real(spec, alive, limits);
      assertTrue(uneven <= even, alive + " alive: " + uneven + " bytes, all dead: " + even);
    }
  }

  private static long planned(Device device, StepSpec spec) {
    MemoryPlan plan = device.memoryPlan(spec);
    return plan.bytes()
        - plan.heapBytes()
        - MemoryPlan.ofState(spec).bytes()
        + 8L * spec.shape().dSae();
  }

  /** What a step really opens where all latents of all rows are candidates and most are dead. */
  private static long real(StepSpec spec, int alive, TiledPass.Limits limits) {
    List<OffHeap> opened = new ArrayList<>();
    try (ScalarDevice device = new ScalarDevice();
        OffHeap memory = device.openMemory()) {
      TrainingState state = state(memory, spec);
      state.bEnc().fill(50f);
      Arrays.fill(state.sinceFired(), alive, state.dSae(), 1L << 40);
      Matrix x = memory.matrix(spec.shape().rows(), spec.shape().dIn());
      fill(x, new SplittableRandom(3), 1);
      long[] real = {0};
      Kernels noting =
          (Kernels)
              Proxy.newProxyInstance(
                  TiledPassTest.class.getClassLoader(),
                  new Class<?>[] {Kernels.class},
                  (proxy, method, args) -> {
                    Object answer = method.invoke(device, args);
                    if (answer instanceof OffHeap scratch) {
                      opened.add(scratch);
                    }
                    if (method.getName().equals("adam")) {
                      real[0] = Math.max(real[0], opened.stream().mapToLong(OffHeap::bytes).sum());
                    }
                    return answer;
                  });
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(noting, spec, state, null, limits)) {
        step.run(x, 1e-3, 1, true);
      }
      return real[0];
    }
  }

  /** At sizes of real runs no part of the plan is rows times latents. */
  @Test
  void thePlanDoesNotGrowWithRowsTimesLatents() {
    long few = plan(4096);
    long many = plan(8192);
    long batch = 4L * 4096 * 768;
    assertTrue(many - few < 7 * batch, (many - few) + " bytes more for 4096 rows more");
    assertTrue(many < 3L << 30, many + " bytes");
  }

  private static long plan(int rows) {
    StepSpec spec = spec(Map.of("architecture", "jumprelu"), rows, 768, 24576);
    return ComposedMemory.of(spec).bytes();
  }

  @Test
  void aPreActivationThatIsNotFiniteIsAnErrorThatNamesTheRow() {
    StepSpec spec = spec(Map.of("architecture", "gated"), ROWS, D_IN, D_SAE);
    try (Device device = new ScalarDevice();
        OffHeap memory = device.openMemory()) {
      TrainingState state = state(memory, spec);
      Matrix x = memory.matrix(ROWS, D_IN);
      x.set(17, 3, Float.POSITIVE_INFINITY);
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(device, spec, state, null, SMALL.get(1))) {
        NonFiniteException e =
            assertThrows(NonFiniteException.class, () -> step.run(x, 0.01, 1, false));
        assertEquals(17, e.row());
      }
    }
  }

  private static TrainingState state(OffHeap memory, StepSpec spec) {
    TrainingState state = TrainingState.allocate(memory, spec);
    SplittableRandom random = new SplittableRandom(1);
    for (Parameter parameter : state.parameters()) {
      fill(parameter.value(), random, parameter.value().rows() == 1 ? 0.3 : 0.6);
    }
    for (int i = 0; i < state.dSae(); i += 3) {
      state.bEnc().set(0, i, -2f);
    }
    return state;
  }

  private static void fill(Matrix matrix, SplittableRandom random, double size) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (size * (2 * random.nextDouble() - 1)));
      }
    }
  }
}
