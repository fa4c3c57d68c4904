package io.github.sae4j.internal.json;

import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;

/**
 * Limits the heap that describing a file's tensors may take to a quarter of the maximum heap. A
 * header of a few megabytes can describe a hundred thousand tensors; one that exceeds the limit is
 * refused with the numbers, before the heap is full.
 */
public final class ParseBudget {
  /** Bytes of an entry: its name, its shape and its share of the lists and maps that hold it. */
  public static final long TENSOR = 640;

  /** Bytes of a string or a boxed number in a map or list. */
  static final long VALUE = 96;

  private final Path path;
  private final long limit;
  private long spent;

  public ParseBudget(Path path) {
    this(path, Runtime.getRuntime().maxMemory() / 4);
  }

  public ParseBudget(Path path, long limit) {
    this.path = path;
    this.limit = limit;
  }

  /** Counts an imminent allocation. */
  public void spend(long bytes) throws BadFileException {
    spent += bytes;
    if (spent > limit) {
      throw new BadFileException(
          path,
          "describes more than "
              + limit
              + " bytes of the Java heap can hold, a quarter of what this VM may use; start it with"
              + " more (-Xmx)");
    }
  }

  /** Counts a text. */
  public void spendText(String text) throws BadFileException {
    spend(VALUE + 2L * text.length());
  }
}
