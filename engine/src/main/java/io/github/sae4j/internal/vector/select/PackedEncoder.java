package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;
import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * An encoder for serving: W_enc packed into panels once, because a chain per latent vectorises
 * across latents and not along d_in. Small batches are bound by reading the panels, which one sweep
 * does for up to four rows; larger ones go through {@link TopKEncoding} in chunks.
 *
 * <p>Calls do not allocate once warm: scratch is kept in a small cache shared by threads. A call
 * uses the pool if it is idle and the weights are large enough to be worth waking it; otherwise it
 * runs on the caller's thread.
 */
public final class PackedEncoder implements Encoder {
  /** Rows of one sweep over the panels: 4 x 2 accumulators. */
  private static final int SWEEP = 4;

  /** Up to this many rows are encoded in sweeps; more are worth packing into tiles. */
  private static final int FEW_ROWS = 8;

  /** Rows packed at a time by the path for many rows. */
  private static final int MANY_ROWS = 4096;

  /** Bytes of weights below which a call stays on its thread: reading them takes about 50 µs. */
  private static final long POOL_BYTES = 2L << 20;

  private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

  private final WorkerPool pool;
  private final TopKEncoding encoding;
  private final OffHeap memory;
  private final Matrix panels;
  private final float[] bias;
  private final float[] scale;
  private final float[] bDec;
  private final int dIn;
  private final int dSae;
  private final int k;
  private final TopKEncoding.Spec spec;
  private final boolean bounded;
  private final int panelsPerTask;
  private final Shelf<Scratch> shelf = new Shelf<>(Scratch::new);

  /** Prepares an encoder for TopK. */
  public PackedEncoder(WorkerPool pool, EncoderWeights encoder, Activation.Ranked topK) {
    this.pool = pool;
    this.memory = new OffHeap(pool::touch);
    this.encoding = new TopKEncoding(pool);
    this.dIn = encoder.dIn();
    this.dSae = encoder.dSae();
    this.k = (int) topK.k();
    int count = Packing.panels(dSae);
    this.panels = memory.matrix(Math.multiplyExact(count, dIn), PANEL);
    int padded = count * PANEL;
    this.bias = java.util.Arrays.copyOf(encoder.bEnc().toArray(), padded);
    this.scale =
        encoder.rankScale() == null
            ? null
            : java.util.Arrays.copyOf(encoder.rankScale().toArray(), padded);
    this.bDec = encoder.bDec() == null ? null : encoder.bDec().toArray();
    this.spec = new TopKEncoding.Spec(null, panels, dSae, dIn, null, bias, scale, topK.relu());
    this.bounded = LatentRun.mayBeBounded(scale, dSae, topK.relu());
    this.panelsPerTask = Math.max(1, Math.ceilDiv(count, 4 * pool.size()));
    pack(encoder.wEnc());
  }

  private void pack(Matrix wEnc) {
    pool.run(
        Packing.panels(dSae),
        (panel, worker) -> {
          int first = panel * PANEL;
          int count = Math.min(PANEL, dSae - first);
          float[] packed = new float[dIn * PANEL];
          Packing.panel(wEnc, null, first, count, 0, dIn, new float[dIn * PANEL], packed, 0);
          panels.write(panel * dIn, dIn, packed, 0);
        });
  }

  @Override
  public void encode(Matrix x, SparseCodes out) {
    pool.checkOpen();
    expect("x", x, x.rows(), dIn);
    expect(out.rows() == x.rows(), "codes", x.rows() + " rows", out);
    Scratch scratch = shelf.take();
    try {
      if (x.rows() <= FEW_ROWS) {
        for (int from = 0; from < x.rows(); from += SWEEP) {
          scratch.sweep(x, out, from, Math.min(SWEEP, x.rows() - from));
        }
      } else {
        for (int from = 0; from < x.rows(); from += MANY_ROWS) {
          scratch.tiles(x, out, from, Math.min(MANY_ROWS, x.rows() - from));
        }
      }
    } catch (RuntimeException e) {
      shelf.put(scratch);
      throw e;
    }
    // Not after an error: where memory ran out, scratch has grown by half.
    shelf.put(scratch);
  }

  @Override
  public boolean keepsRows() {
    return true;
  }

  @Override
  public void readRows(int first, int count, float[] target, int at) {
    pool.checkOpen();
    expect(
        first >= 0 && count >= 0 && count <= dSae - first,
        "rows",
        "a range within [0, " + dSae + ")",
        first + " + " + count);
    for (int i = 0; i < count; i++) {
      Packing.unpackRow(panels, dIn, first + i, target, at + i * dIn);
    }
  }

  @Override
  public void close() {
    memory.close();
  }

  /** Scratch of one call. It is the pool's task itself, so that submitting it allocates nothing. */
  private final class Scratch implements WorkerPool.Task {
    private final float[] inputs = new float[SWEEP * dIn];
    private final float[] sums = new float[SWEEP * bias.length];
    private final HeapCodes row = new HeapCodes();
    private final HeapCodes many = new HeapCodes();
    private final TopKBuffer selector = new TopKBuffer();
    private final LatentRun run = new LatentRun();
    private int rows;
    private float[] packed = {};

