package io.github.sae4j.bench.jmh;

import io.github.sae4j.bench.DeviceStep;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Step;
import io.github.sae4j.options.Recipe;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Whole training steps; the rate counts only the forward product, so that steps are comparable. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 3)
@Measurement(iterations = 5, time = 3)
@Fork(2)
public class StepBenchmark {
  private static final int VERIFIED_STEPS = 3;

  /** Which recipe; by default those that the peers' steps follow. */
  @Param({"SAELENS", "ELEUTHER"})
  public Recipe recipe;

  private Scene scene;
  private Step step;
  private double gigaflops;

  /** For JMH. */
  public StepBenchmark() {}

  /**
   * Verifies the first steps at a small size against the oracle, then compiles the step.
   *
   * @param state the device
   */
  @Setup(Level.Trial)
  public void compile(DeviceState state) {
    verify(state);
    scene = new Scene(state.device().openMemory(), state.size());
    step = new DeviceStep(state.device(), recipe, scene);
    gigaflops = state.size().productFlops() * 1e-9;
  }

  private void verify(DeviceState state) {
    try (Scene ourScene = new Scene(state.device().openMemory(), state.smallSize());
        Scene exactScene = new Scene(state.oracle().openMemory(), state.smallSize());
        Step ours = new DeviceStep(state.device(), recipe, ourScene);
        Step exact = new DeviceStep(state.oracle(), recipe, exactScene)) {
      for (int i = 0; i < VERIFIED_STEPS; i++) {
        double loss = ours.run();
        double expected = exact.run();
        if (Double.compare(loss, expected) != 0) {
          throw new IllegalStateException(
              "step " + i + " of " + recipe + ": loss " + loss + ", the oracle's is " + expected);
        }
      }
    }
  }

  /** Frees the state. */
  @TearDown(Level.Trial)
  public void free() {
    step.close();
    scene.close();
  }

  /**
   * One step.
   *
   * @param rates receives the work done
   * @return the loss
   */
  @Benchmark
  public double run(Rates rates) {
    rates.gigaflops += gigaflops;
    return step.run();
  }
}
