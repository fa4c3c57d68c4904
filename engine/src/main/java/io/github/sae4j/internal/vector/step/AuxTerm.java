package io.github.sae4j.internal.vector.step;

import io.github.sae4j.internal.vector.rows.BatchSums;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.internal.vector.select.TopKEncoding;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/**
 * The AuxK term of a step: codes of the dead latents, ê, the error q = ê + e, its gradient h and
 * what follows from h. Where a row selects a large part of the dead latents, this is matrix
 * products over all of them ({@link DenseAux}), otherwise sums over the selected pairs ({@link
 * SparseAux}); both give the same bits.
 */
final class AuxTerm {
  /**
   * When products over all dead latents are used, and on how many rows at a time.
   *
   * @param denseRatio dead latents per selected one up to which they are used
   * @param blockFloats floats of a block of rows: codes and h; also bounds a product's packed
   *     operand
   * @param patience steps in a row that they would have been better for before they are used: to
   *     compile them takes as long as some tens of steps save, and where many latents die at once,
   *     their number passes through the range in a few steps
   */
  record Limits(int denseRatio, int blockFloats, int patience) {
    /**
     * Measured where codes are decoded by latent: the selected pairs win from 2.8 dead latents per
     * selected one at d = 384, from 3.7 at d = 768; by sample from 4 to 8. Two blocks of 28 MiB
     * stay within 64 MiB.
     */
    static final Limits DEFAULT = new Limits(3, 7 << 20, 100);
  }

  /** Gradient rows that {@link DenseAux} may hold besides what codes would have taken, in bytes. */
  static final long ROW_BYTES = 8L << 20;

  /** Bytes of a code: index, value, gradient; by latent place and row, and the latter two again. */
  static final long CODE_BYTES = 28;

  /** A method to compute the term. */
  sealed interface Method permits DenseAux, SparseAux {
    /**
     * Forms the gradient at the term's output, and with it that of the main term, which needs h
     * where the residual is attached; and the gradients of codes that are not left to the pass over
     * latents.
     */
    void run(Work work);

    /** The term's share of the gradients by latent, after {@link #run}. */
    LatentTerm byLatent();
  }

  /**
   * The operands of a method.
   *
   * @param rows rows of the batch
   * @param dead the dead latents, ascending, at least one
   * @param k how many of them a row takes
   * @param bEnc encoder bias {@code [d_sae]}
   * @param norms decoder norms that codes are ranked by, or null
   * @param factors what turns q into h, per micro-batch
   * @param main the main codes, if their gradients are to be formed; or null
   * @param mainFactors what turns e into g, per micro-batch
   * @param squares receives ‖q‖² per row
   * @param columnSums receives the column sums of h
   */
  record Work(
      int rows,
      int[] dead,
      int k,
      float[] bEnc,
      float[] norms,
      float[] factors,
      HeapCodes main,
      float[] mainFactors,
      float[] squares,
      float[] columnSums) {}

  private final FusedSpec spec;
  private final Limits limits;
  private final Supplier<SparseAux> newSparse;
  private final Supplier<DenseAux> newDense;
  private final float[] squares;
  private final float[] columnSums;
  private Method method;
  private int denseSteps;

  AuxTerm(
      WorkerPool pool,
      FusedSpec spec,
      TrainingState state,
      StepScratch memory,
      TopKEncoding encoding,
      SamplePass samples,
      DecodeByLatent byLatent,
      BatchSums sums,
      Limits limits) {
    this.spec = spec;
    this.limits = limits;
    this.newSparse =
        () -> new SparseAux(pool, spec, state, memory, encoding, samples, byLatent, sums);
    this.newDense =
        () -> new DenseAux(pool, spec, state, memory, samples, sums, limits.blockFloats());
    this.squares = new float[spec.maxRows()];
    this.columnSums = new float[memory.padded];
  }

