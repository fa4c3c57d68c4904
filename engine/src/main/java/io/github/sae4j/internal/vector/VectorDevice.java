package io.github.sae4j.internal.vector;

import static io.github.sae4j.kernels.Shapes.expect;
import static io.github.sae4j.kernels.Shapes.expectVector;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.composed.AnnealedStep;
import io.github.sae4j.internal.vector.gemm.Gemm;
import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.rows.AdamRows;
import io.github.sae4j.internal.vector.rows.BatchSums;
import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.select.CodesByLatent;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.internal.vector.select.PackedEncoder;
import io.github.sae4j.internal.vector.select.RowTopK;
import io.github.sae4j.internal.vector.select.ScreenedEncoder;
import io.github.sae4j.internal.vector.select.TopKEncoding;
import io.github.sae4j.internal.vector.step.FusedMemoryPlan;
import io.github.sae4j.internal.vector.step.FusedSpec;
import io.github.sae4j.internal.vector.step.FusedTrainingStep;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.ComposedEncoding;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.HostActivation;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * The CPU device: Vector API kernels on a worker pool. Operands lie off-heap; kernels copy rows or
 * panels into heap scratch first, because C2 compiles loops over arrays better than loops over
 * segments.
 */
public final class VectorDevice implements Device {
  /** Rows per task of a row-wise kernel. */
  private static final int TASK = 16;

  /** Rows of W_dec that are held in scratch at a time. */
  private static final int CHUNK = 64;

  /** Rows encoded at a time by the kernel-level encoder. */
  private static final int ENCODE_ROWS = 4096;

  private interface Row {
    void run(int row, Scratch scratch);
  }

  private static final class Scratch {
    float[] a = {};
    float[] b = {};
    float[] c = {};
    int[] at = {};

    void width(int floats) {
      if (a.length < floats) {
        a = new float[floats];
        b = new float[floats];
        c = new float[floats];
      }
    }
  }

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final TopKEncoding encoding;
  private final Gemm products;
  private final BatchSums sums;
  private final RowTopK rowSelection;
  private final ComposedEncoding composed;
  private float[] packed = {};
  private float[] bias = {};
  private float[] rankScale = {};
  private float[] inputBias = {};
  private float[] totals = {};
  private int[] latents = {};
  private int[] rowStarts = {};
  private final CodesByLatent byLatent = new CodesByLatent();
  private final HeapCodes codes = new HeapCodes();
  private volatile boolean closed;

  /**
   * Opens the device.
   *
   * @param threads number of threads that run kernels, the caller's included
   */
  public VectorDevice(int threads) {
    expect(threads >= 1, "threads", "at least 1", threads);
    pool = new WorkerPool(threads);
    scratch = new Scratch[threads];
    Arrays.setAll(scratch, i -> new Scratch());
    encoding = new TopKEncoding(pool);
    products = new Gemm(pool);
    sums = new BatchSums(pool);
    rowSelection = new RowTopK(pool);
    composed = new ComposedEncoding(this);
  }

  /** {@return the pool that runs its kernels and steps; for measurements} */
  public WorkerPool pool() {
    return pool;
  }

  /** {@return the width of the vectors that run, in bits} */
  public static int vectorBits() {
    return Vectors.SPECIES.vectorBitSize();
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return "Vector API, "
        + vectorBits()
        + " bits, "
        + pool.size()
        + (pool.size() == 1 ? " thread" : " threads");
  }

  @Override
  public Guarantee guarantee() {
    return Guarantee.EXACT;
  }

  @Override
  public OffHeap openMemory() {
    checkOpen();
    return new OffHeap(pool::touch);
  }

  @Override
  public void product(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    checkOpen();
    int inner = transposeA ? a.rows() : a.cols();
    expect(inner == (transposeB ? b.cols() : b.rows()), "b", "inner size " + inner, b.shape());
    expect("out", out, transposeA ? a.cols() : a.rows(), transposeB ? b.rows() : b.cols());
    products.run(a, transposeA, b, transposeB, out);
  }

  @Override
  public void encode(EncoderWeights encoder, Matrix x, Activation activation, SparseCodes out) {
    checkOpen();
    if (activation instanceof Ranked ranked && ranked.isTopK()) {
      ranked.checkLatents(encoder.dSae());
      encodeTopK(encoder, x, ranked, out);
    } else {
      composed.encode(encoder, x, activation, out);
    }
  }

