package io.github.sae4j.tornado.step;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.ProductKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.runtime.Accelerator;
import io.github.sae4j.tornado.runtime.Schedule;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * A training step at a real shape, compiled but not run, with made-up contents of its arrays: what
 * kernels do depends on them in few places, of which codes that are spread evenly over the latents
 * and the number of the dead are the ones that matter.
 */
public final class CountedStep implements AutoCloseable {
  /** One latent in so many is dead. */
  private static final int DEAD_EVERY = 20;

  private final OffHeap memory = new OffHeap();
  private final SplittableRandom random = new SplittableRandom(1);
  private final KernelGraph graph;
  private final StepArrays a;
  private IntArray transposed;

  /** Compiles. */
  public CountedStep(Recipe recipe, int rows, int dIn, int dSae, int k) {
    TrainingConfig config =
        TrainingConfig.of(recipe).with("d_sae", dSae).with("k", k).with("train_batch_size", rows);
    GraphSpec spec = GraphSpec.of(config.stepSpec(dIn, OptionalDouble.empty()));
    // As for a GPU, whatever compiles it here.
    graph = new KernelGraph(Accelerator.all().getFirst().with(Schedule.SHARED));
    a = new StepArrays(graph, spec, TrainingState.allocate(memory, dIn, dSae));
    a.send();
    StepTasks.add(graph, spec, a);
    a.fetch();
    graph.compile();
    fill();
  }

  /** Its graph. */
  public KernelGraph graph() {
    return graph;
  }

  private void fill() {
    normal(a.wEnc, 0.04f);
    normal(a.wDec, 0.04f);
    normal(a.x, 1);
    normal(a.input, 1);
    normal(a.error, 0.3f);
    normal(a.g, 1e-4f);
    normal(a.gWEnc, 1e-4f);
    normal(a.gWDec, 1e-4f);
    normal(a.gBEnc, 1e-4f);
    normal(a.pre, 1);
    a.maxima.init(Float.NEGATIVE_INFINITY);
    for (int i = 0; i < a.pre.getSize(); i++) {
      int tile = i / a.n * ProductKernels.tiles(a.n) + i % a.n / ProductKernels.TILE;
      a.maxima.set(tile, Math.max(a.maxima.get(tile), a.pre.get(i)));
    }
    normal(a.deltas, 1e-4f);
    if (a.norms != null) {
      a.norms.init(1f);
    }
    a.badIndex.init(-1);
    a.control.set(StepControl.VARIANCE, 1);
    a.control.set(StepControl.MULTI_K, a.multiK);
    int dead = 0;
    for (int latent = 0; latent < a.n; latent++) {
      boolean isDead = latent % DEAD_EVERY == 7;
      a.dead.set(latent, isDead ? 1 : 0);
      a.fired.set(latent, isDead ? 0 : 1);
      if (isDead) {
        a.deadList.set(dead++, latent);
      }
    }
    a.control.set(StepControl.DEAD, dead);
    a.control.set(StepControl.AUX_K, Math.min(dead, a.auxK));
    codes(a.codes, a.n, a.k);
    if (a.multiCodes != null) {
      codes(a.multiCodes, a.n, a.multiK);
    }
    if (a.auxCodes != null) {
      normal(a.auxError, 0.3f);
      a.auxBadIndex.init(-1);
      codes(a.auxCodes, dead, Math.min(dead, a.auxK));
      for (int i = 0; i < a.auxCodes.indices().getSize(); i++) {
        a.auxCodes.indices().set(i, a.deadList.get(a.auxCodes.indices().get(i)));
      }
    }
  }

  private void normal(FloatArray array, float scale) {
    for (int i = 0; i < array.getSize(); i++) {
      array.set(i, scale * (float) random.nextGaussian());
    }
  }

  private void codes(TransposeTasks.Codes codes, int n, int k) {
    for (int row = 0; row < a.rows; row++) {
      int at = row * codes.capacity();
      int taken = 0;
      for (int latent = 0; taken < k; latent++) {
        if (random.nextInt(n - latent) < k - taken) {
          codes.values().set(at + taken, random.nextFloat() + 0.1f);
          codes.indices().set(at + taken++, latent);
        }
      }
    }
  }

  /** Before a task is counted: the transposed codes are those that were transposed last. */
  public void before(List<Object> arguments) {
    for (TransposeTasks.Codes codes :
        new TransposeTasks.Codes[] {a.codes, a.multiCodes, a.auxCodes}) {
      if (codes != null
          && arguments.contains(codes.indices())
          && arguments.contains(a.transposition.table())
          && transposed != codes.indices()) {
        transpose(codes);
      }
    }
  }

  private void transpose(TransposeTasks.Codes codes) {
    transposed = codes.indices();
    int k = a.control.get(codes.slot());
    int[] next = new int[a.n + 1];
    for (int row = 0; row < a.rows; row++) {
      for (int slot = 0; slot < k; slot++) {
        next[codes.indices().get(row * codes.capacity() + slot) + 1]++;
      }
    }
    for (int latent = 0; latent < a.n; latent++) {
      a.transposition.totals().set(latent, next[latent + 1]);
      next[latent + 1] += next[latent];
    }
    for (int latent = 0; latent <= a.n; latent++) {
      a.transposition.starts().set(latent, next[latent]);
    }
    for (int row = 0; row < a.rows; row++) {
      for (int slot = 0; slot < k; slot++) {
        int code = row * codes.capacity() + slot;
        a.transposition.entries().set(next[codes.indices().get(code)]++, code);
      }
    }
  }

  /** An element as bits; floating point as a double's. */
  public static long element(Object array, long index) {
    return switch (array) {
      case FloatArray floats -> Double.doubleToRawLongBits(floats.get(Math.toIntExact(index)));
      case IntArray ints -> ints.get(Math.toIntExact(index));
      case DoubleArray doubles -> Double.doubleToRawLongBits(doubles.get(Math.toIntExact(index)));
      case LongArray longs -> longs.get(Math.toIntExact(index));
      default -> throw new IllegalArgumentException(array.getClass().getName());
    };
  }

  @Override
  public void close() {
    memory.close();
  }
}
