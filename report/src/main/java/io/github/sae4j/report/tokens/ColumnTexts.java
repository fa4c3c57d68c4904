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
   * The column of a file that holds a text for each of its rows.
   *
   * @param file any file
   * @return the best known name; else the only one; empty if there is none, or several of other
   *     names
   */
  static Optional<String> find(Path file) throws IOException {
    Optional<TensorColumns> columns = TensorFormats.columns(file);
    if (columns.isEmpty()) {
      return Optional.empty();
    }
    try (TensorColumns all = columns.get()) {
      return find(all);
    }
  }

  /**
   * The same of a file of activations.
   *
   * @param rows the rows; others, of sequences of which each is a text, say, have none of their own
   */
  static Optional<String> find(Path file, long rows) throws IOException {
    Optional<TensorColumns> columns = TensorFormats.columns(file);
    if (columns.isEmpty()) {
      return Optional.empty();
    }
    try (TensorColumns all = columns.get()) {
      boolean fit = all.columns().stream().anyMatch(column -> column.shape().getFirst() == rows);
      return fit ? find(all) : Optional.empty();
    }
  }

  private static Optional<String> find(TensorColumns columns) {
    List<String> names = columns.texts();
    return NAMES.stream()
        .filter(names::contains)
        .findFirst()
        .or(() -> names.size() == 1 ? Optional.of(names.getFirst()) : Optional.empty());
  }

  /** The texts of the first rows, as many as are wanted or there are. */
  static ColumnTexts open(Path file, long rows) throws IOException {
    Optional<TensorColumns> columns = TensorFormats.columns(file);
    try (TensorColumns all = columns.orElse(null)) {
      String column =
          columns
              .flatMap(ColumnTexts::find)
              .orElseThrow(
                  () ->
                      new BadFileException(
                          file,
                          "expected a tensor of integers called "
                              + String.join(", ", TextFiles.TOKEN_TENSORS)
                              + ", or a column of texts"));
      try (TextCursor texts = all.openTexts(column)) {
        return new ColumnTexts(file, column, texts.skip(rows));
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
