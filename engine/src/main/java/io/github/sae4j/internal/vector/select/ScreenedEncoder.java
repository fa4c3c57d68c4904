package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
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
 * <p>Where a copy rules out little, {@link RowProducts} of all latents cost less than the chains of
 * those that are left. Which it will be is known for certain only after the copy was read, so an
 * encoder remembers how many latents were left lately, and does not read the copy where that was
 * too many, but for a try now and then. Codes do not depend on it.
 *
 * <p>Rows that are not covered, and batches that are large enough for the plain path's tiles to
 * win, are encoded by the device's own kernel. Calls do not allocate once warm, as long as rows are
 * covered and batches small.
 */
public final class ScreenedEncoder implements Encoder {
  /** Rows that share a pass over the copy, at most. */
  private static final int CHUNK = 64;

  /** Sums of a chunk, at most, if it has more than 8 rows. */
  private static final int CHUNK_SUMS = 16 << 20;

  /** Bytes of the copy below which a call stays on its thread. */
  private static final long POOL_BYTES = 1L << 20;

  /**
   * Bytes of W_enc below which a copy does not pay: at d = 384 and n = 3072, 4.5 MiB, it took 1.2
   * to 1.7 times as long for 8, 64 and 128 rows, at n = 8192 from 0.6 to 1.1 for 64 and 128. Rough:
   * single runs, beside other programs.
   */
  private static final long AUTO_BYTES = 8L << 20;

  /** Chains that a row's own task computes; more are shared by threads, or taken from all. */
  private static final int FEW_CHAINS = 256;

  /** Latents of a task that multiplies rows with all. */
  private static final int LATENTS_A_TASK = 192;

  // What things take, in units of a chain of RowChains. Measured at d = 768 on one core of Zen 5,
  // where
  // a chain takes 0.19 µs: reading W_enc 0.17 µs a latent, 32 rows 0.21 and 16 rows 0.13 µs a
  // latent on
  // top; reading a copy in 8 bits 15 ns a latent, and 8 ns a latent and row where rows are several.
  private static final double READ_A_LATENT = 0.9;
  private static final double GROUP_OF_ROWS = 1.1;
  private static final double HALF_A_GROUP = 0.7;
  private static final double SCAN_A_LATENT = 0.04;

  /** Of so many chunks that do not read the copy, one does: to see whether it is worth it now. */
  private static final int TRY_EVERY = 32;

  private final WorkerPool pool;
  private final Kernels kernels;
  private final EncoderWeights weights;
  private final Activation activation;
  private final ServingPrecision precision;
  private final OffHeap memory;
  private final ReducedCopy copy;
  private final Screening screening;
  private final int panels;
  private final int stride;
  private final int chunk;
  private final Shelf<Scratch> shelf = new Shelf<>(Scratch::new);

  /** What happened to rows so far, for tests. */
  final Counts counts = new Counts();

  /** How many rows took which way. Not exact where calls overlap. */
  static final class Counts {
    /** Rows that the copy was read for, and whose candidates were computed one by one. */
    long screened;

    /** Rows that were multiplied with all latents, whether the copy was read before or not. */
    long multiplied;

    /** Rows that the device's own kernel encoded. */
    long plain;

    /** Candidates of the rows that the copy was read for. */
    long candidates;

    /** Rows that the copy was read for. */
    long read;

    /** Passes that the pool's threads shared. */
    long shared;
  }

  /** Which way rows take, for tests; both are right for all. */
  enum Way {
    CHEAPEST,
    ONE_BY_ONE,
    ALL
  }

  private volatile boolean closed;

  /**
   * Candidates of a row, of late. Threads that call at once may lose each other's: it is only a
   * guess.
   */
  private volatile float expected;

  /** Chunks that did not read the copy since one did. */
  private volatile int unread;

  /** From here on the pool is asked; tests have it asked for less. */
  long poolBytes = POOL_BYTES;

