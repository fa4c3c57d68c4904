package io.github.sae4j.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;

/** The optimizer against PyTorch's definition in double. */
@Tag("kernel")
class AdamTest {
  private static final long SEED = Long.getLong("adam.seed", 2015L);
  private static final int ROWS = 5;
  private static final int D = 37;
  private static final double LR = 1e-3;

  /** Weights and moments of one test. */
  private record Tensors(Matrix w, Matrix g, Matrix m, Matrix v) {
    static Tensors allocate(OffHeap memory) {
      return new Tensors(
          memory.matrix(ROWS, D),
          memory.matrix(ROWS, D),
          memory.matrix(ROWS, D),
          memory.matrix(ROWS, D));
    }
  }

  @EveryDevice
  void followsPyTorchsDefinition(Device device) {
    for (double[] betas : new double[][] {{0.9, 0.999}, {0, 0.999}, {0.5, 0.9}}) {
      for (double epsilon : new double[] {1e-8, 6.25e-10, 0.1}) {
        Random random = new Random(SEED);
        try (OffHeap memory = device.openMemory()) {
          Tensors t = Tensors.allocate(memory);
          double[] w = new double[ROWS * D];
          double[] m = new double[w.length];
          double[] v = new double[w.length];
          for (int step = 1; step <= 60; step++) {
            // Gradients of many sizes, some of them zero, as of latents that rarely fire.
            for (int i = 0; i < w.length; i++) {
              double size = StrictMath.pow(10, -8 + 10.0 * i / w.length);
              float g = random.nextInt(4) == 0 ? 0 : (float) (size * random.nextGaussian());
              t.g().set(i / D, i % D, g);
              m[i] = betas[0] * m[i] + (1 - betas[0]) * g;
              v[i] = betas[1] * v[i] + (1 - betas[1]) * g * g;
              double root = Math.sqrt(v[i]) / Math.sqrt(1 - StrictMath.pow(betas[1], step));
              w[i] -= LR / (1 - StrictMath.pow(betas[0], step)) * m[i] / (root + epsilon);
            }
            Adam adam = Adam.of(betas[0], betas[1], epsilon, LR, step);
            device.adam(t.w(), t.g(), t.m(), t.v(), adam);
          }
          double error = distance(t.w().toArray(), w);
          String what = Arrays.toString(betas) + " epsilon " + epsilon + " seed " + SEED;
          // 60 roundings of the weight and some five of the update, each at most 6e-8.
          assertTrue(error < 2e-6, what + ": relative error " + error);
        }
      }
    }
  }

  private static double distance(float[] a, double[] b) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < a.length; i++) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      norm += b[i] * b[i];
    }
    return Math.sqrt(difference / norm);
  }

  @EveryDevice
  void withoutGradientsNothingEverMoves(Device device) {
    try (OffHeap memory = device.openMemory()) {
      Tensors t = Tensors.allocate(memory);
      t.w().fill(0.3f);
      for (int step = 1; step <= 3; step++) {
        device.adam(t.w(), t.g(), t.m(), t.v(), Adam.of(0.9, 0.999, 1e-8, LR, step));
      }
      for (float weight : t.w().toArray()) {
        assertEquals(0.3f, weight);
      }
    }
  }

  @EveryDevice
  void momentsBelowTheNormalRangeBecomePlusZero(Device device) {
    try (OffHeap memory = device.openMemory()) {
      Tensors t = Tensors.allocate(memory);
      t.w().fill(1f);
      t.m().fill(-Float.MIN_NORMAL);
      t.v().fill(Float.MIN_NORMAL);
      device.adam(t.w(), t.g(), t.m(), t.v(), Adam.of(0.9, 0.999, 1e-8, LR, 10));
      for (int i = 0; i < ROWS * D; i++) {
        assertEquals(0, Float.floatToRawIntBits(t.m().get(i / D, i % D)), "m is +0");
        assertEquals(0, Float.floatToRawIntBits(t.v().get(i / D, i % D)), "v is +0");
        assertEquals(1f, t.w().get(i / D, i % D));
      }
    }
  }

  @EveryDevice
  void theSmallestNormalMomentStays(Device device) {
    try (OffHeap memory = device.openMemory()) {
      Tensors t = Tensors.allocate(memory);
      // β₁ = 0 makes the first moment the gradient itself.
      t.g().fill(Float.MIN_NORMAL);
      device.adam(t.w(), t.g(), t.m(), t.v(), Adam.of(0, 0.999, 1e-8, LR, 1));
      for (float moment : t.m().toArray()) {
        assertEquals(Float.MIN_NORMAL, moment);
      }
      for (float moment : t.v().toArray()) {
        assertEquals(0, Float.floatToRawIntBits(moment), "the square is a denormal's square");
      }
    }
  }

  @EveryDevice
  void clippingMultipliesTheGradientFirst(Device device) {
    Random random = new Random(SEED);
    try (OffHeap memory = device.openMemory()) {
      Tensors clipped = Tensors.allocate(memory);
      Tensors scaled = Tensors.allocate(memory);
      float coefficient = 0.3337f;
      for (int i = 0; i < ROWS * D; i++) {
        float g = (float) random.nextGaussian();
        clipped.g().set(i / D, i % D, g);
        scaled.g().set(i / D, i % D, g * coefficient);
      }
      Adam adam = Adam.of(0.9, 0.999, 1e-8, LR, 1);
      device.adam(clipped.w(), clipped.g(), clipped.m(), clipped.v(), adam.clippedBy(coefficient));
      device.adam(scaled.w(), scaled.g(), scaled.m(), scaled.v(), adam);
      assertArrayEquals(scaled.w().toArray(), clipped.w().toArray(), "seed " + SEED);
      assertArrayEquals(scaled.v().toArray(), clipped.v().toArray(), "seed " + SEED);
    }
  }
}
