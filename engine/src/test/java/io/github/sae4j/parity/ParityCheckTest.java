package io.github.sae4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepReport;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The check itself: it must find a device that is wrong in one bit of one kernel, once. */
class ParityCheckTest {
  private static final long SEED = 7;

  /** Every kernel of {@link Device}. */
  static Stream<String> kernels() {
    return WrongDevice.KERNELS.keySet().stream().sorted();
  }

  private static ParityReport kernels(Device device, Device oracle, String prefix) {
    return ParityReport.of(
        device, oracle, SEED, 0, new KernelParity(device, oracle, SEED).run(prefix));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void oneWrongBitOfOneKernelIsFound(String kernel) {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      assertTrue(kernels(right, oracle, kernel).kept());
      ParityReport report = kernels(WrongDevice.inKernel(right, kernel, 6), oracle, kernel);
      assertFalse(report.kept());
      List<ParityVerdict> broken = report.verdicts().stream().filter(v -> !v.kept()).toList();
      assertEquals(List.of(kernel), broken.stream().map(ParityVerdict::kernel).toList());
      assertEquals(1, broken.getFirst().different());
      assertEquals(1, broken.getFirst().maxUlp());
      assertTrue(broken.getFirst().first().contains(": oracle "), broken.getFirst().first());
      assertTrue(broken.getFirst().text().startsWith("BROKEN"));
    }
  }

  @Test
  void everyKernelOfTheInterfaceIsChecked() {
    TreeSet<String> methods = new TreeSet<>();
    for (Method method : Device.class.getMethods()) {
      methods.add(method.getName());
    }
    methods.removeAll(
        List.of(
            "name",
            "description",
            "guarantee",
            "openMemory",
            "memoryPlan",
            "execution",
            "compile",
            "onHost",
            "close"));
    assertEquals(methods, new TreeSet<>(WrongDevice.KERNELS.keySet()));
  }

