package io.github.sae4j.report.features;

import java.util.Arrays;

/**
 * The active latents of a uniform sample of rows, of bounded size: when it is full, half of its
 * rows go. Which rows are kept depends on their numbers and on how many codes there are, on nothing
 * else.
 */
final class RowSample {
  /** Codes that are kept at most, 16 MiB: counting pairs takes seconds with more. */
  private static final int MOST_CODES = 1 << 22;

  private final int mostCodes;
  private int[] latents = new int[1 << 12];
  private int[] ends = new int[1 << 10];
  private long[] numbers = new long[1 << 10];
  private int rows;
  private int codes;
  private int halvings;

  RowSample() {
    this(MOST_CODES);
  }

  RowSample(int mostCodes) {
    this.mostCodes = mostCodes;
  }

  void add(long row, int[] from, int start, int end) {
    if (!kept(row)) {
      return;
    }
    int count = end - start;
    while (codes + count > mostCodes && rows > 0) {
      halvings++;
      thin();
      if (!kept(row)) {
        return;
      }
    }
    if (latents.length < codes + count) {
      latents = Arrays.copyOf(latents, Math.max(codes + count, 2 * latents.length));
    }
    if (ends.length == rows) {
      ends = Arrays.copyOf(ends, 2 * rows);
      numbers = Arrays.copyOf(numbers, 2 * rows);
    }
    System.arraycopy(from, start, latents, codes, count);
    codes += count;
    numbers[rows] = row;
    ends[rows++] = codes;
  }

  private boolean kept(long row) {
    return halvings == 0 || Contexts.hash(row, -1) >>> 63 - halvings == 0;
  }

  private void thin() {
    int keptRows = 0;
    int keptCodes = 0;
    int start = 0;
    for (int i = 0; i < rows; i++) {
      int end = ends[i];
      if (kept(numbers[i])) {
        System.arraycopy(latents, start, latents, keptCodes, end - start);
        keptCodes += end - start;
        numbers[keptRows] = numbers[i];
        ends[keptRows++] = keptCodes;
      }
      start = end;
    }
    rows = keptRows;
    codes = keptCodes;
  }

  int rows() {
    return rows;
  }

  int start(int row) {
    return row == 0 ? 0 : ends[row - 1];
  }

  int end(int row) {
    return ends[row];
  }

  int[] latents() {
    return latents;
  }
}
