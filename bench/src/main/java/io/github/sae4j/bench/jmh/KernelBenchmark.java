package io.github.sae4j.bench.jmh;

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

/** Every kernel of a device, one by one. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class KernelBenchmark {
  /** Which kernel; all by default. */
  @Param public Kernel kernel;

  private KernelData data;
  private double gigaflops;
  private double gigabytes;

  /** For JMH. */
  public KernelBenchmark() {}

  /**
   * Verifies the kernel at a small size against the oracle, then draws the operands.
   *
   * @param state the device
   */
  @Setup(Level.Trial)
  public void draw(DeviceState state) {
    verify(state);
    data = new KernelData(state.device(), state.size());
    gigaflops = kernel.flops(state.size()) * 1e-9;
    gigabytes = kernel.floats(state.size()) * Float.BYTES * 1e-9;
  }

  private void verify(DeviceState state) {
    try (KernelData ours = new KernelData(state.device(), state.smallSize());
        KernelData exact = new KernelData(state.oracle(), state.smallSize())) {
      kernel.run(state.device(), ours);
      kernel.run(state.oracle(), exact);
      if (!ours.sameBits(exact)) {
        throw new IllegalStateException(
            kernel + " on " + state.device().name() + ": other bits than the oracle's");
      }
    }
  }

  /** Frees the operands. */
  @TearDown(Level.Trial)
  public void free() {
    data.close();
  }

  /**
   * One run of the kernel.
   *
   * @param state the device
   * @param rates receives the work done
   */
  @Benchmark
  public void run(DeviceState state, Rates rates) {
    kernel.run(state.device(), data);
    rates.gigaflops += gigaflops;
    rates.gigabytes += gigabytes;
  }
}
