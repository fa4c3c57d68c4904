package io.github.sae4j.formats;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.Validity;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TextCursor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A column of texts from front to back. */
final class ParquetTexts implements TextCursor {
  /** Texts are documents sometimes, and those of a batch are held together. */
  private static final int BATCH = 64;

  private final Path path;
  private final InputFile input;
  private final ParquetFileReader reader;
  private final ColumnReader column;

  /** Rows that are left, as the file declares them, those to be passed over first included. */
  private long left;

  /** Rows to be passed over before the next that is read: only then are they decoded. */
  private long skipped;

  private int next;
  private int count;

  ParquetTexts(Path path, int index) throws IOException {
    this.path = path;
    input = InputFile.of(path);
    ParquetFileReader opened = null;
    try {
      opened = ParquetFileReader.open(input);
      left = opened.getFileMetaData().numRows();
      column = opened.buildColumnReader(index).batchSize(BATCH).build();
    } catch (Throwable e) {
      if (opened != null) {
        opened.close();
      }
      input.close();
      throw e;
    }
    reader = opened;
  }

  @Override
  public long skip(long rows) {
    long passed = Math.min(rows, left);
    left -= passed;
    skipped += passed;
    return passed;
  }

  @Override
  public List<String> next(int most) throws IOException {
    return ParquetFile.guarded(
        path,
        () -> {
          List<String> texts = new ArrayList<>();
          int wanted = (int) Math.min(most, left);
          while (wanted > 0 && skipped > 0) {
            expectMore();
            int now = (int) Math.min(skipped, count - next);
            skipped -= now;
            next += now;
          }
          while (texts.size() < wanted) {
            expectMore();
            byte[] bytes = column.getBinaryValues();
            int[] offsets = column.getBinaryOffsets();
            Validity there = column.getLeafValidity();
            for (; next < count && texts.size() < wanted; next++) {
              int from = offsets[next];
              texts.add(
                  there.isNull(next)
                      ? null
                      : new String(bytes, from, offsets[next + 1] - from, StandardCharsets.UTF_8));
            }
          }
          left -= wanted;
          return texts;
        });
  }

  /** Decodes the next batch where it begins. */
  private void expectMore() throws BadFileException {
    while (next == count) {
      if (!column.nextBatch()) {
        throw new BadFileException(path, "a column of texts ends before the rows that it declares");
      }
      next = 0;
      count = column.getRecordCount();
    }
  }

  @Override
  public void close() throws IOException {
    ParquetFile.guarded(
        path,
        () -> {
          try (InputFile _ = input;
              ParquetFileReader _ = reader;
              ColumnReader _ = column) {
            return null;
          }
        });
  }
}
