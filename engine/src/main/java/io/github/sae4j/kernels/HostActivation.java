package io.github.sae4j.kernels;

import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.Quickselect;
import java.util.Arrays;

/**
 * Every activation as a plain loop on the host: the definition of each, and the implementation that
 * all devices share where they have no kernel. Rows are added one after the other, so that the
 * matrix of their products need never exist as a whole.
 *
 * <p>Order of operations for latent i of a row: {@code pre = product + b_enc} in one rounding; its
 * rank is pre, max(pre, 0) or |pre|, times the rank scale in one rounding if there is one. The
 * largest are taken in the total order of numerics rule 10 and written in ascending order.
 */
public final class HostActivation {
  /**
   * The arrays of a batch, so that the next one need not allocate them. For one batch at a time.
   */
  static final class Scratch {
    private float[] bias = {};
    private float[] scale = {};
    private float[] products = {};
    private float[] pre = {};
    private float[] ranks = {};
    private float[] ordered = {};
    private int[] latents = {};
    private float[] values = {};

    private void reserve(int n) {
      if (products.length < n) {
        bias = new float[n];
        scale = new float[n];
        products = new float[n];
        pre = new float[n];
        ranks = new float[n];
        ordered = new float[n];
        latents = new int[n];
        values = new float[n];
      }
    }
  }

  private final Activation activation;
  private final float[] bias;
  private final float[] scale;
  private final int n;
  private final int rows;
  private final SparseCodes out;
  private final float[] products;
  private final float[] pre;
  private final float[] ranks;
  private final float[] scratch;
  private final int[] latents;
  private final float[] values;
  private final BestOfBatch batch;
  private int next;
  private int count;

  /**
   * Starts a batch.
   *
   * @param activation the activation
   * @param bias {@code [1, n]}: added to the products; or null
   * @param rankScale {@code [1, n]}, or null
   * @param n number of latents
   * @param out receives the codes, one row for each that is added
   * @param arrays used until the batch is complete
   */
  HostActivation(
      Activation activation,
      Matrix bias,
      Matrix rankScale,
      int n,
      SparseCodes out,
      Scratch arrays) {
    activation.checkLatents(n);
    if (bias != null) {
      Shapes.expect("bias", bias, 1, n);
    }
    if (rankScale != null) {
      Shapes.expect("rank scale", rankScale, 1, n);
    }
    this.activation = activation;
    arrays.reserve(n);
    this.bias = bias == null ? null : read(bias, arrays.bias);
    this.scale = rankScale == null ? null : read(rankScale, arrays.scale);
    this.n = n;
    this.rows = out.rows();
    this.out = out;
    this.products = arrays.products;
    this.pre = arrays.pre;
    this.ranks = arrays.ranks;
    this.scratch = arrays.ordered;
    this.latents = arrays.latents;
    this.values = arrays.values;
    this.batch =
        activation instanceof Ranked ranked && ranked.scope() == Scope.BATCH
            ? new BestOfBatch(ranked.places(rows), rows)
            : null;
  }

  private static float[] read(Matrix vector, float[] into) {
    vector.read(0, 1, into, 0);
    return into;
  }

  /**
   * Applies an activation to a matrix of products.
   *
   * @param products {@code [rows, n]}
   * @param bias {@code [1, n]}: added to the products; or null
   * @param activation the activation
   * @param rankScale {@code [1, n]}, or null
   * @param out receives the codes of {@code rows} rows
   * @throws NonFiniteException if a pre-activation, a rank or a stored value is not finite
   */
  public static void apply(
      Matrix products, Matrix bias, Activation activation, Matrix rankScale, SparseCodes out) {
    Shapes.expect(out.rows() == products.rows(), "codes", products.rows() + " rows", out);
    HostActivation loop =
        new HostActivation(activation, bias, rankScale, products.cols(), out, new Scratch());
    loop.rows(products);
    loop.finish();
  }

  /** Adds the next rows of the batch. */
  void rows(Matrix more) {
    for (int b = 0; b < more.rows(); b++) {
      more.read(b, 1, products, 0);
      preActivations();
      switch (activation) {
        case Ranked ranked -> take(ranked);
        case Threshold threshold -> take(threshold);
      }
      next++;
    }
  }

  /** Completes the batch after its last row. */
  void finish() {
    Shapes.expect(next == rows, "rows", "" + rows, next);
    if (batch != null) {
      batch.write();
    }
  }

  private void preActivations() {
    for (int i = 0; i < n; i++) {
      pre[i] = bias == null ? products[i] : products[i] + bias[i];
    }
  }

  private float finite(int latent, float value) {
    if (!Float.isFinite(value)) {
      throw new NonFiniteException(next, latent, value);
    }
    return value;
  }

