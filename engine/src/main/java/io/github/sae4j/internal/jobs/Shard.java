package io.github.sae4j.internal.jobs;

import java.util.Locale;

/**
 * One of several parts of a job that may run anywhere and in any order: consecutive rows, numbers
 * of rows differing by at most one.
 *
 * @param number number of the part, from 1
 * @param count number of parts
 */
public record Shard(int number, int count) {
  /** The whole job. */
  public static final Shard WHOLE = new Shard(1, 1);

  /** Checks the range. */
  public Shard {
    if (count < 1 || number < 1 || number > count) {
      throw new IllegalArgumentException(
          "shard: expected i/n with i from 1 to n, got " + number + "/" + count);
    }
  }

  /**
   * Parses a shard in the notation of the command line.
   *
   * @param text {@code i/n}, i from 1
   * @return the shard
   * @throws IllegalArgumentException if it is not a shard
   */
  public static Shard parse(String text) {
    String[] parts = text.split("/", -1);
    try {
      if (parts.length > 2) {
        throw new NumberFormatException("more than two numbers");
      }
      return new Shard(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw new IllegalArgumentException(
          "shard: expected i/n with i from 1 to n, got '" + text + "'", e);
    }
  }

  /**
   * Its first row.
   *
   * @param rows of the whole job
   */
  public long first(long rows) {
    return boundary(rows, number - 1);
  }

  /**
   * The row after its last.
   *
   * @param rows of the whole job
   */
  public long end(long rows) {
    return boundary(rows, number);
  }

  /** rows · i / count without overflow. */
  private long boundary(long rows, int i) {
    return rows / count * i + rows % count * i / count;
  }

  /**
   * The name of its file, without suffix.
   *
   * @param stem common prefix of the files of all shards
   * @return for instance {@code codes-00002-of-00004}; the bare stem where there is one shard
   */
  public String name(String stem) {
    return count == 1 ? stem : String.format(Locale.ROOT, "%s-%05d-of-%05d", stem, number, count);
  }

  @Override
  public String toString() {
    return number + "/" + count;
  }
}