  /** Set by tests. */
  Way way = Way.CHEAPEST;

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
    this.memory = new OffHeap(pool::touch);
    try {
      copy = new ReducedCopy(pool, memory, encoder.wEnc(), precision == ServingPrecision.INT8);
      screening = new Screening(encoder, activation, copy);
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
    panels = Packing.panels(encoder.dSae());
    // An odd number of cache lines: rows at a power of two apart would share few of their sets.
    stride = Math.ceilDiv(panels * PANEL, 16) / 2 * 32 + 16;
    chunk = Math.clamp(CHUNK_SUMS / stride, 8, CHUNK) & -8;
    expected = activation instanceof Ranked ranked ? (float) ranked.k() : 0;
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
    if (!Screening.knows(encoder, activation)) {
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
    if (x.rows() >= ServingPrecision.MANY_ROWS) {
      counts.plain += x.rows();
      kernels.encode(weights, x, activation, out);
      return;
    }
    Scratch scratch = shelf.take();
    try {
      for (int from = 0; from < x.rows(); from += chunk) {
        scratch.encode(x, out, from, Math.min(chunk, x.rows() - from));
      }
    } catch (RuntimeException e) {
      shelf.put(scratch);
      throw e;
    }
    // Not after an error: where memory ran out, scratch has grown by half.
    shelf.put(scratch);
  }

  @Override
  public void close() {
    closed = true;
    memory.close();
  }

  /** What it takes to multiply rows with all latents. */
  private double costOfAll(int rows) {
    int rest = rows % PANEL;
    double groups =
        rows / PANEL * GROUP_OF_ROWS
            + (rest == 0 ? 0 : rest <= PANEL / 2 ? HALF_A_GROUP : GROUP_OF_ROWS);
    return weights.dSae() * (READ_A_LATENT + groups);
  }

  /** Whether the copy is worth reading for some rows, by what it was worth of late. */
  private boolean readsCopy(int rows) {
    if (way != Way.CHEAPEST) {
      return way == Way.ONE_BY_ONE;
    }
    double scan = weights.dSae() * SCAN_A_LATENT * (rows + 1);
    boolean reads = scan + rows * (double) expected <= costOfAll(rows) || unread >= TRY_EVERY;
    unread = reads ? 0 : unread + 1;
    return reads;
  }

  /** Scratch of one call. It is the pool's task itself, so that submitting it allocates nothing. */
  private final class Scratch implements WorkerPool.Task {
    private static final int SCAN = 0;
    private static final int SELECT = 1;
    private static final int MULTIPLY = 2;
    private static final int TAKE = 3;
    private static final int ALL = 4;
    private static final int TAKE_FROM_ALL = 5;

    private Screening.Row[] rows = {};
    private final Screening.Worker[] workers = new Screening.Worker[pool.size()];
    private final RowProducts[] products = new RowProducts[pool.size()];
    private float[] packed = {};
    private float[] sums = {};

    /** What the tasks do. */
    private int stage;

    private int firstRow;
    private int panelsPerTask;

    /** The rows that are covered. */
    private final int[] covered = new int[CHUNK];

    private int count;

    /** Those of them whose products are left for several threads, the most first. */
    private final int[] open = new int[CHUNK];

    /** How many of these are multiplied with all latents. */
    private int multiplied;

    /** The number of the first task of each that is not. */
    private final int[] pieces = new int[CHUNK + 1];

    private int opened;

    Scratch() {
      Arrays.setAll(workers, i -> new Screening.Worker());
      Arrays.setAll(products, i -> new RowProducts());
    }

    void encode(Matrix x, SparseCodes out, int from, int total) {
      firstRow = from;
      makeRows(total);
      count = 0;
      opened = 0;
      multiplied = 0;
      for (int r = 0; r < total; r++) {
        rows[r].plain = !screening.read(x, from + r, rows[r]);
        if (!rows[r].plain) {
          covered[count++] = r;
        }
      }
      if (count > 0) {
        reserve();
        if (readsCopy(count)) {
          readCopy();
        } else {
          System.arraycopy(covered, 0, open, 0, count);
          opened = count;
          multiplied = count;
        }
        if (multiplied > 0) {
          multiplyWithAll();
        }
      }
      write(x, out, from, total);
    }

    /** Chooses candidates, and computes them where they are few. */
    private void readCopy() {
      pack();
      panelsPerTask = Math.max(1, Math.ceilDiv(panels, 4 * pool.size()));
      share(SCAN, Math.ceilDiv(panels, panelsPerTask));
      share(SELECT, count);
      long candidates = 0;
      for (int c = 0; c < count; c++) {
        Screening.Row row = rows[covered[c]];
        candidates += row.candidateCount;
        if (row.missing > FEW_CHAINS) {
          insert(covered[c]);
        }
      }
      counts.read += count;
      counts.candidates += candidates;
      float mean = (float) candidates / count;
      expected += (mean - expected) / 4;
      if (opened > 0) {
        plan();
        int tasks = 0;
        for (int o = multiplied; o < opened; o++) {
          pieces[o] = tasks;
          tasks += Math.ceilDiv(rows[open[o]].missing, FEW_CHAINS);
        }
        pieces[opened] = tasks;
        if (tasks > 0) {
          share(MULTIPLY, tasks);
          share(TAKE, opened - multiplied);
        }
      }
    }

    /** Inserts a row among those that are open. */
    private void insert(int row) {
      int at = opened++;
      for (; at > 0 && rows[open[at - 1]].missing < rows[row].missing; at--) {
        open[at] = open[at - 1];
      }
      open[at] = row;
    }

    /** Decides how many of the open rows are multiplied with all latents. */
    private void plan() {
      if (way == Way.ONE_BY_ONE) {
        return;
      }
      long left = 0;
      for (int o = 0; o < opened; o++) {
        left += rows[open[o]].missing;
      }
      double least = left;
      for (int o = 0; o < opened; o++) {
        left -= rows[open[o]].missing;
        double cost = left + costOfAll(o + 1);
        if (cost < least) {
          least = cost;
          multiplied = o + 1;
        }
      }
    }

    private void multiplyWithAll() {
      int depth = weights.dIn();
      int size = RowProducts.floats(multiplied, depth);
      if (packed.length < size) {
        packed = new float[size];
      }
      for (int o = 0; o < multiplied; o++) {
        RowProducts.pack(rows[open[o]].x, o, multiplied, depth, packed);
      }
      share(ALL, Math.ceilDiv(weights.dSae(), LATENTS_A_TASK));
      share(TAKE_FROM_ALL, multiplied);
      counts.multiplied += multiplied;
    }

    private void share(int stage, int tasks) {
      this.stage = stage;
      if (copy.words.byteSize() < poolBytes || tasks == 1 || !pool.tryRun(tasks, this)) {
        for (int task = 0; task < tasks; task++) {
          run(task, 0);
        }
      } else {
        counts.shared++;
      }
    }

    private void makeRows(int total) {
      if (rows.length < total) {
        int known = rows.length;
        rows = Arrays.copyOf(rows, total);
        for (int r = known; r < total; r++) {
          rows[r] = new Screening.Row();
        }
      }
    }

    private void reserve() {
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
          float[] row = rows[covered[first + r]].x;
          for (int j = 0; j < dIn; j++) {
            packed[at + j * tile + r] = row[j];
          }
        }
        first += tile;
      }
    }