  /** Where AuxK codes are cut. */
  static Relu relu(AuxK aux) {
    return aux.relu() ? Relu.BEFORE : Relu.NONE;
  }

  /**
   * Forms the gradients of this term and of the main one.
   *
   * @param rows rows of the batch
   * @param dead the dead latents, at least one
   * @param bEnc encoder bias
   * @param norms decoder norms that codes are ranked by, or null
   * @param normalizers what the sum of squares is divided by, per micro-batch
   * @param main the main codes, if their gradients are to be formed; or null. Residuals are where
   *     the gradients at the output will be
   * @param mainFactors what turns e into g, per micro-batch
   * @return the loss, without its coefficient
   */
  double run(
      int rows,
      int[] dead,
      float[] bEnc,
      float[] norms,
      double[] normalizers,
      HeapCodes main,
      float[] mainFactors) {
    AuxK aux = spec.aux();
    int micros = normalizers.length;
    double scale = aux.scale(dead.length);
    float[] factors = new float[micros];
    for (int micro = 0; micro < micros; micro++) {
      factors[micro] = StepSums.factor(2 * aux.weight() * scale, normalizers[micro], micros);
    }
    java.util.Arrays.fill(columnSums, 0f);
    int k = aux.k(dead.length);
    boolean better = isDense(spec, limits, rows, dead.length, k);
    denseSteps = better ? Math.min(denseSteps, limits.patience()) + 1 : 0;
    boolean dense = denseSteps > limits.patience();
    if (method == null || dense != method instanceof DenseAux) {
      // The other method's memory is released first: there may be none left.
      method = null;
      method = dense ? newDense.get() : newSparse.get();
    }
    method.run(
        new Work(rows, dead, k, bEnc, norms, factors, main, mainFactors, squares, columnSums));
    double loss = 0;
    for (int micro = 0; micro < micros; micro++) {
      int from = micro * spec.microBatchRows();
      int count = Math.min(spec.microBatchRows(), rows - from);
      loss += scale * StepSums.ratio(BatchSums.sum(squares, from, count), normalizers[micro]);
    }
    return loss / micros;
  }

  private static boolean isDense(FusedSpec spec, Limits limits, int rows, int dead, int k) {
    // The second condition: an array of that many floats must be possible.
    if (dead > (long) limits.denseRatio() * k
        || (OrderedSums.BLOCK + (long) spec.dIn()) * (dead + 64L) > Integer.MAX_VALUE) {
      return false;
    }
    // Clipping keeps the gradient rows of all latents anyway.
    return spec.clips() || 8L * dead * spec.dIn() <= ROW_BYTES + CODE_BYTES * rows * k;
  }

  /** Bytes of the term at the number of dead latents that needs most. */
  static long bytes(FusedSpec spec, int threads) {
    long most =
        LongStream.concat(
                LongStream.of(1, spec.aux().kAux(), spec.dSae()),
                DenseAux.worstDead(spec, Limits.DEFAULT))
            .map(dead -> bytes(spec, threads, Math.clamp(dead, 1, spec.dSae())))
            .max()
            .getAsLong();
    // The dense method comes after a while of the other, however many are dead.
    return Math.max(most, SparseAux.bytes(spec, spec.dSae()) + 4L * spec.maxRows());
  }

  /** Bytes of the term with this many dead latents. */
  static long bytes(FusedSpec spec, int threads, int dead) {
    int rows = spec.maxRows();
    int k = spec.aux().k(dead);
    long ofMethod =
        isDense(spec, Limits.DEFAULT, rows, dead, k)
            ? DenseAux.bytes(spec, threads, dead, Limits.DEFAULT.blockFloats())
            : SparseAux.bytes(spec, dead);
    return ofMethod + 4L * rows;
  }

  /** The term's share of the gradients by latent, after {@link #run}. */
  LatentTerm byLatent() {
    return method.byLatent();
  }

  /** Column sums of h, after {@link #run}. */
  float[] columnSums() {
    return columnSums;
  }
}
