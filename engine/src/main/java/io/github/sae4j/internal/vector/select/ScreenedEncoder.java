package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;

/**
 * An encoder for serving that reads a copy of W_enc in 8 or 16 bits, and of W_enc itself only the
 * rows of latents that may be in the code: see {@link ReducedCopy} and {@link Screening}. W_enc
 * stays the caller's matrix.
 *
 * <p>Rows that are not covered, and batches that are large enough for the plain path's tiles to
 * win, are encoded by the device's own kernel. Calls do not allocate once warm.
 */
public final class ScreenedEncoder implements Encoder {
  /** Rows from which on the plain path is faster. */
  static final int MANY_ROWS = 256;

  /** Rows that share a pass over the copy, at most; a row takes 4 d_sae bytes of sums. */
  private static final int CHUNK = 64;

  /** Bytes of the copy below which a call stays on its thread. */
  private static final long POOL_BYTES = 1L << 20;

  /** Bytes of W_enc below which reading it takes no longer than choosing twice. */
  private static final long AUTO_BYTES = 4L << 20;

  private final WorkerPool pool;
  private final Kernels kernels;
  private final EncoderWeights weights;
  private final Activation activation;
  private final ServingPrecision precision;
  private final OffHeap memory = new OffHeap();
  private final ReducedCopy copy;
  private final Screening screening;
  private final int panels;
  private final int stride;
  private final Shelf<Scratch> shelf = new Shelf<>(Scratch::new);

  /** What happened to rows so far, for tests. */
  final Counts counts = new Counts();

  /** How many rows took which way. Not exact where calls overlap. */
  static final class Counts {
    long screened;
    long plain;
    long candidates;

    /** Passes that the pool's threads shared. */
    long shared;
  }

  private volatile boolean closed;

  /** From here on the pool is asked; tests have it asked for less. */
  long poolBytes = POOL_BYTES;

  /**
   * Makes the copy.
   *
   * @param pool runs calls
   * @param kernels encodes what is not screened
   * @param encoder the weights, which must not change while this encoder is open
   * @param activation TopK or a threshold
   * @param precision BF16 or INT8
   */
  public ScreenedEncoder(
      WorkerPool pool,
      Kernels kernels,
      EncoderWeights encoder,
      Activation activation,
      ServingPrecision precision) {
    this.pool = pool;
    this.kernels = kernels;
    this.weights = encoder;
    this.activation = activation;
    this.precision = precision;
    copy = new ReducedCopy(pool, memory, encoder.wEnc(), precision == ServingPrecision.INT8);
    screening = new Screening(encoder, activation, copy);
    panels = Packing.panels(encoder.dSae());
    stride = panels * PANEL;
  }

  /**
   * What to read.
   *
   * @param encoder the weights
   * @param activation the activation
   * @param wish what the caller asked for
   * @return BF16, INT8 or F32
   */
  public static ServingPrecision choose(
      EncoderWeights encoder, Activation activation, ServingPrecision wish) {
    if (!Screening.knows(activation)) {
      return ServingPrecision.F32;
    }
    if (wish != ServingPrecision.AUTO) {
      return wish;
    }
    long bytes = 4L * encoder.dSae() * encoder.dIn();
    return bytes < AUTO_BYTES ? ServingPrecision.F32 : ServingPrecision.INT8;
  }

  @Override
  public ServingPrecision precision() {
    return precision;
  }

  @Override
  public void encode(Matrix x, SparseCodes out) {
    pool.checkOpen();
    if (closed) {
      throw new IllegalStateException("encoder: is closed");
    }
    expect("x", x, x.rows(), weights.dIn());
    expect(out.rows() == x.rows(), "codes", x.rows() + " rows", out);
    if (x.rows() >= MANY_ROWS) {
      counts.plain += x.rows();
      kernels.encode(weights, x, activation, out);
      return;
    }
    Scratch scratch = shelf.take();
    try {
      for (int from = 0; from < x.rows(); from += CHUNK) {
        scratch.encode(x, out, from, Math.min(CHUNK, x.rows() - from));
      }
    } finally {
      shelf.put(scratch);
    }
  }

  @Override
  public void close() {
    closed = true;
    memory.close();
  }

