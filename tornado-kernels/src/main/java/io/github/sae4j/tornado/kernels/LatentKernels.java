package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
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
  public static final int GROUP = 64;

  /** Work-items of the single group that forms prefix sums over all latents. */
  public static final int SCAN = 256;

  /** Sums replace what is in their array. */
  public static final int WRITTEN = 0;

  /** Sums are added to what is in their array. */
  public static final int ADDED = 1;

  /** Sums are added for marked latents only. */
  public static final int ADDED_WHERE_MARKED = 2;

  /** Most groups of rows, and rows of the table of counts. */
  private static final int MOST_GROUPS = 64;

  private LatentKernels() {}

  /**
   * Rows that one group of the counting sort takes.
   *
   * @param rows most rows of a batch
   * @return at least 1
   */
  public static int rowsPerGroup(int rows) {
    return Math.max(1, (rows + MOST_GROUPS - 1) / MOST_GROUPS);
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
      for (int group = 0; group < groups; group++) {
        int count = table.get(group * n + latent);
        table.set(group * n + latent, sum);
        sum += count;
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
    for (int i = first; i < last; i++) {
      sum += totals.get(i);
    }
    sums[item] = sum;
    context.localBarrier();
    int before = 0;
    for (int other = 0; other < item; other++) {
      before += sums[other];
    }
    for (int i = first; i < last; i++) {
      starts.set(i, before);
      before += totals.get(i);
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
   * Sparse outer products, a work-item per element of {@code [n, d]}: one chain over ascending
   * samples. It is written to {@code out}, or added to what is there ({@link #ADDED}), or added
   * only where {@code marked[latent]} is not 0 ({@link #ADDED_WHERE_MARKED}).
   *
   * @param rowOf row of each code, if {@code capacity} is 0
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
      IntArray marked,
      int n,
      int d,
      int capacity,
      int added,
      int gate) {
    int i = context.globalIdx;
    int latent = i / d;
    int col = i - latent * d;
    int live = latent < n ? 1 : 0;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      int wanted = 1;
      if (added == ADDED_WHERE_MARKED) {
        wanted = marked.get(latent);
      }
      if (wanted != 0) {
        float sum = 0f;
        int last = starts.get(latent + 1);
        for (int at = starts.get(latent); at < last; at++) {
          int entry = entries.get(at);
          int row;
          if (capacity == 0) {
            row = rowOf.get(entry);
          } else {
            row = entry / capacity;
          }
          sum += coefficients.get(entry) * rows.get(row * d + col);
        }
        if (added != WRITTEN) {
          sum = out.get(i) + sum;
        }
        out.set(i, sum);
      }
    }
  }

  /** Sums per latent, plain, over ascending samples; {@code added} as above. */
  public static void sumByLatent(
      KernelContext context,
      IntArray control,
      IntArray starts,
      IntArray entries,
      FloatArray coefficients,
      FloatArray out,
      IntArray marked,
      int n,
      int added,
      int gate) {
    int latent = context.globalIdx;
    int live = latent < n ? 1 : 0;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      int wanted = 1;
      if (added == ADDED_WHERE_MARKED) {
        wanted = marked.get(latent);
      }
      if (wanted != 0) {
        float sum = 0f;
        int last = starts.get(latent + 1);
        for (int at = starts.get(latent); at < last; at++) {
          sum += coefficients.get(entries.get(at));
        }
        if (added != WRITTEN) {
          sum = out.get(latent) + sum;
        }
        out.set(latent, sum);
      }
    }
  }
}
