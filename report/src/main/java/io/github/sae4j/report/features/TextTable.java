package io.github.sae4j.report.features;

import io.github.sae4j.report.tokens.Texts;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The texts of the rows that the page shows, each once: runs of rows, and a table of texts. */
final class TextTable {
  private final Texts texts;
  private final List<long[]> ranges = new ArrayList<>();
  private final Map<String, Integer> numbers = new LinkedHashMap<>();
  private long[] firstRows = new long[0];
  private int[] starts = new int[0];
  private int[] tokens = new int[0];

  TextTable(Texts texts) {
    this.texts = texts;
  }

  /** Asks for rows of one sequence. */
  void want(long first, long end) {
    ranges.add(new long[] {first, end});
  }

  /** Reads what was asked for, in the order of the rows. */
  void read() throws IOException {
    ranges.sort((a, b) -> a[0] != b[0] ? Long.compare(a[0], b[0]) : Long.compare(a[1], b[1]));
    List<long[]> joined = new ArrayList<>();
    for (long[] range : ranges) {
      if (!joined.isEmpty() && range[0] <= joined.getLast()[1]) {
        joined.getLast()[1] = Math.max(joined.getLast()[1], range[1]);
      } else {
        joined.add(range.clone());
      }
    }
    ranges.clear();
    firstRows = new long[joined.size()];
    starts = new int[joined.size() + 1];
    for (int i = 0; i < joined.size(); i++) {
      long first = joined.get(i)[0];
      long end = joined.get(i)[1];
      firstRows[i] = first;
      int at = starts[i];
      starts[i + 1] = at + (int) (end - first);
      if (tokens.length < starts[i + 1]) {
        tokens = Arrays.copyOf(tokens, Math.max(starts[i + 1], 2 * tokens.length));
      }
      while (first < end) {
        Texts.Sequence sequence = texts.sequence(first);
        int count = (int) (Math.min(end, sequence.first() + sequence.rows()) - first);
        for (String text : texts.read(first, count)) {
          tokens[at++] = numbers.computeIfAbsent(text, _ -> numbers.size());
        }
        first += count;
      }
    }
    tokens = Arrays.copyOf(tokens, starts[joined.size()]);
  }

  /** The text of a row that was read. */
  String text(long row, String[] all) {
    int run = Arrays.binarySearch(firstRows, row);
    run = run >= 0 ? run : -run - 2;
    return all[tokens[starts[run] + (int) (row - firstRows[run])]];
  }

  String[] all() {
    return numbers.keySet().toArray(String[]::new);
  }

  long[] firstRows() {
    return firstRows;
  }

  int[] starts() {
    return starts;
  }

  int[] tokens() {
    return tokens;
  }
}
