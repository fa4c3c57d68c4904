package io.github.sae4j.device.vector;

import static io.github.sae4j.device.vector.Vectors.LENGTH;
import static io.github.sae4j.device.vector.Vectors.PANEL;
import static io.github.sae4j.device.vector.Vectors.SPECIES;
import static io.github.sae4j.device.vector.Vectors.TILE;

import io.github.sae4j.device.NonFiniteException;
import io.github.sae4j.device.Selection;
import io.github.sae4j.memory.Matrix;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Encode and select without forming {@code [rows, d_sae]}. Threads split the rows; each packs a
 * group of panels of W_enc that fits its L2 cache, multiplies all its tiles of x with them, and
 * hands what beats a row's threshold to {@link Selector}. Every pre-activation is one chain over
 * d_in with b_enc added last (numerics rule 1), so splits and tiles leave no trace in the bits.
 */
final class Encoding {
  /**
   * Packed panels of one group, in bytes: most of a 1 MiB L2: while a tile's rows meet the panels
   * of a group, their selection state stays in L1.
   */
  private static final int GROUP_BYTES = 800 << 10;

  private static final long ALL = PANEL == 64 ? -1L : (1L << PANEL) - 1;
  private static final FloatVector ZERO = FloatVector.zero(SPECIES);

  /** Candidates of one pass over the weights, in bytes per worker; more rows take more passes. */
  private static final long CANDIDATE_BYTES = 48L << 20;

  /**
   * An encoder's operands in the form the kernel wants.
   *
   * @param wEnc {@code [n, d]}
   * @param latents which rows of {@code wEnc} are encoded, ascending; or null for all
   * @param bias b_enc per row of {@code wEnc}
   * @param rankScale per row of {@code wEnc}, or null
   * @param selection ranking
   * @param panels {@code wEnc} in packed panels, one after the other; or null
   */
  record Spec(
      Matrix wEnc,
      int[] latents,
      float[] bias,
      float[] rankScale,
      Selection selection,
      Matrix panels) {
    Spec(Matrix wEnc, int[] latents, float[] bias, float[] rankScale, Selection selection) {
      this(wEnc, latents, bias, rankScale, selection, null);
    }

    int count() {
      return latents == null ? wEnc.rows() : latents.length;
    }
  }

  /** Scratch of one worker. */
  private static final class Worker {
    final Selector[] selectors = new Selector[2];
    Selector selector;
    final float[] tile = new float[TILE * PANEL];
    float[] rows = {};
    float[] panels = {};
    float[] bias = {};
    float[] scale = {};
    int firstBad;

    /** Takes the selector for a k; both kinds are kept, since AuxK may need the other one. */
    void selector(int k) {
      int kind = k <= Selector.SMALL_K ? 0 : 1;
      if (selectors[kind] == null) {
        selectors[kind] = Selector.of(k);
      }
      selector = selectors[kind];
    }
  }

  private final WorkerPool pool;
  private final Worker[] workers;

  Encoding(WorkerPool pool) {
    this.pool = pool;
    this.workers = new Worker[pool.size()];
    Arrays.setAll(workers, i -> new Worker());
  }

  /**
   * Bytes of one worker's scratch: panels and the running selection of its rows.
   *
   * @param depth d_in
   * @param latents latents to choose from
   * @param k how many are chosen
   * @param rows rows of the batch
   * @param threads threads that split them
   */
  static long workerBytes(int depth, int latents, int k, long rows, int threads) {
    long panel = 4L * depth * PANEL;
    long group = Math.max(1, GROUP_BYTES / panel);
    return (group + 1) * panel + 8 * group * PANEL + selectionBytes(latents, k, rows, threads);
  }

  /** Bytes of the running selection of one worker's rows. */
  static long selectionBytes(int latents, int k, long rows, int threads) {
    long tiles = (Packing.tiles((int) rows) + threads - 1L) / threads;
    long tileBytes = TILE * Selector.bytesPerRow(k, latents);
    long tilesOfPass = Math.min(tiles, Math.max(1, CANDIDATE_BYTES / tileBytes));
    return tilesOfPass * (tileBytes + 8L * TILE);
  }

