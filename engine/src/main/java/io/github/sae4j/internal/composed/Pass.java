package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.lang.foreign.MemorySegment;

/**
 * The forward pass of one step, and the kernel calls that terms share. Its memory is freed after
 * the step.
 */
final class Pass {
  /** Initial capacity per row of codes whose number is not known; it grows. */
  static final int USUAL_LENGTH = 64;

  final Kernels device;
  final StepSpec spec;
  final TrainingState state;
  final OffHeap scratch;

  /** The batch's inputs times the input factor, {@code [rows, d_in]}. */
  final Matrix x;

  /** What is to be reconstructed, {@code [rows, d_out]}: the same, or the targets of pairs. */
  final Matrix target;

  /** The encoder's input, {@code [rows, d_in]}. */
  final Matrix input;

  /** Norms of the decoder's rows {@code [1, d_sae]} where latents are ranked by them; or null. */
  final Matrix norms;

  /** The main codes; null where they are formed tile by tile. */
  final SparseCodes codes;

  /** The dead latents, ascending, once {@link Firing} has counted. */
  int[] dead = {};

  private final Matrix outScales;
  private final Matrix outShifts;

  /** Prepares the input and encodes it. */
  Pass(Kernels device, StepSpec spec, TrainingState state, Matrix batch, OffHeap scratch) {
    this.device = device;
    this.spec = spec;
    this.state = state;
    this.scratch = scratch;
    Forward forward = spec.forward();
    StepShape shape = spec.shape();
    if (shape.pairs() == Pairs.TARGETS) {
      x = columns(batch, 0, shape.dIn(), scratch);
    } else {
      x = scaled(batch);
    }
    Matrix normalized = x;
    if (forward.normalization() == InputNormalization.NONE) {
      outScales = null;
      outShifts = null;
    } else {
      normalized = scratch.matrix(rows(), x.cols());
      outScales = scratch.vector(rows());
      outShifts = scratch.vector(rows());
      forward.normalization().apply(x, normalized, outScales, outShifts);
    }
    if (shape.pairs() == Pairs.TARGETS) {
      target = columns(batch, shape.dIn(), shape.dOut(), scratch);
    } else {
      // sentence-transformers compares with the normalised rows what is no longer normalised.
      target = shape.tied() ? normalized : x;
    }
    if (forward.subtractBDec()) {
      input = scratch.matrix(rows(), x.cols());
      device.subtractRow(normalized, state.bDec(), input);
    } else {
      input = normalized;
    }
    norms = forward.rescaleByDecoderNorm() ? scratch.vector(spec.shape().dSae()) : null;
    if (norms != null) {
      device.rowNorms(state.wDec(), norms);
    }
    codes = spec.penalisesActivity() ? null : encode(forward.activation());
  }

  /** Some values of every row. */
  static Matrix columns(Matrix rows, int from, int count, OffHeap scratch) {
    Matrix some = scratch.matrix(rows.rows(), count);
    for (int b = 0; b < some.rows(); b++) {
      MemorySegment.copy(
          rows.segment(),
          rows.rowOffset(b) + (long) from * Float.BYTES,
          some.segment(),
          some.rowOffset(b),
          (long) count * Float.BYTES);
    }
    return some;
  }

  private Matrix scaled(Matrix batch) {
    float factor = spec.forward().inputFactor();
    if (factor == 1f) {
      return batch;
    }
    Matrix copy = scratch.matrix(batch.rows(), batch.cols());
    copy.copyFrom(batch);
    device.scale(copy, factor);
    return copy;
  }

  /** Rows of the batch. */
  int rows() {
    return x.rows();
  }

  /** Encodes the batch with all latents. */
  SparseCodes encode(Activation activation) {
    return encode(new EncoderWeights(state.wEnc(), state.bEnc(), null, norms), activation);
  }

  /** Encodes the batch with the given encoder. */
  SparseCodes encode(EncoderWeights encoder, Activation activation) {
    int perRow = activation.fixedLength().orElse(USUAL_LENGTH);
    SparseCodes out = scratch.codes(rows(), Math.min(perRow, encoder.dSae()));
    device.encode(encoder, input, activation, out);
    return out;
  }

