package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.kernels.Activation.Ranked.Relu;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The running top k against a sort, through each of its ways. */
@Tag("kernel")
class TopKBufferTest {
  private static final long SEED = Long.getLong("selection.seed", 150L);

  /** Values along a row's latents. */
  private enum Kind {
    RANDOM,
    ASCENDING,
    DESCENDING,
    EQUAL,
    FIVE_VALUES,
    NEGATIVE,
    ZEROS_OF_BOTH_SIGNS,
    /** The large ones stand in a few of the groups whose maxima bound the best k from below. */
    FEW_GROUPS,
    /** Small ones first, so that every run raises the threshold. */
    STEPS;

    float value(int latent, int latents, SplittableRandom random) {
      return switch (this) {
        case RANDOM -> (float) random.nextGaussian();
        case ASCENDING -> latent + 1;
        case DESCENDING -> latents - latent;
        case EQUAL -> 1f;
        case FIVE_VALUES -> random.nextInt(5) - 2;
        case NEGATIVE -> (float) -random.nextDouble() - 0.25f;
        case ZEROS_OF_BOTH_SIGNS -> random.nextBoolean() ? 0f : -0f;
        case FEW_GROUPS -> (latent & 31) == 3 ? 100 + random.nextInt(50) : (latent & 31) * 1e-3f;
        case STEPS -> latent / 100 + (float) random.nextDouble();
      };
    }
  }

  /** Counts what it is asked for. */
  private static final class CountingRun extends LatentRun {
    private int bounds;
    private int scans;

    @Override
    float bound(int from, int k) {
      float bound = super.bound(from, k);
      bounds += bound == Float.NEGATIVE_INFINITY ? 0 : 1;
      return bound;
    }

    @Override
    int scan(int from, float limit) {
      scans++;
      return super.scan(from, limit);
    }
  }

  private final SplittableRandom random = new SplittableRandom(SEED);
  private final CountingRun run = new CountingRun();

  private static int padded(int n) {
    return (n + PANEL - 1) / PANEL * PANEL;
  }

  private float[] row(Kind kind, int n) {
    float[] row = new float[padded(n)];
    for (int i = 0; i < n; i++) {
      row[i] = kind.value(i, n, random);
    }
    // Finite, as all arrays are beyond a run, but nothing that may be chosen.
    Arrays.fill(row, n, row.length, 1e30f);
    return row;
  }

  /** Selects from one row, offered in runs. */
  private HeapCodes select(
      float[] sums, int n, float[] bias, float[] scale, int k, Relu relu, int latentsPerRun) {
    TopKBuffer buffer = new TopKBuffer();
    buffer.reset(1, k, n, scale != null);
    run.over(sums, bias, scale, relu, true);
    for (int from = 0; from < n; from += latentsPerRun) {
      int count = Math.min(latentsPerRun, n - from);
      assertTrue(buffer.offer(0, run.set(from, count, from, from)));
    }
    HeapCodes codes = new HeapCodes().equalRows(1, k);
    buffer.finish(0, relu, codes, 0);
    return codes;
  }

