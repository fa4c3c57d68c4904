package io.github.sae4j.bench.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.bench.probes.PeakFlops;
import io.github.sae4j.options.Recipe;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every benchmark body runs at a tiny size, its own verification included. */
class BenchmarksTest {
  private static DeviceState tiny(String device) {
    DeviceState state = new DeviceState();
    state.device = device;
    state.threads = 2;
    state.shape = "19x21x45";
    state.k = 3;
    state.open();
    return state;
  }

  @ParameterizedTest
  @EnumSource
  void everyKernelRunsAndHasTheOraclesBits(Kernel kernel) {
    DeviceState state = tiny("cpu");
    KernelBenchmark benchmark = new KernelBenchmark();
    benchmark.kernel = kernel;
    benchmark.draw(state);
    Rates rates = new Rates();
    benchmark.run(state, rates);
    assertTrue(rates.gigaflops > 0 ^ rates.gigabytes > 0, "a kernel counts flops or bytes");
    benchmark.free();
    state.close();
  }

  @ParameterizedTest
  @EnumSource(
      value = Recipe.class,
      names = {"SAELENS", "ELEUTHER"})
  void everyRecipesStepRunsAndHasTheOraclesLosses(Recipe recipe) {
    DeviceState state = tiny("cpu");
    StepBenchmark benchmark = new StepBenchmark();
    benchmark.recipe = recipe;
    benchmark.compile(state);
    Rates rates = new Rates();
    double first = benchmark.run(rates);
    assertTrue(benchmark.run(rates) < first, "the loss falls on a fixed batch");
    benchmark.free();
    state.close();
  }

  @ParameterizedTest
  @EnumSource
  void aKernelThatWritesAnythingElseIsNoticed(Kernel kernel) {
    DeviceState state = tiny("scalar");
    try (KernelData mine = new KernelData(state.device(), state.smallSize());
        KernelData other = new KernelData(state.device(), state.smallSize())) {
      kernel.run(state.device(), mine);
      assertFalse(mine.sameBits(other), "after a run that the other did not make");
      kernel.run(state.device(), other);
      assertTrue(mine.sameBits(other), "after the same run");
    }
    state.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void probesCountTheirWorkAndVerifyThemselves(int threads) {
    ProbeBenchmark benchmark = new ProbeBenchmark();
    benchmark.probeThreads = threads;
    benchmark.mebibytes = 1;
    benchmark.fill();
    Rates rates = new Rates();
    assertTrue(PeakFlops.correct(benchmark.peak(rates), threads));
    assertEquals(1 << 18, benchmark.read(rates), 1);
    benchmark.free();
  }
}
