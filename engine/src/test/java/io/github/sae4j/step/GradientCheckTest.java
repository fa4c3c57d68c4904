package io.github.sae4j.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.composed.Gradients;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Term;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The oracle's loss and gradients against {@link ReferenceLoss} and its central differences, for
 * every combination of the parts of a step, including those that no recipe has.
 */
class GradientCheckTest {
  private static final long SEED = Long.getLong("gradient.seed", 1966L);

  private static final int ROWS = 6;
  private static final int D_IN = 5;
  private static final int D_OUT = 7;
  private static final int D_SAE = 12;
  private static final int K = 2;
  private static final int[] DEAD = {1, 4, 6, 9};

  /**
   * Relative to the norm of the tensor's gradient: f32 rounds at 6e-8, sums of some 100 terms and
   * their cancellation cost two digits more.
   */
  private static final double TOLERANCE = 1e-5;

  private static final boolean[] BOTH = {true, false};

  private static final AuxK NO_AUX = null;

  @ParameterizedTest
  @EnumSource
  void everyVariantOfAuxK(AuxK.Normalizer normalizer) {
    for (AuxK.BDec bDec : AuxK.BDec.values()) {
      for (boolean scaled : BOTH) {
        for (boolean detached : BOTH) {
          for (boolean relu : BOTH) {
            for (int kAux : new int[] {3, 7}) {
              AuxK aux = new AuxK(0.75, kAux, scaled, detached, relu, bDec, normalizer);
              for (Reconstruction.Measure loss : Reconstruction.Measure.values()) {
                check(loss, aux, InputNormalization.NONE, switches(loss.ordinal() + kAux));
              }
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyMainLossUnderEveryNormalisation(Reconstruction.Measure loss) {
    for (InputNormalization normalization : InputNormalization.values()) {
      for (int bits = 0; bits < 32; bits++) {
        check(loss, NO_AUX, normalization, switches(bits));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void everySwitchBesideAuxK(Reconstruction.Measure loss) {
    AuxK attached = new AuxK(1, 5, true, false, false, AuxK.BDec.INCLUDED, AuxK.Normalizer.ROWS);
    for (int bits = 0; bits < 32; bits++) {
      check(loss, attached, InputNormalization.NONE, switches(bits));
    }
  }

  /** Rows of any length, codes of either sign, and latents of a whole batch that compete. */
  @Test
  void everyActivation() {
    AuxK attached = new AuxK(0.75, 3, true, false, false, AuxK.BDec.INCLUDED, AuxK.Normalizer.ROWS);
    for (Activation activation :
        List.of(
            Ranked.topK(K, Ranked.Relu.NONE),
            new Ranked(Ranked.Scope.ROW, K, Ranked.Order.MAGNITUDE, Ranked.Relu.NONE),
            new Ranked(Ranked.Scope.GROUP, 3, Ranked.Order.VALUE, Ranked.Relu.AFTER),
            new Ranked(Ranked.Scope.BATCH, 1.7, Ranked.Order.VALUE, Ranked.Relu.BEFORE),
            Activation.Threshold.RELU,
            Activation.Threshold.jumpRelu(0.4f))) {
      for (Reconstruction.Measure loss : Reconstruction.Measure.values()) {
        for (AuxK aux : new AuxK[] {NO_AUX, attached}) {
          for (boolean bDec : BOTH) {
            Switches switches = new Switches(Ranked.Relu.AFTER, false, bDec, false, ROWS);
            check(spec(loss, aux, InputNormalization.NONE, switches).withActivation(activation));
          }
        }
      }
    }
  }

  /** Latents below several widths are trained by all of them; the dead lie on both sides of one. */
  @Test
  void nestedPrefixes() {
    AuxK aux = new AuxK(0.75, 3, true, true, false, AuxK.BDec.EXCLUDED, AuxK.Normalizer.ROWS);
    for (Activation activation :
        List.of(
            Ranked.topK(3, Ranked.Relu.BEFORE),
            new Ranked(Ranked.Scope.BATCH, 2.7, Ranked.Order.VALUE, Ranked.Relu.BEFORE))) {
      for (List<Integer> widths : List.of(List.of(5), List.of(2, 5, 11))) {
        for (boolean perLevel : BOTH) {
          for (AuxK with : new AuxK[] {NO_AUX, aux}) {
            for (boolean bDec : BOTH) {
              StepSpec plain =
                  spec(
                      Reconstruction.Measure.SQUARED_ERROR,
                      with,
                      InputNormalization.NONE,
                      new Switches(Ranked.Relu.BEFORE, false, bDec, false, ROWS));
              List<Term> terms = new ArrayList<>(plain.objective().terms());
              terms.add(1, new Matryoshka(widths, 0.4, perLevel));
              check(
                  new StepSpec(
                      plain.shape(),
                      plain.forward().withActivation(activation),
                      new Objective(terms),
                      plain.optimizer(),
                      plain.deadLatents(),
                      plain.decoderNorm()));
            }
          }
        }
      }
    }
  }

  /** Outputs of another width than inputs; AuxK and Multi-TopK are without the skip connection. */
  @Test
  void transcoders() {
    for (Reconstruction.Measure loss : Reconstruction.Measure.values()) {
      for (boolean skip : BOTH) {
        for (int bits = 0; bits < 32; bits++) {
          if ((bits & 4) == 0) {
            continue; // b_dec would be subtracted from the input
          }
          for (AuxK.BDec bDec : AuxK.BDec.values()) {
            AuxK aux =
                new AuxK(
                    0.75,
                    3,
                    true,
                    bits % 2 == 0,
                    bits % 3 == 0,
                    bDec,
                    AuxK.Normalizer.values()[bits % 3]);
            StepSpec plain = spec(loss, aux, InputNormalization.NONE, switches(bits));
            check(
                new StepSpec(
                    new StepShape(
                        D_IN,
                        D_OUT,
                        D_SAE,
                        ROWS,
                        plain.shape().microBatchRows(),
                        Pairs.TARGETS,
                        skip,
                        false),
                    plain.forward(),
                    plain.objective(),
                    plain.optimizer(),
                    plain.deadLatents(),
                    plain.decoderNorm()));
          }
        }
      }
    }
  }

  @Test
  void accumulatedGradientsAreThoseOfTheWholeBatch() {
    AuxK aux = new AuxK(1, 3, true, true, false, AuxK.BDec.INCLUDED, AuxK.Normalizer.ROWS);
    List<double[][]> seen = new ArrayList<>();
    for (int micro : new int[] {ROWS, ROWS / 2, 1}) {
      Switches switches = new Switches(Ranked.Relu.AFTER, false, true, false, micro);
      Reconstruction.Measure loss = Reconstruction.Measure.SQUARED_ERROR;
      seen.add(gradients(spec(loss, aux, InputNormalization.NONE, switches), new Random(SEED)));
    }
    for (double[][] accumulated : seen) {
      for (int tensor = 0; tensor < accumulated.length; tensor++) {
        assertClose("tensor " + tensor, accumulated[tensor], seen.getFirst()[tensor]);
      }
    }
  }

  /** The parts of a step that are on or off. */
  private record Switches(
      Ranked.Relu relu, boolean rescale, boolean applyBDec, boolean multi, int microRows) {}

  private static Switches switches(int bits) {
    return new Switches(
        (bits & 1) == 0 ? Ranked.Relu.AFTER : Ranked.Relu.BEFORE,
        (bits & 2) != 0,
        (bits & 4) == 0,
        (bits & 8) != 0,
        (bits & 16) == 0 ? ROWS : 4);
  }

  private static StepSpec spec(
      Reconstruction.Measure loss, AuxK aux, InputNormalization normalization, Switches switches) {
    List<Term> terms = new ArrayList<>();
    terms.add(new Reconstruction(loss, 1.75));
    if (switches.multi()) {
      terms.add(MultiTopK.SPARSIFY);
    }
    if (aux != null) {
      terms.add(aux);
    }
    return new StepSpec(
        new StepShape(D_IN, D_IN, D_SAE, ROWS, switches.microRows()),
        new Forward(
            Ranked.topK(K, switches.relu()),
            switches.rescale(),
            switches.applyBDec(),
            normalization,
            1f),
        new Objective(terms),
        new Optimizer(0.9, 0.999, 1e-8, OptionalDouble.empty()),
        new DeadLatentRule(
            DeadLatentRule.Fired.POSITIVE,
            new DeadLatentRule.Counting(DeadLatentRule.Counting.Unit.STEPS, 10, false, false, 0)),
        DecoderNormRule.FREE);
  }

  private static void check(
      Reconstruction.Measure loss, AuxK aux, InputNormalization normalization, Switches switches) {
    check(spec(loss, aux, normalization, switches));
  }

  private static void check(StepSpec spec) {
    String what = "seed " + SEED + ", " + spec;
    try (Device device = new ScalarDevice();
        OffHeap memory = device.openMemory()) {
      Random random = new Random(SEED + spec.toString().hashCode());
      TrainingState state = randomState(spec, memory, random);
      Matrix x = memory.matrix(ROWS, spec.shape().batchWidth());
      fill(x, random, 1.5);
      ReferenceLoss.Weights weights = ReferenceLoss.Weights.of(state);
      boolean[] dead = new boolean[D_SAE];
      for (int latent : DEAD) {
        dead[latent] = true;
      }
      ReferenceLoss reference = new ReferenceLoss(spec, x, weights, dead);
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(
              device,
              spec,
              state,
              seen -> {
                for (int b = 0; b < ROWS; b++) {
                  for (int slot = 0; slot < seen.codes().length(b); slot++) {
                    assertTrue(reference.selected(b, seen.codes().index(b, slot)), what);
                  }
                }
                Gradients g = seen.gradients();
                assertGradient(what + " W_enc", reference, weights, weights.wEnc(), g.wEnc());
                assertGradient(what + " W_dec", reference, weights, weights.wDec(), g.wDec());
                assertGradient(
                    what + " b_enc", reference, weights, new double[][] {weights.bEnc()}, g.bEnc());
                assertGradient(
                    what + " b_dec", reference, weights, new double[][] {weights.bDec()}, g.bDec());
                if (spec.shape().skip()) {
                  assertGradient(
                      what + " W_skip", reference, weights, weights.wSkip(), g.of("W_skip"));
                }
              })) {
        StepReport report = step.run(x, 1e-3, 1, true);
        assertEquals(1, report.loss() / reference.total(weights), TOLERANCE, what);
        assertEquals(1, report.mainLoss() / reference.main(weights), TOLERANCE, what);
        if (spec.objective().find(AuxK.class).isPresent()) {
          assertEquals(1, report.loss(AuxK.class) / reference.aux(weights), TOLERANCE, what);
        }
        if (spec.objective().find(Matryoshka.class).isPresent()) {
          assertEquals(
              1, report.loss(Matryoshka.class) / reference.nested(weights), TOLERANCE, what);
        }
        if (spec.objective().find(MultiTopK.class).isPresent()) {
          assertEquals(1, report.loss(MultiTopK.class) / reference.multi(weights), TOLERANCE, what);
        }
      }
    }
  }

  private static void assertGradient(
      String what,
      ReferenceLoss reference,
      ReferenceLoss.Weights weights,
      double[][] tensor,
      Matrix gradient) {
    double[] expected = new double[(int) gradient.size()];
    double[] got = new double[expected.length];
    for (int i = 0, at = 0; i < tensor.length; i++) {
      for (int j = 0; j < tensor[i].length; j++, at++) {
        expected[at] = reference.derivative(weights, tensor[i], j);
        got[at] = gradient.get(i, j);
      }
    }
    assertClose(what, got, expected);
  }

  private static void assertClose(String what, double[] got, double[] expected) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < got.length; i++) {
      difference += (got[i] - expected[i]) * (got[i] - expected[i]);
      norm += expected[i] * expected[i];
    }
    assertTrue(norm > 0, what + ": the gradient is zero");
    double error = Math.sqrt(difference / norm);
    assertTrue(error <= TOLERANCE, what + ": relative error " + error);
  }

  private static double[][] gradients(StepSpec spec, Random random) {
    try (Device device = new ScalarDevice();
        OffHeap memory = device.openMemory()) {
      TrainingState state = randomState(spec, memory, random);
      Matrix x = memory.matrix(ROWS, spec.shape().batchWidth());
      fill(x, random, 1.5);
      double[][] copy = new double[4][];
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(
              device,
              spec,
              state,
              seen -> {
                copy[0] = toDouble(seen.gradients().wEnc());
                copy[1] = toDouble(seen.gradients().wDec());
                copy[2] = toDouble(seen.gradients().bEnc());
                copy[3] = toDouble(seen.gradients().bDec());
              })) {
        step.run(x, 1e-3, 1, false);
      }
      return copy;
    }
  }

  private static double[] toDouble(Matrix matrix) {
    float[] values = matrix.toArray();
    double[] copy = new double[values.length];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = values[i];
    }
    return copy;
  }

  private static TrainingState randomState(StepSpec spec, OffHeap memory, Random random) {
    TrainingState state = TrainingState.allocate(memory, spec.shape());
    fill(state.wEnc(), random, 0.6);
    fill(state.wDec(), random, 0.7);
    fill(state.bEnc(), random, 0.2);
    fill(state.bDec(), random, 0.3);
    if (state.wSkip() != null) {
      fill(state.wSkip(), random, 0.4);
    }
    for (int latent : DEAD) {
      state.sinceFired()[latent] = 11;
    }
    return state;
  }

  private static void fill(Matrix matrix, Random random, double deviation) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (deviation * random.nextGaussian()));
      }
    }
  }
}
