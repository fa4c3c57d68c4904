package io.github.sae4j.internal.vector.step;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.step.AuxTerm.Limits;
import io.github.sae4j.internal.vector.step.FusedTrainingStep.Paths;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every method to compute AuxK against the oracle, bit by bit, over several blocks of rows. */
@Tag("kernel")
class AuxTermTest {
  private static final long SEED = Long.getLong("aux.seed", 7L);
  private static final int D_IN = 21;
  private static final int D_SAE = 190;
  private static final int DEAD = 75;
  private static final int ROWS = 600;

  /** Blocks of 256 rows, so that chains continue over three. */
  private static final Limits DENSE = new Limits(Integer.MAX_VALUE, 1, 0);

  private static final Limits SPARSE = new Limits(0, 1, 0);

  /** A term and the way it is computed. */
  private record Case(Limits limits, int kAux, boolean clipped, boolean byLatent) {
    Paths paths() {
      return new Paths(byLatent ? Vectors.LENGTH : 0, Paths.KEPT_FROM);
    }
  }

  private static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Limits limits : List.of(DENSE, SPARSE)) {
      for (int kAux : new int[] {3, 20, D_SAE}) {
        for (boolean byLatent : new boolean[] {true, false}) {
          cases.add(new Case(limits, kAux, true, byLatent));
          cases.add(new Case(limits, kAux, false, byLatent));
        }
      }
    }
    return cases;
  }

  @ParameterizedTest
  @EnumSource(value = Recipe.class, mode = EnumSource.Mode.EXCLUDE, names = "SENTENCE_TRANSFORMERS")
  void everyWayGivesTheOraclesBits(Recipe recipe) {
    for (Case one : cases()) {
      String name = recipe + " " + one + " seed " + SEED;
      StepSpec spec = spec(recipe, one);
      try (OffHeap memory = new OffHeap();
          ScalarDevice oracle = new ScalarDevice();
          WorkerPool pool = new WorkerPool(2)) {
        TrainingState expected = start(memory);
        TrainingState actual = start(memory);
        SplittableRandom random = new SplittableRandom(SEED + 1);
        try (TrainingStep oracleStep = new ComposedTrainingStep(oracle, spec, expected);
            FusedTrainingStep step =
                new FusedTrainingStep(pool, spec, actual, one.limits(), one.paths())) {
          for (int number = 1; number <= 2; number++) {
            // Fewer are dead in the second step, whose batch is short.
            int dead = number == 1 ? DEAD : DEAD - 30;
            kill(expected, dead);
            kill(actual, dead);
            Matrix x = matrix(memory, random, number == 1 ? ROWS : 300);
            StepReport wanted = oracleStep.run(x, 1e-2, number, true);
            StepReport got = step.run(x, 1e-2, number, true);
            assertTrue(wanted.dead() > 0 && wanted.loss(AuxK.class) > 0, name + " " + wanted);
            assertEquals(wanted, got, name);
            assertEquals(one.byLatent(), step.decodedByLatent(), name);
            if (one.limits() == DENSE) {
              assertInstanceOf(DenseAux.class, step.auxShare(), name);
            } else {
              CodeTerm share = assertInstanceOf(CodeTerm.class, step.auxShare(), name);
              assertEquals(one.byLatent(), share.differentiates(), name);
            }
          }
        }
        for (int i = 0; i < expected.tensors().size(); i++) {
          TrainingState.Named tensor = expected.tensors().get(i);
          assertArrayEquals(
              tensor.matrix().toArray(),
              actual.tensors().get(i).matrix().toArray(),
              name + " " + tensor.name());
        }
      }
    }
  }

  @Test
  void productsOverAllDeadLatentsAreUsedOnceTheyPay() {
    StepSpec spec = spec(Recipe.SAELENS, new Case(SPARSE, 20, true, true));
    try (OffHeap memory = new OffHeap();
        WorkerPool pool = new WorkerPool(2)) {
      TrainingState state = start(memory);
      Matrix x = matrix(memory, new SplittableRandom(SEED + 1), 40);
      List<Boolean> dense = new ArrayList<>();
      try (FusedTrainingStep step = new FusedTrainingStep(pool, spec, state, new Limits(2, 1, 2))) {
        for (int dead : new int[] {35, 35, 75, 35, 35, 35, 35, 75, 35}) {
          kill(state, dead);
          step.run(x, 1e-2, dense.size() + 1, false);
          dense.add(step.auxShare() instanceof DenseAux);
        }
      }
      assertEquals(List.of(false, false, false, false, false, true, true, false, false), dense);
    }
  }

  private static StepSpec spec(Recipe recipe, Case one) {
    TrainingConfig config =
        TrainingConfig.of(recipe)
            .with("d_sae", D_SAE)
            .with("k", 5)
            .with("train_batch_size", ROWS)
            .with("auxk", one.kAux())
            .with("dead_feature_tokens", 100_000);
    return config
        .with("clip_grad_norm", one.clipped() ? 0.5 : null)
        .stepSpec(D_IN, OptionalDouble.of(1.5));
  }

  private static TrainingState start(OffHeap memory) {
    SplittableRandom random = new SplittableRandom(SEED);
    TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
    for (Matrix weights : List.of(state.wEnc(), state.wDec(), state.bEnc(), state.bDec())) {
      for (int i = 0; i < weights.rows(); i++) {
        for (int j = 0; j < weights.cols(); j++) {
          weights.set(i, j, (float) (random.nextDouble() - 0.5));
        }
      }
    }
    for (int i = 0; i < D_SAE; i += 2) {
      // Never selected by the main term.
      state.bEnc().set(0, i, -9f);
    }
    return state;
  }

  private static void kill(TrainingState state, int dead) {
    Arrays.fill(state.sinceFired(), 0);
    for (int j = 0; j < dead; j++) {
      state.sinceFired()[2 * j] = 1_000_000;
    }
  }

  private static Matrix matrix(OffHeap memory, SplittableRandom random, int rows) {
    Matrix matrix = memory.matrix(rows, D_IN);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < D_IN; j++) {
        matrix.set(i, j, (float) (2 * random.nextDouble() - 1));
      }
    }
    return matrix;
  }
}
