package io.github.sae4j.tornado.kernels;

import io.github.sae4j.kernels.Activation.Ranked.Relu;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Selection of the k greatest of a row in the total order of numerics rule 10, for any k: a group
 * per row finds the k-th greatest ranked value by bisection on the value (float bits cannot be read
 * in a kernel), takes all that are greater, and of those equal to it the first in index order.
 *
 * <p>Where the greatest rank of each 128 columns is known, and there are k of them, most of a row
 * need not be read: at least k values reach the k-th greatest of these, so the k greatest do.
 * Values that reach a bound not much below it come from few columns; they are put together in local
 * memory, and each counts those before it in the order. If they are too many there, as where most
 * are tied, the bisection takes the whole row as before.
 *
 * <p>Bisection keeps lo and hi with {@code count(> lo) >= k > count(> hi)}. It ends when a middle
 * value has exactly k above it, or when no float lies between lo and hi: then hi is the k-th
 * greatest. All comparisons are IEEE comparisons, so -0 equals +0. Only counts pass between
 * work-items, so the result does not depend on their order.
 */
public final class SelectionKernels {
  /** Work-items per row. */
  public static final int GROUP = 128;

  /** Values of a work-item, and of its group, that may reach the bound. */
  private static final int SLOTS = 8;

  private static final int CANDIDATES = SLOTS * GROUP;

  /** Halvings after which a bound is good enough. */
  private static final int MOST_HALVINGS = 16;

  /** Work-items of the kernel that looks through a batch, one group. */
  public static final int SCAN = 256;

  /** Selected negatives become +0. */
  public static final int RELU_AFTER = 0;

  /** Ranked by max(v, 0), and stored so. */
  public static final int RELU_BEFORE = 1;

  /** Stored with their sign. */
  public static final int SIGNED = 2;

  private SelectionKernels() {}

  /**
   * The kernel's number of a TopK activation.
   *
   * @param relu where values below 0 are cut
   * @return a mode as above
   */
  public static int mode(Relu relu) {
    return switch (relu) {
      case AFTER -> RELU_AFTER;
      case BEFORE -> RELU_BEFORE;
      case NONE -> SIGNED;
    };
  }