  /** Reconstruction from codes, the normalisation undone. */
  Matrix decode(SparseCodes sparse) {
    return decode(sparse, state.wDec());
  }

  /** The same from codes of some latents, whose decoder rows are given. */
  Matrix decode(SparseCodes sparse, Matrix wDec) {
    Matrix out = scratch.matrix(rows(), spec.shape().dOut());
    decode(sparse, wDec, out, 0);
    return out;
  }

  /** The same of the rows from the given one on, into a matrix of them. */
  void decode(SparseCodes sparse, Matrix out, int from) {
    decode(sparse, state.wDec(), out, from);
  }

  private void decode(SparseCodes sparse, Matrix wDec, Matrix out, int from) {
    device.decode(sparse, wDec, state.bDec(), out);
    if (outScales != null) {
      device.scaleRows(out, part(outScales, from, out.rows()), part(outShifts, from, out.rows()));
    }
  }

  private Matrix part(Matrix vector, int from, int count) {
    if (count == vector.cols()) {
      return vector;
    }
    Matrix some = scratch.vector(count);
    for (int i = 0; i < count; i++) {
      some.set(0, i, vector.get(0, from + i));
    }
    return some;
  }

  /**
   * Back-propagates a gradient at the output through the inverse of the normalisation, in place.
   */
  void throughNormalization(Matrix gradient) {
    throughNormalization(gradient, 0);
  }

  /** The same of the rows from the given one on. */
  void throughNormalization(Matrix gradient, int from) {
    if (outScales != null) {
      device.scaleRows(gradient, part(outScales, from, gradient.rows()), null);
    }
  }

  /**
   * Gradients of the four tensors that follow from a gradient at the output.
   *
   * @param sparse codes that were decoded
   * @param gradient gradient at what was decoded from them, {@code [rows, d_out]}
   * @param wDec decoder that they were decoded with
   * @param activation how they were formed, which decides whether a code of 0 has a gradient
   * @param out overwritten; that of b_dec without the part that flows through the encoder's input
   */
  void gradients(
      SparseCodes sparse, Matrix gradient, Matrix wDec, Activation activation, Gradients out) {
    gradients(sparse, gradient, wDec, activation, null, out);
  }

  /**
   * The same with a gradient that codes have from elsewhere, added in one rounding each.
   *
   * @param more by code, of at least as many elements as there are codes; or null
   */
  void gradients(
      SparseCodes sparse,
      Matrix gradient,
      Matrix wDec,
      Activation activation,
      float[] more,
      Gradients out) {
    Matrix delta = scratch.vector(Math.max(1, sparse.size()));
    device.codeGradients(gradient, wDec, sparse, activation.cutsNegatives(), delta);
    for (int p = 0; more != null && p < sparse.size(); p++) {
      delta.set(0, p, delta.get(0, p) + more[p]);
    }
    device.accumulateByLatent(sparse, null, gradient, out.wDec());
    device.accumulateByLatent(sparse, delta, input, out.wEnc());
    device.sumByLatent(sparse, delta, out.bEnc());
    device.columnSums(gradient, out.bDec());
  }

  /** Squared distances of rows to their mean, {@code [1, rows]}. */
  Matrix centeredSquares(Matrix a) {
    Matrix mean = scratch.vector(a.cols());
    Matrix distances = scratch.vector(a.rows());
    device.columnMeans(a, mean);
    device.rowSquaredDistances(a, mean, distances);
    return distances;
  }

  /** Squared norms of rows, {@code [1, rows]}. */
  Matrix rowSquares(Matrix a) {
    Matrix squares = scratch.vector(a.rows());
    device.rowDots(a, a, squares);
    return squares;
  }

  /** Adds row scalars in double, in blocks of 256. */
  static double sum(Matrix rowScalars) {
    OrderedSums.Blocks blocks = new OrderedSums.Blocks();
    for (float value : rowScalars.toArray()) {
      blocks.add(value);
    }
    return blocks.total();
  }
}
