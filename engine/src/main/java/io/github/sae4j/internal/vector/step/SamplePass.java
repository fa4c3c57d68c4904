package io.github.sae4j.internal.vector.step;

import static io.github.sae4j.internal.vector.step.StepScratch.CHUNK;

import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.step.TrainingState;

/**
 * The passes over samples: decode, residual, gradient at the output and gradients of the codes. The
 * rows of W_dec that a sample selects are copied to scratch once for all of these.
 */
final class SamplePass {
  /** Samples of one task. */
  private static final int TASK = 16;

  /** Rows of W_dec that are summed right after they were copied, while they are in L1. */
  private static final int IN_L1 = 8;

  /** The work for one sample. */
  interface Sample {
    void run(int row, StepScratch.Worker scratch);
  }

  private final WorkerPool pool;
  private final FusedSpec spec;
  private final TrainingState state;
  private final StepScratch memory;
  private final float[] bDec;
  private final float factor;
  private float[] scales;
  private float[] shifts;

  /** The prefixes that the main codes are decoded by; or null. */
  private NestedLevels nested;

  private float[] nestedFactors;

  SamplePass(WorkerPool pool, FusedSpec spec, TrainingState state, StepScratch memory) {
    this.pool = pool;
    this.spec = spec;
    this.state = state;
    this.memory = memory;
    this.bDec = new float[memory.padded];
    this.factor = spec.inputFactor();
  }

  /** Sets what undoes the input normalisation on the output, per row. */
  void undoNormalization(float[] scales, float[] shifts) {
    this.scales = scales;
    this.shifts = shifts;
  }

  /**
   * Makes the main codes those of a Matryoshka step.
   *
   * @param levels receive what the prefixes give
   * @param factors what turns e of a prefix into its gradient, per micro-batch
   */
  void nest(NestedLevels levels, float[] factors) {
    nested = levels;
    nestedFactors = factors;
  }

  /**
   * Decode, residual, gradient and code gradients in one pass per sample.
   *
   * @param x the batch, not yet multiplied by the input factor
   * @param codes codes; their gradients are set
   * @param gradient receives g per row
   * @param squares receives ‖e‖² per row
   * @param factors what turns e into g, per micro-batch
   */
  void forward(Matrix x, HeapCodes codes, float[] gradient, float[] squares, float[] factors) {
    readBias();
    int padded = memory.padded;
    forEach(
        x.rows(),
        (b, scratch) -> {
          residual(x, codes, b, scratch, squares);
          int at = b * padded;
          toGradient(scratch.error, 0, b, factors, null, 0, gradient, at);
          if (nested != null) {
            nested.sum(b, gradient);
          }
          codeGradients(codes, b, gradient, nested, true, scratch, length(codes, b) <= CHUNK);
        });
  }

  /**
   * What follows a decode by latent: residual and gradient. The gradients of the codes are left to
   * the pass over latents.
   *
   * @param x the batch, not yet multiplied by the input factor
   * @param decoded the reconstructions, without b_dec
   * @param gradient receives g per row
   * @param squares receives ‖e‖² per row
   * @param factors what turns e into g, per micro-batch
   */
  void finish(
      Matrix x, DecodeByLatent decoded, float[] gradient, float[] squares, float[] factors) {
    readBias();
    int padded = memory.padded;
    forEach(
        x.rows(),
        (b, scratch) -> {
          readDecoded(x, decoded, b, scratch);
          error(b, scratch, squares);
          toGradient(scratch.error, 0, b, factors, null, 0, gradient, b * padded);
        });
  }

  /** The residual alone after a decode by latent: {@code errors} receives e per row. */
  void residual(Matrix x, DecodeByLatent decoded, float[] errors, float[] squares) {
    readBias();
    forEach(
        x.rows(),
        (b, scratch) -> {
          readDecoded(x, decoded, b, scratch);
          error(b, scratch, squares);
          System.arraycopy(scratch.error, 0, errors, b * memory.padded, memory.padded);
        });
  }

  /** Decode and residual alone: {@code errors} receives e per row. */
  void residual(Matrix x, HeapCodes codes, float[] errors, float[] squares) {
    readBias();
    forEach(
        x.rows(),
        (b, scratch) -> {
          residual(x, codes, b, scratch, squares);
          System.arraycopy(scratch.error, 0, errors, b * memory.padded, memory.padded);
        });
  }

