package io.github.sae4j.parity;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.CounterRandom;
import io.github.sae4j.numerics.RandomPurpose;
import java.util.TreeSet;

/**
 * Seeded test inputs. Every call takes fresh numbers; two objects with one seed give the same
 * inputs in the same order.
 */
final class Inputs {
  /** The distribution of the numbers. */
  enum Kind {
    /** Uniform in [−1, 1). */
    UNIFORM,
    /** Few distinct values, among them both zeros: ties everywhere. */
    TIES,
    /** Magnitudes from the denormals to 1e15. */
    WIDE,
    /** Denormals and their normal neighbours, among ordinary numbers. */
    DENORMAL,
    /** Magnitudes up to the largest float, among ordinary numbers: sums and products overflow. */
    LARGE
  }

  private final CounterRandom random;
  private final OffHeap memory;
  private long at;

  Inputs(long seed, OffHeap memory) {
    this.random = new CounterRandom(seed, RandomPurpose.SYNTHETIC);
    this.memory = memory;
  }

  /** A matrix of numbers of a kind. */
  Matrix matrix(int rows, int cols, Kind kind) {
    Matrix matrix = memory.matrix(rows, cols);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        matrix.set(r, c, number(kind));
      }
    }
    return matrix;
  }

  /** A matrix of non-negative numbers, for second moments. */
  Matrix squares(int rows, int cols, Kind kind) {
    Matrix matrix = matrix(rows, cols, kind);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        matrix.set(r, c, Math.abs(matrix.get(r, c)));
      }
    }
    return matrix;
  }

  /** Codes with ascending distinct indices and values of a kind, cut at 0 in places. */
  SparseCodes codes(int rows, int k, int n, Kind kind) {
    return codes(rows, k, n, kind, false);
  }

  /** As above; ragged rows hold 0 to k latents. */
  SparseCodes codes(int rows, int k, int n, Kind kind, boolean ragged) {
    SparseCodes codes = memory.codes(rows, 1);
    for (int r = 0; r < rows; r++) {
      int length = ragged ? (int) (random.uniform(at++) * (k + 1)) : k;
      TreeSet<Integer> chosen = new TreeSet<>();
      while (chosen.size() < length) {
        // Squaring skews the choice: some latents fire often, most rarely.
        double u = random.uniform(at++);
        chosen.add((int) (u * u * n));
        if (chosen.size() < length) {
          chosen.add((int) (random.uniform(at++) * n));
        }
      }
      int[] latents = chosen.stream().mapToInt(Integer::intValue).toArray();
      float[] values = new float[length];
      for (int slot = 0; slot < length; slot++) {
        float value = number(kind);
        values[slot] = random.uniform(at++) < 0.2 ? 0f : value;
      }
      codes.setRow(r, length, latents, values, 0);
    }
    return codes;
  }

  /** A number for each code, and a few surplus ones. */
  Matrix perCode(SparseCodes codes, Kind kind) {
    return matrix(1, codes.size() + 3, kind);
  }

  /** An array of numbers of a kind. */
  float[] array(int length, Kind kind) {
    float[] array = new float[length];
    for (int i = 0; i < length; i++) {
      array[i] = number(kind);
    }
    return array;
  }

  Matrix zeros(int rows, int cols) {
    return memory.matrix(rows, cols);
  }

  /** Codes without capacity, so that the writer has to grow them. */
  SparseCodes noCodes(int rows) {
    return memory.codes(rows, 0);
  }

  float number(Kind kind) {
    double u = random.uniform(at++);
    return switch (kind) {
      case UNIFORM -> (float) (2 * u - 1);
      case TIES -> {
        int choice = (int) (u * 8);
        yield choice == 0 ? -0f : (choice - 4) / 2f;
      }
      case WIDE -> {
        double exponent = random.uniform(at++);
        double magnitude = StrictMath.pow(10, -45 + 60 * exponent);
        yield (float) (u < 0.05 ? 0 : (u < 0.5 ? -magnitude : magnitude));
      }
      case DENORMAL -> {
        double v = random.uniform(at++);
        // A 32nd beyond the denormals, so that sums cross the boundary both ways.
        float tiny = Float.intBitsToFloat((int) (v * (0x800000 + 0x40000)));
        yield u < 0.3 ? tiny : (u < 0.6 ? -tiny : (float) (2 * v - 1));
      }
      case LARGE -> {
        double v = random.uniform(at++);
        double magnitude = Float.MAX_VALUE * StrictMath.pow(2, -16 * v);
        yield (float) (u < 0.2 ? -magnitude : (u < 0.4 ? magnitude : 2 * v - 1));
      }
    };
  }
}