  private void take(Ranked ranked) {
    for (int i = 0; i < n; i++) {
      float value = finite(i, pre[i]);
      float rank = ranked.order() == Order.MAGNITUDE ? Math.abs(value) : value;
      if (ranked.relu() == Relu.BEFORE) {
        rank = rank > 0 ? rank : 0f;
      }
      ranks[i] = scale == null ? rank : finite(i, rank * scale[i]);
    }
    if (batch != null) {
      batch.offer(ranked);
      return;
    }
    int k = (int) ranked.k();
    count = 0;
    if (ranked.scope() == Scope.ROW) {
      takeBest(0, n, k, ranked.relu());
    } else {
      for (int group = 0, width = n / k; group < k; group++) {
        takeBest(group * width, (group + 1) * width, 1, ranked.relu());
      }
    }
    out.setRow(next, count, latents, values, 0);
  }

  /** Selects the best k latents of a range. */
  private void takeBest(int from, int to, int k, Relu relu) {
    System.arraycopy(ranks, from, scratch, 0, to - from);
    float kth = Quickselect.kthLargest(scratch, to - from, k);
    int equals = k;
    for (int i = from; i < to; i++) {
      equals -= ranks[i] > kth ? 1 : 0;
    }
    for (int i = from; i < to; i++) {
      if (ranks[i] > kth || (ranks[i] == kth && equals-- > 0)) {
        latents[count] = i;
        values[count++] = relu.stored(pre[i]);
      }
    }
  }

  private void take(Threshold threshold) {
    Threshold.Magnitude magnitude = threshold.magnitude().orElse(null);
    count = 0;
    for (int i = 0; i < n; i++) {
      float value = finite(i, pre[i]);
      float compared = scale == null ? value : finite(i, value * scale[i]);
      if (!(compared > threshold.theta(i))) {
        continue;
      }
      if (magnitude != null) {
        value = finite(i, Math.fma(products[i], magnitude.gain()[i], magnitude.bias()[i]));
      }
      if (value > 0) {
        latents[count] = i;
        values[count++] = value;
      }
    }
    out.setRow(next, count, latents, values, 0);
  }

  /**
   * The best entries of a batch so far. Entries arrive in ascending order of row and latent, so of
   * equals the earlier is kept; they are cut back to the places when the buffer is full, whose size
   * depends on the places, not on the products.
   */
  private final class BestOfBatch {
    private final int places;
    private final int[] starts;
    private int[] entryRows = {};
    private int[] entryLatents = {};
    private float[] entryRanks = {};
    private float[] entryValues = {};
    private float[] ordered = {};
    private int entries;

    /** What a rank must exceed to be among the best. */
    private float above = Float.NEGATIVE_INFINITY;

    BestOfBatch(long places, int rows) {
      Shapes.expect(
          places <= Integer.MAX_VALUE / 2, "k times rows", "at most 2^30 in a batch", places);
      this.places = (int) places;
      this.starts = new int[rows + 1];
    }

    void offer(Ranked ranked) {
      for (int i = 0; i < n; i++) {
        boolean competes = ranked.relu() != Relu.BEFORE || ranks[i] > 0;
        if (places == 0 || !competes || !(ranks[i] > above)) {
          continue;
        }
        if (entries == entryRanks.length) {
          makeRoom();
          if (!(ranks[i] > above)) {
            continue;
          }
        }
        entryRows[entries] = next;
        entryLatents[entries] = i;
        entryRanks[entries] = ranks[i];
        entryValues[entries++] = ranked.relu().stored(pre[i]);
      }
    }

    private void makeRoom() {
      if (entries < 2 * places) {
        int size = Math.clamp(2L * entries, Math.min(1024, 2 * places), 2 * places);
        entryRows = Arrays.copyOf(entryRows, size);
        entryLatents = Arrays.copyOf(entryLatents, size);
        entryRanks = Arrays.copyOf(entryRanks, size);
        entryValues = Arrays.copyOf(entryValues, size);
        ordered = new float[size];
      } else {
        cut();
      }
    }

    private void cut() {
      System.arraycopy(entryRanks, 0, ordered, 0, entries);
      float last = Quickselect.kthLargest(ordered, entries, places);
      int equals = places;
      for (int e = 0; e < entries; e++) {
        equals -= entryRanks[e] > last ? 1 : 0;
      }
      int kept = 0;
      for (int e = 0; e < entries; e++) {
        if (entryRanks[e] > last || (entryRanks[e] == last && equals-- > 0)) {
          entryRows[kept] = entryRows[e];
          entryLatents[kept] = entryLatents[e];
          entryRanks[kept] = entryRanks[e];
          entryValues[kept++] = entryValues[e];
        }
      }
      entries = kept;
      above = last;
    }

    void write() {
      if (entries > places) {
        cut();
      }
      for (int e = 0; e < entries; e++) {
        starts[entryRows[e] + 1]++;
      }
      for (int b = 0; b < rows; b++) {
        starts[b + 1] += starts[b];
      }
      out.setRows(0, rows, starts, entryLatents, entryValues);
    }
  }
}