  private static void check(
      float[] sums, int n, float[] bias, float[] scale, int k, Relu relu, HeapCodes got, String w) {
    float[] values = new float[n];
    float[] ranks = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = sums[i] + bias[i];
      float rank = relu == Relu.BEFORE && !(values[i] > 0) ? 0f : values[i];
      // + 0 makes −0 the equal of +0.
      ranks[i] = (scale == null ? rank : rank * scale[i]) + 0f;
    }
    Comparator<Integer> byRank = Comparator.comparingDouble(i -> -(double) ranks[i] + 0.0);
    int[] expected =
        IntStream.range(0, n)
            .boxed()
            .sorted(byRank.thenComparing(Comparator.naturalOrder()))
            .limit(k)
            .mapToInt(Integer::intValue)
            .sorted()
            .toArray();
    assertArrayEquals(expected, Arrays.copyOf(got.indices, k), w);
    for (int i = 0; i < k; i++) {
      float value = values[expected[i]];
      float stored = relu == Relu.NONE || value > 0 ? value : 0f;
      assertEquals(
          Float.floatToRawIntBits(stored), Float.floatToRawIntBits(got.values[i]), w + " " + i);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void agreesWithASort(Kind kind) {
    for (int n : new int[] {1, PANEL, 8 * PANEL + 1, 1000, 3077}) {
      float[] bias = row(Kind.RANDOM, n);
      float[] none = new float[padded(n)];
      float[] scale = new float[padded(n)];
      for (int i = 0; i < n; i++) {
        scale[i] = random.nextInt(4) * 0.5f;
      }
      for (int k : new int[] {1, 2, 32, 100, n / 4, n / 2, n}) {
        if (k < 1 || k > n) {
          continue;
        }
        for (int latentsPerRun : new int[] {padded(n), 40 * PANEL, 3 * PANEL, PANEL}) {
          for (Relu relu : Relu.values()) {
            float[] sums = row(kind, n);
            String what = kind + " n=" + n + " k=" + k + " " + relu + " runs of " + latentsPerRun;
            HeapCodes codes = select(sums, n, none, null, k, relu, latentsPerRun);
            check(sums, n, none, null, k, relu, codes, what);
            codes = select(sums, n, bias, scale, k, relu, latentsPerRun);
            check(sums, n, bias, scale, k, relu, codes, what + " scaled");
          }
        }
      }
    }
  }

  @Test
  void aRowIsBoundedAndScannedOnce() {
    int n = 4096;
    float[] sums = row(Kind.RANDOM, n);
    HeapCodes codes = select(sums, n, new float[n], null, 32, Relu.AFTER, n);
    check(sums, n, new float[n], null, 32, Relu.AFTER, codes, "one run");
    assertEquals(1, run.bounds);
    assertEquals(1, run.scans);
  }

  @Test
  void laterRunsAreScannedAgainstTheThreshold() {
    int n = 4096;
    float[] sums = row(Kind.RANDOM, n);
    select(sums, n, new float[n], null, 32, Relu.AFTER, n / 4);
    assertEquals(1, run.bounds);
    assertTrue(run.scans >= 4, run.scans + " scans");
  }

  @Test
  void aFullBufferIsCutAndTheRestScannedAgain() {
    int n = 4096;
    float[] sums = row(Kind.FEW_GROUPS, n);
    HeapCodes codes = select(sums, n, new float[n], null, 32, Relu.AFTER, n);
    check(sums, n, new float[n], null, 32, Relu.AFTER, codes, "few groups");
    assertTrue(run.scans > 1, run.scans + " scans");
  }

  @Test
  void aRunThatFillsTheBufferTwiceIsBoundedItself() {
    int n = 4096;
    float[] sums = row(Kind.ASCENDING, n);
    HeapCodes codes = select(sums, n, new float[n], null, 32, Relu.AFTER, n / 2);
    check(sums, n, new float[n], null, 32, Relu.AFTER, codes, "ascending");
    assertEquals(2, run.bounds);
    // It leaves out the last few latents, so that some more may reach it than fit.
    assertTrue(run.scans < 10, run.scans + " scans");
  }

  @Test
  void aRunTooShortForABoundIsCut() {
    int n = 64 * PANEL;
    float[] sums = row(Kind.RANDOM, n);
    HeapCodes codes = select(sums, n, new float[n], null, 32, Relu.AFTER, PANEL);
    check(sums, n, new float[n], null, 32, Relu.AFTER, codes, "short runs");
    assertEquals(0, run.bounds);
    assertTrue(run.scans > 64, run.scans + " scans");
  }

  @Test
  void whatIsNotFiniteIsReportedWhereverItStands() {
    int n = 20 * PANEL + 5;
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int at : new int[] {0, 1, PANEL, 10 * PANEL + 7, n - 1}) {
        for (Relu relu : Relu.values()) {
          float[] sums = row(Kind.RANDOM, n);
          sums[at] = bad;
          assertFalse(offered(sums, n, relu), bad + " at " + at + " " + relu);
        }
      }
      float[] sums = new float[padded(n)];
      Arrays.fill(sums, 0, n, bad);
      assertFalse(offered(sums, n, Relu.NONE), "all " + bad);
    }
  }

  @Test
  void sumsOfFiniteRanksThatOverflowAreNoError() {
    int n = 20 * PANEL + 5;
    float[] sums = new float[padded(n)];
    Arrays.fill(sums, 3e38f);
    assertTrue(offered(sums, n, Relu.NONE));
    sums[n] = Float.NaN;
    assertTrue(offered(sums, n, Relu.NONE), "nothing beyond the run counts");
  }

  private boolean offered(float[] sums, int n, Relu relu) {
    TopKBuffer buffer = new TopKBuffer();
    buffer.reset(1, 7, n, false);
    run.over(sums, new float[sums.length], null, relu, true);
    return buffer.offer(0, run.set(0, n, 0, 0));
  }
}
