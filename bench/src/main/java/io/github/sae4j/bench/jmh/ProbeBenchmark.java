package io.github.sae4j.bench.jmh;

import io.github.sae4j.bench.probes.PeakFlops;
import io.github.sae4j.bench.probes.ReadBandwidth;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
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

/** The machine's limits, with which the kernels' rates are compared. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class ProbeBenchmark {
  /** Threads. */
  @Param({"1", "2"})
  public int probeThreads;

  /** Size of the memory read, in MiB. */
  @Param("256")
  public int mebibytes;

  private OffHeap memory;
  private Matrix matrix;

  /** For JMH. */
  public ProbeBenchmark() {}

  /** Verifies both probes and touches the memory. */
  @Setup(Level.Trial)
  public void fill() {
    memory = new OffHeap();
    matrix = memory.matrix(mebibytes, 1 << 18);
    matrix.fill(1f);
    if (!PeakFlops.correct(PeakFlops.run(probeThreads), probeThreads)) {
      throw new IllegalStateException("peak probe: wrong result");
    }
    float sum = ReadBandwidth.sum(matrix, probeThreads);
    if (Math.abs(sum / matrix.size() - 1) > 1e-3) {
      throw new IllegalStateException("bandwidth probe: wrong result " + sum);
    }
  }

  /** Frees the memory. */
  @TearDown(Level.Trial)
  public void free() {
    memory.close();
  }

  /**
   * Arithmetic.
   *
   * @param rates receives the work done
   * @return a result
   */
  @Benchmark
  public float peak(Rates rates) {
    rates.gigaflops += PeakFlops.flops(probeThreads) * 1e-9;
    return PeakFlops.run(probeThreads);
  }

  /**
   * Reading.
   *
   * @param rates receives the work done
   * @return a result
   */
  @Benchmark
  public float read(Rates rates) {
    rates.gigabytes += matrix.size() * 4e-9;
    return ReadBandwidth.sum(matrix, probeThreads);
  }
}
