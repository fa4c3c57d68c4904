package io.github.sae4j.internal.vector.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The memory plan against the arrays and native blocks that a step really holds. */
class FusedMemoryPlanTest {
  private static final int D_IN = 200;
  private static final int D_SAE = 4096;
  private static final int ROWS = 1000;

  @ParameterizedTest
  @CsvSource({
    "SAELENS, 0, 1",
    "SAELENS, 90, 1",
    "SAELENS, 500, 1",
    "SAELENS, 3000, 1",
    "SAELENS_PR370, 0, 1",
    "SAELENS_PR370, 2000, 1",
    "SAELENS_PR370, 4000, 1",
    "ELEUTHER, 0, 1",
    "ELEUTHER, 100, 1",
    "ELEUTHER, 600, 1",
    "OPENAI, 1200, 1",
    "SAELENS, 500, 2",
    "SAELENS, 3000, 2",
    "ELEUTHER, 600, 2"
  })
  void realMemoryIsThePlans(Recipe recipe, int dead, int threads) throws Exception {
    TrainingConfig config =
        TrainingConfig.of(recipe)
            .with("d_sae", D_SAE)
            .with("k", 32)
            .with("train_batch_size", ROWS)
            .with("dead_feature_tokens", 1_000_000);
    StepSpec spec = config.stepSpec(D_IN, OptionalDouble.of(1));
    FusedSpec flat = FusedSpec.of(spec);
    MemoryPlan plan = FusedMemoryPlan.of(flat, threads);
    OffHeap memory = new OffHeap();
    TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
    SplittableRandom random = new SplittableRandom(3);
    for (Matrix weights : new Matrix[] {state.wEnc(), state.wDec()}) {
      fill(weights, random);
    }
    Matrix x = memory.matrix(ROWS, D_IN);
    memory.matrix(ROWS, D_IN);
    try (memory;
        WorkerPool pool = new WorkerPool(threads);
        FusedTrainingStep step = new FusedTrainingStep(pool, spec, state, AT_ONCE)) {
      int seen = 0;
      for (int number = 1; number <= 3; number++) {
        fill(x, random);
        Arrays.fill(state.sinceFired(), 0);
        Arrays.fill(state.sinceFired(), 0, dead, 1L << 40);
        seen = Math.max(seen, step.run(x, 1e-3, number, true).dead());
      }
      long heap = plan.heapBytes() - AuxTerm.bytes(flat, threads);
      if (dead > 0) {
        assertTrue(seen > 0, "none is dead");
        heap += AuxTerm.bytes(flat, threads, seen);
      }
      Holdings real = new Holdings(step);
      String what = recipe + " dead=" + dead + " heap " + real.heap + " planned " + heap;
      assertTrue(real.heap <= 1.01 * heap, what + "\n" + plan);
      assertTrue(real.heap >= (threads == 1 ? 0.97 : 0.85) * heap, what + "\n" + plan);
      long offHeap = memory.bytes() + real.offHeap;
      assertEquals(1.0, (double) offHeap / (plan.bytes() - plan.heapBytes()), 0.01, what);
    }
  }

  /** The method for many dead latents is used after a while of the other, which must fit too. */
  @Test
  void whatIsUsedBeforeTheFasterMethodIsPlanned() throws Exception {
    int latents = D_IN; // at most three for each that AuxK selects, so all at once would be faster
    StepSpec spec =
        TrainingConfig.of(Recipe.ELEUTHER)
            .with("d_sae", latents)
            .with("k", 32)
            .with("train_batch_size", ROWS)
            .with("dead_feature_tokens", 1_000_000)
            .stepSpec(D_IN, OptionalDouble.of(1));
    SplittableRandom random = new SplittableRandom(3);
    try (OffHeap memory = new OffHeap();
        WorkerPool pool = new WorkerPool(1)) {
      TrainingState state = TrainingState.allocate(memory, D_IN, latents);
      fill(state.wEnc(), random);
      fill(state.wDec(), random);
      Matrix x = memory.matrix(ROWS, D_IN);
      fill(x, random);
      Arrays.fill(state.sinceFired(), 1L << 40);
      try (FusedTrainingStep step =
          new FusedTrainingStep(pool, spec, state, AuxTerm.Limits.DEFAULT)) {
        step.run(x, 1e-3, 1, true);
        assertFalse(step.auxShare() instanceof DenseAux, "the other method is used");
        long planned = FusedMemoryPlan.of(FusedSpec.of(spec), 1).heapBytes();
        long real = new Holdings(step).heap;
        assertTrue(real <= 1.01 * planned, "heap " + real + " planned " + planned);
      }
    }
  }

  @Test
  void worstNumberOfDeadLatentsIsTheWorst() {
    for (Recipe recipe : Recipe.values()) {
      if (recipe == Recipe.SENTENCE_TRANSFORMERS) {
        continue; // its step is composed
      }
      for (int rows : new int[] {100, 1000, 9000}) {
        FusedSpec spec =
            FusedSpec.of(
                TrainingConfig.of(recipe)
                    .with("d_sae", 3 * D_SAE)
                    .with("train_batch_size", rows)
                    .stepSpec(D_IN, OptionalDouble.of(1)));
        long worst = AuxTerm.bytes(spec, 2);
        for (int dead = 1; dead <= spec.dSae(); dead++) {
          long bytes = AuxTerm.bytes(spec, 2, dead);
          assertTrue(bytes <= 1.02 * worst, recipe + " rows=" + rows + " dead=" + dead);
        }
      }
    }
  }

  /** The limits of a run, but the method that is planned for is used from the first step on. */
  private static final AuxTerm.Limits AT_ONCE =
      new AuxTerm.Limits(
          AuxTerm.Limits.DEFAULT.denseRatio(), AuxTerm.Limits.DEFAULT.blockFloats(), 0);

  private static void fill(Matrix matrix, SplittableRandom random) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (random.nextDouble() - 0.5));
      }
    }
  }

  /** Bytes of all arrays and native groups that can be reached from an object. */
  private static final class Holdings {
    private static final Map<Class<?>, Integer> SIZES =
        Map.of(
            float.class,
            4,
            int.class,
            4,
            long.class,
            8,
            double.class,
            8,
            boolean.class,
            1,
            byte.class,
            1);

    long heap;
    long offHeap;

    Holdings(Object root) throws IllegalAccessException {
      Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
      Deque<Object> open = new ArrayDeque<>();
      open.add(root);
      while (!open.isEmpty()) {
        Object object = open.poll();
        Class<?> type = object.getClass();
        if (!seen.add(object)) {
          continue;
        }
        if (object instanceof OffHeap group) {
          offHeap += group.bytes();
        } else if (type.isArray() && type.getComponentType().isPrimitive()) {
          heap += (long) Array.getLength(object) * SIZES.get(type.getComponentType());
        } else if (object instanceof Object[] elements) {
          Arrays.stream(elements).filter(element -> element != null).forEach(open::add);
        } else if (type.getName().startsWith("io.github.sae4j.") && !type.isHidden()) {
          addFields(type, object, open);
        }
      }
    }

    private static void addFields(Class<?> type, Object object, Deque<Object> open)
        throws IllegalAccessException {
      for (Field field : type.getDeclaredFields()) {
        if (!Modifier.isStatic(field.getModifiers()) && !field.getType().isPrimitive()) {
          field.setAccessible(true);
          Object value = field.get(object);
          if (value != null) {
            open.add(value);
          }
        }
      }
    }
  }
}
