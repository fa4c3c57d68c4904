package io.github.sae4j.report.tokens;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TextCursor;
import io.github.sae4j.internal.tensors.TensorFormats;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * One text a row, in a column of a Parquet or Arrow file, which is read from front to back: rows in
 * ascending order in one pass. No text is held.
 */
final class ColumnTexts implements Texts {
  /** Names that data sets give such columns, in the order in which they are looked for. */
  static final List<String> NAMES = List.of("text", "sentence", "content", "document");

  private final Path file;
  private final String column;
  private final long rows;
  private TensorColumns open;
  private TextCursor cursor;

  /** Row of the cursor. */
  private long position;

  private ColumnTexts(Path file, String column, long rows) {
    this.file = file;
    this.column = column;
    this.rows = rows;
  }

  /**
   * Whether a file of activations has texts of its rows.
   *
   * @param rows the rows; others, of sequences of which each is a text, say, have none of their own
   */
  static boolean liesIn(Path file, long rows) throws IOException {
    Optional<TensorColumns> columns = TensorFormats.columns(file);
    if (columns.isEmpty()) {
      return false;
    }
    try (TensorColumns all = columns.get()) {
      return all.columns().stream().anyMatch(column -> column.shape().getFirst() == rows)
          && find(all).isPresent();
    }
  }

  /** The best known name; else the only one; empty if there is none, or several of other names. */
  private static Optional<String> find(TensorColumns columns) {
    List<String> names = columns.texts();
    return NAMES.stream()
        .filter(names::contains)
        .findFirst()
        .or(() -> names.size() == 1 ? Optional.of(names.getFirst()) : Optional.empty());
  }

  /**
   * The texts of the first rows of a file, as many as are wanted or there are.
   *
   * @return empty if no column of it holds texts
   */
  static Optional<ColumnTexts> open(Path file, long rows) throws IOException {
    Optional<TensorColumns> columns = TensorFormats.columns(file);
    if (columns.isEmpty()) {
      return Optional.empty();
    }
    try (TensorColumns all = columns.get()) {
      Optional<String> column = find(all);
      if (column.isEmpty()) {
        return Optional.empty();
      }
      try (TextCursor texts = all.openTexts(column.get())) {
        return Optional.of(new ColumnTexts(file, column.get(), texts.skip(rows)));
      }
    }
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public Sequence sequence(long row) {
    return new Sequence(row, 1, "");
  }

  @Override
  public String[] read(long first, int count) throws IOException {
    if (cursor == null || first < position) {
      rest();
      open = TensorFormats.columns(file).orElseThrow();
      cursor = open.openTexts(column);
    }
    long skipped = cursor.skip(first - position);
    List<String> texts = cursor.next(count);
    if (skipped < first - position || texts.size() < count) {
      throw new BadFileException(file, "has fewer rows than when it was opened");
    }
    position = first + count;
    String[] some = new String[count];
    for (int i = 0; i < count; i++) {
      some[i] = texts.get(i) == null ? "" : TokenStyle.clipped(texts.get(i));
    }
    return some;
  }

  @Override
  public boolean tokens() {
    return false;
  }

  @Override
  public void rest() throws IOException {
    try (TensorColumns _ = open;
        TextCursor _ = cursor) {
      open = null;
      cursor = null;
      position = 0;
    }
  }

  @Override
  public void close() throws IOException {
    rest();
  }
}
