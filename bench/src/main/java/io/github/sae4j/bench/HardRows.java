package io.github.sae4j.bench;

import io.github.sae4j.bench.results.Check;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * Encode and select where selection is hard: rows in which every latent exceeds all before it, or
 * whose pre-activations are all equal. Every row of a batch has the same pre-activations, one
 * column of W_enc, because the row is zero except for a single 1. So rows of a tile hit together;
 * the random rows, with which the others are compared, are no usual batch either.
 */
public final class HardRows {
  private static final long SEED = 20261124;

  /** The pre-activations of a row along the latents. */
  enum Kind {
    RANDOM,
    ASCENDING,
    DESCENDING,
    EQUAL,
    FIVE_VALUES;

    float value(int latent, int latents, SplittableRandom random) {
      return switch (this) {
        case RANDOM -> (float) random.nextGaussian();
        case ASCENDING -> latent + 1;
        case DESCENDING -> latents - latent;
        case EQUAL -> 1f;
        case FIVE_VALUES -> random.nextInt(5);
      };
    }
  }

  private HardRows() {}

  /** Times every kind side by side. */
  static Section run(Setup setup, Shape shape) {
    Section section = new Section("Hard rows, encode + top-k: " + shape);
    if (!setup.options().ours()) {
      return section;
    }
    if (shape.dIn() < Kind.values().length) {
      return new Section("No hard rows, which take a column each: " + shape);
    }
    List<Contender> contenders = new ArrayList<>();
    try (OffHeap memory = setup.device().openMemory()) {
      Matrix wEnc = weights(memory, shape);
      EncoderWeights encoder = encoder(memory, wEnc);
      Ranked topK = Ranked.topK(shape.k(), Relu.AFTER);
      SparseCodes codes = memory.codes(shape.batch(), shape.k());
      for (Kind kind : Kind.values()) {
        Matrix x = rows(memory, shape, kind);
        Contender contender =
            new Contender(
                name(kind),
                setup.options().threads(),
                Setup.OUR_WARMUPS,
                setup.warmSeconds(),
                () -> setup.device().encode(encoder, x, topK, codes));
        contender.body().run();
        section.add(new Check(contender.name(), wrongRows(wEnc, kind, shape.k(), codes), 0));
        section.work(contender.name(), shape.productFlops(), "GFLOP/s");
        contenders.add(contender);
      }
      section.add(setup.runs().time(contenders));
    }
    Timing slowest =
        Stream.of(Kind.values())
            .map(kind -> section.timing(name(kind)).orElseThrow())
            .max(Comparator.comparingDouble(Timing::median))
            .orElseThrow();
    section.add(
        Ratio.of(
                "slowest kind of rows: time / random rows",
                slowest,
                section.timing(name(Kind.RANDOM)).orElseThrow())
            .atMost(2)
            .heldIf(shape.equals(Shape.HELD)));
    return section;
  }

  private static String name(Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT).replace('_', ' ') + " rows";
  }

  /** One column per kind; the others are random, so that no work can be saved. */
  static Matrix weights(OffHeap memory, Shape shape) {
    Matrix wEnc = memory.matrix(shape.dSae(), shape.dIn());
    SplittableRandom random = new SplittableRandom(SEED);
    float[] row = new float[shape.dIn()];
    for (int i = 0; i < shape.dSae(); i++) {
      for (int j = 0; j < row.length; j++) {
        row[j] = (float) random.nextGaussian();
      }
      for (Kind kind : Kind.values()) {
        row[kind.ordinal()] = kind.value(i, shape.dSae(), random);
      }
      wEnc.write(i, 1, row, 0);
    }
    return wEnc;
  }

  static EncoderWeights encoder(OffHeap memory, Matrix wEnc) {
    return new EncoderWeights(wEnc, memory.vector(wEnc.rows()), null, null);
  }

  /** A batch whose rows pick out a kind's column. */
  static Matrix rows(OffHeap memory, Shape shape, Kind kind) {
    Matrix x = memory.matrix(shape.batch(), shape.dIn());
    for (int b = 0; b < shape.batch(); b++) {
      x.set(b, kind.ordinal(), 1f);
    }
    return x;
  }

  /** Share of rows whose codes are not the first k by value, then by index, after ReLU. */
  static double wrongRows(Matrix wEnc, Kind kind, int k, SparseCodes codes) {
    int column = kind.ordinal();
    Integer[] order = new Integer[wEnc.rows()];
    Arrays.setAll(order, i -> i);
    // Sorting is stable, so equal values stay in ascending order.
    Arrays.sort(order, Comparator.comparingDouble(i -> -wEnc.get(i, column)));
    int[] expected = Arrays.stream(order).limit(k).mapToInt(Integer::intValue).sorted().toArray();
    int wrong = 0;
    for (int b = 0; b < codes.rows(); b++) {
      boolean right = codes.length(b) == k;
      for (int slot = 0; right && slot < k; slot++) {
        right &= codes.index(b, slot) == expected[slot];
        right &= codes.value(b, slot) == Math.max(0f, wEnc.get(expected[slot], column));
      }
      wrong += right ? 0 : 1;
    }
    return (double) wrong / codes.rows();
  }
}
