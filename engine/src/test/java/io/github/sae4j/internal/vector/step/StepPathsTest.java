package io.github.sae4j.internal.vector.step;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.step.FusedTrainingStep.Paths;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every way through a fused step against the oracle, bit by bit: decoding by sample and by latent
 * in blocks of several widths, gradient rows kept and formed twice, on up to 16 threads.
 */
@Tag("kernel")
class StepPathsTest {
  private static final int D_IN = 150;
  private static final int D_SAE = 90;
  private static final int ROWS = 70;
  private static final int NONE = Integer.MAX_VALUE;

  private record Case(int blockColumns, int keptFrom, int threads) {
    Paths paths() {
      return new Paths(blockColumns, keptFrom);
    }
  }

  private static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (int vectors : new int[] {0, 1, 3, 4, 5, 9, 13}) {
      cases.add(new Case(vectors * Vectors.LENGTH, 3, 2));
    }
    for (int keptFrom : new int[] {0, 1, 5, NONE}) {
      cases.add(new Case(4 * Vectors.LENGTH, keptFrom, 3));
    }
    for (int threads : new int[] {1, 16}) {
      cases.add(new Case(0, 3, threads));
      cases.add(new Case(Vectors.LENGTH, 3, threads));
    }
    return cases;
  }

  @ParameterizedTest
  @EnumSource(value = Recipe.class, mode = EnumSource.Mode.EXCLUDE, names = "SENTENCE_TRANSFORMERS")
  void everyWayGivesTheOraclesBits(Recipe recipe) {
    for (Double clip : new Double[] {null, 0.01, 1e6}) {
      StepSpec spec = spec(recipe, clip);
      try (OffHeap memory = new OffHeap();
          ScalarDevice oracle = new ScalarDevice()) {
        List<Matrix> batches = batches(memory);
        TrainingState expected = start(memory);
        List<StepReport> reports;
        try (TrainingStep step = new ComposedTrainingStep(oracle, spec, expected)) {
          reports = run(step, batches);
        }
        for (Case one : cases()) {
          String name = recipe + " clip " + clip + " " + one;
          TrainingState actual = start(memory);
          try (WorkerPool pool = new WorkerPool(one.threads());
              FusedTrainingStep step =
                  new FusedTrainingStep(pool, spec, actual, AuxTerm.Limits.DEFAULT, one.paths())) {
            assertEquals(reports, run(step, batches), name);
            assertEquals(one.blockColumns() > 0, step.decodedByLatent(), name);
            if (one.keptFrom() == NONE) {
              assertEquals(0, step.kept(), name);
            } else if (one.keptFrom() > 1) {
              assertTrue(step.kept() > 0 && step.kept() < D_SAE, name + " kept " + step.kept());
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
  }

  @Test
  void blocksStayInCacheAndAreEnoughForTheThreads() {
    for (int threads : new int[] {1, 2, 3, 4, 8, 64}) {
      for (int rows : new int[] {1, 256, 2048, 4096, 1 << 17}) {
        for (int width : new int[] {1, 16, 100, 384, 768, 4096}) {
          int columns = DecodeByLatent.columns(rows, width, threads);
          if (columns > 0) {
            String name = width + " in " + columns + ", " + rows + " rows, " + threads + " threads";
            assertEquals(0, columns % Vectors.LENGTH, name);
            assertTrue(Math.ceilDiv(width, columns) >= threads, name);
            assertTrue(4L * rows * columns <= 5L << 19, name);
          }
        }
      }
    }
    assertEquals(0, DecodeByLatent.columns(2048, 16, 2));
    assertTrue(DecodeByLatent.columns(2048, 768, 2) > 0);
  }

  private static StepSpec spec(Recipe recipe, Double clip) {
    return TrainingConfig.of(recipe)
        .with("d_sae", D_SAE)
        .with("k", 4)
        .with("train_batch_size", ROWS)
        .with("dead_feature_tokens", 1_000_000)
        .with("clip_grad_norm", clip)
        .stepSpec(D_IN, OptionalDouble.of(1.5));
  }

  private static List<StepReport> run(TrainingStep step, List<Matrix> batches) {
    List<StepReport> reports = new ArrayList<>();
    for (Matrix x : batches) {
      reports.add(step.run(x, 1e-2, reports.size() + 1, true));
    }
    step.synchronize();
    return reports;
  }

  /** The last batch is short. */
  private static List<Matrix> batches(OffHeap memory) {
    SplittableRandom random = new SplittableRandom(11);
    List<Matrix> batches = new ArrayList<>();
    for (int rows : new int[] {ROWS, ROWS, ROWS - 13}) {
      Matrix x = memory.matrix(rows, D_IN);
      fill(x, random);
      batches.add(x);
    }
    return batches;
  }

  private static TrainingState start(OffHeap memory) {
    SplittableRandom random = new SplittableRandom(7);
    TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
    for (Matrix weights : List.of(state.wEnc(), state.wDec(), state.bEnc(), state.bDec())) {
      fill(weights, random);
    }
    // Never selected, so that some latents have no samples.
    for (int i = 0; i < D_SAE; i += 9) {
      state.bEnc().set(0, i, -99f);
    }
    return state;
  }

  private static void fill(Matrix matrix, SplittableRandom random) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (random.nextDouble() - 0.5));
      }
    }
  }
}