  private synchronized void encodeTopK(
      EncoderWeights encoder, Matrix x, Ranked topK, SparseCodes out) {
    int d = encoder.dIn();
    expect("x", x, x.rows(), d);
    expect(out.rows() == x.rows(), "codes", x.rows() + " rows", out);
    TopKEncoding.Spec spec =
        new TopKEncoding.Spec(
            encoder.wEnc(),
            null,
            bias = read(encoder.bEnc(), bias),
            encoder.rankScale() == null ? null : (rankScale = read(encoder.rankScale(), rankScale)),
            topK.relu());
    float[] bDec = encoder.bDec() == null ? null : (inputBias = read(encoder.bDec(), inputBias));
    for (int from = 0; from < x.rows(); from += ENCODE_ROWS) {
      int rows = Math.min(ENCODE_ROWS, x.rows() - from);
      int size = Packing.tiles(rows) * Vectors.TILE * d;
      if (packed.length < size) {
        packed = new float[size];
      }
      encoding.packRows(x, from, rows, bDec, null, 0, packed);
      try {
        encoding.run(spec, packed, rows, (int) topK.k(), codes, 0, null);
      } catch (NonFiniteException e) {
        throw e.shifted(from);
      }
      codes.copyTo(out, from);
    }
  }

  /** Reads a vector into an array of at least its length. */
  private static float[] read(Matrix vector, float[] array) {
    float[] to = array.length < vector.cols() ? new float[vector.cols()] : array;
    vector.read(0, 1, to, 0);
    return to;
  }

  @Override
  public Encoder encoder(EncoderWeights encoder, Activation activation) {
    checkOpen();
    if (activation instanceof Ranked ranked && ranked.isTopK()) {
      ranked.checkLatents(encoder.dSae());
      return new PackedEncoder(pool, encoder, ranked);
    }
    return Device.super.encoder(encoder, activation);
  }

  @Override
  public Encoder encoder(
      EncoderWeights encoder, Activation activation, ServingPrecision precision) {
    Objects.requireNonNull(precision, "precision");
    checkOpen();
    ServingPrecision chosen = ScreenedEncoder.choose(encoder, activation, precision);
    if (chosen == ServingPrecision.F32) {
      return encoder(encoder, activation);
    }
    activation.checkLatents(encoder.dSae());
    return new ScreenedEncoder(pool, this, encoder, activation, chosen);
  }

  @Override
  public void activate(
      Matrix products, Matrix bias, Activation activation, Matrix rankScale, SparseCodes out) {
    checkOpen();
    if (!(activation instanceof Ranked ranked && ranked.isTopK())) {
      HostActivation.apply(products, bias, activation, rankScale, out);
      return;
    }
    int n = products.cols();
    ranked.checkLatents(n);
    expect(out.rows() == products.rows(), "codes", products.rows() + " rows", out);
    if (bias != null) {
      expect("bias", bias, 1, n);
    }
    if (rankScale != null) {
      expect("rank scale", rankScale, 1, n);
    }
    rowSelection.run(products, bias, rankScale, ranked, out);
  }

