package io.github.sae4j.tornado.kernels;

/**
 * How kernels that follow lists of codes share their work: 64 work-items take a row of the result,
 * or of a strip of it if it is wide, and each of them one, two or four of its columns, 64 apart.
 * What is the same for a whole row, indices and coefficients, is so read once for several columns;
 * and because a work-item asks for the elements of four codes before it adds the first, it waits
 * for memory once for all of them. The grid has strips along y, so that groups that run together
 * read the same columns.
 *
 * <p>Beyond the last code of a row, that one is read again as {@code -0 * 0}: {@code fma(-0, 0, s)}
 * is s, whatever s is. Beyond the last column, that one is read again, and its sum dropped.
 */
public final class Strips {
  /** Work-items of a row. */
  public static final int LANES = 64;

  /** Rows of a group. */
  public static final int ROWS = 4;

  /** Work-items of a group. */
  public static final int GROUP = LANES * ROWS;

  private Strips() {}

  /**
   * Columns of a work-item.
   *
   * @param d columns of a row
   * @return 1, 2 or 4
   */
  public static int columns(int d) {
    return d <= LANES ? 1 : d <= 2 * LANES ? 2 : 4;
  }

  /**
   * Strips of a row.
   *
   * @param d columns of a row
   * @return at least 1
   */
  public static int across(int d) {
    int width = LANES * columns(d);
    return (d + width - 1) / width;
  }
}
