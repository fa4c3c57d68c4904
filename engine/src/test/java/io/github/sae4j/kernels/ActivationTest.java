package io.github.sae4j.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Every activation, case by case and against a reference that sorts. */
@Tag("kernel")
class ActivationTest {
  private static final long SEED = Long.getLong("activation.seed", 911L);

  /** Pre-activations that reach an activation directly, or as an encoder's of x = identity. */
  private static List<Map<Integer, Float>> apply(
      Device device, float[][] products, float[] bias, float[] scale, Activation activation) {
    int rows = products.length;
    int n = products[0].length;
    try (OffHeap memory = device.openMemory()) {
      Matrix p = memory.matrix(rows, n);
      Matrix x = memory.matrix(rows, rows);
      Matrix wEnc = memory.matrix(n, rows);
      for (int b = 0; b < rows; b++) {
        p.write(b, 1, products[b], 0);
        x.set(b, b, 1f);
        for (int i = 0; i < n; i++) {
          wEnc.set(i, b, products[b][i]);
        }
      }
      Matrix biases = memory.vector(n);
      if (bias != null) {
        biases.write(0, 1, bias, 0);
      }
      Matrix scales = scale == null ? null : memory.vector(n);
      if (scale != null) {
        scales.write(0, 1, scale, 0);
      }
      SparseCodes codes = memory.codes(rows, 0);
      device.activate(p, bias == null ? null : biases, activation, scales, codes);
      List<Map<Integer, Float>> direct = contents(codes);
      EncoderWeights weights = new EncoderWeights(wEnc, biases, null, scales);
      device.encode(weights, x, activation, codes);
      assertEquals(direct, contents(codes), "encode differs from activate");
      try (Encoder encoder = device.encoder(weights, activation)) {
        encoder.encode(x, codes);
        assertEquals(direct, contents(codes), "encoder differs from activate");
      }
      return direct;
    }
  }

  private static List<Map<Integer, Float>> contents(SparseCodes codes) {
    List<Map<Integer, Float>> rows = new ArrayList<>();
    for (int b = 0; b < codes.rows(); b++) {
      Map<Integer, Float> row = new TreeMap<>();
      for (int slot = 0; slot < codes.length(b); slot++) {
        assertTrue(slot == 0 || codes.index(b, slot) > codes.index(b, slot - 1), "ascending");
        row.put(codes.index(b, slot), codes.value(b, slot));
      }
      rows.add(row);
    }
    return rows;
  }

  @SafeVarargs
  private static void expect(
      Device device, Activation activation, float[][] pre, Map<Integer, Float>... rows) {
    List<Map<Integer, Float>> expected = new ArrayList<>();
    for (Map<Integer, Float> row : rows) {
      expected.add(row);
    }
    assertEquals(expected, apply(device, pre, null, null, activation), activation.toString());
  }

  @EveryDevice
  void reluKeepsWhatIsPositive(Device device) {
    float[][] pre = {{-1, 2, 0, 3}, {-1, -2, -0f, -3}};
    expect(device, Threshold.RELU, pre, Map.of(1, 2f, 3, 3f), Map.of());
  }

  @EveryDevice
  void jumpReluKeepsWhatIsAboveItsThresholdAndPositive(Device device) {
    float[][] pre = {{0.5f, 0.6f, -0.1f, 2}};
    expect(device, Threshold.jumpRelu(0.5f), pre, Map.of(1, 0.6f, 3, 2f));
    // Strictly above; a threshold below 0 lets no negative through.
    expect(device, Threshold.jumpRelu(0.4f, 0.6f, -1, 3), pre, Map.of(0, 0.5f));
    expect(
        device, Threshold.jumpRelu(Float.NEGATIVE_INFINITY), pre, Map.of(0, 0.5f, 1, 0.6f, 3, 2f));
  }

  @EveryDevice
  void theGateDecidesAndTheMagnitudeIsStored(Device device) {
    // Gate: product + b_gate > 0; value: product · gain + b_mag, if that is positive.
    float[][] products = {{1, 1, 1, -3}};
    float[] gate = {-2, 1, 1, 4};
    Threshold gated =
        Threshold.gated(
            new Threshold.Magnitude(new float[] {2, 2, 2, 2}, new float[] {1, 1, -2, 7}));
    assertEquals(
        List.of(Map.of(1, 3f, 3, 1f)), apply(device, products, gate, null, gated), "by hand");
  }

