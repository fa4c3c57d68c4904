package io.github.sae4j.internal.start;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.WeightInit;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.Arrays;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class InitialWeightsTest {
  private static final int D_IN = 24;
  private static final int D_SAE = 96;
  private static final int K = 5;
  private static final OptionalDouble NO_NORM = OptionalDouble.empty();

  private final OffHeap memory = new OffHeap();
  private final Matrix wEnc = memory.matrix(D_SAE, D_IN);
  private final Matrix wDec = memory.matrix(D_SAE, D_IN);

  @AfterEach
  void free() {
    memory.close();
  }

  private void draw(WeightInit init, OptionalDouble norm, long seed) {
    InitialWeights.draw(init, norm, K, seed, wEnc, wDec);
  }

  private static double norm(Matrix w, int row) {
    double square = 0;
    for (int j = 0; j < w.cols(); j++) {
      square += (double) w.get(row, j) * w.get(row, j);
    }
    return Math.sqrt(square);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "ZERO_DECODER")
  void decoderRowsHaveTheNormAskedFor(WeightInit init) {
    draw(init, OptionalDouble.of(0.1), 1);
    for (int i = 0; i < D_SAE; i++) {
      // Each of 24 elements is rounded once: relative error below 2^-24.
      assertEquals(0.1, norm(wDec, i), 0.1 * 0x1p-23);
    }
  }

  @ParameterizedTest
  @EnumSource
  void theSeedDecides(WeightInit init) {
    draw(init, OptionalDouble.of(1), 7);
    float[] encoder = wEnc.toArray();
    float[] decoder = wDec.toArray();
    draw(init, OptionalDouble.of(1), 7);
    assertArrayEquals(encoder, wEnc.toArray());
    assertArrayEquals(decoder, wDec.toArray());
    draw(init, OptionalDouble.of(1), 8);
    assertFalse(Arrays.equals(encoder, wEnc.toArray()));
    assertEquals(init == WeightInit.ZERO_DECODER, Arrays.equals(decoder, wDec.toArray()));
  }

  @Test
  void aDecoderOfZerosIsThat() {
    draw(WeightInit.ZERO_DECODER, OptionalDouble.of(1), 7);
    assertArrayEquals(new float[D_SAE * D_IN], wDec.toArray());
  }

  @Test
  void saeLensStartsWithTiedWeights() {
    draw(WeightInit.DECODER_TRANSPOSE, OptionalDouble.of(0.1), 1);
    assertArrayEquals(wDec.toArray(), wEnc.toArray());
  }

  @Test
  void kaimingFillsItsInterval() {
    draw(WeightInit.DECODER_TRANSPOSE, NO_NORM, 3);
    assertUniform(wDec, Math.sqrt(6.0 / D_IN));
  }

  @Test
  void independentWeightsFillTheirIntervals() {
    draw(WeightInit.INDEPENDENT, NO_NORM, 3);
    assertUniform(wDec, Math.sqrt(6.0 / D_IN));
    assertUniform(wEnc, Math.sqrt(6.0 / D_SAE));
  }

  @Test
  void sparsifyClonesTheEncoder() {
    draw(WeightInit.ENCODER_CLONE, OptionalDouble.of(1), 3);
    assertUniform(wEnc, 1 / Math.sqrt(D_IN));
    for (int i = 0; i < D_SAE; i++) {
      double norm = norm(wEnc, i);
      for (int j = 0; j < D_IN; j++) {
        assertEquals(wEnc.get(i, j) / norm, wDec.get(i, j), 1e-7);
      }
    }
  }

  @Test
  void theCalibratedEncoderKeepsTheNormOfUnitInputs() {
    draw(WeightInit.CALIBRATED_ENCODER_CLONE, OptionalDouble.of(1), 3);
    double sum = 0;
    Random random = new Random(5);
    int inputs = 2000;
    for (int t = 0; t < inputs; t++) {
      sum += reconstructionNorm(unit(random));
    }
    // 256 probes measured it, 2000 others check it; one norm scatters by some 0.2.
    assertEquals(1, sum / inputs, 0.06);
  }

  private static double[] unit(Random random) {
    double[] x = random.doubles(D_IN).map(u -> random.nextGaussian()).toArray();
    double norm = Math.sqrt(Arrays.stream(x).map(v -> v * v).sum());
    return Arrays.stream(x).map(v -> v / norm).toArray();
  }

  private double reconstructionNorm(double[] x) {
    double[] pre = new double[D_SAE];
    for (int i = 0; i < D_SAE; i++) {
      for (int j = 0; j < D_IN; j++) {
        pre[i] += wEnc.get(i, j) * x[j];
      }
    }
    double threshold = Arrays.stream(pre).sorted().skip(D_SAE - K).findFirst().orElseThrow();
    double[] out = new double[D_IN];
    for (int i = 0; i < D_SAE; i++) {
      for (int j = 0; pre[i] >= threshold && pre[i] > 0 && j < D_IN; j++) {
        out[j] += pre[i] * wDec.get(i, j);
      }
    }
    return Math.sqrt(Arrays.stream(out).map(v -> v * v).sum());
  }

  private static void assertUniform(Matrix w, double bound) {
    double most = 0;
    double sum = 0;
    double squares = 0;
    for (float value : w.toArray()) {
      most = Math.max(most, Math.abs(value));
      sum += value;
      squares += value * value;
    }
    assertTrue(most <= bound && most > 0.99 * bound, "largest magnitude " + most);
    // 2304 draws: the mean scatters by bound/83, the variance by 2 % of itself.
    assertEquals(0, sum / w.size(), bound / 16);
    assertEquals(bound * bound / 3, squares / w.size(), 0.1 * bound * bound / 3);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, D_SAE + 1})
  void aKThatDoesNotFitIsRefused(int k) {
    assertThrows(
        IllegalArgumentException.class,
        () ->
            InitialWeights.draw(
                WeightInit.CALIBRATED_ENCODER_CLONE, OptionalDouble.empty(), k, 1, wEnc, wDec));
  }

  @Test
  void aNormOfZeroIsRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> draw(WeightInit.DECODER_TRANSPOSE, OptionalDouble.of(0), 1));
  }
}
