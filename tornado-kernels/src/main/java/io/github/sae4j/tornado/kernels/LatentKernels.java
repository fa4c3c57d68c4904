package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * From codes by sample to gradients by latent. The codes are transposed by a counting sort without
 * atomics (TornadoVM's return nothing): groups of consecutive rows count their codes by latent in a
 * table row each, prefix sums turn the counts into places, and the same groups put every code into
 * its place. A row holds a latent at most once, so its codes are counted and placed in parallel;
 * rows follow each other, so a latent's codes lie in ascending order of samples (numerics rule 4).
 *
 * <p>Codes lie as those of {@link CodeKernels} do: {@code capacity} apart, or, if it is 0, row
 * after row without gaps.
 *
 * <p>In order: {@link #countCodes}, {@link #latentTotals}, {@link #latentStarts}, {@link
 * #placeCodes}, then {@link #accumulateByLatent} and {@link #sumByLatent}.
 */
public final class LatentKernels {
  /** Work-items of a group that counts or places the codes of its rows. */
  public static final int GROUP = 256;

  /** Work-items of the single group that forms prefix sums over all latents. */
  public static final int SCAN = 256;

  /** Sums replace what is in their array. */
  public static final int WRITTEN = 0;

  /** Sums are added to what is in their array. */
  public static final int ADDED = 1;

  /** Sums are added for listed latents only. */
  public static final int ADDED_WHERE_LISTED = 2;

  private LatentKernels() {}

  /**
   * Rows that one group of the counting sort takes.
   *
   * @param rows most rows of a batch
   * @param most most groups of rows, and rows of the table of counts
   * @return at least 1
   */
  public static int rowsPerGroup(int rows, int most) {
    return Math.max(1, (rows + most - 1) / most);
  }

  /**
   * Counts a group's codes by latent: {@code table[group, latent]}.
   *
   * @param rowStarts where each row begins and the last one ends, if {@code capacity} is 0
   */
  public static void countCodes(
      KernelContext context,
      IntArray control,
      IntArray rowStarts,
      IntArray indices,
      IntArray table,
      int n,
      int capacity,
      int groupRows,
      int codes) {
    int item = context.localIdx;
    int group = context.groupIdx;
    int k = control.get(codes);
    int rows = control.get(StepControl.ROWS);
    int from = group * groupRows;
    int to = from + groupRows < rows ? from + groupRows : rows;
    for (int i = item; i < n; i += GROUP) {
      table.set(group * n + i, 0);
    }
    context.globalBarrier();
    for (int row = from; row < to; row++) {
      int begin = row * capacity;
      int end = begin + k;
      if (capacity == 0) {
        begin = rowStarts.get(row);
        end = rowStarts.get(row + 1);
      }
      for (int code = begin + item; code < end; code += GROUP) {
        int at = group * n + indices.get(code);
        table.set(at, table.get(at) + 1);
      }
      context.globalBarrier();
    }
  }

  /** Prefix sums down each column of the table; a work-item per latent. */
  public static void latentTotals(
      KernelContext context, IntArray table, IntArray totals, int n, int groups) {
    int latent = context.globalIdx;
    if (latent < n) {
      int sum = 0;
      // Eight counts are read before the first is replaced.
      for (int group = 0; group < groups; group += 8) {
        int t0 = table.get(group * n + latent);
        int t1 = table.get(TornadoMath.min(group + 1, groups - 1) * n + latent);
        int t2 = table.get(TornadoMath.min(group + 2, groups - 1) * n + latent);
        int t3 = table.get(TornadoMath.min(group + 3, groups - 1) * n + latent);
        int t4 = table.get(TornadoMath.min(group + 4, groups - 1) * n + latent);
        int t5 = table.get(TornadoMath.min(group + 5, groups - 1) * n + latent);
        int t6 = table.get(TornadoMath.min(group + 6, groups - 1) * n + latent);
        int t7 = table.get(TornadoMath.min(group + 7, groups - 1) * n + latent);
        table.set(group * n + latent, sum);
        sum += t0;
        if (group + 1 < groups) {
          table.set((group + 1) * n + latent, sum);
          sum += t1;
        }
        if (group + 2 < groups) {
          table.set((group + 2) * n + latent, sum);
          sum += t2;
        }
        if (group + 3 < groups) {
          table.set((group + 3) * n + latent, sum);
          sum += t3;
        }
        if (group + 4 < groups) {
          table.set((group + 4) * n + latent, sum);
          sum += t4;
        }
        if (group + 5 < groups) {
          table.set((group + 5) * n + latent, sum);
          sum += t5;
        }
        if (group + 6 < groups) {
          table.set((group + 6) * n + latent, sum);
          sum += t6;
        }
        if (group + 7 < groups) {
          table.set((group + 7) * n + latent, sum);
          sum += t7;
        }
      }
      totals.set(latent, sum);
    }
  }

  /** {@code starts[i] = Σ totals[0..i)}, {@code [n + 1]}, by one group. */
  public static void latentStarts(KernelContext context, IntArray totals, IntArray starts, int n) {
    int[] sums = context.allocateIntLocalArray(SCAN);
    int item = context.localIdx;
    int share = (n + SCAN - 1) / SCAN;
    int first = item * share;
    int last = first + share < n ? first + share : n;
    int sum = 0;
    // Eight totals are read before the first is added.
    for (int i = first; i < last; i += 8) {
      int t0 = totals.get(i);
      int t1 = totals.get(TornadoMath.min(i + 1, n - 1));
      int t2 = totals.get(TornadoMath.min(i + 2, n - 1));
      int t3 = totals.get(TornadoMath.min(i + 3, n - 1));
      int t4 = totals.get(TornadoMath.min(i + 4, n - 1));
      int t5 = totals.get(TornadoMath.min(i + 5, n - 1));
      int t6 = totals.get(TornadoMath.min(i + 6, n - 1));
      int t7 = totals.get(TornadoMath.min(i + 7, n - 1));
      sum += t0;
      sum += i + 1 < last ? t1 : 0;
      sum += i + 2 < last ? t2 : 0;
      sum += i + 3 < last ? t3 : 0;
      sum += i + 4 < last ? t4 : 0;
      sum += i + 5 < last ? t5 : 0;
      sum += i + 6 < last ? t6 : 0;
      sum += i + 7 < last ? t7 : 0;
    }
    sums[item] = sum;
    context.localBarrier();
    int before = 0;
    for (int other = 0; other < item; other++) {
      before += sums[other];
    }
    for (int i = first; i < last; i += 8) {
      int t0 = totals.get(i);
      int t1 = totals.get(TornadoMath.min(i + 1, n - 1));
      int t2 = totals.get(TornadoMath.min(i + 2, n - 1));
      int t3 = totals.get(TornadoMath.min(i + 3, n - 1));
      int t4 = totals.get(TornadoMath.min(i + 4, n - 1));
      int t5 = totals.get(TornadoMath.min(i + 5, n - 1));
      int t6 = totals.get(TornadoMath.min(i + 6, n - 1));
      int t7 = totals.get(TornadoMath.min(i + 7, n - 1));
      starts.set(i, before);
      before += t0;
      if (i + 1 < last) {
        starts.set(i + 1, before);
        before += t1;
      }
      if (i + 2 < last) {
        starts.set(i + 2, before);
        before += t2;
      }
      if (i + 3 < last) {
        starts.set(i + 3, before);
        before += t3;
      }
      if (i + 4 < last) {
        starts.set(i + 4, before);
        before += t4;
      }
      if (i + 5 < last) {
        starts.set(i + 5, before);
        before += t5;
      }
      if (i + 6 < last) {
        starts.set(i + 6, before);
        before += t6;
      }
      if (i + 7 < last) {
        starts.set(i + 7, before);
        before += t7;
      }
    }
    if (last == n) {
      // Several work-items without latents may come here too, all with the same total.
      starts.set(n, before);
    }
  }

  /**
   * Puts the position of each code into its latent's run.
   *
   * @param rowStarts as {@link #countCodes} has it
   */
  public static void placeCodes(
      KernelContext context,
      IntArray control,
      IntArray rowStarts,
      IntArray indices,
      IntArray table,
      IntArray starts,
      IntArray entries,
      int n,
      int capacity,
      int groupRows,
      int codes) {
    int item = context.localIdx;
    int group = context.groupIdx;
    int k = control.get(codes);
    int rows = control.get(StepControl.ROWS);
    int from = group * groupRows;
    int to = from + groupRows < rows ? from + groupRows : rows;
    for (int row = from; row < to; row++) {
      int begin = row * capacity;
      int end = begin + k;
      if (capacity == 0) {
        begin = rowStarts.get(row);
        end = rowStarts.get(row + 1);
      }
      for (int code = begin + item; code < end; code += GROUP) {
        int latent = indices.get(code);
        int at = group * n + latent;
        int place = table.get(at);
        entries.set(starts.get(latent) + place, code);
        table.set(at, place + 1);
      }
      context.globalBarrier();
    }
  }

  /**
   * Sparse outer products by {@link Strips}: one chain over ascending samples for each element of
   * {@code [n, d]}. It is written to {@code out}, or added to what is there ({@link #ADDED}), or
   * added for listed latents only ({@link #ADDED_WHERE_LISTED}).
   *
   * @param rowOf row of each code, if {@code capacity} is 0
   * @param list the latents, ascending, as many as slot {@code gate} says, with {@link
   *     #ADDED_WHERE_LISTED}
   * @param strips columns of a work-item
   */
  public static void accumulateByLatent(
      KernelContext context,
      IntArray control,
      IntArray rowOf,
      IntArray starts,
      IntArray entries,
      FloatArray coefficients,
      FloatArray rows,
      FloatArray out,
      IntArray list,
      int n,
      int d,
      int capacity,
      int added,
      int strips,
      int gate) {
    int item = context.localIdx;
    int place = context.groupIdx * Strips.ROWS + item / Strips.LANES;
    int c0 = context.groupIdy * (Strips.LANES * strips) + item % Strips.LANES;
    int c1 = c0 + Strips.LANES;
    int c2 = c0 + 2 * Strips.LANES;
    int c3 = c0 + 3 * Strips.LANES;
    int from0 = TornadoMath.min(c0, d - 1);
    int from1 = TornadoMath.min(c1, d - 1);
    int from2 = TornadoMath.min(c2, d - 1);
    int from3 = TornadoMath.min(c3, d - 1);
    int latent = latent(control, list, place, n, added, gate);
    float s0 = 0f;
    float s1 = 0f;
    float s2 = 0f;
    float s3 = 0f;
    if (latent >= 0) {
      int end = starts.get(latent + 1);
      for (int at = starts.get(latent); at < end; at += 4) {
        int entryA = entries.get(at);
        int entryB = entries.get(TornadoMath.min(at + 1, end - 1));
        int entryC = entries.get(TornadoMath.min(at + 2, end - 1));
        int entryD = entries.get(TornadoMath.min(at + 3, end - 1));
        int rowA;
        int rowB;
        int rowC;
        int rowD;
        if (capacity == 0) {
          rowA = rowOf.get(entryA) * d;
          rowB = rowOf.get(entryB) * d;
          rowC = rowOf.get(entryC) * d;
          rowD = rowOf.get(entryD) * d;
        } else {
          rowA = entryA / capacity * d;
          rowB = entryB / capacity * d;
          rowC = entryC / capacity * d;
          rowD = entryD / capacity * d;
        }
        float vA = coefficients.get(entryA);
        float vB = coefficients.get(entryB);
        float vC = coefficients.get(entryC);
        float vD = coefficients.get(entryD);
        float xA0 = rows.get(rowA + from0);
        float xB0 = rows.get(rowB + from0);
        float xC0 = rows.get(rowC + from0);
        float xD0 = rows.get(rowD + from0);
        float xA1 = strips > 1 ? rows.get(rowA + from1) : 0f;
        float xB1 = strips > 1 ? rows.get(rowB + from1) : 0f;
        float xC1 = strips > 1 ? rows.get(rowC + from1) : 0f;
        float xD1 = strips > 1 ? rows.get(rowD + from1) : 0f;
        float xA2 = strips > 2 ? rows.get(rowA + from2) : 0f;
        float xB2 = strips > 2 ? rows.get(rowB + from2) : 0f;
        float xC2 = strips > 2 ? rows.get(rowC + from2) : 0f;
        float xD2 = strips > 2 ? rows.get(rowD + from2) : 0f;
        float xA3 = strips > 2 ? rows.get(rowA + from3) : 0f;
        float xB3 = strips > 2 ? rows.get(rowB + from3) : 0f;
        float xC3 = strips > 2 ? rows.get(rowC + from3) : 0f;
        float xD3 = strips > 2 ? rows.get(rowD + from3) : 0f;
        if (at + 4 > end) {
          vB = at + 1 < end ? vB : -0f;
          xB0 = at + 1 < end ? xB0 : 0f;
          xB1 = at + 1 < end ? xB1 : 0f;
          xB2 = at + 1 < end ? xB2 : 0f;
          xB3 = at + 1 < end ? xB3 : 0f;
          vC = at + 2 < end ? vC : -0f;
          xC0 = at + 2 < end ? xC0 : 0f;
          xC1 = at + 2 < end ? xC1 : 0f;
          xC2 = at + 2 < end ? xC2 : 0f;
          xC3 = at + 2 < end ? xC3 : 0f;
          vD = at + 3 < end ? vD : -0f;
          xD0 = at + 3 < end ? xD0 : 0f;
          xD1 = at + 3 < end ? xD1 : 0f;
          xD2 = at + 3 < end ? xD2 : 0f;
          xD3 = at + 3 < end ? xD3 : 0f;
        }
        s0 += vA * xA0;
        s0 += vB * xB0;
        s0 += vC * xC0;
        s0 += vD * xD0;
        if (strips > 1) {
          s1 += vA * xA1;
          s1 += vB * xB1;
          s1 += vC * xC1;
          s1 += vD * xD1;
        }
        if (strips > 2) {
          s2 += vA * xA2;
          s2 += vB * xB2;
          s2 += vC * xC2;
          s2 += vD * xD2;
          s3 += vA * xA3;
          s3 += vB * xB3;
          s3 += vC * xC3;
          s3 += vD * xD3;
        }
      }
    }
    int live = latent >= 0 ? 1 : 0;
    if ((live & (c0 < d ? 1 : 0)) == 1) {
      if (added != WRITTEN) {
        s0 = out.get(latent * d + c0) + s0;
      }
      out.set(latent * d + c0, s0);
    }
    if (strips > 1) {
      if ((live & (c1 < d ? 1 : 0)) == 1) {
        if (added != WRITTEN) {
          s1 = out.get(latent * d + c1) + s1;
        }
        out.set(latent * d + c1, s1);
      }
    }
    if (strips > 2) {
      if ((live & (c2 < d ? 1 : 0)) == 1) {
        if (added != WRITTEN) {
          s2 = out.get(latent * d + c2) + s2;
        }
        out.set(latent * d + c2, s2);
      }
      if ((live & (c3 < d ? 1 : 0)) == 1) {
        if (added != WRITTEN) {
          s3 = out.get(latent * d + c3) + s3;
        }
        out.set(latent * d + c3, s3);
      }
    }
  }

  /** The latent at a place of the grid, or -1 where there is nothing to do. */
  private static int latent(
      IntArray control, IntArray list, int place, int n, int added, int gate) {
    int open = control.get(gate);
    int live = place < n ? 1 : 0;
    int latent = place;
    if (added == ADDED_WHERE_LISTED) {
      live = live & (place < open ? 1 : 0);
      if (live == 1) {
        latent = list.get(place);
      }
    } else {
      live = live & (open != 0 ? 1 : 0);
    }
    return live == 1 ? latent : -1;
  }

  /** Sums per latent, plain, over ascending samples; {@code added} as above. */
  public static void sumByLatent(
      KernelContext context,
      IntArray control,
      IntArray starts,
      IntArray entries,
      FloatArray coefficients,
      FloatArray out,
      IntArray list,
      int n,
      int added,
      int gate) {
    int latent = latent(control, list, context.globalIdx, n, added, gate);
    float sum = 0f;
    if (latent >= 0) {
      int end = starts.get(latent + 1);
      // Eight are read before the first is added; beyond the last, s + -0 is s.
      for (int at = starts.get(latent); at < end; at += 8) {
        int e0 = entries.get(at);
        int e1 = entries.get(TornadoMath.min(at + 1, end - 1));
        int e2 = entries.get(TornadoMath.min(at + 2, end - 1));
        int e3 = entries.get(TornadoMath.min(at + 3, end - 1));
        int e4 = entries.get(TornadoMath.min(at + 4, end - 1));
        int e5 = entries.get(TornadoMath.min(at + 5, end - 1));
        int e6 = entries.get(TornadoMath.min(at + 6, end - 1));
        int e7 = entries.get(TornadoMath.min(at + 7, end - 1));
        float v0 = coefficients.get(e0);
        float v1 = coefficients.get(e1);
        float v2 = coefficients.get(e2);
        float v3 = coefficients.get(e3);
        float v4 = coefficients.get(e4);
        float v5 = coefficients.get(e5);
        float v6 = coefficients.get(e6);
        float v7 = coefficients.get(e7);
        if (at + 8 > end) {
          v1 = at + 1 < end ? v1 : -0f;
          v2 = at + 2 < end ? v2 : -0f;
          v3 = at + 3 < end ? v3 : -0f;
          v4 = at + 4 < end ? v4 : -0f;
          v5 = at + 5 < end ? v5 : -0f;
          v6 = at + 6 < end ? v6 : -0f;
          v7 = at + 7 < end ? v7 : -0f;
        }
        sum += v0;
        sum += v1;
        sum += v2;
        sum += v3;
        sum += v4;
        sum += v5;
        sum += v6;
        sum += v7;
      }
      if (added != WRITTEN) {
        sum = out.get(latent) + sum;
      }
    }
    if (latent >= 0) {
      out.set(latent, sum);
    }
  }
}