  @EveryDevice
  void magnitudesRankByAbsoluteValueAndKeepTheirSign(Device device) {
    Activation two = new Ranked(Scope.ROW, 2, Order.MAGNITUDE, Relu.NONE);
    expect(device, two, new float[][] {{1, -3, 2, -2}}, Map.of(1, -3f, 2, 2f));
    expect(device, two, new float[][] {{-1, 1, -1, 1}}, Map.of(0, -1f, 1, 1f));
  }

  @EveryDevice
  void groupmaxKeepsTheLargestOfEachRun(Device device) {
    float[][] pre = {{1, 5, 5, -1, -2, -3}, {-2, -1, -3, 0, -0f, 4}};
    expect(
        device,
        new Ranked(Scope.GROUP, 2, Order.VALUE, Relu.BEFORE),
        pre,
        Map.of(1, 5f, 3, 0f),
        Map.of(0, 0f, 5, 4f));
    expect(
        device,
        new Ranked(Scope.GROUP, 2, Order.VALUE, Relu.AFTER),
        pre,
        Map.of(1, 5f, 3, 0f),
        Map.of(1, 0f, 5, 4f));
    expect(
        device,
        new Ranked(Scope.GROUP, 3, Order.VALUE, Relu.NONE),
        pre,
        Map.of(1, 5f, 2, 5f, 4, -2f),
        Map.of(1, -1f, 3, 0f, 5, 4f));
  }

  @EveryDevice
  void aBatchSharesItsPlaces(Device device) {
    float[][] pre = {{9, 8, 7, 6}, {1, 2, -3, 0}, {5, -1, -1, -1}};
    Ranked batch = new Ranked(Scope.BATCH, 2, Order.VALUE, Relu.BEFORE);
    expect(device, batch, pre, Map.of(0, 9f, 1, 8f, 2, 7f, 3, 6f), Map.of(1, 2f), Map.of(0, 5f));
    // ⌊1.9 · 3⌋ = 5, and a mean below one latent a row is no error.
    expect(
        device, batch.withK(1.9), pre, Map.of(0, 9f, 1, 8f, 2, 7f, 3, 6f), Map.of(), Map.of(0, 5f));
    expect(device, batch.withK(0.4), pre, Map.of(0, 9f), Map.of(), Map.of());
    expect(device, batch.withK(0.3), pre, Map.of(), Map.of(), Map.of());
  }

  @EveryDevice
  void onlyPositivesTakeAPlaceOfABatchWhereReluComesFirst(Device device) {
    float[][] pre = {{-1, 0, 2}, {-3, -1, -2}};
    expect(
        device, new Ranked(Scope.BATCH, 2, Order.VALUE, Relu.BEFORE), pre, Map.of(2, 2f), Map.of());
    expect(
        device,
        new Ranked(Scope.BATCH, 2, Order.VALUE, Relu.AFTER),
        pre,
        Map.of(0, 0f, 1, 0f, 2, 2f),
        Map.of(1, 0f));
    expect(
        device,
        new Ranked(Scope.BATCH, 2, Order.VALUE, Relu.NONE),
        pre,
        Map.of(0, -1f, 1, 0f, 2, 2f),
        Map.of(1, -1f));
  }

  @EveryDevice
  void equalsOfABatchGoToTheEarlierRowThenToTheLowerLatent(Device device) {
    float[][] pre = {{1, 2, 1}, {2, 1, 2}, {2, 2, 2}};
    Ranked batch = new Ranked(Scope.BATCH, 4.0 / 3, Order.VALUE, Relu.BEFORE);
    expect(device, batch, pre, Map.of(1, 2f), Map.of(0, 2f, 2, 2f), Map.of(0, 2f));
  }

