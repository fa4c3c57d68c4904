package io.github.sae4j.internal.json;

import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;

/**
 * What describing a file's tensors may take of the Java heap: a quarter of what this VM may have at
 * most. A header of a few megabytes can describe a hundred thousand tensors; one that would take
 * more than that is refused with the numbers, before the heap is full.
 */
public final class ParseBudget {
  /** An entry, its name, shape and place in the lists and maps that it ends up in. */
  public static final long TENSOR = 640;

  /** A string or number, boxed and in a map or list. */
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

  /** Counts what is about to be allocated. */
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