  /**
   * Selects in the rows {@code [from, from + most)} of a batch.
   *
   * @param control holds the batch's rows and, in the slots {@code columns} and {@code codes}, the
   *     numbers of values and of codes of a row
   * @param values {@code [most, stride]}
   * @param maxima as {@link ProductKernels#product} leaves them {@code [most, tiles(stride)]}, if
   *     {@code bounded} is 1
   * @param scale ranks are value times scale[latent], if {@code scaled} is 1
   * @param map latent of column j, if {@code mapped} is 1; else j
   * @param indices receives latents {@code [rows, capacity]}, ascending
   * @param selected receives values {@code [rows, capacity]}
   * @param badIndex receives, per row of the batch, the first latent that is not finite, or -1; a
   *     row with one gets the codes 0, 1, 2, ... of value 0
   * @param badValue receives its value
   */
  public static void topK(
      KernelContext context,
      IntArray control,
      FloatArray values,
      FloatArray maxima,
      FloatArray scale,
      IntArray map,
      IntArray indices,
      FloatArray selected,
      IntArray badIndex,
      FloatArray badValue,
      int stride,
      int capacity,
      int from,
      int most,
      int mode,
      int columns,
      int codes,
      int scaled,
      int mapped,
      int bounded) {
    int[] counts = context.allocateIntLocalArray(GROUP);
    int[] equals = context.allocateIntLocalArray(GROUP);
    float[] highs = context.allocateFloatLocalArray(GROUP);
    float[] lows = context.allocateFloatLocalArray(GROUP);
    float[] slotRanks = context.allocateFloatLocalArray(CANDIDATES);
    int[] slotColumns = context.allocateIntLocalArray(CANDIDATES);
    float[] ranks = context.allocateFloatLocalArray(CANDIDATES);
    int[] places = context.allocateIntLocalArray(CANDIDATES);
    int lane = context.localIdx;
    int tileRow = context.groupIdx;
    int row = from + tileRow;
    int n = control.get(columns);
    int k = control.get(codes);
    if (tileRow >= most) {
      return;
    }
    if (row >= control.get(StepControl.ROWS)) {
      return;
    }
    if (k == 0) {
      return;
    }
    int base = tileRow * stride;

    int tiles = ProductKernels.tiles(n);
    int firstTile = tileRow * ProductKernels.tiles(stride);
    int search = 0;
    if (bounded == 1) {
      search = k <= tiles ? 1 : 0;
    }
    if (search == 1) {
      // Sums and extremes over the group are written out, because TornadoVM 5.2.0 knows a local
      // array only in the method that allocates it.
      float top = maxima.get(firstTile);
      float bottom = top;
      int infinite = 0;
      for (int tile = lane; tile < tiles; tile += GROUP) {
        float greatest = maxima.get(firstTile + tile);
        infinite += 1 - finite(greatest);
        top = greatest > top ? greatest : top;
        bottom = greatest < bottom ? greatest : bottom;
      }
      counts[lane] = infinite;
      highs[lane] = top;
      lows[lane] = bottom;
      context.localBarrier();
      for (int half = GROUP / 2; half > 0; half >>= 1) {
        if (lane < half) {
          counts[lane] += counts[lane + half];
          float otherTop = highs[lane + half];
          float otherBottom = lows[lane + half];
          if (otherTop > highs[lane]) {
            highs[lane] = otherTop;
          }
          if (otherBottom < lows[lane]) {
            lows[lane] = otherBottom;
          }
        }
        context.localBarrier();
      }
      infinite = counts[0];
      top = highs[0];
      bottom = lows[0];
      context.localBarrier();
      if (infinite > 0) {
        search = 0;
      }
      if (search == 1) {
        // At least k tiles reach the bound, and not many more if it can be helped.
        float bound = bottom;
        float middle = bottom * 0.5f + top * 0.5f;
        int halvings = 0;
        int open = middle > bound ? 1 : 0;
        while (open == 1) {
          int mine = 0;
          for (int tile = lane; tile < tiles; tile += GROUP) {
            mine += maxima.get(firstTile + tile) >= middle ? 1 : 0;
          }
          counts[lane] = mine;
          context.localBarrier();
          for (int half = GROUP / 2; half > 0; half >>= 1) {
            if (lane < half) {
              counts[lane] += counts[lane + half];
            }
            context.localBarrier();
          }
          int count = counts[0];
          context.localBarrier();
          if (count >= k) {
            bound = middle;
          } else {
            top = middle;
          }
          halvings++;
          middle = bound * 0.5f + top * 0.5f;
          int over = middle > bound ? 1 : 0;
          int under = middle < top ? 1 : 0;
          int more = halvings < MOST_HALVINGS ? 1 : 0;
          int reached = count >= k ? 1 : 0;
          int enough = reached & (count <= k + k / 4 ? 1 : 0);
          open = over & under & more & (1 - enough);
        }

        int mine = 0;
        for (int tile = 0; tile < tiles; tile++) {
          if (maxima.get(firstTile + tile) >= bound) {
            int j = tile * ProductKernels.TILE + lane;
            if (j < n) {
              float ranked = rank(values, scale, map, base, j, mode, scaled, mapped);
              if (ranked >= bound) {
                if (mine < SLOTS) {
                  slotRanks[mine * GROUP + lane] = ranked;
                  slotColumns[mine * GROUP + lane] = j;
                }
                mine++;
              }
            }
          }
        }
        counts[lane] = mine;
        context.localBarrier();
        int total = 0;
        int before = 0;
        int overflows = 0;
        for (int other = 0; other < GROUP; other++) {
          int count = counts[other];
          if (other < lane) {
            before += count;
          }
          total += count;
          overflows += count > SLOTS ? 1 : 0;
        }
        if (overflows > 0) {
          search = 0;
        }
        if (search == 1) {
          for (int slot = 0; slot < mine; slot++) {
            ranks[before + slot] = slotRanks[slot * GROUP + lane];
            places[before + slot] = slotColumns[slot * GROUP + lane];
          }
          context.localBarrier();
          // The k first in the order; slots are free by now.
          for (int one = lane; one < total; one += GROUP) {
            float ranked = ranks[one];
            int j = places[one];
            int better = 0;
            for (int other = 0; other < total; other++) {
              float otherRank = ranks[other];
              int greater = otherRank > ranked ? 1 : 0;
              int equal = otherRank == ranked ? 1 : 0;
              int earlier = places[other] < j ? 1 : 0;
              better += greater | (equal & earlier);
            }
            slotColumns[one] = better < k ? 1 : 0;
          }
          context.localBarrier();
          for (int one = lane; one < total; one += GROUP) {
            if (slotColumns[one] == 1) {
              int j = places[one];
              int at = row * capacity;
              for (int other = 0; other < total; other++) {
                int earlier = places[other] < j ? 1 : 0;
                at += slotColumns[other] & earlier;
              }
              float value = values.get(base + j);
              if (mode != SIGNED) {
                value = value > 0f ? value : 0f;
              }
              indices.set(at, latent(map, j, mapped));
              selected.set(at, value);
            }
          }
          if (lane == 0) {
            badIndex.set(row, -1);
          }
          return;
        }
        context.localBarrier();
      }
    }

    // The first value that is not finite, and the range of the ranks. Ranks that fit are kept at
    // hand, in the arrays that the candidates above have no use for any more.
    int kept = n <= 2 * CANDIDATES ? 1 : 0;
    int unkept = kept == 1 ? 0 : n;
    int lower = TornadoMath.min(n - unkept, CANDIDATES);
    int upper = n - unkept - lower;
    int bad = n;
    float high = rank(values, scale, map, base, 0, mode, scaled, mapped);
    float low = high;
    for (int j = lane; j < n; j += 4 * GROUP) {
      int jB = TornadoMath.min(j + GROUP, n - 1);
      int jC = TornadoMath.min(j + 2 * GROUP, n - 1);
      int jD = TornadoMath.min(j + 3 * GROUP, n - 1);
      float vA = values.get(base + j);
      float vB = values.get(base + jB);
      float vC = values.get(base + jC);
      float vD = values.get(base + jD);
      int latentA = latent(map, j, mapped);
      int latentB = latent(map, jB, mapped);
      int latentC = latent(map, jC, mapped);
      int latentD = latent(map, jD, mapped);
      float scaleA = scaleOf(scale, latentA, scaled);
      float scaleB = scaleOf(scale, latentB, scaled);
      float scaleC = scaleOf(scale, latentC, scaled);
      float scaleD = scaleOf(scale, latentD, scaled);
      float rankA = ranked(vA, scaleA, mode, scaled);
      float rankB = ranked(vB, scaleB, mode, scaled);
      float rankC = ranked(vC, scaleC, mode, scaled);
      float rankD = ranked(vD, scaleD, mode, scaled);
      if (kept == 1) {
        if (j < CANDIDATES) {
          slotRanks[j] = rankA;
          if (j + GROUP < n) {
            slotRanks[j + GROUP] = rankB;
          }
          if (j + 2 * GROUP < n) {
            slotRanks[j + 2 * GROUP] = rankC;
          }
          if (j + 3 * GROUP < n) {
            slotRanks[j + 3 * GROUP] = rankD;
          }
        } else {
          ranks[j - CANDIDATES] = rankA;
          if (j + GROUP < n) {
            ranks[j + GROUP - CANDIDATES] = rankB;
          }
          if (j + 2 * GROUP < n) {
            ranks[j + 2 * GROUP - CANDIDATES] = rankC;
          }
          if (j + 3 * GROUP < n) {
            ranks[j + 3 * GROUP - CANDIDATES] = rankD;
          }
        }
      }
      if ((finite(vA) & finite(rankA)) == 0) {
        bad = j < bad ? j : bad;
      }
      if ((finite(vB) & finite(rankB)) == 0) {
        bad = jB < bad ? jB : bad;
      }
      if ((finite(vC) & finite(rankC)) == 0) {
        bad = jC < bad ? jC : bad;
      }
      if ((finite(vD) & finite(rankD)) == 0) {
        bad = jD < bad ? jD : bad;
      }
      high = rankA > high ? rankA : high;
      high = rankB > high ? rankB : high;
      high = rankC > high ? rankC : high;
      high = rankD > high ? rankD : high;
      low = rankA < low ? rankA : low;
      low = rankB < low ? rankB : low;
      low = rankC < low ? rankC : low;
      low = rankD < low ? rankD : low;
    }
    counts[lane] = bad;
    highs[lane] = high;
    lows[lane] = low;
    context.localBarrier();
    for (int half = GROUP / 2; half > 0; half >>= 1) {
      if (lane < half) {
        int other = counts[lane + half];
        float otherHigh = highs[lane + half];
        float otherLow = lows[lane + half];
        if (other < counts[lane]) {
          counts[lane] = other;
        }
        if (otherHigh > highs[lane]) {
          highs[lane] = otherHigh;
        }
        if (otherLow < lows[lane]) {
          lows[lane] = otherLow;
        }
      }
      context.localBarrier();
    }
    bad = counts[0];
    float hi = highs[0];
    float lo = lows[0];
    context.localBarrier();
    if (bad < n) {
      for (int slot = lane; slot < k; slot += GROUP) {
        indices.set(row * capacity + slot, slot);
        selected.set(row * capacity + slot, 0f);
      }
      float value = values.get(base + bad);
      float ranked = rank(values, scale, map, base, bad, mode, scaled, mapped);
      value = finite(value) == 1 ? ranked : value;
      if (lane == 0) {
        badIndex.set(row, bad);
        badValue.set(row, value);
      }
      return;
    }
    if (lane == 0) {
      badIndex.set(row, -1);
    }

    // Bisection, from the least value on: if fewer than k are above it, it is the k-th greatest.
    float middle = lo;
    int open = 1;
    while (open == 1) {
      int mine = 0;
      for (int j = lane; j < lower; j += GROUP) {
        mine += slotRanks[j] > middle ? 1 : 0;
      }
      for (int j = lane; j < upper; j += GROUP) {
        mine += ranks[j] > middle ? 1 : 0;
      }
      for (int j = lane; j < unkept; j += GROUP) {
        mine += rank(values, scale, map, base, j, mode, scaled, mapped) > middle ? 1 : 0;
      }
      counts[lane] = mine;
      context.localBarrier();
      for (int half = GROUP / 2; half > 0; half >>= 1) {
        if (lane < half) {
          counts[lane] += counts[lane + half];
        }
        context.localBarrier();
      }
      int count = counts[0];
      context.localBarrier();
      if (count >= k) {
        lo = middle;
      }
      if (count <= k) {
        hi = middle;
      }
      // Halved first, so that it cannot overflow; strictly between lo and hi if any float is.
      middle = lo * 0.5f + hi * 0.5f;
      int over = middle > lo ? 1 : 0;
      int under = middle < hi ? 1 : 0;
      int unsettled = count == k ? 0 : 1;
      open = over & under & unsettled;
    }
    float threshold = hi;

    // Each work-item takes a run of columns: what it keeps follows what those before it keep.
    int share = (n + GROUP - 1) / GROUP;
    int first = lane * share;
    int last = first + share < n ? first + share : n;
    int greater = 0;
    int equal = 0;
    for (int j = first; j < last; j++) {
      float ranked;
      if (kept == 1) {
        ranked = j < CANDIDATES ? slotRanks[j] : ranks[j - CANDIDATES];
      } else {
        ranked = rank(values, scale, map, base, j, mode, scaled, mapped);
      }
      greater += ranked > threshold ? 1 : 0;
      equal += ranked == threshold ? 1 : 0;
    }
    counts[lane] = greater;
    equals[lane] = equal;
    context.localBarrier();
    int greaterBefore = 0;
    int equalBefore = 0;
    int greaterTotal = 0;
    for (int other = 0; other < GROUP; other++) {
      greaterTotal += counts[other];
      if (other < lane) {
        greaterBefore += counts[other];
        equalBefore += equals[other];
      }
    }
    int wanted = k - greaterTotal;
    int at = row * capacity + greaterBefore + (equalBefore < wanted ? equalBefore : wanted);
    for (int j = first; j < last; j++) {
      float ranked;
      if (kept == 1) {
        ranked = j < CANDIDATES ? slotRanks[j] : ranks[j - CANDIDATES];
      } else {
        ranked = rank(values, scale, map, base, j, mode, scaled, mapped);
      }
      int take = ranked > threshold ? 1 : 0;
      if (ranked == threshold) {
        take = equalBefore < wanted ? 1 : 0;
        equalBefore++;
      }
      if (take == 1) {
        float value = values.get(base + j);
        if (mode != SIGNED) {
          value = value > 0f ? value : 0f;
        }
        indices.set(at, latent(map, j, mapped));
        selected.set(at, value);
        at++;
      }
    }
  }