    @Override
    public void run(int task, int worker) {
      switch (stage) {
        case SCAN -> scan(task);
        case SELECT -> {
          int number = covered[task];
          Screening.Row row = rows[number];
          screening.select(row, sums, task * stride, workers[worker]);
          if (row.missing <= FEW_CHAINS) {
            screening.multiply(row, 0, row.missing, workers[worker]);
            screening.take(row, firstRow + number);
          }
        }
        case MULTIPLY -> {
          int o = multiplied;
          while (pieces[o + 1] <= task) {
            o++;
          }
          Screening.Row row = rows[open[o]];
          int from = (task - pieces[o]) * FEW_CHAINS;
          screening.multiply(row, from, Math.min(row.missing, from + FEW_CHAINS), workers[worker]);
        }
        case TAKE -> {
          int number = open[multiplied + task];
          screening.take(rows[number], firstRow + number);
        }
        case ALL -> {
          int from = task * LATENTS_A_TASK;
          int to = Math.min(weights.dSae(), from + LATENTS_A_TASK);
          products[worker].multiply(weights.wEnc(), from, to, packed, multiplied, sums, stride);
        }
        default -> {
          int number = open[task];
          screening.takeFromAll(
              rows[number], firstRow + number, sums, task * stride, workers[worker]);
        }
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

    /** Writes codes in order; rows that are not covered are encoded here, several together. */
    private void write(Matrix x, SparseCodes out, int from, int total) {
      counts.screened += count - multiplied;
      for (int r = 0; r < total; r++) {
        Screening.Row row = rows[r];
        if (row.failure != null) {
          throw row.failure;
        }
        if (!row.plain) {
          out.setRow(from + r, row.count, row.latents, row.values, 0);
          continue;
        }
        int first = r;
        while (r + 1 < total && rows[r + 1].plain) {
          r++;
        }
        plain(x, out, from + first, r + 1 - first);
      }
    }

    private void plain(Matrix x, SparseCodes out, int at, int rows) {
      counts.plain += rows;
      try {
        kernels.encode(weights, x.rows(at, rows), activation, out.rows(at, rows));
      } catch (NonFiniteException e) {
        throw e.shifted(at);
      }
    }
  }
}
