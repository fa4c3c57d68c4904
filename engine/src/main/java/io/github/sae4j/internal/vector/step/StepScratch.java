package io.github.sae4j.internal.vector.step;

import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;

/** Memory of a fused step, allocated once. */
final class StepScratch {
  /** Rows of W_dec held in scratch at a time. */
  static final int CHUNK = 64;

  /** Samples of a latent that are taken at a time where their rows are read twice, from L1. */
  static final int SAMPLES = 12;

  /** Scratch of one worker. */
  static final class Worker {
    final float[] x;
    final float[] out;
    final float[] error;
    final float[] decoderRows;
    final float[] gradient;
    final float[] term;
    final float[] unit;
    final int[] chunkAt = new int[CHUNK];
    final float[] lanes = new float[RowArithmetic.LANE_FLOATS];
    int[] rowAt = {};
    float[] ranks = {};

    Worker(int padded) {
      x = new float[padded];
      out = new float[padded];
      error = new float[padded];
      decoderRows = new float[CHUNK * padded];
      gradient = new float[padded];
      term = new float[padded];
      unit = new float[padded];
      for (int i = 0; i < CHUNK; i++) {
        chunkAt[i] = i * padded;
      }
    }

    /** Room for the ranks of one sample. */
    float[] ranks(int count) {
      if (ranks.length < count) {
        ranks = new float[count];
      }
      return ranks;
    }

    /** Room for the samples of one latent. */
    int[] samples(int count) {
      if (rowAt.length < count) {
        rowAt = new int[Math.max(count, 2 * rowAt.length)];
      }
      return rowAt;
    }
  }

  final int padded;
  final Worker[] workers;

  /** Encoder inputs, {@code [rows, padded]}. */
  final float[] input;

  /**
   * One array for values that a step needs one after the other; separate arrays would take 8 B d
   * bytes more.
   */
  private final float[] reused;

  /**
   * Gradient rows kept until their norm is known, when the recipe clips, {@code [d_sae, d_in]}; or
   * null.
   */
  final Matrix keptEncoderGradients;

  /** The same for the decoder. */
  final Matrix keptDecoderGradients;

  /** ‖e‖² per row. */
  final float[] errorSquares;

  /** ‖x − x̄‖² per row. */
  final float[] distances;

  /** Floats of the reused array. */
  static long reusedFloats(FusedSpec spec) {
    long packed = (long) Packing.tiles(spec.maxRows()) * TILE * spec.dIn();
    return Math.max((long) spec.maxRows() * Vectors.padded(spec.dIn()), packed);
  }

  /**
   * Bytes of one worker's scratch, at most: 4 (64 + 6) d, the samples of one latent, and where its
   * codes begin in each row, for three terms.
   */
  static long workerBytes(FusedSpec spec) {
    return 4L * (CHUNK + 6) * Vectors.padded(spec.dIn()) + (16L + 3 * 8) * spec.maxRows();
  }

  StepScratch(FusedSpec spec, int threads, OffHeap offHeap) {
    padded = Vectors.padded(spec.dIn());
    workers = new Worker[threads];
    for (int i = 0; i < threads; i++) {
      workers[i] = new Worker(padded);
    }
    int rows = spec.maxRows();
    input = new float[Math.multiplyExact(rows, padded)];
    reused = new float[Math.toIntExact(reusedFloats(spec))];
    boolean clipped = spec.clips();
    keptEncoderGradients = clipped ? offHeap.matrix(spec.dSae(), spec.dIn()) : null;
    keptDecoderGradients = clipped ? offHeap.matrix(spec.dSae(), spec.dIn()) : null;
    errorSquares = new float[rows];
    distances = new float[rows];
  }

  /** The encoder's inputs packed into tiles; valid until codes are found. */
  float[] packedInput() {
    return reused;
  }

  /**
   * The residual e per row, {@code [rows, padded]}: replaces the packed inputs and is valid until
   * the row's gradient replaces it.
   */
  float[] residuals() {
    return reused;
  }

  /**
   * The gradient g at the output per row, {@code [rows, padded]}; valid until the end of the step.
   */
  float[] gradients() {
    return reused;
  }
}