  /**
   * 1 if finite: otherwise 0 x is NaN. Equality, unlike an inequality, keeps its meaning for NaN
   * when a compiler negates it; and x - x would not do, because a rank is a product and its
   * difference could become an fma, which is not 0.
   */
  private static int finite(float x) {
    return x * 0f == 0f ? 1 : 0;
  }

  private static int latent(IntArray map, int j, int mapped) {
    int latent = j;
    if (mapped == 1) {
      latent = map.get(j);
    }
    return latent;
  }

  private static float rank(
      FloatArray values,
      FloatArray scale,
      IntArray map,
      int base,
      int j,
      int mode,
      int scaled,
      int mapped) {
    float value = values.get(base + j);
    return ranked(value, scaleOf(scale, latent(map, j, mapped), scaled), mode, scaled);
  }

  private static float scaleOf(FloatArray scale, int latent, int scaled) {
    float factor = 1f;
    if (scaled == 1) {
      factor = scale.get(latent);
    }
    return factor;
  }

  private static float ranked(float value, float factor, int mode, int scaled) {
    float ranked = value;
    if (mode == RELU_BEFORE) {
      ranked = ranked > 0f ? ranked : 0f;
    }
    if (scaled == 1) {
      ranked = ranked * factor;
    }
    return ranked;
  }