  /** Scratch of one call. It is the pool's task itself, so that submitting it allocates nothing. */
  private final class Scratch implements WorkerPool.Task {
    private Screening.Row[] rows = {};
    private final Screening.Worker[] workers = new Screening.Worker[pool.size()];
    private float[] packed = {};
    private float[] sums = {};
    private int count;
    private int firstRow;
    private boolean scanning;
    private int panelsPerTask;

    Scratch() {
      Arrays.setAll(workers, i -> new Screening.Worker());
    }

    void encode(Matrix x, SparseCodes out, int from, int count) {
      this.count = count;
      firstRow = from;
      reserve();
      boolean any = false;
      for (int r = 0; r < count; r++) {
        rows[r].plain = !screening.read(x, from + r, rows[r]);
        any |= !rows[r].plain;
      }
      if (any) {
        pack();
        scanning = true;
        panelsPerTask = Math.max(1, Math.ceilDiv(panels, 4 * pool.size()));
        share(Math.ceilDiv(panels, panelsPerTask));
        scanning = false;
        share(count);
      }
      for (int r = 0; r < count; r++) {
        write(rows[r], x, out, from + r);
      }
    }

    private void share(int tasks) {
      if (copy.words.byteSize() < poolBytes || tasks == 1 || !pool.tryRun(tasks, this)) {
        for (int task = 0; task < tasks; task++) {
          run(task, 0);
        }
      } else {
        counts.shared++;
      }
    }

    private void reserve() {
      if (rows.length < count) {
        int known = rows.length;
        rows = Arrays.copyOf(rows, count);
        for (int r = known; r < count; r++) {
          rows[r] = new Screening.Row();
        }
      }
      int tiled = Math.ceilDiv(count, ScanKernels.MOST_ROWS) * ScanKernels.MOST_ROWS;
      int all = count == 1 ? 1 : tiled;
      if (sums.length < all * stride) {
        sums = new float[all * stride];
      }
      int size = all * copy.groups * copy.perInt;
      if (packed.length < size) {
        packed = new float[size];
      }
    }

    /** Packs the rows tile by tile; missing rows and elements are zeros. */
    private void pack() {
      int depth = copy.groups * copy.perInt;
      int dIn = weights.dIn();
      for (int first = 0; first < count; ) {
        int tile = count == 1 ? 1 : ScanKernels.tile(count - first);
        int at = first * depth;
        Arrays.fill(packed, at, at + tile * depth, 0f);
        for (int r = 0; r < tile && first + r < count; r++) {
          float[] row = rows[first + r].x;
          for (int j = 0; j < dIn; j++) {
            packed[at + j * tile + r] = row[j];
          }
        }
        first += tile;
      }
    }

    @Override
    public void run(int task, int worker) {
      if (scanning) {
        scan(task);
      } else if (!rows[task].plain) {
        screening.choose(rows[task], firstRow + task, sums, task * stride, workers[worker]);
      }
    }

    /** Multiplies a run of panels with all rows. */
    private void scan(int task) {
      int depth = copy.groups * copy.perInt;
      int last = Math.min(panels, (task + 1) * panelsPerTask);
      if (count == 1) {
        ScanKernels.multiply(copy, task * panelsPerTask, last, packed, sums);
        return;
      }
      for (int panel = task * panelsPerTask; panel < last; panel++) {
        for (int first = 0; first < count; ) {
          int tile = ScanKernels.tile(count - first);
          ScanKernels.multiply(
              copy,
              panel,
              tile,
              packed,
              first * depth,
              sums,
              first * stride + panel * PANEL,
              stride);
          first += tile;
        }
      }
    }

    private void write(Screening.Row row, Matrix x, SparseCodes out, int at) {
      if (row.failure != null) {
        throw row.failure;
      }
      if (row.plain) {
        counts.plain++;
        try {
          kernels.encode(weights, x.rows(at, 1), activation, out.rows(at, 1));
        } catch (NonFiniteException e) {
          throw e.shifted(at);
        }
      } else {
        counts.screened++;
        counts.candidates += row.candidateCount;
        out.setRow(at, row.count, row.latents, row.values, 0);
      }
    }
  }
}
