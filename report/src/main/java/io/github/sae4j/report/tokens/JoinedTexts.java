package io.github.sae4j.report.tokens;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** Texts of several files, one after the other. */
final class JoinedTexts implements Texts {
  private final List<Texts> parts;

  /** First row of each part, then the number of all rows; what a part has beyond is not shown. */
  private final long[] starts;

  /** The part that was read last: of many files one is open at a time. */
  private int reading;

  JoinedTexts(List<Texts> parts, long[] starts) {
    this.parts = parts;
    this.starts = starts;
  }

  private int part(long row) {
    int found = Arrays.binarySearch(starts, 0, parts.size(), row);
    return found >= 0 ? found : -found - 2;
  }

  @Override
  public long rows() {
    return starts[parts.size()];
  }

  @Override
  public Sequence sequence(long row) throws IOException {
    int part = part(row);
    Sequence sequence = parts.get(part).sequence(row - starts[part]);
    long first = starts[part] + sequence.first();
    int rows = (int) Math.min(sequence.rows(), starts[part + 1] - first);
    return new Sequence(first, rows, sequence.source());
  }

  @Override
  public String[] read(long first, int count) throws IOException {
    int part = part(first);
    if (part != reading) {
      rest();
      reading = part;
    }
    return parts.get(part).read(first - starts[part], count);
  }

  @Override
  public void rest() throws IOException {
    parts.get(reading).rest();
  }

  @Override
  public boolean tokens() {
    return parts.stream().allMatch(Texts::tokens);
  }

  @Override
  public void close() throws IOException {
    TextFiles.closeAll(parts);
  }
}
