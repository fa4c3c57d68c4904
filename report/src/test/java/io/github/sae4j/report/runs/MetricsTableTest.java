package io.github.sae4j.report.runs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logs of runs as curves, and counts of numbers. */
class MetricsTableTest {
  @TempDir private Path folder;

  private Map<String, Object> read(String log) throws IOException {
    Path file = folder.resolve("metrics.jsonl");
    Files.writeString(file, log);
    return MetricsTable.read(file).toMap();
  }

  @Test
  void anyNumberOfALineIsAColumn() throws IOException {
    Map<String, Object> table =
        read(
            "{\"step\":10,\"losses/a\":0.5,\"metrics/fvu\":null,\"text\":\"x\"}\n"
                + "{\"step\":20,\"losses/a\":0.25,\"eval/fvu\":0.125,\"density\":{\"counts\":[1]}}\n");
    assertEquals(List.of(10L, 20L), table.get("step"));
    assertEquals(
        Map.of("losses/a", List.of(0.5f, 0.25f), "eval/fvu", Arrays.asList(null, 0.125f)),
        table.get("columns"));
    assertEquals(Map.of(), table.get("ranges"));
  }

  @Test
  void linesThatAreNoneAreCountedAndOneBeingWrittenIsNotThere() throws IOException {
    Map<String, Object> table =
        read("{\"step\":1,\"a\":1}\nnot json\n[2]\n{\"a\":3}\n{\"step\":4,\"a\":4}\n{\"step\":5,");
    assertEquals(List.of(1L, 4L), table.get("step"));
    assertEquals(3L, table.get("unread"));
    assertEquals(2L, table.get("lines"));
  }

  @Test
  void noLogIsAnEmptyOne() throws IOException {
    assertEquals(0L, MetricsTable.read(folder.resolve("none")).toMap().get("lines"));
    assertEquals(List.of(), read("").get("step"));
  }

  @Test
  void aLongLogIsThinnedToMeansAndRanges() throws IOException {
    StringBuilder log = new StringBuilder();
    int lines = 5 * MetricsTable.MOST_POINTS + 3;
    for (int i = 1; i <= lines; i++) {
      log.append("{\"step\":").append(i).append(",\"a\":").append(i).append("}\n");
    }
    Map<String, Object> table = read(log.toString());
    List<?> steps = (List<?>) table.get("step");
    List<?> means = (List<?>) ((Map<?, ?>) table.get("columns")).get("a");
    List<?> ranges = (List<?>) ((Map<?, ?>) table.get("ranges")).get("a");
    assertTrue(steps.size() <= MetricsTable.MOST_POINTS);
    assertTrue(steps.size() > MetricsTable.MOST_POINTS / 2);
    assertEquals((long) lines, table.get("lines"));
    assertEquals((long) lines, steps.getLast());
    double sum = 0;
    long before = 0;
    for (int i = 0; i < steps.size(); i++) {
      long count = (Long) steps.get(i) - before;
      assertTrue(count <= (Long) table.get("lines_per_point"));
      assertEquals(before + 1, ((List<?>) ranges.get(0)).get(i));
      assertEquals(steps.get(i), ((List<?>) ranges.get(1)).get(i));
      sum += ((Number) means.get(i)).doubleValue() * count;
      before += count;
    }
    assertEquals(lines * (lines + 1.0) / 2, sum, 1e-6 * sum);
  }

  @Test
  void countsOfAHistogramAreExactInAnyOrder() {
    Random random = new Random(5);
    double[] values = random.doubles(2000).map(u -> Math.exp(12 * u - 8)).toArray();
    values[7] = 0;
    Histogram first = new Histogram();
    Arrays.stream(values).forEach(first::add);
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    Histogram second = new Histogram();
    Arrays.stream(sorted).forEach(second::add);
    assertEquals(first.toMap(1).get("counts"), second.toMap(1).get("counts"));
    List<?> edges = (List<?>) first.toMap(1).get("edges");
    List<?> counts = (List<?>) first.toMap(1).get("counts");
    for (int i = 0; i < counts.size(); i++) {
      double from = (Double) edges.get(i);
      double to = (Double) edges.get(i + 1);
      assertEquals(Arrays.stream(values).filter(v -> v >= from && v < to).count(), counts.get(i));
    }
    double mean = Arrays.stream(values).average().orElseThrow();
    // Two orders of one sum of doubles.
    assertEquals(mean / 2, (Double) first.toMap(2).get("mean"), 1e-12 * mean);
  }

  @Test
  void aHistogramBeginsWithAnyValue() {
    for (double start : new double[] {0, Double.MIN_VALUE, 1, 1e300}) {
      Histogram histogram = new Histogram();
      histogram.add(start);
      histogram.add(1);
      assertEquals(2, histogram.number());
      long all = 0;
      for (Object count : (List<?>) histogram.toMap(1).get("counts")) {
        all += (Long) count;
      }
      assertEquals(2, all);
    }
  }
}
