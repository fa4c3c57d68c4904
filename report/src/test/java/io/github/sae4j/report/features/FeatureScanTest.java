package io.github.sae4j.report.features;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.report.tokens.Texts;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What one pass gathers, beside what a plain look at all codes says. */
class FeatureScanTest {
  private static final int ROWS = 1500;
  private static final int LATENTS = 37;
  private static final int CONTEXT = 50;

  private final float[][] codes = codes(new Random(11));

  /** Some latents are common, one fires never, one once, one is negative at times. */
  private static float[][] codes(Random random) {
    float[][] codes = new float[ROWS][LATENTS];
    for (float[] row : codes) {
      for (int i = 0; i < LATENTS - 2; i++) {
        if (random.nextDouble() < 1.0 / (1 + i)) {
          row[i] = (float) Math.exp(random.nextGaussian() * (1 + i % 3));
        }
      }
      row[3] = row[3] > 2 ? -row[3] : row[3];
    }
    codes[777][LATENTS - 2] = 0.3f;
    return codes;
  }

  /** Sequences of {@value #CONTEXT} rows. */
  private static final class Numbered implements Texts {
    @Override
    public long rows() {
      return ROWS;
    }

    @Override
    public Sequence sequence(long row) {
      long first = row / CONTEXT * CONTEXT;
      return new Sequence(first, CONTEXT, "s" + first % 3);
    }

    @Override
    public String[] read(long first, int count) {
      return IntStream.range(0, count)
          .mapToObj(i -> " t" + (first + i) % 91)
          .toArray(String[]::new);
    }

    @Override
    public void rest() {}

    @Override
    public boolean tokens() {
      return true;
    }

    @Override
    public void close() {}
  }

  private FeatureScan scan(int batch) throws IOException {
    return scan(batch, Optional.of(new Numbered()));
  }

  private FeatureScan scan(int batch, Optional<Texts> texts) throws IOException {
    return scan(batch, new FeatureScan(LATENTS, texts), row -> false);
  }

