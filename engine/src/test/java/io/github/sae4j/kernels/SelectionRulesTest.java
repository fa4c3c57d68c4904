package io.github.sae4j.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;

/** Numerics rule 10, case by case, for both kernels that select. */
@Tag("kernel")
class SelectionRulesTest {
  private static final long SEED = Long.getLong("selection.seed", 310L);

  /** Selects from one row; the values reach an encoder as pre-activations of x = 1. */
  private enum Kernel {
    ACTIVATE {
      @Override
      void select(Device device, Matrix values, Ranked topK, Matrix scale, SparseCodes out) {
        device.activate(values, null, topK, scale, out);
      }
    },
    ENCODE {
      @Override
      void select(Device device, Matrix values, Ranked topK, Matrix scale, SparseCodes out) {
        int n = values.cols();
        try (OffHeap memory = device.openMemory()) {
          Matrix x = memory.matrix(values.rows(), values.rows());
          Matrix wEnc = memory.matrix(n, values.rows());
          for (int b = 0; b < values.rows(); b++) {
            x.set(b, b, 1f);
            for (int i = 0; i < n; i++) {
              wEnc.set(i, b, values.get(b, i));
            }
          }
          Matrix bEnc = memory.vector(n);
          device.encode(new EncoderWeights(wEnc, bEnc, null, scale), x, topK, out);
        }
      }
    };

    abstract void select(Device device, Matrix values, Ranked topK, Matrix scale, SparseCodes out);
  }

  private static void expect(
      Device device, float[] values, int k, Relu relu, int[] indices, float[] stored) {
    expect(device, values, null, k, relu, indices, stored);
  }

  private static void expect(
      Device device,
      float[] values,
      float[] scale,
      int k,
      Relu relu,
      int[] indices,
      float[] stored) {
    for (Kernel kernel : Kernel.values()) {
      try (OffHeap memory = device.openMemory()) {
        SparseCodes codes = memory.codes(1, k);
        kernel.select(
            device,
            row(memory, values),
            Ranked.topK(k, relu),
            scale == null ? null : row(memory, scale),
            codes);
        int[] gotIndices = IntStream.range(0, k).map(slot -> codes.index(0, slot)).toArray();
        String what = kernel + " " + relu + " of " + Arrays.toString(values);
        assertArrayEquals(indices, gotIndices, what);
        for (int slot = 0; slot < k; slot++) {
          assertEquals(
              Float.floatToRawIntBits(stored[slot]),
              Float.floatToRawIntBits(codes.value(0, slot)),
              what + ": expected " + stored[slot] + ", got " + codes.value(0, slot));
        }
      }
    }
  }

  private static Matrix row(OffHeap memory, float... values) {
    Matrix row = memory.vector(values.length);
    row.write(0, 1, values, 0);
    return row;
  }

  @EveryDevice
  void fewerThanKPositivesFillUpWithTheLowestZerosWhereReluComesFirst(Device device) {
    expect(
        device,
        new float[] {-1, 2, -3, 0, -5, 1},
        4,
        Relu.BEFORE,
        new int[] {0, 1, 2, 5},
        new float[] {0, 2, 0, 1});
  }

  @EveryDevice
  void fewerThanKPositivesTakeTheLargestNegativesWhereReluComesAfter(Device device) {
    expect(
        device,
        new float[] {-1, 2, -3, 0, -5, 1},
        4,
        Relu.AFTER,
        new int[] {0, 1, 3, 5},
        new float[] {0, 2, 0, 1});
  }

  @EveryDevice
  void signedCodesKeepTheirNegatives(Device device) {
    expect(
        device,
        new float[] {-1, 2, -3, 0, -5, 1},
        4,
        Relu.NONE,
        new int[] {0, 1, 3, 5},
        new float[] {-1, 2, 0, 1});
  }

