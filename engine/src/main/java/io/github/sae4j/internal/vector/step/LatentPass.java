package io.github.sae4j.internal.vector.step;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.internal.vector.rows.AdamRows;
import io.github.sae4j.internal.vector.rows.BatchSums;
import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.TrainingState;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * The passes over latents: gradient rows, projection, optimizer. A row is processed by exactly one
 * thread, so no atomics are needed; blocks of latents are claimed one by one, which evens out
 * latents that fire very often.
 *
 * <p>Gradients are formed for one matrix at a time: the rows of the batch that it sums stay in the
 * cache (12 MiB at B = 4096, d = 768, with 32 MiB of L3: on two threads a seventh faster than both
 * at once).
 */
final class LatentPass {
  /** Latents of one task. */
  private static final int TASK = 32;

  private interface Latent {
    void run(int latent, StepScratch.Worker scratch);
  }

  /**
   * A matrix as the optimizer sees it.
   *
   * @param side which
   * @param weights {@code [d_sae, d_in]} with moments
   * @param kept gradient rows kept between the two passes of clipping; or null
   * @param squares their squared norms; or null
   */
  private record Part(Side side, Parameter weights, Matrix kept, float[] squares) {}

  private final WorkerPool pool;
  private final FusedSpec spec;
  private final TrainingState state;
  private final StepScratch memory;
  private final Part encoder;
  private final Part decoder;
  private final float[] biasGradient;
  private final float[] zeros;
  private final float[] throughInput;
  private float[] norms;
  private boolean normsCurrent;
  private CodeTerm main;
  private LatentTerm multi;
  private LatentTerm aux;

  LatentPass(WorkerPool pool, FusedSpec spec, TrainingState state, StepScratch memory) {
    this.pool = pool;
    this.spec = spec;
    this.state = state;
    this.memory = memory;
    this.biasGradient = new float[Vectors.padded(spec.dSae())];
    this.zeros = new float[memory.padded];
    this.throughInput = new float[memory.padded];
    boolean clipped = spec.clips();
    this.encoder =
        new Part(
            Side.ENCODER,
            state.parameter(TrainingState.W_ENC),
            memory.keptEncoderGradients,
            clipped ? new float[spec.dSae()] : null);
    this.decoder =
        new Part(
            Side.DECODER,
            state.parameter(TrainingState.W_DEC),
            memory.keptDecoderGradients,
            clipped ? new float[spec.dSae()] : null);
  }

  /** Gradient of b_enc, padded. */
  float[] biasGradient() {
    return biasGradient;
  }

  /** Brings decoder rows to unit norm. */
  void normalizeDecoder() {
    forEach(this::normalizeDecoderRow);
    normsCurrent = false;
  }

  /**
   * Norms of decoder rows. The first call computes them; from then on every update refreshes those
   * of the rows it writes.
   */
  float[] decoderNorms() {
    if (normsCurrent) {
      return norms;
    }
    if (norms == null) {
      norms = new float[spec.dSae()];
    }
    forEach(
        (i, scratch) -> {
          readDecoder(i, scratch);
          norms[i] = RowArithmetic.norm(scratch.unit, 0, memory.padded);
        });
    normsCurrent = true;
    return norms;
  }

  /**
   * Takes the terms of a step and forms the gradient of b_enc.
   *
   * @param main the main term
   * @param multi the Multi-TopK term, or null
   * @param aux the AuxK term, or null
   */
  void begin(CodeTerm main, LatentTerm multi, LatentTerm aux) {
    this.main = main;
    this.multi = multi;
    this.aux = aux;
    forEach(
        (i, scratch) -> {
          float sum = main.biasGradient(i);
          if (has(multi, i)) {
            sum += multi.biasGradient(i);
          }
          if (has(aux, i)) {
            sum += aux.biasGradient(i);
          }
          biasGradient[i] = sum;
        });
  }

  /**
   * db_enc W_enc: per column one chain over ascending latents; those with gradient 0 are skipped.
   * Every thread takes a range of columns as wide as possible: W_enc is read once, and in runs long
   * enough for the prefetcher.
   */
  float[] throughInput() {
    float[] out = throughInput;
    Arrays.fill(out, 0f);
    int ranges = Math.min(pool.size(), memory.padded / LENGTH);
    pool.run(
        ranges,
        (range, worker) -> {
          int from = memory.padded / LENGTH * range / ranges * LENGTH;
          int to = memory.padded / LENGTH * (range + 1) / ranges * LENGTH;
          addThroughInput(from, Math.min(to, spec.dIn()), out);
        });
    return out;
  }

