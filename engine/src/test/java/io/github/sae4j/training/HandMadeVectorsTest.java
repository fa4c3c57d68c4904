package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.composed.Gradients;
import io.github.sae4j.internal.composed.Observation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Small cases worked out by hand or in double elsewhere: the AuxK values that SAELens's tests pin
 * (pull request 370, and the same case under the rule that followed), and a fixture of sines for
 * every recipe's loss and gradients.
 */
class HandMadeVectorsTest {
  /** Nine digits are given; f32 keeps seven, less what sums cancel. */
  private static final double TOLERANCE = 5e-6;

  // The AuxK values of SAELens's tests.

  @EveryDevice
  void onlyDeadLatentsAreSelectedAndNegativesAreKept(Device device) {
    float[][] pre = {{-1, -2, 3, -4, 5, -6}, {6, 5, -4, 3, -2, 1}};
    assertSelected(device, pre, new int[] {1, 3, 5}, 3, new float[][] {{-2, -4, -6}, {5, 3, 1}});
  }

  @EveryDevice
  void theLargestDeadLatentIsSelected(Device device) {
    float[][] pre = {{1, 2, -3, 4}, {-1, -2, 3, -4}};
    assertSelected(device, pre, new int[] {1, 3}, 1, new float[][] {{4}, {-2}});
  }

  private static void assertSelected(
      Device device, float[][] pre, int[] dead, int kAux, float[][] expected) {
    try (OffHeap memory = device.openMemory()) {
      Matrix ofDead = memory.matrix(pre.length, dead.length);
      for (int b = 0; b < pre.length; b++) {
        for (int j = 0; j < dead.length; j++) {
          ofDead.set(b, j, pre[b][dead[j]]);
        }
      }
      SparseCodes codes = memory.codes(pre.length, kAux);
      device.activate(ofDead, null, Ranked.topK(kAux, Relu.NONE), null, codes);
      for (int b = 0; b < pre.length; b++) {
        float[] values = new float[kAux];
        for (int slot = 0; slot < kAux; slot++) {
          values[slot] = codes.value(b, slot);
          assertEquals(pre[b][dead[codes.index(b, slot)]], values[slot]);
        }
        assertArrayEquals(expected[b], values);
      }
    }
  }

  @EveryDevice
  void auxLossWithHalfOfTheLatentsIs314(Device device) {
    assertEquals(314, auxLoss(device, Recipe.SAELENS_PR370, true), 314 * TOLERANCE);
  }

  @EveryDevice
  void auxLossWithHalfOfTheInputWidthIs26(Device device) {
    assertEquals(26, auxLoss(device, Recipe.SAELENS, true), 26 * TOLERANCE);
  }

  @EveryDevice
  void auxLossWithoutDeadLatentsIsZero(Device device) {
    assertEquals(0, auxLoss(device, Recipe.SAELENS, false));
    assertEquals(0, auxLoss(device, Recipe.SAELENS_PR370, false));
  }