  /**
   * Finds the first row of a batch that has a value which is not finite, by one group: 1 + its
   * number, or 0, goes into control's slot {@code found}, and a find sets {@link StepControl#GOOD}
   * to 0.
   *
   * @param badIndex as {@link #topK} leaves it
   * @param gate slot that is 0 if that selection did not run, so that nothing is found
   */
  public static void firstBadRow(
      KernelContext context, IntArray control, IntArray badIndex, int found, int gate) {
    int[] firsts = context.allocateIntLocalArray(SCAN);
    int item = context.localIdx;
    int rows = 0;
    if (control.get(gate) != 0) {
      rows = control.get(StepControl.ROWS);
    }
    int first = rows;
    for (int row = item; row < rows; row += SCAN) {
      int bad = badIndex.get(row) >= 0 ? 1 : 0;
      int earlier = row < first ? 1 : 0;
      if ((bad & earlier) == 1) {
        first = row;
      }
    }
    firsts[item] = first;
    context.localBarrier();
    for (int half = SCAN / 2; half > 0; half >>= 1) {
      if (item < half) {
        int other = firsts[item + half];
        if (other < firsts[item]) {
          firsts[item] = other;
        }
      }
      context.localBarrier();
    }
    if (item == 0) {
      first = firsts[0];
      control.set(found, first < rows ? first + 1 : 0);
      if (first < rows) {
        control.set(StepControl.GOOD, 0);
      }
    }
  }
}