  private void addThroughInput(int from, int to, float[] out) {
    MemorySegment encoder = state.wEnc().segment();
    int whole = from + (to - from) / LENGTH * LENGTH;
    for (int i = 0; i < spec.dSae(); i++) {
      float gradient = biasGradient[i];
      if (gradient == 0) {
        continue;
      }
      long row = state.wEnc().rowOffset(i);
      FloatVector w = FloatVector.broadcast(SPECIES, gradient);
      for (int j = from; j < whole; j += LENGTH) {
        FloatVector weights =
            FloatVector.fromMemorySegment(SPECIES, encoder, row + 4L * j, ByteOrder.nativeOrder());
        w.fma(weights, FloatVector.fromArray(SPECIES, out, j)).intoArray(out, j);
      }
      for (int j = whole; j < to; j++) {
        out[j] = Math.fma(gradient, encoder.get(Matrix.FLOAT, row + 4L * j), out[j]);
      }
    }
  }

  /** When the recipe clips: forms the rows and keeps them with their norms. */
  void formGradients() {
    formGradients(decoder);
    formGradients(encoder);
  }

  private void formGradients(Part part) {
    forEach(
        (i, scratch) -> {
          boolean any = form(part.side, i, scratch);
          part.squares[i] = 0f;
          if (any) {
            part.squares[i] =
                RowArithmetic.dot(scratch.gradient, 0, scratch.gradient, 0, memory.padded);
            part.kept.write(i, 1, scratch.gradient, 0);
          }
        });
  }

  /** Squared norm of both weight gradients. */
  double squaredNorm() {
    return BatchSums.sum(encoder.squares, 0, spec.dSae())
        + BatchSums.sum(decoder.squares, 0, spec.dSae());
  }

  /** Applies the kept rows. */
  void applyGradients(Adam adam) {
    forEach(
        (i, scratch) -> {
          apply(encoder, i, kept(encoder, i, scratch), adam, scratch);
          apply(decoder, i, kept(decoder, i, scratch), adam, scratch);
        });
  }

  private float[] kept(Part part, int latent, StepScratch.Worker scratch) {
    if (!touched(latent)) {
      return zeros;
    }
    part.kept.read(latent, 1, scratch.gradient, 0);
    return scratch.gradient;
  }

  /** Forms and applies at once, when the recipe does not clip. */
  void formAndApply(Adam adam) {
    formAndApply(decoder, adam);
    formAndApply(encoder, adam);
  }

  private void formAndApply(Part part, Adam adam) {
    forEach(
        (i, scratch) -> {
          boolean any = form(part.side, i, scratch);
          apply(part, i, any ? scratch.gradient : zeros, adam, scratch);
        });
  }

  private boolean touched(int latent) {
    return has(main, latent) || has(multi, latent) || has(aux, latent);
  }

  private static boolean has(LatentTerm term, int latent) {
    return term != null && term.touches(latent);
  }

  /** Forms a gradient row of a latent; false if it is zero and was not written. */
  private boolean form(Side side, int latent, StepScratch.Worker scratch) {
    boolean ofDecoder = side == Side.DECODER;
    if (ofDecoder && spec.decoderNorm().when() == DecoderNormRule.When.AFTER_BACKWARD) {
      normalizeDecoderRow(latent, scratch);
    }
    if (!touched(latent)) {
      return false;
    }
    Arrays.fill(scratch.gradient, 0f);
    main.accumulate(side, latent, scratch, scratch.gradient);
    if (has(multi, latent)) {
      multi.addTo(side, latent, scratch);
    }
    if (has(aux, latent)) {
      aux.addTo(side, latent, scratch);
    }
    if (ofDecoder && spec.decoderNorm().projectGradient()) {
      readDecoder(latent, scratch);
      if (spec.decoderNorm().projectEpsilon() > 0) {
        RowArithmetic.normalize(
            scratch.unit, 0, spec.decoderNorm().projectEpsilon(), memory.padded);
      }
      RowArithmetic.project(scratch.gradient, 0, scratch.unit, 0, memory.padded);
    }
    return true;
  }

  private void apply(
      Part part, int latent, float[] gradient, Adam adam, StepScratch.Worker scratch) {
    AdamRows.update(part.weights, latent, gradient, 0, adam);
    if (part.side == Side.ENCODER) {
      return;
    }
    if (spec.decoderNorm().when() == DecoderNormRule.When.AFTER_STEP) {
      normalizeDecoderRow(latent, scratch);
    }
    if (norms != null) {
      readDecoder(latent, scratch);
      norms[latent] = RowArithmetic.norm(scratch.unit, 0, memory.padded);
    }
  }

  private void normalizeDecoderRow(int latent, StepScratch.Worker scratch) {
    readDecoder(latent, scratch);
    RowArithmetic.normalize(scratch.unit, 0, spec.decoderNorm().epsilon(), memory.padded);
    state.wDec().write(latent, 1, scratch.unit, 0);
  }

  private void readDecoder(int latent, StepScratch.Worker scratch) {
    Rows.copy(state.wDec(), latent, 0, spec.dIn(), scratch.unit, 0);
  }

  private void forEach(Latent latent) {
    int n = spec.dSae();
    pool.run(
        (n + TASK - 1) / TASK,
        (task, worker) -> {
          StepScratch.Worker scratch = memory.workers[worker];
          int last = Math.min(n, (task + 1) * TASK);
          for (int i = task * TASK; i < last; i++) {
            latent.run(i, scratch);
          }
        });
  }
}
