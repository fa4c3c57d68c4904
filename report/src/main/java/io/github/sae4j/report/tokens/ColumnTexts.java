package io.github.sae4j.report.tokens;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.internal.tensors.TensorFormats;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One text a row, in a column of a Parquet or Arrow file. The wanted rows' texts, each cut to what
 * is shown, are held.
 */
final class ColumnTexts implements Texts {
  /** Names that data sets give such columns, in the order in which they are looked for. */
  static final List<String> NAMES = List.of("text", "sentence", "content", "document");

  /** In UTF-8, half of what strings of many languages take. */
  private final List<byte[]> texts = new ArrayList<>();

  private ColumnTexts() {}

  /**
   * The column of a file that holds a text for each of its rows.
   *
   * @param file any file
   * @param rows the rows, {@link Long#MAX_VALUE} if nobody knows; others, of sequences of which
   *     each is a text, say, have none of their own
   * @return the best known name; else the only one; empty if there is none, or several of other
   *     names
   */
  static Optional<String> find(Path file, long rows) throws IOException {
    Optional<TensorColumns> columns = TensorFormats.columns(file);
    if (columns.isEmpty()) {
      return Optional.empty();
    }
    try (TensorColumns all = columns.get()) {
      boolean fit =
          rows == Long.MAX_VALUE
              || all.columns().stream().anyMatch(column -> column.shape().getFirst() == rows);
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
      ColumnTexts read = new ColumnTexts();
      all.readTexts(
          column,
          rows,
          text ->
              read.texts.add(
                  TokenStyle.clipped(text == null ? "" : text).getBytes(StandardCharsets.UTF_8)));
      return read;
    }
  }

  @Override
  public long rows() {
    return texts.size();
  }

  @Override
  public Sequence sequence(long row) {
    return new Sequence(row, 1, "");
  }

  @Override
  public String[] read(long first, int count) {
    String[] some = new String[count];
    for (int i = 0; i < count; i++) {
      some[i] = new String(texts.get(Math.toIntExact(first + i)), StandardCharsets.UTF_8);
    }
    return some;
  }

  @Override
  public boolean tokens() {
    return false;
  }

  @Override
  public void close() {}
}