  /**
   * Packs inputs into tiles.
   *
   * @param input rows, {@code stride} floats apart
   * @param from first float of the first row
   * @param stride distance of rows
   * @param rows number of rows
   * @param depth d_in
   * @param packed receives {@code tiles * TILE * depth} floats
   */
  void packRows(float[] input, int from, int stride, int rows, int depth, float[] packed) {
    pool.run(
        Packing.tiles(rows),
        (t, worker) -> {
          int first = t * TILE;
          int count = Math.min(TILE, rows - first);
          int at = from + first * stride;
          Packing.pack(input, at, stride, count, depth, TILE, packed, t * TILE * depth);
        });
  }

  /**
   * Encodes packed rows.
   *
   * @param spec the encoder
   * @param packed from {@link #packRows}
   * @param rows number of rows
   * @param codes receives the best {@code codes.k} latents of each row, ascending
   * @param best receives the best {@code best.k}, at most {@code codes.k}; or null
   * @throws NonFiniteException if a pre-activation is not finite
   */
  void run(Spec spec, float[] packed, int rows, HeapCodes codes, HeapCodes best) {
    int tiles = Packing.tiles(rows);
    int parts = Math.min(pool.size(), tiles);
    for (Worker worker : workers) {
      worker.firstBad = Integer.MAX_VALUE;
    }
    pool.run(
        parts,
        (part, worker) -> {
          int from = (int) ((long) tiles * part / parts);
          int to = (int) ((long) tiles * (part + 1) / parts);
          encodeTiles(workers[worker], spec, packed, rows, from, to, codes, best);
        });
    int bad = Integer.MAX_VALUE;
    for (Worker worker : workers) {
      bad = Math.min(bad, worker.firstBad);
    }
    if (bad != Integer.MAX_VALUE) {
      throw nonFinite(spec, packed, bad);
    }
  }

  private static void encodeTiles(
      Worker worker,
      Spec spec,
      float[] packed,
      int rows,
      int from,
      int to,
      HeapCodes codes,
      HeapCodes best) {
    int n = spec.count();
    long bytesPerTile = TILE * Selector.bytesPerRow(codes.k, n);
    int tilesPerPass = (int) Math.max(1, CANDIDATE_BYTES / bytesPerTile);
    worker.selector(codes.k);
    for (int first = from; first < to; first += tilesPerPass) {
      int last = Math.min(to, first + tilesPerPass);
      int count = Math.min(last * TILE, rows) - first * TILE;
      worker.selector.reset(count, codes.k, n);
      encodePass(worker, spec, packed, first, last, count);
      for (int r = 0; r < count; r++) {
        int row = first * TILE + r;
        worker.selector.finish(r, spec.selection(), codes, row);
        if (best != null) {
          worker.selector.finish(r, spec.selection(), best, row);
        }
      }
    }
  }

  private static void encodePass(
      Worker worker, Spec spec, float[] packed, int first, int last, int count) {
    int depth = spec.wEnc().cols();
    int n = spec.count();
    int panelFloats = depth * PANEL;
    int group = Math.max(1, GROUP_BYTES / (4 * panelFloats));
    if (worker.panels.length < group * panelFloats) {
      worker.panels = new float[group * panelFloats];
    }
    if (worker.rows.length < panelFloats) {
      worker.rows = new float[panelFloats];
    }
    if (worker.bias.length < group * PANEL) {
      worker.bias = new float[group * PANEL];
      worker.scale = new float[group * PANEL];
    }
    int panels = Packing.panels(n);
    for (int panel = 0; panel < panels; panel += group) {
      int inGroup = Math.min(group, panels - panel);
      packGroup(worker, spec, panel, inGroup, depth);
      for (int tile = first; tile < last; tile++) {
        int row = (tile - first) * TILE;
        int tileRows = Math.min(TILE, count - row);
        for (int g = 0; g < inGroup; g++) {
          Arrays.fill(worker.tile, 0f);
          Tiles.multiply(
              packed, tile * TILE * depth, worker.panels, g * panelFloats, depth, worker.tile, 0);
          filter(worker, spec, first * TILE, row, tileRows, (panel + g) * PANEL, g * PANEL);
        }
      }
    }
  }