  /**
   * Turns residuals into gradients in place and forms the code gradients, if wanted.
   *
   * @param first first row
   * @param count number of rows
   * @param codes main codes, whose gradients are set; or null
   * @param factors per micro-batch
   * @param addend added to g, starting with the first row; or null
   */
  void gradient(int first, int count, HeapCodes codes, float[] factors, float[] addend) {
    int padded = memory.padded;
    float[] residuals = memory.residuals();
    float[] gradient = memory.gradients();
    forEach(
        count,
        (i, scratch) -> {
          int b = first + i;
          toGradient(residuals, b * padded, b, factors, addend, i * padded, gradient, b * padded);
          if (nested != null) {
            nested.sum(b, gradient);
          }
          if (codes != null) {
            codeGradients(codes, b, gradient, nested, true, scratch, false);
          }
        });
  }

  /** Code gradients alone. */
  void codeGradients(int rows, HeapCodes codes, float[] gradient, boolean gated) {
    forEach(rows, (b, scratch) -> codeGradients(codes, b, gradient, null, gated, scratch, false));
  }

  /** Reconstruction from AuxK codes, b_dec left out: {@code out} receives Σ z W_dec per row. */
  void decodeAux(int rows, HeapCodes codes, float[] out) {
    forEach(
        rows,
        (b, scratch) -> {
          decode(codes, b, scratch, false);
          System.arraycopy(scratch.out, 0, out, b * memory.padded, memory.padded);
        });
  }

  /**
   * AuxK's error and gradient, {@code q = ê + e} and {@code h = q · factor}, in place.
   *
   * @param first first row
   * @param count number of rows
   * @param decoded the reconstructions without b_dec, of rows from 0; or null
   * @param values receives h, starting with the first row; without {@code decoded} it holds the
   *     reconstructions
   * @param factors per micro-batch
   * @param squares receives ‖q‖² per row of the batch
   */
  void auxGradient(
      int first,
      int count,
      DecodeByLatent decoded,
      float[] values,
      float[] factors,
      float[] squares) {
    int padded = memory.padded;
    boolean withBias = spec.aux().bDec() == AuxK.BDec.INCLUDED;
    forEach(
        count,
        (i, scratch) -> {
          int b = first + i;
          int at = i * padded;
          if (decoded != null) {
            decoded.read(b, values, at);
          }
          java.util.Arrays.fill(values, at + spec.dIn(), at + padded, 0f);
          if (withBias) {
            RowArithmetic.add(values, at, bDec, 0, padded);
          }
          RowArithmetic.add(values, at, memory.residuals(), b * padded, padded);
          squares[b] = RowArithmetic.dot(values, at, values, at, padded);
          RowArithmetic.scale(values, at, factorOf(b, factors), values, at, padded);
        });
  }

  private void readDecoded(Matrix x, DecodeByLatent decoded, int b, StepScratch.Worker scratch) {
    readInput(x, b, scratch);
    decoded.read(b, scratch.out, 0);
    RowArithmetic.add(scratch.out, 0, bDec, 0, memory.padded);
  }

  private void residual(
      Matrix x, HeapCodes codes, int b, StepScratch.Worker scratch, float[] squares) {
    readInput(x, b, scratch);
    if (nested == null) {
      decode(codes, b, scratch, true);
    } else {
      decodeNested(codes, b, scratch);
    }
    error(b, scratch, squares);
  }

  private void readInput(Matrix x, int b, StepScratch.Worker scratch) {
    Rows.copy(x, b, 0, spec.dIn(), scratch.x, 0);
    if (factor != 1f) {
      RowArithmetic.scale(scratch.x, 0, factor, scratch.x, 0, memory.padded);
    }
  }

  /** The error of a reconstruction, and its squared norm. */
  private void error(int b, StepScratch.Worker scratch, float[] squares) {
    int padded = memory.padded;
    if (scales != null) {
      RowArithmetic.affine(scratch.out, 0, scales[b], shifts[b], spec.dIn());
    }
    RowArithmetic.subtract(scratch.out, 0, scratch.x, 0, scratch.error, 0, padded);
    squares[b] = RowArithmetic.dot(scratch.error, 0, scratch.error, 0, padded);
  }

  private void toGradient(
      float[] errors,
      int errorsAt,
      int b,
      float[] factors,
      float[] addend,
      int addendAt,
      float[] gradient,
      int at) {
    int padded = memory.padded;
    RowArithmetic.scale(errors, errorsAt, factorOf(b, factors), gradient, at, padded);
    if (addend != null) {
      RowArithmetic.add(gradient, at, addend, addendAt, padded);
    }
    if (scales != null) {
      RowArithmetic.scale(gradient, at, scales[b], gradient, at, padded);
    }
  }

  private float factorOf(int row, float[] factors) {
    return factors[row / spec.microBatchRows()];
  }

