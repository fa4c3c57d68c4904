package io.github.sae4j.internal.vector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Warmed kernels leave nothing on the heap that grows with their operands: neither scratch nor,
 * worse, vectors that the compiler had to box.
 */
@Tag("alone")
class AllocationTest {
  private static final int ROWS = 192;

  /** Runs of 16, 8 and single vectors at every width. */
  private static final int D_IN = 400;

  private static final int D_SAE = 1024;
  private static final int K = 16;

  /** Lambdas, views and records of one call. One boxed vector per row would be more. */
  private static final long FEW = 6 << 10;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final SplittableRandom random = new SplittableRandom(11);

  private static final long PATIENCE_NANOS = 300_000_000_000L;

  /** Bytes that all threads allocate in a call once it is warm: the least of several calls. */
  private static long allocatedBy(Runnable call) {
    call.run();
    long[] workers =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith("sae4j-worker"))
            .mapToLong(Thread::threadId)
            .toArray();
    assertTrue(workers.length > 0, "no worker found");
    long least = Long.MAX_VALUE;
    // Compilation is not done after a fixed number of calls, and on a busy machine compilers wait
    // for a core; a call that allocates always does.
    long until = System.nanoTime() + PATIENCE_NANOS;
    while (least > FEW && System.nanoTime() < until) {
      long before = allocated(workers);
      call.run();
      least = Math.min(least, allocated(workers) - before);
    }
    return least;
  }

  private static long allocated(long[] workers) {
    long sum = THREADS.getCurrentThreadAllocatedBytes();
    for (long bytes : THREADS.getThreadAllocatedBytes(workers)) {
      // −1 once a thread has ended.
      sum += Math.max(0, bytes);
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({
    "SAELENS, 0",
    "SAELENS, 20",
    "SAELENS, 150",
    "SAELENS, 500",
    "SAELENS_PR370, 400",
    "ELEUTHER, 0",
    "ELEUTHER, 20",
    "ELEUTHER, 500",
    "OPENAI, 300"
  })
  void stepsAllocateNothing(Recipe recipe, int dead) {
    StepSpec spec =
        TrainingConfig.of(recipe)
            .with("d_sae", D_SAE)
            .with("k", K)
            .with("train_batch_size", ROWS)
            .with("dead_feature_tokens", 1_000_000)
            .stepSpec(D_IN, OptionalDouble.of(1));
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
      fill(state.wEnc());
      fill(state.wDec());
      Matrix x = fill(memory.matrix(ROWS, D_IN));
      try (TrainingStep step = device.compile(spec, state)) {
        long[] number = {0};
        long bytes =
            allocatedBy(
                () -> {
                  Arrays.fill(state.sinceFired(), 0);
                  Arrays.fill(state.sinceFired(), 0, dead, 1L << 40);
                  step.run(x, 1e-4, ++number[0], true);
                });
        // The list of dead latents is new in every step.
        assertTrue(bytes <= FEW + 4L * dead, recipe + " allocates " + bytes + " bytes a step");
      }
    }
  }

  /** A command whose class was renamed would be passed over in silence. */
  @Test
  void whatIsNotToBeInlinedExists() throws ClassNotFoundException {
    List<String> kept =
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(argument -> argument.contains("dontinline,"))
            .map(argument -> argument.replaceAll(".*dontinline,|::.*", ""))
            .toList();
    assertEquals(Integer.getInteger("not.inlined", 0), kept.size(), kept::toString);
    for (String name : kept) {
      Class.forName(name);
    }
  }

  @Test
  void kernelsAllocateNothing() {
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Matrix w = fill(memory.matrix(D_SAE, D_IN));
      Matrix out = memory.matrix(D_SAE, D_IN);
      Matrix m = memory.matrix(D_SAE, D_IN);
      Matrix v = memory.matrix(D_SAE, D_IN);
      Matrix x = fill(memory.matrix(ROWS, D_IN));
      Matrix g = fill(memory.matrix(ROWS, D_IN));
      Matrix bEnc = fill(memory.vector(D_SAE));
      Matrix bDec = fill(memory.vector(D_IN));
      Matrix perRow = memory.vector(ROWS);
      Matrix perLatent = memory.vector(D_SAE);
      Matrix pre = memory.matrix(ROWS, D_SAE);
      Matrix deltas = memory.vector(ROWS * K);
      SparseCodes codes = memory.codes(ROWS, K);
      EncoderWeights encoder = new EncoderWeights(w, bEnc, bDec, null);
      Adam adam = Adam.of(0.9, 0.999, 1e-8, 1e-3, 1);
      Map<String, Runnable> kernels = new LinkedHashMap<>();
      kernels.put("product", () -> device.product(x, false, w, true, pre));
      Ranked topK = Ranked.topK(K, Relu.BEFORE);
      Ranked signed = Ranked.topK(K, Relu.NONE);
      kernels.put("encode", () -> device.encode(encoder, x, topK, codes));
      kernels.put("activate", () -> device.activate(pre, bEnc, signed, null, codes));
      kernels.put("decode", () -> device.decode(codes, w, bDec, g));
      kernels.put("codeGradients", () -> device.codeGradients(x, w, codes, true, deltas));
      kernels.put("accumulateByLatent", () -> device.accumulateByLatent(codes, deltas, x, out));
      kernels.put("sumByLatent", () -> device.sumByLatent(codes, deltas, perLatent));
      kernels.put("rowDots", () -> device.rowDots(x, g, perRow));
      kernels.put("rowNorms", () -> device.rowNorms(x, perRow));
      kernels.put("rowSquaredDistances", () -> device.rowSquaredDistances(x, bDec, perRow));
      kernels.put("columnSums", () -> device.columnSums(x, bDec));
      kernels.put("columnMeans", () -> device.columnMeans(x, bDec));
      kernels.put("subtractRow", () -> device.subtractRow(x, bDec, g));
      kernels.put("subtract", () -> device.subtract(x, x, g));
      kernels.put("add", () -> device.add(g, x));
      kernels.put("scale", () -> device.scale(g, 0.5f));
      kernels.put("scaleRows", () -> device.scaleRows(g, perRow, perRow));
      kernels.put("normalizeRows", () -> device.normalizeRows(w, 1e-6f));
      kernels.put("projectRows", () -> device.projectRows(out, w, 0f));
      kernels.put("adam", () -> device.adam(w, out, m, v, adam));
      try (Encoder prepared = device.encoder(encoder, topK);
          Encoder int8 = device.encoder(encoder, topK, ServingPrecision.INT8);
          Encoder bf16 = device.encoder(encoder, topK, ServingPrecision.BF16)) {
        for (int rows : new int[] {1, 3, 20}) {
          Matrix some = x.firstRows(rows);
          SparseCodes to = codes.firstRows(rows);
          kernels.put("encoder of " + rows + " rows", () -> prepared.encode(some, to));
          kernels.put("int8 encoder of " + rows + " rows", () -> int8.encode(some, to));
          kernels.put("bf16 encoder of " + rows + " rows", () -> bf16.encode(some, to));
        }
        kernels.forEach(
            (name, kernel) -> {
              long bytes = allocatedBy(kernel);
              assertTrue(bytes <= FEW, name + " allocates " + bytes + " bytes a call");
            });
      }
    }
  }

  @Test
  void encodingWithoutAKernelAllocatesNothing() {
    float[] each = new float[D_SAE];
    Arrays.fill(each, 0.5f);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Matrix x = fill(memory.matrix(3, D_IN));
      SparseCodes codes = memory.codes(3, D_SAE);
      EncoderWeights encoder =
          new EncoderWeights(
              fill(memory.matrix(D_SAE, D_IN)),
              fill(memory.vector(D_SAE)),
              fill(memory.vector(D_IN)),
              null);
      for (Activation activation :
          List.of(
              Threshold.RELU,
              Threshold.jumpRelu(each),
              Threshold.gated(new Threshold.Magnitude(each, each)),
              new Ranked(Ranked.Scope.GROUP, K, Ranked.Order.VALUE, Relu.AFTER),
              new Ranked(Ranked.Scope.ROW, K, Ranked.Order.MAGNITUDE, Relu.NONE))) {
        for (ServingPrecision precision : ServingPrecision.values()) {
          try (Encoder prepared = device.encoder(encoder, activation, precision)) {
            long bytes = allocatedBy(() -> prepared.encode(x, codes));
            assertTrue(
                bytes <= FEW,
                activation + " from " + precision + " allocates " + bytes + " bytes a call");
          }
        }
      }
    }
  }

  @Test
  void servingAllocatesNothing() {
    try (VectorDevice device = new VectorDevice(2)) {
      SaeWeights weights = SaeWeights.allocate(device, D_IN, D_SAE);
      fill(weights.wEnc());
      fill(weights.wDec());
      SaeConfig config = SaeConfig.topK(D_IN, D_SAE, K).with(InputNormalization.LAYER_NORM);
      try (SparseAutoencoder sae = new SparseAutoencoder(device, config, weights);
          OffHeap memory = new OffHeap()) {
        Matrix x = fill(memory.matrix(ROWS, D_IN));
        Matrix out = memory.matrix(ROWS, D_IN);
        SparseCodes codes = memory.codes(ROWS, K);
        float[] row = new float[D_IN];
        x.read(0, 1, row, 0);
        float[] decoded = new float[D_IN];
        int[] indices = new int[K];
        float[] values = new float[K];
        Map<String, Runnable> calls = new LinkedHashMap<>();
        calls.put("encode a batch", () -> sae.encode(x, codes));
        calls.put("decode a batch", () -> sae.decode(codes, x, out));
        calls.put("reconstruct a batch", () -> sae.reconstruct(x, out));
        calls.put("encode a row", () -> sae.encode(row, indices, values));
        calls.put("decode a row", () -> sae.decode(K, indices, values, row, decoded));
        calls.put("reconstruct a row", () -> sae.reconstruct(row, decoded));
        calls.put("error of a row", () -> sae.error(row, row, decoded));
        LatentEdits edits = LatentEdits.NONE.set(3, 1f).scale(5, 2f).ablate(900);
        calls.put("edit a row", () -> sae.edit(row, row, edits, decoded));
        calls.put("error of a batch", () -> sae.error(x, x, out));
        calls.put("edit a batch", () -> sae.edit(x, x, edits, out));
        MemorySegment from = memory.block(4L * D_IN);
        MemorySegment to = memory.block(4L * D_IN);
        calls.put("edit a segment", () -> sae.edit(from, from, edits, to));
        calls.put("direction", () -> sae.encoderDirection(7, decoded));
        calls.forEach(
            (name, call) -> {
              long bytes = allocatedBy(call);
              assertTrue(bytes <= FEW, name + " allocates " + bytes + " bytes a call");
            });
      }
    }
  }

  private Matrix fill(Matrix matrix) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (random.nextDouble() - 0.5));
      }
    }
    return matrix;
  }
}