  /**
   * Residual (1, −1, 0) in both rows; dead latents 1 and 3 with decoder rows (2, 2, 2) and
   * pre-activations −2, −4 and 0, −4. The live latents 0 and 2 make the reconstruction.
   */
  private static double auxLoss(Device device, Recipe recipe, boolean dead) {
    TrainingConfig config =
        TrainingConfig.of(recipe)
            .with("d_sae", 4)
            .with("k", 2)
            .with("train_batch_size", 2)
            .with("rescale_acts_by_decoder_norm", false)
            .with("normalize_decoder", "free");
    try (OffHeap memory = device.openMemory()) {
      TrainingState state = TrainingState.allocate(memory, 3, 4);
      fill(state.wDec(), new float[][] {{1, 2, 3}, {2, 2, 2}, {1, 1, 1}, {2, 2, 2}});
      fill(state.wEnc(), new float[][] {{0, 0, 0}, {2 / 3f, 0, 0}, {1, 0, 0}, {0, 0, 0}});
      fill(state.bEnc(), new float[][] {{1, -10 / 3f, -2, -4}});
      if (dead) {
        state.sinceFired()[1] = 5000;
        state.sinceFired()[3] = 5000;
      }
      Matrix x = memory.matrix(2, 3);
      fill(x, new float[][] {{2, 1, 3}, {5, 4, 6}});
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(
              device,
              config.stepSpec(3, OptionalDouble.empty()),
              state,
              seen -> {
                assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, seen.saeOut().toArray(), 1e-5f);
              })) {
        StepReport report = step.run(x, 1e-3, 1, false);
        assertEquals(2, report.mainLoss(), 2 * TOLERANCE);
        return report.loss(AuxK.class);
      }
    }
  }

  // The fixture of sines: d 4, n 8, B 4, k 2, dead {1, 4, 6}.

  private static final int D = 4;
  private static final int N = 8;
  private static final int B = 4;
  private static final double VARIANCE = 29.783345165822233;

  /** What is expected of a recipe; NaN where the source gives nothing. */
  private record Expected(
      double aux,
      double total,
      double wEncNorm,
      double wDecNorm,
      double bEncNorm,
      double bDecNorm,
      double wEnc01,
      double wDec10,
      double[] bDec) {}

  @EveryDevice
  void fixtureOfPullRequest370(Device device) {
    assertFixture(
        device,
        fixture(Recipe.SAELENS_PR370),
        new Expected(
            44.45940907,
            49.53399039,
            89.1281111,
            46.2538124,
            18.4955409,
            10.1316443,
            -29.083214,
            -16.956943,
            new double[] {-7.456308, -1.048355, 4.848143, 4.738160}));
  }

  @EveryDevice
  void fixtureOfSaelens(Device device) {
    assertFixture(
        device,
        fixture(Recipe.SAELENS).with("aux_b_dec", "included"),
        new Expected(
            24.82684634,
            29.90142765,
            38.4605664,
            18.0795955,
            9.3681449,
            3.6347918,
            -5.722097,
            -2.442072,
            new double[] {1.595258, 1.694464, -1.438114, -2.393216}));
  }

  @EveryDevice
  void fixtureOfSparsify(Device device) {
    assertFixture(
        device,
        fixture(Recipe.ELEUTHER).with("aux_b_dec", "included"),
        new Expected(
            1.833279575,
            0.738822741,
            2.1379762,
            1.1048647,
            0.6998308,
            0.1784945,
            -0.103533,
            -0.065865,
            null));
  }

  @EveryDevice
  void fixtureOfSparsifyWithoutBDecInAuxK(Device device) {
    assertFixture(
        device,
        fixture(Recipe.ELEUTHER),
        new Expected(
            1.766636549,
            0.736740147,
            2.1373182,
            1.1046135,
            0.6992622,
            0.1725086,
            -0.102429,
            -0.065516,
            null));
  }

  @EveryDevice
  void fixtureOfDictionaryLearning(Device device) {
    assertFixture(
        device,
        fixture(Recipe.DICTIONARY_LEARNING),
        new Expected(
            2.652454730,
            5.157470526,
            15.8296278,
            8.1984758,
            5.1385327,
            1.4367930,
            -0.641724,
            -0.439637,
            new double[] {-0.944704, 0.342971, 0.979698, 0.307363}));
  }

  /** As OpenAI's published code has it: b_dec gets AuxK's gradient. */
  @EveryDevice
  void fixtureOfOpenai(Device device) {
    assertFixture(
        device,
        fixture(Recipe.OPENAI).with("auxk", 2).with("aux_b_dec", "cancels"),
        new Expected(
            2.652454730,
            0.764421965,
            2.1448494,
            1.1069706,
            0.7054315,
            0.1691676,
            -0.112631,
            -0.069581,
            null));
  }

  /** The dead mask is imposed: taken before the step's count, for every recipe. */
  private static TrainingConfig fixture(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", N)
        .with("k", 2)
        .with("train_batch_size", B)
        .with("mse_scale", B * D / VARIANCE)
        .with("rescale_acts_by_decoder_norm", false)
        .with("normalize_decoder", "free")
        .with("dead_feature_window", 10)
        .with("dead_mask_after_step", false);
  }

  private static void assertFixture(Device device, TrainingConfig config, Expected expected) {
    StepSpec spec = config.stepSpec(D, OptionalDouble.empty());
    try (OffHeap memory = device.openMemory()) {
      TrainingState state = fixtureState(memory);
      Matrix x = memory.matrix(B, D);
      for (int b = 0; b < B; b++) {
        for (int j = 0; j < D; j++) {
          x.set(b, j, (float) (2 * StrictMath.cos(0.3 + 4 * b + j)));
        }
      }
      Map<String, Double> norms = new LinkedHashMap<>();
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(
              device, spec, state, seen -> assertGradients(seen, expected, norms))) {
        StepReport report = step.run(x, 1e-3, 1, true);
        assertClose("AuxK", expected.aux(), report.loss(AuxK.class));
        assertClose("total", expected.total(), report.loss());
        assertClose("squared error", 4 * 5.074581316163453, report.squaredError());
        assertClose("variance", VARIANCE, report.totalVariance());
        assertClose("FVU", 0.6815327543511494, report.fvu());
        assertClose("legacy explained variance", 0.19018629509807164, report.rowExplained());
        assertEquals(3, report.dead());
      }
      assertEquals(4, norms.size());
    }
  }

  private static TrainingState fixtureState(OffHeap memory) {
    TrainingState state = TrainingState.allocate(memory, D, N);
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < D; j++) {
        double decoder = StrictMath.sin(1 + 4 * i + j);
        state.wDec().set(i, j, (float) decoder);
        state.wEnc().set(i, j, (float) (0.5 * decoder + 0.1 * StrictMath.cos(1 + 8 * j + i)));
      }
      state.bEnc().set(0, i, (float) (0.05 * (i - 3)));
    }
    for (int j = 0; j < D; j++) {
      state.bDec().set(0, j, (float) (0.1 * (j - 1)));
    }
    for (int latent : new int[] {1, 4, 6}) {
      state.sinceFired()[latent] = 11;
    }
    return state;
  }

  private static void assertGradients(
      Observation seen, Expected expected, Map<String, Double> norms) {
    int[][] selected = {{0, 5}, {1, 6}, {4, 7}, {0, 5}};
    for (int b = 0; b < B; b++) {
      assertEquals(selected[b][0], seen.codes().index(b, 0));
      assertEquals(selected[b][1], seen.codes().index(b, 1));
    }
    double[] firstOut = {3.575843406, 1.379594285, -2.085047459, -3.540766646};
    for (int j = 0; j < D; j++) {
      assertClose("reconstruction", firstOut[j], seen.saeOut().get(0, j));
    }
    Gradients gradients = seen.gradients();
    norms.put("W_enc", norm(gradients.wEnc()));
    norms.put("W_dec", norm(gradients.wDec()));
    norms.put("b_enc", norm(gradients.bEnc()));
    norms.put("b_dec", norm(gradients.bDec()));
    assertClose("norm of W_enc", expected.wEncNorm(), norms.get("W_enc"));
    assertClose("norm of W_dec", expected.wDecNorm(), norms.get("W_dec"));
    assertClose("norm of b_enc", expected.bEncNorm(), norms.get("b_enc"));
    assertClose("norm of b_dec", expected.bDecNorm(), norms.get("b_dec"));
    // W_enc is [d_in, d_sae] in the source.
    assertClose("W_enc[0, 1]", expected.wEnc01(), gradients.wEnc().get(1, 0));
    assertClose("W_dec[1, 0]", expected.wDec10(), gradients.wDec().get(1, 0));
    for (int j = 0; expected.bDec() != null && j < D; j++) {
      assertClose("b_dec[" + j + "]", expected.bDec()[j], gradients.bDec().get(0, j));
    }
  }

  /** The source gives six decimals at least. */
  private static void assertClose(String what, double expected, double got) {
    double tolerance = Math.max(TOLERANCE * Math.abs(expected), 1e-6);
    assertTrue(
        Math.abs(expected - got) <= tolerance, what + ": expected " + expected + ", got " + got);
  }

  private static double norm(Matrix matrix) {
    double squares = 0;
    for (float value : matrix.toArray()) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares);
  }

  private static void fill(Matrix matrix, float[][] rows) {
    for (int i = 0; i < rows.length; i++) {
      matrix.write(i, 1, rows[i], 0);
    }
  }
}
