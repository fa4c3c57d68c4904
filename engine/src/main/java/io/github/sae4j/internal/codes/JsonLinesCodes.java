package io.github.sae4j.internal.codes;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FileSource;
import io.github.sae4j.internal.files.RangeStream;
import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.internal.json.CodeLine;
import io.github.sae4j.memory.SparseCodes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;

/**
 * Codes as JSON lines, read from front to back. Row numbers follow each other; the first of a shard
 * need not be 0.
 */
final class JsonLinesCodes implements CodeSource {
  /** Far above any sensible row. */
  private static final int MOST_LINE = 1 << 28;

  private final FileSource file;
  private final long rows;
  private final CodeLine line = new CodeLine();
  private InputStream stream;
  private long next;
  private long firstNumber;
  private int dSae = Integer.MAX_VALUE;
  private byte[] text = new byte[1 << 12];

  private JsonLinesCodes(FileSource file, long rows) {
    this.file = file;
    this.rows = rows;
    rewind();
  }

  static JsonLinesCodes open(Path path) throws IOException {
    FileSource file = FileSource.open(path);
    try {
      return new JsonLinesCodes(file, countLines(file));
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static long countLines(FileSource file) throws IOException {
    byte[] piece = new byte[1 << 16];
    long lines = 0;
    byte last = '\n';
    InputStream stream = new RangeStream(file, 0, file.size());
    for (int got = stream.read(piece, 0, piece.length);
        got > 0;
        got = stream.read(piece, 0, piece.length)) {
      for (int i = 0; i < got; i++) {
        lines += piece[i] == '\n' ? 1 : 0;
      }
      last = piece[got - 1];
    }
    return last == '\n' ? lines : lines + 1;
  }

  private void rewind() {
    stream = new RangeStream(file, 0, file.size());
    next = 0;
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public void read(long first, int count, SparseCodes target) throws IOException {
    Objects.checkFromIndexSize(first, count, rows);
    if (first < next) {
      rewind();
    }
    while (next < first) {
      int length = nextLine();
      if (next == 0) {
        number(length);
      }
      next++;
    }
    for (int row = 0; row < count; row++) {
      int length = nextLine();
      if (next == 0) {
        number(length);
      }
      line.read(file.path(), next + 1, text, length);
      if (line.row() != firstNumber + next) {
        throw new BadFileException(
            file.path(),
            "line "
                + (next + 1)
                + ": expected row "
                + (firstNumber + next)
                + ", got "
                + line.row());
      }
      if (line.count() > 0 && line.features()[line.count() - 1] >= dSae) {
        throw new BadFileException(
            file.path(),
            "line "
                + (next + 1)
                + ": expected features below "
                + dSae
                + ", got "
                + line.features()[line.count() - 1]);
      }
      target.setRow(row, line.count(), line.features(), line.values(), 0);
      next++;
    }
  }

  /** The number that the first line gives its row. */
  private void number(int length) throws IOException {
    line.read(file.path(), 1, text, length);
    firstNumber = line.row();
  }

  /** Reads a line without its end. */
  private int nextLine() throws IOException {
    int length = 0;
    for (int b = stream.read(); b >= 0 && b != '\n'; b = stream.read()) {
      if (length == text.length) {
        if (length >= MOST_LINE) {
          throw new BadFileException(
              file.path(), "line " + (next + 1) + ": expected at most " + MOST_LINE + " bytes");
        }
        text = Arrays.copyOf(text, 2 * length);
      }
      text[length++] = (byte) b;
    }
    return length;
  }

  @Override
  public void expectLatents(int number) {
    dSae = number;
  }

  @Override
  public Map<String, Object> identity() throws IOException {
    return Map.of("sha256", Sha256.of(file.path()), "rows", rows);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