  /** Scans the rows that are not left out. */
  private FeatureScan scan(int batch, FeatureScan scan, IntPredicate leftOut) throws IOException {
    int[] rows = IntStream.range(0, ROWS).filter(leftOut.negate()).toArray();
    try (OffHeap memory = new OffHeap()) {
      for (int first = 0; first < rows.length; first += batch) {
        int count = Math.min(batch, rows.length - first);
        SparseCodes some = memory.codes(count, 4);
        for (int b = 0; b < count; b++) {
          float[] row = codes[rows[first + b]];
          int[] active = IntStream.range(0, LATENTS).filter(i -> row[i] != 0).toArray();
          float[] values = new float[active.length];
          for (int i = 0; i < active.length; i++) {
            values[i] = row[active[i]];
          }
          some.setRow(b, active.length, active, values, 0);
        }
        scan.add(some);
      }
    }
    scan.finish();
    return scan;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 64, ROWS})
  void countsAndHistogramsAreExactAtAnyBatchSize(int batch) throws IOException {
    Activity activity = scan(batch).activity();
    for (int i = 0; i < LATENTS; i++) {
      int latent = i;
      float[] positive = column(latent, true);
      assertEquals(
          Arrays.stream(codes).filter(row -> row[latent] != 0).count(), activity.fired[latent]);
      float largest = positive.length == 0 ? 0 : positive[positive.length - 1];
      assertEquals(largest, activity.largest[latent]);
      float range = activity.range(latent);
      if (positive.length == 0) {
        assertEquals(0, range);
        continue;
      }
      assertTrue(range > largest && range <= 2 * largest, "range " + range + " of " + largest);
      int[] expected = new int[32];
      for (float value : positive) {
        expected[(int) (value / range * 32)]++;
      }
      assertArrayEquals(expected, activity.histogram(latent, 32), "latent " + latent);
      for (double share : new double[] {0.2, 0.4, 0.6, 0.8}) {
        float exact = positive[(int) Math.min(positive.length - 1, share * positive.length)];
        float before = positive[(int) Math.max(0, Math.ceil(share * positive.length) - 1)];
        float got = activity.quantile(latent, share);
        float width = range / Activity.BINS; // how far off a quantile within a bin may be
        assertTrue(
            got >= before - width && got <= exact + width,
            share + " of latent " + latent + ": " + got + " beside " + before + ", " + exact);
      }
    }
  }

  private float[] column(int latent, boolean positive) {
    List<Float> values = new ArrayList<>();
    for (float[] row : codes) {
      if (positive ? row[latent] > 0 : row[latent] != 0) {
        values.add(row[latent]);
      }
    }
    float[] sorted = new float[values.size()];
    for (int i = 0; i < sorted.length; i++) {
      sorted[i] = values.get(i);
    }
    Arrays.sort(sorted);
    return sorted;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, ROWS})
  void theStrongestPlacesAreFoundWithWhatLiesAroundThem(int batch) throws IOException {
    Contexts contexts = scan(batch).contexts();
    for (int latent = 0; latent < LATENTS; latent++) {
      int[] slots = contexts.strongest(latent);
      Set<Long> rows = new HashSet<>();
      float[] all = column(latent, false);
      if (all.length == 0) {
        assertEquals(0, slots.length);
        continue;
      }
      assertEquals(all[all.length - 1], contexts.value(slots[0]));
      for (int n = 0; n < slots.length; n++) {
        long row = contexts.row(slots[n]);
        assertTrue(rows.add(row));
        assertEquals(codes[(int) row][latent], contexts.value(slots[n]));
        assertTrue(n == 0 || contexts.value(slots[n]) <= contexts.value(slots[n - 1]));
        for (int at = -Contexts.BEFORE; at <= Contexts.AFTER; at++) {
          long near = row + at;
          boolean same = near >= 0 && near < ROWS && near / CONTEXT == row / CONTEXT;
          float exact = same ? codes[(int) near][latent] : 0;
          // 16 bits: 8 of the significand.
          assertEquals(exact, contexts.around(slots[n], at), Math.abs(exact) / 128);
        }
      }
    }
  }

  @Test
  void withoutTextsNeighboursAreNoReasonToLeaveARowOut() throws IOException {
    Contexts contexts = scan(64, Optional.empty()).contexts();
    for (int latent = 0; latent < LATENTS; latent++) {
      float[] all = column(latent, false);
      int[] slots = contexts.strongest(latent);
      assertEquals(Math.min(Contexts.STRONGEST, all.length), slots.length);
      for (int n = 0; n < slots.length; n++) {
        assertEquals(all[all.length - 1 - n], contexts.value(slots[n]), "latent " + latent);
      }
    }
  }

  @Test
  void whatIsSampledDependsOnTheRowsAlone() throws IOException {
    Contexts one = scan(1).contexts();
    Contexts other = scan(613).contexts();
    for (int latent = 0; latent < LATENTS; latent++) {
      int of = latent;
      long[] rows = Arrays.stream(one.sampled(latent)).mapToLong(one::row).toArray();
      assertArrayEquals(rows, Arrays.stream(other.sampled(latent)).mapToLong(other::row).toArray());
      long[] expected =
          IntStream.range(0, ROWS)
              .filter(row -> codes[row][of] != 0)
              .boxed()
              .sorted((a, b) -> Long.compare(Contexts.hash(a, of), Contexts.hash(b, of)))
              .limit(Contexts.SAMPLED)
              .mapToLong(Integer::longValue)
              .sorted()
              .toArray();
      long[] sorted = rows.clone();
      Arrays.sort(sorted);
      assertArrayEquals(expected, sorted, "latent " + latent);
    }
  }

  @Test
  void partnersHaveTheLargestCorrelationOfFiring() throws IOException {
    FeatureScan scan = scan(100);
    Coactivation together = new Coactivation(scan.sample(), LATENTS);
    assertEquals(ROWS, scan.sample().rows());
    for (int latent = 0; latent < LATENTS; latent++) {
      double[] phis = new double[LATENTS];
      for (int other = 0; other < LATENTS; other++) {
        phis[other] = other == latent ? -1 : phi(latent, other);
      }
      double[] sorted = Arrays.stream(phis).filter(phi -> phi > 0).sorted().toArray();
      Coactivation.Partner[] found = together.partners(latent, 5);
      assertEquals(Math.min(5, sorted.length), found.length);
      for (int n = 0; n < found.length; n++) {
        assertEquals(sorted[sorted.length - 1 - n], found[n].phi(), 1e-9);
        assertEquals(phis[found[n].latent()], found[n].phi(), 1e-9);
      }
    }
  }

  /** Pearson's correlation of two indicators, by its definition. */
  private double phi(int a, int b) {
    double meanA = 0;
    double meanB = 0;
    for (float[] row : codes) {
      meanA += (row[a] != 0 ? 1.0 : 0) / ROWS;
      meanB += (row[b] != 0 ? 1.0 : 0) / ROWS;
    }
    double product = 0;
    double squareA = 0;
    double squareB = 0;
    for (float[] row : codes) {
      double x = (row[a] != 0 ? 1 : 0) - meanA;
      double y = (row[b] != 0 ? 1 : 0) - meanB;
      product += x * y;
      squareA += x * x;
      squareB += y * y;
    }
    return squareA == 0 || squareB == 0 || squareA < 1e-9 || squareB < 1e-9
        ? 0
        : product / Math.sqrt(squareA * squareB);
  }

  /** Rows that are left out count for nothing, and the others keep their numbers and neighbours. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 64, ROWS})
  void rowsThatAreLeftOutAreAsIfNothingFired(int batch) throws IOException {
    IntPredicate out = row -> row < 40 || row % 7 == 3 || row > 900 && row < 960;
    Optional<Texts> texts = Optional.of(new Numbered());
    FeatureScan some =
        scan(batch, new FeatureScan(LATENTS, texts, row -> out.test((int) row)), out);
    for (int row = 0; row < ROWS; row++) {
      if (out.test(row)) {
        Arrays.fill(codes[row], 0);
      }
    }
    FeatureScan all = scan(64);
    assertEquals(IntStream.range(0, ROWS).filter(out.negate()).count(), some.rows());
    assertEquals(some.rows(), some.sample().rows());
    assertArrayEquals(all.activity().fired, some.activity().fired);
    for (int latent = 0; latent < LATENTS; latent++) {
      int[] slots = some.contexts().strongest(latent);
      int[] expected = all.contexts().strongest(latent);
      assertEquals(expected.length, slots.length);
      for (int n = 0; n < slots.length; n++) {
        assertEquals(all.contexts().row(expected[n]), some.contexts().row(slots[n]));
        for (int at = -Contexts.BEFORE; at <= Contexts.AFTER; at++) {
          assertEquals(
              all.contexts().around(expected[n], at), some.contexts().around(slots[n], at));
        }
      }
    }
  }

  /** TopK fills a row up with zeros where fewer pre-activations are positive. */
  @Test
  void codesOfValueZeroDoNotFire() throws IOException {
    FeatureScan scan = new FeatureScan(LATENTS, Optional.empty());
    try (OffHeap memory = new OffHeap()) {
      SparseCodes some = memory.codes(2, 4);
      some.setRow(0, 3, new int[] {0, 1, 5}, new float[] {0, 0, 2}, 0);
      some.setRow(1, 3, new int[] {0, 1, 2}, new float[] {0, 0, 0}, 0);
      scan.add(some);
    }
    scan.finish();
    assertEquals(1, scan.codesSeen());
    assertEquals(0, scan.sample().end(0) - scan.sample().start(0) - 1);
    assertEquals(5, scan.sample().latents()[scan.sample().start(0)]);
    assertEquals(scan.sample().start(1), scan.sample().end(1));
  }

  @Test
  @Timeout(value = 600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void errorsThatOverflowAreCountedAndEndNothing() {
    FeatureScan scan = new FeatureScan(LATENTS, Optional.empty());
    float huge = Float.POSITIVE_INFINITY;
    float[] errors = {huge, 1, 3, huge};
    for (int row = 0; row < errors.length; row++) {
      scan.addError(row, errors[row]);
    }
    assertEquals(2, scan.errors().beyond());
    assertEquals(2, scan.errors().number());
    assertEquals(2.0, scan.errors().mean());
    assertEquals(List.of(0L, 3L), scan.worst().subList(0, 2).stream().map(w -> w.row()).toList());
  }

  @Test
  void theLargestActivationsHaveABin() {
    Activity activity = new Activity(1);
    activity.add(0, Float.MIN_VALUE);
    activity.add(0, Float.MAX_VALUE);
    activity.add(0, Float.MAX_VALUE / 2);
    int[] bins = activity.histogram(0, 32);
    assertEquals(List.of(1, 1, 1), List.of(bins[0], bins[15], bins[31]));
    assertEquals(Float.MAX_VALUE, activity.range(0));
  }

  @Test
  void aSampleOfRowsStaysSmallAndUniform() {
    RowSample sample = new RowSample(1000);
    int[] code = {1, 2, 3, 4, 5};
    for (long row = 0; row < 20_000; row++) {
      sample.add(row, code, 0, code.length);
    }
    assertTrue(sample.rows() > 80 && sample.rows() <= 200, "rows: " + sample.rows());
    for (int row = 0; row < sample.rows(); row++) {
      assertEquals(5, sample.end(row) - sample.start(row));
      assertEquals(1, sample.latents()[sample.start(row)]);
    }
    RowSample wide = new RowSample(3);
    wide.add(0, code, 0, 5); // one row alone may be larger than all there is room for
    assertTrue(wide.rows() <= 1);
  }
}