  @EveryDevice
  void noPositiveAtAll(Device device) {
    float[] values = {-4, -1, -2, -3};
    expect(device, values, 2, Relu.BEFORE, new int[] {0, 1}, new float[] {0, 0});
    expect(device, values, 2, Relu.AFTER, new int[] {1, 2}, new float[] {0, 0});
    expect(device, values, 2, Relu.NONE, new int[] {1, 2}, new float[] {-1, -2});
  }

  @EveryDevice
  void equalValuesGoToTheLowerIndex(Device device) {
    float[] values = {3, 5, 5, 3, 5, 3};
    for (Relu relu : Relu.values()) {
      expect(device, values, 2, relu, new int[] {1, 2}, new float[] {5, 5});
      expect(device, values, 3, relu, new int[] {1, 2, 4}, new float[] {5, 5, 5});
      expect(device, values, 5, relu, new int[] {0, 1, 2, 3, 4}, new float[] {3, 5, 5, 3, 5});
    }
  }

  @EveryDevice
  void minusZeroIsNoLessThanZero(Device device) {
    try (OffHeap memory = device.openMemory()) {
      for (float[] values : new float[][] {{-0f, 0f, -0f, 0f}, {0f, -0f, 0f, -0f}}) {
        for (Relu relu : Relu.values()) {
          SparseCodes codes = memory.codes(1, 2);
          device.activate(row(memory, values), null, Ranked.topK(2, relu), null, codes);
          assertEquals(0, codes.index(0, 0), relu.toString());
          assertEquals(1, codes.index(0, 1), relu.toString());
          if (relu != Relu.NONE) {
            assertEquals(0, Float.floatToRawIntBits(codes.value(0, 0)), "stored as +0");
            assertEquals(0, Float.floatToRawIntBits(codes.value(0, 1)), "stored as +0");
          }
        }
      }
    }
  }

  @EveryDevice
  void minusZeroThatAScaleMakesIsNoLessThanZero(Device device) {
    // Ranked −0, +0, −0: fl(−1 · 0), fl(1 · 0), fl(−2 · 0).
    float[] scale = {0, 0, 0};
    expect(
        device,
        new float[] {-1, 1, -2},
        scale,
        2,
        Relu.AFTER,
        new int[] {0, 1},
        new float[] {0, 1});
  }

  @EveryDevice
  void kOfAllTakesAllInOrder(Device device) {
    float[] values = {-1, 0, 7, -2, 7};
    int[] all = {0, 1, 2, 3, 4};
    expect(device, values, 5, Relu.BEFORE, all, new float[] {0, 0, 7, 0, 7});
    expect(device, values, 5, Relu.AFTER, all, new float[] {0, 0, 7, 0, 7});
    expect(device, values, 5, Relu.NONE, all, new float[] {-1, 0, 7, -2, 7});
    expect(device, new float[] {-3}, 1, Relu.NONE, new int[] {0}, new float[] {-3});
  }

  @EveryDevice
  void rankedByTheScaledValueAndStoredUnscaled(Device device) {
    float[] scale = {10, 1, 1, 100};
    float[] values = {1, 5, 3, -1};
    expect(device, values, scale, 2, Relu.AFTER, new int[] {0, 1}, new float[] {1, 5});
    expect(device, values, scale, 4, Relu.NONE, new int[] {0, 1, 2, 3}, values);
  }