  @Override
  public void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out) {
    checkOpen();
    int d = wDec.cols();
    expect("out", out, codes.rows(), d);
    if (bDec != null) {
      expect("b_dec", bDec, 1, d);
    }
    codes.expectIndices(wDec.rows());
    int padded = Vectors.padded(d);
    forRows(
        codes.rows(),
        CHUNK * padded,
        (b, s) -> {
          Arrays.fill(s.a, 0, padded, 0f);
          for (int slot = 0; slot < codes.length(b); slot += CHUNK) {
            int count = Math.min(CHUNK, codes.length(b) - slot);
            loadRows(codes, b, slot, count, wDec, padded, s);
            for (int i = 0; i < count; i++) {
              s.c[i] = codes.value(b, slot + i);
            }
            RowArithmetic.combine(s.c, 0, s.at, 0, count, s.b, padded, s.a, 0);
          }
          if (bDec != null) {
            // Read anew for every row, k times less than the row costs, so that none allocates it.
            readPadded(bDec, 0, s.b, padded);
            RowArithmetic.add(s.a, 0, s.b, 0, padded);
          }
          out.write(b, 1, s.a, 0);
        });
  }

  @Override
  public void codeGradients(Matrix g, Matrix wDec, SparseCodes codes, boolean gated, Matrix out) {
    checkOpen();
    int d = wDec.cols();
    expect("g", g, codes.rows(), d);
    expectVector("out", out, codes.size());
    codes.expectIndices(wDec.rows());
    int padded = Vectors.padded(d);
    forRows(
        codes.rows(),
        CHUNK * padded,
        (b, s) -> {
          readPadded(g, b, s.a, padded);
          for (int slot = 0; slot < codes.length(b); slot += CHUNK) {
            int count = Math.min(CHUNK, codes.length(b) - slot);
            loadRows(codes, b, slot, count, wDec, padded, s);
            RowArithmetic.dots(s.a, 0, s.b, 0, count, padded, s.c, 0);
            for (int i = 0; i < count; i++) {
              boolean open = !gated || codes.value(b, slot + i) > 0;
              out.set(0, codes.start(b) + slot + i, open ? s.c[i] : 0f);
            }
          }
        });
  }

  private static void loadRows(
      SparseCodes codes, int b, int slot, int count, Matrix wDec, int padded, Scratch s) {
    if (s.at.length < CHUNK) {
      s.at = new int[CHUNK];
    }
    for (int i = 0; i < count; i++) {
      s.at[i] = i * padded;
      Rows.copy(wDec, codes.index(b, slot + i), 0, wDec.cols(), s.b, i * padded);
      Arrays.fill(s.b, i * padded + wDec.cols(), (i + 1) * padded, 0f);
    }
  }

  @Override
  public void accumulateByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    chains(codes, coefficients, rows, out, false);
  }

  @Override
  public void continueByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    chains(codes, coefficients, rows, out, true);
  }

  private synchronized void chains(
      SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out, boolean goOn) {
    checkOpen();
    int d = rows.cols();
    expect("rows", rows, codes.rows(), d);
    expect("out", out, out.rows(), d);
    if (coefficients != null) {
      expectVector("coefficients", coefficients, codes.size());
    }
    codes.expectIndices(out.rows());
    CodesByLatent index = index(codes, out.rows());
    int padded = Vectors.padded(d);
    MemorySegment weights = coefficients == null ? codes.values() : coefficients.segment();
    forRows(
        out.rows(),
        CHUNK * padded,
        (i, s) -> {
          if (s.at.length < CHUNK) {
            s.at = new int[CHUNK];
          }
          if (!goOn) {
            Arrays.fill(s.a, 0, padded, 0f);
          } else if (index.from(i) < index.to(i)) {
            readPadded(out, i, s.a, padded);
          } else {
            return;
          }
          for (int p = index.from(i); p < index.to(i); p += CHUNK) {
            int count = Math.min(CHUNK, index.to(i) - p);
            for (int j = 0; j < count; j++) {
              int place = index.place(p + j);
              s.c[j] = weights.get(Matrix.FLOAT, 4L * place);
              s.at[j] = j * padded;
              Rows.copy(rows, index.row(p + j), 0, d, s.b, j * padded);
              Arrays.fill(s.b, j * padded + d, (j + 1) * padded, 0f);
            }
            RowArithmetic.combine(s.c, 0, s.at, 0, count, s.b, padded, s.a, 0);
          }
          out.write(i, 1, s.a, 0);
        });
  }

  @Override
  public synchronized void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    checkOpen();
    expectVector("coefficients", coefficients, codes.size());
    expect("out", out, 1, out.cols());
    codes.expectIndices(out.cols());
    if (totals.length < out.cols()) {
      totals = new float[out.cols()];
    }
    float[] total = totals;
    Arrays.fill(total, 0, out.cols(), 0f);
    for (int b = 0; b < codes.rows(); b++) {
      for (int slot = 0; slot < codes.length(b); slot++) {
        total[codes.index(b, slot)] += coefficients.get(0, codes.start(b) + slot);
      }
    }
    out.write(0, 1, total, 0);
  }

  private CodesByLatent index(SparseCodes codes, int count) {
    int size = codes.size();
    if (latents.length < size) {
      latents = new int[size];
    }
    if (rowStarts.length < codes.rows() + 1) {
      rowStarts = new int[codes.rows() + 1];
    }
    codes.readStarts(rowStarts);
    MemorySegment.copy(codes.indices(), SparseCodes.INT, 0, latents, 0, size);
    byLatent.build(codes.rows(), rowStarts, latents, count);
    return byLatent;
  }

  @Override
  public void rowDots(Matrix a, Matrix b, Matrix out) {
    checkOpen();
    expect("b", b, a.rows(), a.cols());
    expect("out", out, 1, a.rows());
    int padded = Vectors.padded(a.cols());
    forRows(
        a.rows(),
        padded,
        (row, s) -> {
          readPadded(a, row, s.a, padded);
          readPadded(b, row, s.b, padded);
          out.set(0, row, RowArithmetic.dot(s.a, 0, s.b, 0, padded));
        });
  }

  @Override
  public void rowSquaredDistances(Matrix a, Matrix center, Matrix out) {
    checkOpen();
    expect("center", center, 1, a.cols());
    expect("out", out, 1, a.rows());
    int padded = Vectors.padded(a.cols());
    float[] middle = padded(center);
    forRows(
        a.rows(),
        padded,
        (row, s) -> {
          readPadded(a, row, s.a, padded);
          RowArithmetic.subtract(s.a, 0, middle, 0, s.a, 0, padded);
          out.set(0, row, RowArithmetic.dot(s.a, 0, s.a, 0, padded));
        });
  }

  @Override
  public void rowNorms(Matrix a, Matrix out) {
    checkOpen();
    expect("out", out, 1, a.rows());
    int padded = Vectors.padded(a.cols());
    forRows(
        a.rows(),
        padded,
        (row, s) -> {
          readPadded(a, row, s.a, padded);
          out.set(0, row, RowArithmetic.norm(s.a, 0, padded));
        });
  }

  @Override
  public void columnSums(Matrix a, Matrix out) {
    checkOpen();
    expect("out", out, 1, a.cols());
    float[] total = new float[a.cols()];
    sums.addColumnSums(Rows.of(a), a.rows(), a.cols(), total);
    out.write(0, 1, total, 0);
  }

  @Override
  public void columnMeans(Matrix a, Matrix out) {
    checkOpen();
    expect(a.rows() >= 1, "a", "at least one row", a.shape());
    expect("out", out, 1, a.cols());
    float[] means = new float[a.cols()];
    sums.columnMeans(Rows.of(a), 0, a.rows(), a.cols(), means);
    out.write(0, 1, means, 0);
  }

  @Override
  public void subtractRow(Matrix a, Matrix row, Matrix out) {
    checkOpen();
    expect("row", row, 1, a.cols());
    expect("out", out, a.rows(), a.cols());
    int padded = Vectors.padded(a.cols());
    float[] subtrahend = padded(row);
    forRows(
        a.rows(),
        padded,
        (r, s) -> {
          readPadded(a, r, s.a, padded);
          RowArithmetic.subtract(s.a, 0, subtrahend, 0, s.a, 0, padded);
          out.write(r, 1, s.a, 0);
        });
  }

  @Override
  public void subtract(Matrix a, Matrix b, Matrix out) {
    checkOpen();
    expect("b", b, a.rows(), a.cols());
    expect("out", out, a.rows(), a.cols());
    int padded = Vectors.padded(a.cols());
    forRows(
        a.rows(),
        padded,
        (r, s) -> {
          readPadded(a, r, s.a, padded);
          readPadded(b, r, s.b, padded);
          RowArithmetic.subtract(s.a, 0, s.b, 0, s.a, 0, padded);
          out.write(r, 1, s.a, 0);
        });
  }

  @Override
  public void add(Matrix target, Matrix addend) {
    checkOpen();
    expect("addend", addend, target.rows(), target.cols());
    int padded = Vectors.padded(target.cols());
    forRows(
        target.rows(),
        padded,
        (r, s) -> {
          readPadded(target, r, s.a, padded);
          readPadded(addend, r, s.b, padded);
          RowArithmetic.add(s.a, 0, s.b, 0, padded);
          target.write(r, 1, s.a, 0);
        });
  }

  @Override
  public void scale(Matrix a, float factor) {
    checkOpen();
    int padded = Vectors.padded(a.cols());
    forRows(
        a.rows(),
        padded,
        (r, s) -> {
          readPadded(a, r, s.a, padded);
          RowArithmetic.scale(s.a, 0, factor, s.a, 0, padded);
          a.write(r, 1, s.a, 0);
        });
  }

  @Override
  public void scaleRows(Matrix a, Matrix factors, Matrix shifts) {
    checkOpen();
    expect(factors.cols() >= a.rows(), "factors", "at least " + a.rows(), factors.shape());
    expect(shifts == null || shifts.cols() >= a.rows(), "shifts", "at least " + a.rows(), shifts);
    int padded = Vectors.padded(a.cols());
    forRows(
        a.rows(),
        padded,
        (r, s) -> {
          readPadded(a, r, s.a, padded);
          if (shifts == null) {
            RowArithmetic.scale(s.a, 0, factors.get(0, r), s.a, 0, padded);
          } else {
            RowArithmetic.affine(s.a, 0, factors.get(0, r), shifts.get(0, r), a.cols());
          }
          a.write(r, 1, s.a, 0);
        });
  }

  @Override
  public void normalizeRows(Matrix w, float epsilon) {
    checkOpen();
    int padded = Vectors.padded(w.cols());
    forRows(
        w.rows(),
        padded,
        (r, s) -> {
          readPadded(w, r, s.a, padded);
          RowArithmetic.normalize(s.a, 0, epsilon, padded);
          w.write(r, 1, s.a, 0);
        });
  }

  @Override
  public void projectRows(Matrix gradient, Matrix w, float epsilon) {
    checkOpen();
    expect("w", w, gradient.rows(), gradient.cols());
    int padded = Vectors.padded(w.cols());
    forRows(
        w.rows(),
        padded,
        (r, s) -> {
          readPadded(gradient, r, s.a, padded);
          readPadded(w, r, s.b, padded);
          if (epsilon > 0) {
            RowArithmetic.normalize(s.b, 0, epsilon, padded);
          }
          RowArithmetic.project(s.a, 0, s.b, 0, padded);
          gradient.write(r, 1, s.a, 0);
        });
  }

  @Override
  public void adam(Matrix weights, Matrix gradient, Matrix m, Matrix v, Adam adam) {
    checkOpen();
    int d = weights.cols();
    expect("gradient", gradient, weights.rows(), d);
    expect("m", m, weights.rows(), d);
    expect("v", v, weights.rows(), d);
    int padded = Vectors.padded(d);
    forRows(
        weights.rows(),
        padded,
        (r, s) -> {
          readPadded(gradient, r, s.a, padded);
          AdamRows.update(weights, m, v, r, s.a, 0, adam);
        });
  }

  @Override
  public void onHost(int parts, IntConsumer work) {
    checkOpen();
    pool.run(parts, (part, worker) -> work.accept(part));
  }

  @Override
  public StepExecution execution(StepSpec spec) {
    StepExecution execution = FusedSpec.execution(spec.annealed());
    return spec.forward().annealing().isPresent() && execution.fused()
        ? StepExecution.fused(execution.reason() + "; composed of kernels while k is annealed")
        : execution;
  }

  @Override
  public MemoryPlan memoryPlan(StepSpec spec) {
    return execution(spec).fused() && spec.forward().annealing().isEmpty()
        ? FusedMemoryPlan.of(FusedSpec.of(spec), pool.size())
        : Device.super.memoryPlan(spec);
  }

  @Override
  public TrainingStep compile(StepSpec spec, TrainingState state) {
    checkOpen();
    if (spec.forward().annealing().isPresent()) {
      return new AnnealedStep(
          spec, Device.super.compile(spec, state), then -> compile(then, state));
    }
    return execution(spec).fused() && state.isPlain()
        ? new FusedTrainingStep(pool, spec, state)
        : Device.super.compile(spec, state);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      composed.close();
      pool.close();
    }
  }

  private void forRows(int rows, int floats, Row kernel) {
    pool.run(
        (rows + TASK - 1) / TASK,
        (task, worker) -> {
          Scratch own = scratch[worker];
          own.width(floats);
          int last = Math.min(rows, (task + 1) * TASK);
          for (int row = task * TASK; row < last; row++) {
            kernel.run(row, own);
          }
        });
  }

  private static void readPadded(Matrix from, int row, float[] to, int padded) {
    Rows.copy(from, row, 0, from.cols(), to, 0);
    Arrays.fill(to, from.cols(), padded, 0f);
  }

  private static float[] padded(Matrix vector) {
    return Arrays.copyOf(vector.toArray(), Vectors.padded(vector.cols()));
  }

  /** Throws where the device is closed. */
  public void checkOpen() {
    if (closed) {
      throw new IllegalStateException("device cpu is closed");
    }
  }
}