  @Test
  void everyKernelMeetsEveryShapeAndEveryKindOfNumber() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      Map<String, Set<String>> inputs = new TreeMap<>();
      for (ParityResult result : ParityCheck.kernels(right, oracle, SEED)) {
        assertTrue(result.elements() > 0, result::toString);
        inputs.computeIfAbsent(result.kernel(), name -> new TreeSet<>()).add(result.input());
      }
      for (Set<String> each : inputs.values()) {
        assertEquals(7 * Inputs.Kind.values().length, each.size(), each::toString);
        // More rows than two blocks of a batch-wide sum; more latents and codes than vectors hold.
        for (String shape : List.of("B=600 ", " n=257 ", " k=70 ")) {
          assertTrue(each.stream().anyMatch(input -> input.contains(shape)), each::toString);
        }
      }
    }
  }

  @Test
  void everyRecipeAndEveryVariantIsRun() {
    List<String> expected = new ArrayList<>();
    for (Recipe recipe : Recipe.values()) {
      for (String variant :
          List.of("", " auxk=4", " auxk=20", " auxk=150", " accumulation=3", " layer_norm")) {
        if (recipe != Recipe.SENTENCE_TRANSFORMERS || !variant.contains("accumulation")) {
          expected.add("step:" + recipe + variant);
        }
      }
    }
    for (String variant :
        List.of("constant_norm", "rescale off", "b_dec apart", "b_dec in AuxK", "decay")) {
      expected.add("step:saelens " + variant);
    }
    expected.add("step:eleuther multi");
    expected.add("step:eleuther multi rescaled clip");
    for (Recipe recipe : Recipe.values()) {
      expected.add("composed step:" + recipe);
    }
    for (String variant : List.of("openai", "eleuther multi", "saelens layer_norm")) {
      expected.add("step:" + variant + " factor");
      expected.add("composed step:" + variant + " factor");
    }
    for (String activation :
        List.of("batchtopk fraction", "abstopk", "groupmax", "relu", "jumprelu")) {
      expected.add("step:saelens " + activation);
    }
    for (Recipe recipe : List.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)) {
      expected.add("step:" + recipe + " batchtopk");
      expected.add("step:" + recipe + " matryoshka");
      expected.add("step:" + recipe + " jumprelu");
      expected.add("step:" + recipe + " standard");
      expected.add("step:" + recipe + " gated");
    }
    expected.add("step:dictionary-learning topk annealed");
    expected.add("step:dictionary-learning batchtopk annealed");
    expected.add("step:eleuther multi annealed");
    expected.add("step:eleuther transcoder");
    expected.add("step:eleuther skip transcoder multi accumulation=3");
    expected.add("step:saelens skip transcoder batchtopk");
    expected.add("step:sentence-transformers positives");
    expected.add("step:sentence-transformers positives normalized");
    expected.add("step:saelens batchtopk plain");
    expected.add("step:saelens matryoshka levels");
    for (String variant :
        List.of(
            "jumprelu tanh",
            "jumprelu log quadratic",
            "jumprelu skip transcoder",
            "standard p=2",
            "standard p=1.5")) {
      expected.add("step:saelens " + variant);
    }
    expected.add("step:dictionary-learning standard april");
    for (Recipe recipe : List.of(Recipe.OPENAI, Recipe.DICTIONARY_LEARNING)) {
      expected.add("step:" + recipe + " rescaled");
      expected.add("step:" + recipe + " rescaled clip");
    }
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      List<ParityResult> results = ParityCheck.steps(right, oracle, SEED, 4);
      assertEquals(
          new TreeSet<>(expected),
          new TreeSet<>(results.stream().map(ParityResult::kernel).toList()));
      assertTrue(results.stream().allMatch(ParityResult::equal), results::toString);
    }
  }

  @Test
  void theQuickCheckLeavesOutNoKernelAndNoRecipe() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      ParityReport report = ParityCheck.quick(right, oracle, SEED, 4);
      Set<String> run = new TreeSet<>(report.verdicts().stream().map(v -> v.kernel()).toList());
      for (ParityResult result : ParityCheck.kernels(right, oracle, SEED)) {
        assertTrue(run.contains(result.kernel().split(" ")[0]), result::kernel);
      }
      for (Recipe recipe : Recipe.values()) {
        assertTrue(run.contains("step:" + recipe), recipe::toString);
      }
      assertTrue(report.kept(), report::toString);
    }
  }

  @Test
  void onlyTheStepsThatAreWantedAreCompared() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      List<ParityResult> none = ParityCheck.steps(right, oracle, SEED, 4, spec -> false);
      assertEquals(List.of(), none);
      List<String> relu =
          ParityCheck.steps(
                  right,
                  oracle,
                  SEED,
                  4,
                  spec -> spec.forward().activation() == Activation.Threshold.RELU)
              .stream()
              .map(ParityResult::kernel)
              .toList();
      assertTrue(relu.contains("step:saelens relu"), relu::toString);
      assertTrue(relu.stream().noneMatch("step:saelens"::equals), relu::toString);
    }
  }

  /** The steps that a device compiles, without those composed of its kernels. */
  private static List<ParityResult> ownSteps(Device device, Device oracle) {
    return ParityCheck.steps(device, oracle, SEED, 4).stream()
        .filter(result -> result.kernel().startsWith("step:"))
        .toList();
  }

  @Test
  void aWrongKernelIsFoundInComposedSteps() {
    try (Device oracle = new ScalarDevice();
        VectorDevice fused = new VectorDevice(1)) {
      Device wrong = WrongDevice.inKernel(fused, "decode", 1);
      List<ParityResult> results = ParityCheck.steps(wrong, oracle, SEED, 4);
      List<ParityResult> found = results.stream().filter(result -> !result.equal()).toList();
      assertEquals(1, found.size(), "the one call that is wrong");
      assertTrue(found.getFirst().kernel().startsWith("composed step:"), found::toString);
    }
  }

  @Test
  void aWrongCounterIsFound() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      Device wrong = WrongDevice.inCounters(right, 4);
      for (ParityResult result : ownSteps(wrong, oracle)) {
        assertTrue(result.first().contains("since_fired[1]: "), result::toString);
      }
    }
  }

  @Test
  void everyNumberThatAStepReportsIsCompared() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      Device wrong = WrongDevice.inReport(right);
      ParityResult all = null;
      for (ParityResult result : ownSteps(wrong, oracle)) {
        assertFalse(result.equal(), result::toString);
        // The one variant in which every number is defined.
        all = result.kernel().endsWith("multi rescaled clip") ? result : all;
      }
      int others = StepReport.class.getRecordComponents().length - 2;
      assertEquals(others + 3, all.different(), "all but rows, and each of three terms");
    }
  }

  @Test
  void oneWrongBitOfATrainingStepIsFound() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      Device wrong = WrongDevice.inStep(right, 4);
      List<ParityResult> results = ownSteps(wrong, oracle);
      for (ParityResult result : results) {
        assertFalse(result.equal(), result.kernel());
      }
      ParityReport report = ParityReport.of(wrong, oracle, SEED, 4, results);
      assertTrue(report.verdicts().stream().noneMatch(ParityVerdict::kept), report::toString);
    }
  }

  @Test
  void momentsThatStayDenormalAreFound() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      assertTrue(new StepParity(right, oracle, SEED, 4).decay().equal());
      Device wrong = WrongDevice.withDenormalMoments(right);
      ParityResult found = new StepParity(wrong, oracle, SEED, 4).decay();
      assertTrue(found.first().matches("step [678]\\d\\d W_dec.m.*"), found.first());
    }
  }

  @Test
  void aKernelThatFailsIsABrokenPromise() {
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      Device wrong = WrongDevice.failingIn(right, "rowDots");
      ParityReport report = kernels(wrong, oracle, "rowDots");
      assertTrue(report.toString().contains("device java.lang.ArithmeticException: wrong"));
      assertFalse(report.kept());
    }
  }

  @Test
  void aBoundAllowsWhatItSaysAndNoMore() {
    Guarantee promise = new Guarantee(false, Map.of("scale", 1L, "add", 0L));
    try (Device oracle = new ScalarDevice();
        Device right = new ScalarDevice()) {
      for (String kernel : List.of("scale", "add", "rowDots")) {
        Device wrong = WrongDevice.promising(WrongDevice.inKernel(right, kernel, 6), promise);
        ParityReport report = kernels(wrong, oracle, kernel);
        assertEquals(!kernel.equals("add"), report.kept(), report::toString);
        assertTrue(
            report
                .toString()
                .contains(
                    switch (kernel) {
                      case "scale" -> "within 1 ULP";
                      case "add" -> "BROKEN: promised exact";
                      default -> "nothing promised";
                    }),
            report::toString);
      }
    }
  }

  @Test
  void distancesCountFloatsAndDoublesBetween() {
    assertEquals(1, Comparison.ulps(0f, -0f));
    assertEquals(3, Comparison.ulps(Float.MIN_VALUE, -Float.MIN_VALUE));
    assertEquals(1, Comparison.ulps(0.0, -0.0));
    assertEquals(2, Comparison.ulps(1.0, Math.nextUp(Math.nextUp(1.0))));
    assertEquals(Long.MAX_VALUE, Comparison.ulps(Double.MAX_VALUE, -Double.MAX_VALUE));
    assertEquals(Long.MAX_VALUE, Comparison.ulps(Double.NaN, 0));
  }
}
