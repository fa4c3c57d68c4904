package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import io.github.sae4j.internal.vector.gemm.MicroKernels;
import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import java.util.Arrays;

/**
 * Encode and select without forming {@code [rows, d_sae]}. W_enc is streamed in rounds of packed
 * panels that all threads share: while they multiply the panels of one round with tiles of rows,
 * threads that run out of tiles pack panels of the next. A tile times a run of panels is a strip
 * that stays in L2; its rows are then scanned one by one, and values above a row's threshold go to
 * {@link TopKBuffer}. Every pre-activation is one chain over d_in with b_enc added last (numerics
 * rule 1), so rounds, runs and tiles do not affect the bits.
 */
public final class TopKEncoding {
  /**
   * Packed panels of one round, in bytes; there are two. A tile stays in L1 with its selection
   * state while the panels of a round stream past it from L3, so larger rounds load tiles less
   * often. Measured at d = 768 on two cores with 32 MiB of L3: 2 MiB 182, 4 MiB 185, 8 MiB 192, 16
   * MiB 172 GFLOP/s.
   */
  private static final int ROUND_BYTES = 8 << 20;

  /** Latents of a strip, at most: with 12 rows 192 KiB, a part of L2. */
  private static final int STRIP = 4096;

  /** Selection state of one pass over the weights, in bytes; more rows take more passes. */
  private static final long STATE_BYTES = 128L << 20;

  /**
   * An encoder's operands in the form that the kernel needs.
   *
   * @param wEnc {@code [n, depth]}; or null if they are packed already
   * @param panels the weights in packed panels, one after the other; or null
   * @param n rows of the weights
   * @param depth columns of the weights
   * @param latents which rows are encoded, ascending; or null for all
   * @param bias b_enc per row of the weights
   * @param rankScale per row of the weights, or null
   * @param relu where values below 0 are cut
   */
  public record Spec(
      Matrix wEnc,
      Matrix panels,
      int n,
      int depth,
      int[] latents,
      float[] bias,
      float[] rankScale,
      Relu relu) {
    public Spec(Matrix wEnc, int[] latents, float[] bias, float[] rankScale, Relu relu) {
      this(wEnc, null, wEnc.rows(), wEnc.cols(), latents, bias, rankScale, relu);
    }

    boolean scaled() {
      return rankScale != null;
    }

    int count() {
      return latents == null ? n : latents.length;
    }

    /** Reads a row of the weights. */
    void copyRow(int row, float[] target) {
      if (panels == null) {
        Rows.copy(wEnc, row, 0, depth, target, 0);
      } else {
        Packing.unpackRow(panels, depth, row, target, 0);
      }
    }
  }

  /** Scratch of one worker. */
  private static final class Worker {
    /** A tile's rows across the panels of a run, before biases. */
    float[] strip = {};

    final LatentRun run = new LatentRun();

    float[] rows = {};
    int firstBad;

    /** Room for a tile's rows. */
    float[] strip(int floats) {
      if (strip.length < floats) {
        strip = new float[floats];
      }
      return strip;
    }

    /** Room for rows before they are packed. */
    float[] rows(int floats) {
      if (rows.length < floats) {
        rows = new float[floats];
      }
      return rows;
    }
  }

  /** Packed panels of a round, with the bias and rank scale of their latents. */
  private static final class Round {
    float[] panels = {};
    float[] bias = {};
    float[] scale = {};

    void resize(int count, int depth) {
      if (panels.length < count * depth * PANEL) {
        panels = new float[count * depth * PANEL];
      }
      if (bias.length < count * PANEL) {
        bias = new float[count * PANEL];
        scale = new float[count * PANEL];
      }
    }
  }

  private final WorkerPool pool;
  private final Worker[] workers;
  private final Round[] rounds = {new Round(), new Round()};

  /** One per tile. */
  private TopKBuffer[] selectors = {};

  public TopKEncoding(WorkerPool pool) {
    this.pool = pool;
    this.workers = new Worker[pool.size()];
    Arrays.setAll(workers, i -> new Worker());
  }