    void sweep(Matrix x, SparseCodes out, int from, int rows) {
      this.rows = rows;
      x.read(from, rows, inputs, 0);
      subtractBias(inputs, rows);
      int tasks = Math.ceilDiv(Packing.panels(dSae), panelsPerTask);
      if (panels.segment().byteSize() < POOL_BYTES || !pool.tryRun(tasks, this)) {
        for (int task = 0; task < tasks; task++) {
          run(task, 0);
        }
      }
      for (int r = 0; r < rows; r++) {
        select(r, from + r, out);
      }
    }

    private void subtractBias(float[] values, int rows) {
      for (int r = 0; bDec != null && r < rows; r++) {
        for (int j = 0; j < dIn; j++) {
          values[r * dIn + j] -= bDec[j];
        }
      }
    }

    /** Multiplies a run of panels with the rows of the sweep. */
    @Override
    public void run(int task, int worker) {
      int last = Math.min(Packing.panels(dSae), (task + 1) * panelsPerTask);
      for (int panel = task * panelsPerTask; panel < last; panel++) {
        long at = panels.rowOffset(panel * dIn);
        int to = panel * PANEL;
        if (rows == 1) {
          panelTimes1(panels.segment(), at, dIn, inputs, sums, to);
        } else {
          // Rows beyond the sweep's are computed from stale values, and ignored.
          panelTimes4(panels.segment(), at, dIn, inputs, sums, to, bias.length);
        }
      }
    }

    private void select(int r, int row, SparseCodes out) {
      int base = r * bias.length;
      selector.reset(1, k, dSae, spec.scaled());
      run.over(sums, bias, scale, spec.relu(), bounded).set(0, dSae, base, 0);
      if (!selector.offer(0, run)) {
        throw nonFinite(base, row);
      }
      selector.finish(0, spec.relu(), this.row.equalRows(1, k), 0);
      this.row.copyTo(out, row);
    }

    private NonFiniteException nonFinite(int base, int row) {
      for (int i = 0; i < dSae; i++) {
        float value = sums[base + i] + bias[i];
        float rank = scale == null ? value : value * scale[i];
        if (!Float.isFinite(value) || !Float.isFinite(rank)) {
          return new NonFiniteException(row, i, Float.isFinite(value) ? rank : value);
        }
      }
      throw new IllegalStateException("row " + row + " is finite after all");
    }

    void tiles(Matrix x, SparseCodes out, int from, int rows) {
      int size = Packing.tiles(rows) * Vectors.TILE * dIn;
      if (packed.length < size) {
        packed = new float[size];
      }
      synchronized (encoding) {
        encoding.packRows(x, from, rows, bDec, null, 0, packed);
        try {
          encoding.run(spec, packed, rows, k, many, 0, null);
        } catch (NonFiniteException e) {
          throw e.shifted(from);
        }
      }
      many.copyTo(out, from);
    }
  }

  private static void panelTimes1(
      MemorySegment panels, long at, int depth, float[] x, float[] out, int to) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    for (int p = 0; p < depth; p++) {
      long row = at + 4L * PANEL * p;
      FloatVector v = FloatVector.broadcast(SPECIES, x[p]);
      s0 = v.fma(FloatVector.fromMemorySegment(SPECIES, panels, row, NATIVE), s0);
      s1 = v.fma(FloatVector.fromMemorySegment(SPECIES, panels, row + 4L * LENGTH, NATIVE), s1);
    }
    s0.intoArray(out, to);
    s1.intoArray(out, to + LENGTH);
  }

  private static void panelTimes4(
      MemorySegment panels, long at, int depth, float[] x, float[] out, int to, int stride) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector c0 = a0;
    FloatVector c1 = a0;
    FloatVector d0 = a0;
    FloatVector d1 = a0;
    for (int p = 0; p < depth; p++) {
      long row = at + 4L * PANEL * p;
      FloatVector low = FloatVector.fromMemorySegment(SPECIES, panels, row, NATIVE);
      FloatVector high = FloatVector.fromMemorySegment(SPECIES, panels, row + 4L * LENGTH, NATIVE);
      FloatVector v = FloatVector.broadcast(SPECIES, x[p]);
      a0 = v.fma(low, a0);
      a1 = v.fma(high, a1);
      v = FloatVector.broadcast(SPECIES, x[depth + p]);
      b0 = v.fma(low, b0);
      b1 = v.fma(high, b1);
      v = FloatVector.broadcast(SPECIES, x[2 * depth + p]);
      c0 = v.fma(low, c0);
      c1 = v.fma(high, c1);
      v = FloatVector.broadcast(SPECIES, x[3 * depth + p]);
      d0 = v.fma(low, d0);
      d1 = v.fma(high, d1);
    }
    a0.intoArray(out, to);
    a1.intoArray(out, to + LENGTH);
    b0.intoArray(out, to + stride);
    b1.intoArray(out, to + stride + LENGTH);
    c0.intoArray(out, to + 2 * stride);
    c1.intoArray(out, to + 2 * stride + LENGTH);
    d0.intoArray(out, to + 3 * stride);
    d1.intoArray(out, to + 3 * stride + LENGTH);
  }
}
