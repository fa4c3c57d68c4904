package io.github.sae4j.formats;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.Validity;
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
  private int next;
  private int count;

  ParquetTexts(Path path, int index) throws IOException {
    this.path = path;
    input = InputFile.of(path);
    ParquetFileReader opened = null;
    try {
      opened = ParquetFileReader.open(input);
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
  public long skip(long rows) throws IOException {
    return ParquetFile.guarded(
        path,
        () -> {
          long passed = 0;
          while (passed < rows && more()) {
            int now = (int) Math.min(rows - passed, count - next);
            passed += now;
            next += now;
          }
          return passed;
        });
  }

  @Override
  public List<String> next(int most) throws IOException {
    return ParquetFile.guarded(
        path,
        () -> {
          List<String> texts = new ArrayList<>();
          while (texts.size() < most && more()) {
            byte[] bytes = column.getBinaryValues();
            int[] offsets = column.getBinaryOffsets();
            Validity there = column.getLeafValidity();
            for (; next < count && texts.size() < most; next++) {
              int from = offsets[next];
              texts.add(
                  there.isNull(next)
                      ? null
                      : new String(bytes, from, offsets[next + 1] - from, StandardCharsets.UTF_8));
            }
          }
          return texts;
        });
  }

  /** Whether a row is left; decodes the next batch where it begins. */
  private boolean more() {
    while (next == count) {
      if (!column.nextBatch()) {
        return false;
      }
      next = 0;
      count = column.getRecordCount();
    }
    return true;
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