  /**
   * Bytes of scratch: two rounds of panels, strips, rows to pack and the running selection.
   *
   * @param depth d_in
   * @param latents latents to choose from
   * @param k how many are chosen
   * @param rows rows of the batch
   * @param threads threads that share the work
   * @param scaled whether ranks differ from values
   */
  public static long bytes(int depth, int latents, int k, long rows, int threads, boolean scaled) {
    long panel = 4L * depth * PANEL;
    int panels = Packing.panels(latents);
    // Not the rounds of this number of latents: those of fewer, as AuxK encodes, may be larger.
    long round = mostPanels(depth, panels);
    long strip = 4L * TILE * stride((int) Math.min(round, STRIP / PANEL));
    return 2 * round * (panel + 8L * PANEL)
        + threads * (panel + strip)
        + selectionBytes(latents, k, rows, scaled);
  }

  /** Bytes of the running selection. */
  public static long selectionBytes(int latents, int k, long rows, boolean scaled) {
    long tileBytes = TILE * TopKBuffer.bytesPerRow(k, latents, scaled);
    long tiles = Math.min(Packing.tiles((int) rows), Math.max(1, STATE_BYTES / tileBytes));
    return tiles * tileBytes;
  }

  private static int mostPanels(int depth, int panels) {
    return Math.clamp(ROUND_BYTES / (4L * depth * PANEL), 1, panels);
  }

  /** Rounds of equal size, so that none is short of work for the packing of the next. */
  private static int panelsPerRound(int depth, int panels) {
    return Math.ceilDiv(panels, Math.ceilDiv(panels, mostPanels(depth, panels)));
  }

  private static int panelsPerRun(int depth, int panels) {
    int round = panelsPerRound(depth, panels);
    int most = Math.min(round, STRIP / PANEL);
    return Math.ceilDiv(round, Math.ceilDiv(round, most));
  }

  /**
   * An odd number of panels, so that the rows of a tile lie in different cache sets.
   *
   * @param panels panels of a strip
   */
  private static int stride(int panels) {
    return (panels | 1) * PANEL;
  }

  /** Packs rows whose input factor is 1. */
  public void packRows(
      Matrix x, int from, int rows, float[] bDec, float[] kept, int stride, float[] packed) {
    packRows(x, from, rows, 1f, bDec, kept, stride, packed);
  }

  /**
   * Prepares rows of a batch for the kernel: input factor, b_dec, packing into tiles.
   *
   * @param x the batch
   * @param from first row
   * @param rows number of rows
   * @param factor input factor of the elements
   * @param bDec subtracted from each row, or null
   * @param kept receives the rows before packing, {@code stride} floats apart; or null
   * @param stride distance of kept rows
   * @param packed receives {@code tiles * TILE * depth} floats
   */
  public void packRows(
      Matrix x,
      int from,
      int rows,
      float factor,
      float[] bDec,
      float[] kept,
      int stride,
      float[] packed) {
    int depth = x.cols();
    pool.run(
        Packing.tiles(rows),
        (t, worker) -> {
          int first = t * TILE;
          int count = Math.min(TILE, rows - first);
          float[] to = kept == null ? workers[worker].rows(TILE * depth) : kept;
          int at = kept == null ? 0 : first * stride;
          int step = kept == null ? depth : stride;
          for (int r = 0; r < count; r++) {
            Rows.copy(x, from + first + r, 0, depth, to, at + r * step);
            if (factor != 1f) {
              for (int j = 0; j < depth; j++) {
                to[at + r * step + j] *= factor;
              }
            }
            if (bDec != null) {
              for (int j = 0; j < depth; j++) {
                to[at + r * step + j] -= bDec[j];
              }
            }
          }
          Packing.pack(to, at, step, count, depth, TILE, packed, t * TILE * depth);
        });
  }

  /**
   * Packs inputs into tiles.
   *
   * @param input rows, {@code stride} floats apart
   * @param stride distance of rows
   * @param rows number of rows
   * @param depth d_in
   * @param packed receives {@code tiles * TILE * depth} floats
   */
  public void packRows(float[] input, int stride, int rows, int depth, float[] packed) {
    pool.run(
        Packing.tiles(rows),
        (t, worker) -> {
          int first = t * TILE;
          int count = Math.min(TILE, rows - first);
          int at = first * stride;
          Packing.pack(input, at, stride, count, depth, TILE, packed, t * TILE * depth);
        });
  }