  @EveryDevice
  void theFirstPreActivationThatIsNotFiniteIsNamed(Device device) {
    int n = 37;
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (Activation activation : activations(n, new Random(1))) {
        float[][] pre = new float[5][n];
        pre[3][9] = bad;
        pre[3][30] = bad;
        pre[4][0] = bad;
        try (OffHeap memory = device.openMemory()) {
          Matrix values = memory.matrix(5, n);
          for (int b = 0; b < 5; b++) {
            values.write(b, 1, pre[b], 0);
          }
          NonFiniteException e =
              assertThrows(
                  NonFiniteException.class,
                  () -> device.activate(values, null, activation, null, memory.codes(5, 0)),
                  activation.toString());
          assertEquals(3, e.row(), activation.toString());
          assertEquals(9, e.latent(), activation.toString());
        }
      }
    }
  }

  @EveryDevice
  void aMagnitudeThatOverflowsIsAnError(Device device) {
    Threshold gated =
        Threshold.gated(new Threshold.Magnitude(new float[] {1, 3e38f}, new float[2]));
    NonFiniteException e =
        assertThrows(
            NonFiniteException.class,
            () -> apply(device, new float[][] {{1, 2}}, null, null, gated));
    assertEquals(1, e.latent());
    // A gate that stays shut asks for no magnitude.
    float[][] shut = {{1, -2}};
    assertEquals(List.of(Map.of(0, 1f)), apply(device, shut, null, null, gated));
  }

  @EveryDevice
  void noRowsAreNoCodes(Device device) {
    try (OffHeap memory = device.openMemory()) {
      EncoderWeights weights =
          new EncoderWeights(memory.matrix(8, 3), memory.vector(8), memory.vector(3), null);
      for (Activation activation : activations(8, new Random(2))) {
        SparseCodes codes = memory.codes(0, 0);
        device.activate(memory.matrix(0, 8), null, activation, null, codes);
        device.encode(weights, memory.matrix(0, 3), activation, codes);
        assertEquals(0, codes.size());
      }
    }
  }

  @EveryDevice
  void everyActivationAgreesWithASort(Device device) {
    Random random = new Random(SEED);
    for (int repeat = 0; repeat < 60; repeat++) {
      int rows = 1 + random.nextInt(9);
      int n = 1 + random.nextInt(70);
      // Few values, so that there are ties; often none is positive.
      int values = 1 + random.nextInt(7);
      int shift = random.nextInt(7);
      float[][] products = new float[rows][n];
      for (float[] row : products) {
        for (int i = 0; i < n; i++) {
          row[i] = random.nextInt(values) - shift;
        }
      }
      float[] bias = random.nextBoolean() ? numbers(random, n, false) : null;
      float[] scale = random.nextBoolean() ? numbers(random, n, true) : null;
      for (Activation activation : activations(n, random)) {
        List<Map<Integer, Float>> expected = sorted(products, bias, scale, activation);
        List<Map<Integer, Float>> actual = apply(device, products, bias, scale, activation);
        assertEquals(expected, actual, activation + " seed=" + SEED + " repeat=" + repeat);
      }
    }
  }

  /** More places than the buffer of a batch takes at first, and batches that need many cuts. */
  @EveryDevice
  void largeBatchesAgreeWithASort(Device device) {
    Random random = new Random(SEED);
    for (double k : new double[] {0.5, 3, 40, 129.99, 300}) {
      float[][] products = new float[20][300];
      for (float[] row : products) {
        for (int i = 0; i < row.length; i++) {
          row[i] = k == 3 ? random.nextInt(9) - 4 : random.nextFloat() - 0.4f;
        }
      }
      for (Relu relu : Relu.values()) {
        Ranked batch = new Ranked(Scope.BATCH, k, Order.VALUE, relu);
        assertEquals(
            sorted(products, null, null, batch),
            apply(device, products, null, null, batch),
            batch + " seed=" + SEED);
      }
    }
  }

  private static float[] numbers(Random random, int n, boolean positive) {
    float[] numbers = new float[n];
    for (int i = 0; i < n; i++) {
      numbers[i] = positive ? random.nextInt(4) / 2f : random.nextInt(9) / 4f - 1;
    }
    return numbers;
  }

  private static List<Activation> activations(int n, Random random) {
    List<Activation> all = new ArrayList<>();
    int k = 1 + random.nextInt(n);
    int groups = k;
    while (n % groups != 0) {
      groups--;
    }
    for (Scope scope : Scope.values()) {
      double places = scope == Scope.GROUP ? groups : scope == Scope.ROW ? k : k - 0.7;
      for (Relu relu : Relu.values()) {
        all.add(new Ranked(scope, places, Order.VALUE, relu));
      }
      all.add(new Ranked(scope, places, Order.MAGNITUDE, Relu.NONE));
    }
    all.add(Threshold.RELU);
    all.add(Threshold.jumpRelu(random.nextInt(5) - 2));
    all.add(Threshold.jumpRelu(numbers(random, n, false)));
    all.add(
        Threshold.gated(
            new Threshold.Magnitude(numbers(random, n, true), numbers(random, n, false))));
    return all;
  }

  private record Entry(int row, int latent, double rank, float stored) {}

  /** The definition in other words: sort all that compete, take the first. Small whole numbers. */
  private static List<Map<Integer, Float>> sorted(
      float[][] products, float[] bias, float[] scale, Activation activation) {
    int n = products[0].length;
    List<Map<Integer, Float>> rows = new ArrayList<>();
    List<Entry> batch = new ArrayList<>();
    for (int b = 0; b < products.length; b++) {
      List<Entry> row = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        float pre = bias == null ? products[b][i] : products[b][i] + bias[i];
        float factor = scale == null ? 1 : scale[i];
        switch (activation) {
          case Ranked ranked -> {
            double rank =
                switch (ranked.relu()) {
                  case BEFORE -> Math.max(pre, 0);
                  case AFTER, NONE -> ranked.order() == Order.VALUE ? pre : Math.abs(pre);
                };
            float stored = ranked.relu() == Relu.NONE ? pre : pre > 0 ? pre : 0f;
            row.add(new Entry(b, i, rank * factor + 0.0, stored));
          }
          case Threshold threshold -> {
            float theta = threshold.theta()[threshold.theta().length == 1 ? 0 : i];
            float value = pre;
            if (threshold.magnitude().isPresent()) {
              Threshold.Magnitude m = threshold.magnitude().get();
              value = products[b][i] * m.gain()[i] + m.bias()[i];
            }
            if (pre * factor > theta && value > 0) {
              row.add(new Entry(b, i, 0, value));
            }
          }
        }
      }
      rows.add(new TreeMap<>());
      if (activation instanceof Ranked ranked) {
        Comparator<Entry> order = Comparator.comparingDouble(entry -> -entry.rank() + 0.0);
        switch (ranked.scope()) {
          case ROW -> row = row.stream().sorted(order).limit((int) ranked.k()).toList();
          case GROUP -> {
            List<Entry> best = new ArrayList<>();
            int width = n / (int) ranked.k();
            for (int from = 0; from < n; from += width) {
              best.add(row.subList(from, from + width).stream().sorted(order).toList().getFirst());
            }
            row = best;
          }
          case BATCH -> {
            for (Entry entry : row) {
              if (ranked.relu() != Relu.BEFORE || entry.rank() > 0) {
                batch.add(entry);
              }
            }
            row = List.of();
          }
        }
      }
      for (Entry entry : row) {
        rows.get(b).put(entry.latent(), entry.stored());
      }
    }
    if (activation instanceof Ranked ranked) {
      batch.stream()
          .sorted(Comparator.comparingDouble((Entry entry) -> -entry.rank() + 0.0))
          .limit((long) Math.floor(ranked.k() * products.length))
          .forEach(entry -> rows.get(entry.row()).put(entry.latent(), entry.stored()));
    }
    return rows;
  }

  @EveryDevice
  void activationsThatDoNotFitTheLatentsAreRefused(Device device) {
    float[][] pre = {{1, 2, 3, 4, 5, 6}};
    expectMessage(device, pre, Ranked.topK(7, Relu.AFTER), "k: expected at most d_sae = 6, got 7");
    expectMessage(
        device,
        pre,
        new Ranked(Scope.GROUP, 4, Order.VALUE, Relu.BEFORE),
        "k: expected a divisor of d_sae = 6, got 4");
    expectMessage(
        device,
        pre,
        new Ranked(Scope.BATCH, 6.5, Order.VALUE, Relu.BEFORE),
        "k: expected at most d_sae = 6, got 6.5");
    expectMessage(
        device, pre, Threshold.jumpRelu(1, 2), "theta: expected 1 threshold or d_sae = 6, got 2");
    expectMessage(
        device,
        pre,
        Threshold.gated(new Threshold.Magnitude(new float[5], new float[5])),
        "gain: expected d_sae = 6, got 5");
  }

  private static void expectMessage(
      Device device, float[][] pre, Activation activation, String message) {
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class, () -> apply(device, pre, null, null, activation))
            .getMessage());
    try (OffHeap memory = device.openMemory()) {
      EncoderWeights weights =
          new EncoderWeights(memory.matrix(6, 2), memory.vector(6), null, null);
      assertEquals(
          message,
          assertThrows(
                  IllegalArgumentException.class, () -> device.encoder(weights, activation).close())
              .getMessage());
      assertEquals(
          message,
          assertThrows(
                  IllegalArgumentException.class,
                  () -> device.encode(weights, memory.matrix(1, 2), activation, memory.codes(1, 0)))
              .getMessage());
    }
  }

  @EveryDevice
  void encodingManyRowsInTilesEqualsEncodingThemOneByOne(Device device) {
    // Products of 512 rows fill a tile.
    int rows = 530;
    int n = ComposedEncoding.TILE_BYTES / 4 / 512;
    try (OffHeap memory = device.openMemory()) {
      Random random = new Random(SEED);
      Matrix wEnc = memory.matrix(n, 2);
      Matrix x = memory.matrix(rows, 2);
      for (int i = 0; i < n; i++) {
        wEnc.set(i, 0, random.nextFloat() - 0.5f);
        wEnc.set(i, 1, random.nextFloat() - 0.5f);
      }
      for (int b = 0; b < rows; b++) {
        x.set(b, 0, random.nextFloat() - 0.5f);
        x.set(b, 1, random.nextFloat() - 0.5f);
      }
      EncoderWeights weights = new EncoderWeights(wEnc, memory.vector(n), memory.vector(2), null);
      Threshold threshold = Threshold.jumpRelu(0.4f);
      SparseCodes tiled = memory.codes(rows, 1);
      device.encode(weights, x, threshold, tiled);
      SparseCodes single = memory.codes(rows, 1);
      for (int b = 0; b < rows; b++) {
        device.encode(weights, x.rows(b, 1), threshold, single.rows(b, 1));
      }
      assertTrue(tiled.size() > rows, "few are active: " + tiled);
      assertEquals(contents(single), contents(tiled));
    }
  }

  @Test
  void whatFollowsFromAnActivation() {
    Ranked batch = new Ranked(Scope.BATCH, 2.5, Order.VALUE, Relu.BEFORE);
    assertEquals(OptionalInt.of(4), Ranked.topK(4, Relu.AFTER).fixedLength());
    assertEquals(
        OptionalInt.of(4), new Ranked(Scope.GROUP, 4, Order.VALUE, Relu.BEFORE).fixedLength());
    assertEquals(OptionalInt.empty(), batch.fixedLength());
    assertEquals(OptionalInt.empty(), Threshold.RELU.fixedLength());
    assertFalse(batch.rowByRow());
    assertTrue(Ranked.topK(4, Relu.AFTER).rowByRow());
    assertTrue(Threshold.RELU.rowByRow());
    assertEquals(7, batch.places(3));
    assertEquals(4, Ranked.topK(4, Relu.NONE).places(3));
  }

  @Test
  void rangesAreChecked() {
    assertThrows(IllegalArgumentException.class, () -> Ranked.topK(0, Relu.AFTER));
    assertThrows(
        IllegalArgumentException.class, () -> new Ranked(Scope.ROW, 1.5, Order.VALUE, Relu.AFTER));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Ranked(Scope.BATCH, Double.NaN, Order.VALUE, Relu.AFTER));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Ranked(Scope.ROW, 2, Order.MAGNITUDE, Relu.BEFORE));
    assertThrows(IllegalArgumentException.class, () -> Threshold.jumpRelu());
    assertThrows(IllegalArgumentException.class, () -> Threshold.jumpRelu(0, Float.NaN));
    assertThrows(
        IllegalArgumentException.class, () -> new Threshold.Magnitude(new float[2], new float[3]));
  }

  @Test
  void activationsAreValues() {
    assertEquals(Threshold.jumpRelu(1, 2), Threshold.jumpRelu(1, 2));
    assertEquals(Threshold.jumpRelu(1, 2).hashCode(), Threshold.jumpRelu(1, 2).hashCode());
    assertEquals(Threshold.RELU, Threshold.jumpRelu(0));
    assertFalse(Threshold.jumpRelu(1).equals(Threshold.jumpRelu(2)));
    Threshold gated = Threshold.gated(new Threshold.Magnitude(new float[1], new float[1]));
    assertEquals(gated, Threshold.gated(new Threshold.Magnitude(new float[1], new float[1])));
    assertFalse(gated.equals(Threshold.RELU));
    assertEquals("Threshold[0.0, gated]", gated.toString());
    assertEquals("Threshold[3 thresholds]", Threshold.jumpRelu(1, 2, 3).toString());
  }
}