  /** Decodes, and on the way takes the error and the gradient of every prefix. */
  private void decodeNested(HeapCodes codes, int b, StepScratch.Worker scratch) {
    int padded = memory.padded;
    java.util.Arrays.fill(scratch.out, 0f);
    int first = codes.starts[b];
    int last = codes.starts[b + 1];
    int from = first;
    for (int level = 0; level < nested.count(); level++) {
      int to = nested.end(level, codes.indices, from, last);
      addDecoded(codes, first, from, to, scratch);
      from = to;
      float[] out = scratch.term;
      System.arraycopy(scratch.out, 0, out, 0, padded);
      RowArithmetic.add(out, 0, bDec, 0, padded);
      if (scales != null) {
        RowArithmetic.affine(out, 0, scales[b], shifts[b], spec.dIn());
      }
      RowArithmetic.subtract(out, 0, scratch.x, 0, out, 0, padded);
      nested.squares(level)[b] = RowArithmetic.dot(out, 0, out, 0, padded);
      toGradient(out, 0, b, nestedFactors, null, 0, nested.gradient(level), b * padded);
    }
    addDecoded(codes, first, from, last, scratch);
    RowArithmetic.add(scratch.out, 0, bDec, 0, padded);
  }

  private void decode(HeapCodes codes, int b, StepScratch.Worker scratch, boolean withBias) {
    java.util.Arrays.fill(scratch.out, 0f);
    addDecoded(codes, codes.starts[b], codes.starts[b], codes.starts[b + 1], scratch);
    if (withBias) {
      RowArithmetic.add(scratch.out, 0, bDec, 0, memory.padded);
    }
  }

  /** Goes on with the chain of a row: codes from {@code from} to {@code to}. */
  private void addDecoded(
      HeapCodes codes, int first, int from, int to, StepScratch.Worker scratch) {
    int padded = memory.padded;
    int at = first;
    for (int slot = from - first; slot < to - first; ) {
      int place = slot % CHUNK;
      int count = Math.min(Math.min(IN_L1, CHUNK - place), to - first - slot);
      loadDecoderRows(codes, at + slot, count, scratch, place);
      RowArithmetic.combine(
          codes.values,
          at + slot,
          scratch.chunkAt,
          place,
          count,
          scratch.decoderRows,
          padded,
          scratch.out,
          0);
      slot += count;
    }
  }

  private void codeGradients(
      HeapCodes codes,
      int b,
      float[] gradient,
      NestedLevels levels,
      boolean gated,
      StepScratch.Worker scratch,
      boolean loaded) {
    int padded = memory.padded;
    int at = codes.starts[b];
    int length = length(codes, b);
    for (int slot = 0; slot < length; slot += CHUNK) {
      int count = Math.min(CHUNK, length - slot);
      if (!loaded) {
        loadDecoderRows(codes, at + slot, count, scratch, 0);
      }
      for (int i = 0; i < count; ) {
        int level = levels == null ? 0 : levels.levelOf(codes.indices[at + slot + i]);
        boolean rest = levels == null || level == levels.count();
        int to =
            rest
                ? count
                : levels.end(level, codes.indices, at + slot + i, at + slot + count) - at - slot;
        RowArithmetic.dots(
            rest ? gradient : levels.gradient(level),
            b * padded,
            scratch.decoderRows,
            i * padded,
            to - i,
            padded,
            codes.deltas,
            at + slot + i);
        i = to;
      }
    }
    if (gated) {
      for (int i = at; i < at + length; i++) {
        codes.deltas[i] = codes.values[i] > 0 ? codes.deltas[i] : 0f;
      }
    }
  }

  private void loadDecoderRows(
      HeapCodes codes, int from, int count, StepScratch.Worker scratch, int place) {
    for (int i = 0; i < count; i++) {
      Rows.copy(
          state.wDec(),
          codes.indices[from + i],
          0,
          spec.dIn(),
          scratch.decoderRows,
          (place + i) * memory.padded);
    }
  }

  private static int length(HeapCodes codes, int b) {
    return codes.starts[b + 1] - codes.starts[b];
  }

  private void readBias() {
    state.bDec().read(0, 1, bDec, 0);
  }

  /** Runs the work for every sample of a block, numbered from 0. */
  void forEach(int rows, Sample sample) {
    pool.run(
        (rows + TASK - 1) / TASK,
        (task, worker) -> {
          StepScratch.Worker scratch = memory.workers[worker];
          int last = Math.min(rows, (task + 1) * TASK);
          for (int b = task * TASK; b < last; b++) {
            sample.run(b, scratch);
          }
        });
  }
}