  /**
   * Encodes packed rows.
   *
   * @param spec the encoder
   * @param packed from {@link #packRows}
   * @param rows number of rows
   * @param k how many latents a row takes
   * @param codes receives the best k latents of each row, ascending
   * @param few how many latents {@code best} takes, at most k
   * @param best receives the best {@code few} of each row; or null
   * @throws NonFiniteException if a pre-activation is not finite
   */
  public void run(
      Spec spec, float[] packed, int rows, int k, HeapCodes codes, int few, HeapCodes best) {
    codes.equalRows(rows, k);
    if (best != null) {
      best.equalRows(rows, few);
    }
    for (Worker worker : workers) {
      worker.firstBad = Integer.MAX_VALUE;
    }
    int tiles = Packing.tiles(rows);
    long bytesPerTile = TILE * TopKBuffer.bytesPerRow(k, spec.count(), spec.scaled());
    int tilesPerPass = (int) Math.max(1, Math.min(tiles, STATE_BYTES / bytesPerTile));
    for (int first = 0; first < tiles; first += tilesPerPass) {
      new Pass(spec, packed, rows, k, first, Math.min(tiles, first + tilesPerPass), codes, best)
          .run();
    }
    int bad = Integer.MAX_VALUE;
    for (Worker worker : workers) {
      bad = Math.min(bad, worker.firstBad);
    }
    if (bad != Integer.MAX_VALUE) {
      throw nonFinite(spec, packed, bad);
    }
  }

  /** One pass of all weights over a range of tiles. */
  private final class Pass implements WorkerPool.Task {
    private final Spec spec;
    private final float[] packed;
    private final int rows;
    private final int k;
    private final int firstTile;
    private final int lastTile;
    private final HeapCodes codes;
    private final HeapCodes best;
    private final int depth;
    private final boolean bounded;
    private final int panels;
    private final int panelsPerRound;

    /** Panels of a run, that is, of a strip. */
    private final int panelsPerRun;

    /** Floats from row to row of a strip. */
    private final int stride;

    private final int tiles;

    /** Panels of the round that is multiplied: [first, packedTo). */
    private int first;

    private int packedTo;

    Pass(
        Spec spec,
        float[] packed,
        int rows,
        int k,
        int firstTile,
        int lastTile,
        HeapCodes codes,
        HeapCodes best) {
      this.spec = spec;
      this.packed = packed;
      this.rows = rows;
      this.k = k;
      this.firstTile = firstTile;
      this.lastTile = lastTile;
      this.codes = codes;
      this.best = best;
      this.depth = spec.depth();
      this.bounded = LatentRun.mayBeBounded(spec.rankScale(), spec.n(), spec.relu());
      this.panels = Packing.panels(spec.count());
      this.panelsPerRound = panelsPerRound(depth, panels);
      this.panelsPerRun = panelsPerRun(depth, panels);
      this.stride = stride(panelsPerRun);
      this.tiles = lastTile - firstTile;
    }

    void run() {
      for (Round round : rounds) {
        round.resize(panelsPerRound, depth);
      }
      if (selectors.length < tiles) {
        selectors = Arrays.copyOf(selectors, tiles);
      }
      first = packedTo = 0;
      pool.run(panelsPerRound, (panel, worker) -> pack(panel, workers[worker]));
      while (first < panels) {
        packedTo = Math.min(panels, first + panelsPerRound);
        int next = Math.min(panels, packedTo + panelsPerRound) - packedTo;
        pool.runInOrder(tiles + next, this);
        first = packedTo;
      }
    }

    @Override
    public void run(int task, int worker) {
      if (task < tiles) {
        encode(task, workers[worker]);
      } else {
        pack(packedTo + task - tiles, workers[worker]);
      }
    }

    private Round roundOf(int panel) {
      return rounds[panel / panelsPerRound % 2];
    }