  @EveryDevice
  void notANumberAndInfinitiesAreErrorsWhereverTheyStand(Device device) {
    int n = 37;
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int latent : new int[] {0, 1, 15, 16, 31, 36}) {
        for (Relu relu : Relu.values()) {
          for (Kernel kernel : Kernel.values()) {
            try (OffHeap memory = device.openMemory()) {
              float[] values = new float[n];
              for (int i = 0; i < n; i++) {
                values[i] = 5 - i;
              }
              values[latent] = bad;
              SparseCodes codes = memory.codes(1, 3);
              NonFiniteException e =
                  assertThrows(
                      NonFiniteException.class,
                      () ->
                          kernel.select(
                              device, row(memory, values), Ranked.topK(3, relu), null, codes),
                      kernel + " " + relu + " " + bad + " at " + latent);
              assertEquals(0, e.row());
              assertEquals(latent, e.latent());
            }
          }
        }
      }
    }
  }

  @EveryDevice
  void theFirstBadRowIsNamed(Device device) {
    try (OffHeap memory = device.openMemory()) {
      Matrix values = memory.matrix(40, 20);
      values.set(13, 5, Float.NaN);
      values.set(31, 2, Float.NaN);
      SparseCodes codes = memory.codes(40, 4);
      NonFiniteException e =
          assertThrows(
              NonFiniteException.class,
              () -> device.activate(values, null, Ranked.topK(4, Relu.BEFORE), null, codes));
      assertEquals(13, e.row());
      assertEquals(5, e.latent());
    }
  }

  @EveryDevice
  void aBadWideMatrixLeavesNothingForANarrowOne(Device device) {
    try (OffHeap memory = device.openMemory()) {
      int rows = 200;
      Matrix wide = memory.matrix(rows, 40);
      Matrix wideScale = memory.vector(40);
      wide.fill(Float.NaN);
      wideScale.fill(Float.NaN);
      Matrix narrow = memory.matrix(rows, 5);
      Matrix narrowScale = memory.vector(5);
      narrow.fill(1f);
      narrowScale.fill(2f);
      SparseCodes codes = memory.codes(rows, 2);
      for (Kernel kernel : Kernel.values()) {
        assertThrows(
            NonFiniteException.class,
            () -> kernel.select(device, wide, Ranked.topK(2, Relu.NONE), wideScale, codes));
        kernel.select(device, narrow, Ranked.topK(2, Relu.NONE), narrowScale, codes);
        for (int b = 0; b < rows; b++) {
          assertEquals(1, codes.index(b, 1), kernel + " row " + b);
        }
      }
    }
  }

  @EveryDevice
  void aRankThatOverflowsIsAnError(Device device) {
    try (OffHeap memory = device.openMemory()) {
      SparseCodes codes = memory.codes(1, 1);
      NonFiniteException e =
          assertThrows(
              NonFiniteException.class,
              () ->
                  device.activate(
                      row(memory, 1, 3e38f),
                      null,
                      Ranked.topK(1, Relu.AFTER),
                      row(memory, 1, 2),
                      codes));
      assertEquals(1, e.latent());
    }
  }

  @EveryDevice
  void manyTiesAgreeWithASort(Device device) {
    Random random = new Random(SEED);
    try (OffHeap memory = device.openMemory()) {
      for (int n : new int[] {1, 2, 15, 16, 17, 63, 257, 1003}) {
        for (int k : new int[] {1, 2, 7, 32, n / 2, n}) {
          if (k < 1 || k > n) {
            continue;
          }
          int rows = 5;
          Matrix values = memory.matrix(rows, n);
          for (int b = 0; b < rows; b++) {
            for (int i = 0; i < n; i++) {
              values.set(b, i, random.nextInt(5) - 2);
            }
          }
          for (Relu relu : Relu.values()) {
            for (Kernel kernel : Kernel.values()) {
              SparseCodes codes = memory.codes(rows, k);
              kernel.select(device, values, Ranked.topK(k, relu), null, codes);
              String what = kernel + " " + relu + " n=" + n + " k=" + k + " seed=" + SEED;
              for (int b = 0; b < rows; b++) {
                int row = b;
                assertArrayEquals(
                    sorted(values, b, k, relu),
                    IntStream.range(0, k).map(slot -> codes.index(row, slot)).toArray(),
                    what);
              }
            }
          }
        }
      }
    }
  }

  private static int[] sorted(Matrix values, int row, int k, Relu relu) {
    Comparator<Integer> byValue =
        Comparator.comparingDouble(
            i -> {
              float value = values.get(row, i);
              return -(relu == Relu.BEFORE ? Math.max(value, 0f) : value) + 0.0;
            });
    return IntStream.range(0, values.cols())
        .boxed()
        .sorted(byValue.thenComparing(Comparator.naturalOrder()))
        .limit(k)
        .mapToInt(Integer::intValue)
        .sorted()
        .toArray();
  }
}
