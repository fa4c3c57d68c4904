package io.github.sae4j.data;

import java.util.Optional;

/**
 * Which rows are trained on and which are held out: contiguous blocks spread evenly over the rows,
 * because neighbouring rows often come from one sentence and would leak. Rows that a mask excludes
 * are in neither part; blocks are laid out over the rows that remain. No randomness: the split
 * depends on the number of rows, the mask and the share alone.
 *
 * <p>With {@code n} rows kept and {@code h = round(share n)} held out (at most {@code n - 1}) there
 * are {@code m = max(1, round(h / L))} blocks, {@code L = min(1024, max(512, h / 8))}: long
 * compared with sentences, and several even where rows are few. The rows are cut into {@code m}
 * stretches, sizes differing by at most one; the held-out rows likewise; each stretch has its block
 * in the middle. Memory does not depend on the number of rows.
 */
public final class Split {
  private static final long SHORT_BLOCK = 512;
  private static final long LONG_BLOCK = 1024;

  private final Optional<RowMask> mask;
  private final long rows;
  private final long heldOut;
  private final long blocks;

  private Split(Optional<RowMask> mask, long rows, double share) {
    if (rows < 1) {
      throw new IllegalArgumentException("rows: expected at least 1, got " + rows);
    }
    if (!(share >= 0 && share < 1)) {
      throw new IllegalArgumentException("share: expected [0, 1), got " + share);
    }
    this.mask = mask;
    this.rows = rows;
    heldOut = Math.min(rows - 1, Math.round(share * rows));
    long length = Math.min(LONG_BLOCK, Math.max(SHORT_BLOCK, heldOut / 8));
    blocks = Math.max(1, (heldOut + length / 2) / length);
  }

  /**
   * A split of all rows.
   *
   * @param rows number of rows, at least 1
   * @param share share to hold out, in {@code [0, 1)}; 0 holds out none
   * @return the split
   * @throws IllegalArgumentException if a number is out of range
   */
  public static Split of(long rows, double share) {
    return new Split(Optional.empty(), rows, share);
  }

  /**
   * A split of the rows that a mask keeps.
   *
   * @param mask the mask
   * @param share share of the kept rows to hold out, in {@code [0, 1)}; 0 holds out none
   * @return the split
   * @throws IllegalArgumentException if the share is out of range
   */
  public static Split of(RowMask mask, double share) {
    return new Split(Optional.of(mask), mask.keptRows(), share);
  }

  /** {@return the number of rows to train on, at least 1} */
  public long trainingRows() {
    return rows - heldOut;
  }

  /**
   * A row to train on.
   *
   * @param i in {@code [0, trainingRows)}
   * @return its number among all rows; ascending in {@code i}
   * @throws IllegalArgumentException if {@code i} is out of range
   */
  public long trainingRow(long i) {
    RowChecks.row(i, trainingRows());
    long low = 0;
    long high = blocks;
    while (high - low > 1) {
      long middle = (low + high) >>> 1;
      if (trainingBefore(middle) <= i) {
        low = middle;
      } else {
        high = middle;
      }
    }
    long start = start(low);
    long offset = i - trainingBefore(low);
    long length = share(heldOut, low + 1) - share(heldOut, low);
    return row(start + (offset < blockStart(low) - start ? offset : offset + length));
  }

  /** {@return the number of rows held out, possibly 0} */
  public long heldOutRows() {
    return heldOut;
  }

  /**
   * A held-out row.
   *
   * @param i in {@code [0, heldOutRows)}
   * @return its number among all rows; ascending in {@code i}
   * @throws IllegalArgumentException if {@code i} is out of range
   */
  public long heldOutRow(long i) {
    RowChecks.row(i, heldOut);
    long size = heldOut / blocks;
    long longer = heldOut % blocks;
    long block =
        i < longer * (size + 1) ? i / (size + 1) : longer + (i - longer * (size + 1)) / size;
    return row(blockStart(block) + i - share(heldOut, block));
  }

  /**
   * The training rows of a source, in its order.
   *
   * @param source the rows that were split; closing the view leaves it open
   * @return a view of {@link #trainingRows()} rows
   * @throws IllegalArgumentException if the source has another number of rows
   */
  public ActivationSource training(ActivationSource source) {
    return RowViews.selected(checked(source), trainingRows(), this::trainingRow);
  }

  /**
   * The held-out rows of a source, in its order.
   *
   * @param source the rows that were split; closing the view leaves it open
   * @return a view of {@link #heldOutRows()} rows, empty if none are held out
   * @throws IllegalArgumentException if the source has another number of rows
   */
  public Optional<ActivationSource> heldOut(ActivationSource source) {
    ActivationSource all = checked(source);
    return heldOut == 0
        ? Optional.empty()
        : Optional.of(RowViews.selected(all, heldOut, this::heldOutRow));
  }

  private ActivationSource checked(ActivationSource source) {
    long expected = mask.map(RowMask::rows).orElse(rows);
    if (source.rows() != expected) {
      throw new IllegalArgumentException(
          "source: expected the " + expected + " rows that were split, got " + source.rows());
    }
    return source;
  }

  /** First row of a stretch. */
  private long start(long stretch) {
    return share(rows, stretch);
  }

  /** First row of a stretch's held-out block, in its middle. */
  private long blockStart(long stretch) {
    return start(stretch) + (trainingBefore(stretch + 1) - trainingBefore(stretch)) / 2;
  }

  private long trainingBefore(long stretch) {
    return start(stretch) - share(heldOut, stretch);
  }

  /**
   * The part of {@code total} in the first {@code count} blocks; earlier blocks get the remainder.
   */
  private long share(long total, long count) {
    return count * (total / blocks) + Math.min(count, total % blocks);
  }

  private long row(long keptRow) {
    return mask.isPresent() ? mask.get().keptRow(keptRow) : keptRow;
  }
}