    private void pack(int panel, Worker worker) {
      Round round = roundOf(panel);
      int inRound = panel % panelsPerRound;
      int latent = panel * PANEL;
      int count = Math.min(PANEL, spec.count() - latent);
      int at = inRound * depth * PANEL;
      if (spec.panels() != null) {
        spec.panels().read(panel * depth, depth, round.panels, at);
      } else {
        float[] rows = worker.rows(PANEL * depth);
        Packing.panel(spec.wEnc(), spec.latents(), latent, count, 0, depth, rows, round.panels, at);
      }
      for (int c = 0; c < PANEL; c++) {
        int index = latent + Math.min(c, count - 1);
        int source = spec.latents() == null ? index : spec.latents()[index];
        round.bias[inRound * PANEL + c] = spec.bias()[source];
        round.scale[inRound * PANEL + c] = spec.rankScale() == null ? 1f : spec.rankScale()[source];
      }
    }

    /** A tile times the panels of the round. */
    private void encode(int number, Worker worker) {
      int tile = firstTile + number;
      int count = Math.min(TILE, rows - tile * TILE);
      if (first == 0) {
        if (selectors[number] == null) {
          selectors[number] = new TopKBuffer();
        }
        selectors[number].reset(count, k, spec.count(), spec.scaled());
      }
      TopKBuffer selector = selectors[number];
      for (int panel = first; panel < packedTo; panel += panelsPerRun) {
        int last = Math.min(packedTo, panel + panelsPerRun);
        multiply(worker, tile, panel, last);
        select(worker, selector, count, tile, panel, last);
      }
      if (packedTo == panels) {
        finish(selector, tile * TILE, count);
      }
    }

    /** One tile times the panels of a run. */
    private void multiply(Worker worker, int tile, int from, int to) {
      Round round = roundOf(from);
      float[] strip = worker.strip(TILE * stride);
      for (int panel = from; panel < to; panel++) {
        MicroKernels.multiply(
            packed,
            tile * TILE * depth,
            round.panels,
            (panel - first) * depth * PANEL,
            depth,
            false,
            strip,
            (panel - from) * PANEL,
            stride);
      }
    }

    private void select(Worker worker, TopKBuffer selector, int rows, int tile, int from, int to) {
      Round round = roundOf(from);
      int latent = from * PANEL;
      int count = Math.min(to * PANEL, spec.count()) - latent;
      LatentRun run =
          worker.run.over(
              worker.strip, round.bias, spec.scaled() ? round.scale : null, spec.relu(), bounded);
      for (int r = 0; r < rows; r++) {
        run.set(latent, count, r * stride, (from - first) * PANEL);
        if (!selector.offer(r, run)) {
          worker.firstBad = Math.min(worker.firstBad, tile * TILE + r);
        }
      }
    }

    private void finish(TopKBuffer selector, int firstRow, int count) {
      for (int r = 0; r < count; r++) {
        selector.finish(r, spec.relu(), codes, firstRow + r);
        if (best != null) {
          selector.finish(r, spec.relu(), best, firstRow + r);
        }
      }
    }
  }

  /** Finds the first bad latent of a row by encoding it again, one latent at a time. */
  private static NonFiniteException nonFinite(Spec spec, float[] packed, int row) {
    int depth = spec.depth();
    float[] weights = new float[depth];
    int at = row / TILE * TILE * depth + row % TILE;
    for (int i = 0; i < spec.count(); i++) {
      int latent = spec.latents() == null ? i : spec.latents()[i];
      spec.copyRow(latent, weights);
      float sum = 0f;
      for (int p = 0; p < depth; p++) {
        sum = Math.fma(packed[at + p * TILE], weights[p], sum);
      }
      float value = sum + spec.bias()[latent];
      float rank = spec.rankScale() == null ? value : value * spec.rankScale()[latent];
      if (!Float.isFinite(value) || !Float.isFinite(rank)) {
        return new NonFiniteException(row, i, Float.isFinite(value) ? rank : value);
      }
    }
    throw new IllegalStateException("row " + row + " is finite after all: its memory was changed");
  }
}
