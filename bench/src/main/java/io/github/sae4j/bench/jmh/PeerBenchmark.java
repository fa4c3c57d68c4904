package io.github.sae4j.bench.jmh;

import io.github.sae4j.bench.peers.Blas;
import io.github.sae4j.bench.peers.SaelensStep;
import io.github.sae4j.bench.peers.SparsifyStep;
import io.github.sae4j.bench.peers.Torch;
import io.github.sae4j.bench.scene.Reference;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.bench.scene.Step;
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

/** The peers; their native libraries are on the class path only with the profile {@code bench}. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(2)
public class PeerBenchmark {
  /** What a peer computes. */
  public enum Task {
    /** OpenBLAS, {@code [B, d] x [d, n]}. */
    OPENBLAS_PRODUCT,
    /** MKL, the same. */
    MKL_PRODUCT,
    /** libtorch on MKL, the same. */
    TORCH_PRODUCT,
    /** libtorch on MKL, linear, ReLU and top-k. */
    TORCH_ENCODE,
    /** libtorch on MKL, a step as SAELens writes it. */
    TORCH_STEP_SAELENS,
    /** libtorch on MKL, a step as sparsify writes it. */
    TORCH_STEP_SPARSIFY
  }

  /** Which task; all by default. */
  @Param public Task task;

  /** Threads; 0 for all processors. */
  @Param("0")
  public int threads;

  /** Sizes, {@code BxDxN}. */
  @Param("4096x768x24576")
  public String shape;

  /** Latents per row. */
  @Param("32")
  public int k;

  private Scene scene;
  private Step step;
  private Runnable body;
  private double gigaflops;

  /** For JMH. */
  public PeerBenchmark() {}

  /** Opens the peer and verifies its product. */
  @Setup(Level.Trial)
  public void open() {
    int count = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    Shape size = Shape.parse(shape, k);
    scene = new Scene(new OffHeap(), size);
    gigaflops = size.productFlops() * 1e-9;
    switch (task) {
      case OPENBLAS_PRODUCT -> useBlas(Blas.openBlas(), count);
      case MKL_PRODUCT -> useBlas(Blas.mkl(), count);
      default -> useTorch(Torch.load(Torch.Backend.MKL, Blas.mkl()), count);
    }
  }

  private void useBlas(Blas blas, int count) {
    blas.setThreads(count);
    Matrix out = scene.memory().matrix(scene.x().rows(), scene.wEnc().rows());
    body = () -> blas.product(scene.x(), scene.wEnc(), true, out);
    verifyProduct(out);
  }

  private void useTorch(Torch torch, int count) {
    torch.setThreads(count);
    switch (task) {
      case TORCH_PRODUCT -> {
        Matrix out = scene.memory().matrix(scene.x().rows(), scene.wEnc().rows());
        body = () -> torch.product(scene.x(), scene.wEnc(), true, out);
        verifyProduct(out);
      }
      case TORCH_ENCODE -> body = () -> torch.encode(scene, null);
      case TORCH_STEP_SAELENS -> useStep(new SaelensStep(scene));
      default -> useStep(new SparsifyStep(scene));
    }
  }

  private void useStep(Step peer) {
    step = peer;
    body = peer::run;
    double first = peer.run();
    double second = peer.run();
    if (!(second < first)) {
      throw new IllegalStateException(
          task + ": expected the loss to fall, got " + first + " then " + second);
    }
  }

  private void verifyProduct(Matrix out) {
    body.run();
    double error = Reference.productError(scene.x(), scene.wEnc(), out);
    if (!(error < 1e-5)) {
      throw new IllegalStateException(task + ": relative error " + error);
    }
  }

  /** Frees everything. */
  @TearDown(Level.Trial)
  public void free() {
    if (step != null) {
      step.close();
    }
    scene.close();
  }

  /**
   * One run; the rate counts only the forward product.
   *
   * @param rates receives the work done
   */
  @Benchmark
  public void run(Rates rates) {
    body.run();
    rates.gigaflops += gigaflops;
  }
}