  private static void packGroup(Worker worker, Spec spec, int panel, int inGroup, int depth) {
    int n = spec.count();
    for (int g = 0; g < inGroup; g++) {
      int latent = (panel + g) * PANEL;
      int count = Math.min(PANEL, n - latent);
      if (spec.panels() != null) {
        spec.panels().read((panel + g) * depth, depth, worker.panels, g * depth * PANEL);
      } else {
        Packing.panel(
            spec.wEnc(),
            spec.latents(),
            latent,
            count,
            0,
            depth,
            worker.rows,
            worker.panels,
            g * depth * PANEL);
      }
      for (int c = 0; c < PANEL; c++) {
        int index = latent + Math.min(c, count - 1);
        int source = spec.latents() == null ? index : spec.latents()[index];
        worker.bias[g * PANEL + c] = spec.bias()[source];
        worker.scale[g * PANEL + c] = spec.rankScale() == null ? 1f : spec.rankScale()[source];
      }
    }
  }

  /**
   * Hands over what beats the threshold of its row. Nearly every vector is rejected here by one
   * comparison; ReLU needs none of its own, since a threshold is −∞ or, with ReLU, at least 0.
   */
  private static void filter(
      Worker worker, Spec spec, int firstRow, int row, int rows, int latent, int biasAt) {
    float[] tile = worker.tile;
    float[] thresholds = worker.selector.thresholds();
    boolean scaled = spec.rankScale() != null;
    FloatVector lowBias = FloatVector.fromArray(SPECIES, worker.bias, biasAt);
    FloatVector highBias = FloatVector.fromArray(SPECIES, worker.bias, biasAt + LENGTH);
    FloatVector lowScale = FloatVector.fromArray(SPECIES, worker.scale, biasAt);
    FloatVector highScale = FloatVector.fromArray(SPECIES, worker.scale, biasAt + LENGTH);
    int left = spec.count() - latent;
    long there = left >= PANEL ? ALL : (1L << left) - 1;
    // Stays 0 unless some rank is NaN or infinite.
    FloatVector check = FloatVector.zero(SPECIES);
    for (int r = 0; r < rows; r++) {
      int at = r * PANEL;
      FloatVector low = FloatVector.fromArray(SPECIES, tile, at).add(lowBias);
      FloatVector high = FloatVector.fromArray(SPECIES, tile, at + LENGTH).add(highBias);
      if (scaled) {
        low = low.mul(lowScale);
        high = high.mul(highScale);
      }
      check = low.fma(ZERO, high.fma(ZERO, check));
      FloatVector threshold = FloatVector.broadcast(SPECIES, thresholds[row + r]);
      long mask =
          low.compare(VectorOperators.GT, threshold).toLong()
              | high.compare(VectorOperators.GT, threshold).toLong() << LENGTH;
      mask &= there;
      if (mask != 0) {
        worker.selector.append(
            row + r, mask, latent, tile, at, worker.bias, worker.scale, biasAt, spec);
      }
    }
    if (check.compare(VectorOperators.NE, ZERO).anyTrue()) {
      noteBadRows(worker, spec, firstRow + row, rows, left, biasAt);
    }
  }

  private static void noteBadRows(
      Worker worker, Spec spec, int firstRow, int rows, int left, int biasAt) {
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < PANEL && c < left; c++) {
        float value = worker.tile[r * PANEL + c] + worker.bias[biasAt + c];
        float rank = spec.rankScale() == null ? value : value * worker.scale[biasAt + c];
        if (!Float.isFinite(value) || !Float.isFinite(rank)) {
          worker.firstBad = Math.min(worker.firstBad, firstRow + r);
        }
      }
    }
  }

  /** Names the first bad latent of a row by encoding it once more, slowly. */
  private static NonFiniteException nonFinite(Spec spec, float[] packed, int row) {
    int depth = spec.wEnc().cols();
    float[] weights = new float[depth];
    int at = row / TILE * TILE * depth + row % TILE;
    for (int i = 0; i < spec.count(); i++) {
      int latent = spec.latents() == null ? i : spec.latents()[i];
      Packing.copyRow(spec.wEnc(), latent, 0, depth, weights, 0);
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
