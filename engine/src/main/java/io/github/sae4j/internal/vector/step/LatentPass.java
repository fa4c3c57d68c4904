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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
  /**
   * Latents of one task, at most: long runs through the matrices are read and written faster.
   * Measured, Adam alone: 128 latents 8.5 ms, 32 10.0 ms, 16 12.0 ms.
   */
  private static final int TASK = 128;

  /** Latents whose weights are read for some columns before those for the next columns. */
  private static final int RUN = 32;

  /**
   * Rows of W_dec that are read ahead, for the gradients of the codes: one long run instead of a
   * row between others. Tasks begin with a multiple.
   */
  private static final int AHEAD = 8;

  /** A latent without a gradient. */
  private static final byte ZERO = 0;

  /** A latent whose gradient rows are kept. */
  private static final byte KEPT = 1;

  /** A latent whose gradient rows are formed again. */
  private static final byte FORMED_AGAIN = 2;

  private interface Latent {
    void run(int latent, StepScratch.Worker scratch);
  }

  private interface Range {
    void run(int from, int to);
  }

  private static final Range NOTHING = (from, to) -> {};

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
  private final int keptFrom;
  private final Part encoder;
  private final Part decoder;
  private final Parameter bEnc;
  private final float[] biasGradient;

  /** The first latent of every task. */
  private final int[] bounds;

  private final float[] zeros;
  private final float[] throughInput;

  /** When the recipe clips: what the first pass did with a latent's gradient rows. */
  private final byte[] ways;

  private float[] norms;
  private boolean normsCurrent;
  private CodeTerm main;
  private LatentTerm multi;
  private LatentTerm aux;

  /**
   * Allocates what the passes need.
   *
   * @param keptFrom samples of a latent from which clipping keeps its gradient rows
   */
  LatentPass(
      WorkerPool pool, FusedSpec spec, TrainingState state, StepScratch memory, int keptFrom) {
    this.pool = pool;
    this.keptFrom = keptFrom;
    this.spec = spec;
    this.state = state;
    this.memory = memory;
    this.bEnc = state.parameter(TrainingState.B_ENC);
    this.biasGradient = new float[Vectors.padded(spec.dSae())];
    this.bounds = bounds(spec.dSae(), pool.size());
    this.zeros = new float[memory.padded];
    this.throughInput = new float[memory.padded];
    boolean clipped = spec.clips();
    this.ways = clipped ? new byte[spec.dSae()] : null;
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
   * Takes the terms of a step, and forms the gradient of b_enc unless those of the main codes are
   * still to be formed: then both come with the gradients of W_dec.
   *
   * @param main the main term
   * @param multi the Multi-TopK term, or null
   * @param aux the AuxK term, or null; it forms gradients of codes only if the main term does
   */
  void begin(CodeTerm main, LatentTerm multi, LatentTerm aux) {
    this.main = main;
    this.multi = multi;
    this.aux = aux;
    if (!main.differentiates()) {
      forEach((i, scratch) -> biasGradient[i] = sumOfCodeGradients(i));
    }
  }

  private float sumOfCodeGradients(int latent) {
    float sum = main.biasGradient(latent);
    if (has(multi, latent)) {
      sum += multi.biasGradient(latent);
    }
    if (has(aux, latent)) {
      sum += aux.biasGradient(latent);
    }
    return sum;
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
    for (int first = 0; first < spec.dSae(); first += RUN) {
      int last = Math.min(spec.dSae(), first + RUN);
      int j = from;
      for (; j + 8 * LENGTH <= to; j += 8 * LENGTH) {
        addThroughInput8(first, last, j, out);
      }
      for (; j + LENGTH <= to; j += LENGTH) {
        addThroughInput1(first, last, j, out);
      }
      for (; j < to; j++) {
        for (int i = first; i < last; i++) {
          if (biasGradient[i] != 0) {
            float weight = state.wEnc().get(i, j);
            out[j] = Math.fma(biasGradient[i], weight, out[j]);
          }
        }
      }
    }
  }

  private void addThroughInput8(int first, int last, int column, float[] out) {
    MemorySegment encoder = state.wEnc().segment();
    float[] gradients = biasGradient;
    FloatVector s0 = FloatVector.fromArray(SPECIES, out, column);
    FloatVector s1 = FloatVector.fromArray(SPECIES, out, column + LENGTH);
    FloatVector s2 = FloatVector.fromArray(SPECIES, out, column + 2 * LENGTH);
    FloatVector s3 = FloatVector.fromArray(SPECIES, out, column + 3 * LENGTH);
    FloatVector s4 = FloatVector.fromArray(SPECIES, out, column + 4 * LENGTH);
    FloatVector s5 = FloatVector.fromArray(SPECIES, out, column + 5 * LENGTH);
    FloatVector s6 = FloatVector.fromArray(SPECIES, out, column + 6 * LENGTH);
    FloatVector s7 = FloatVector.fromArray(SPECIES, out, column + 7 * LENGTH);
    for (int i = first; i < last; i++) {
      float gradient = gradients[i];
      if (gradient == 0) {
        continue;
      }
      long at = state.wEnc().rowOffset(i) + 4L * column;
      FloatVector g = FloatVector.broadcast(SPECIES, gradient);
      s0 = g.fma(weights(encoder, at, 0), s0);
      s1 = g.fma(weights(encoder, at, 1), s1);
      s2 = g.fma(weights(encoder, at, 2), s2);
      s3 = g.fma(weights(encoder, at, 3), s3);
      s4 = g.fma(weights(encoder, at, 4), s4);
      s5 = g.fma(weights(encoder, at, 5), s5);
      s6 = g.fma(weights(encoder, at, 6), s6);
      s7 = g.fma(weights(encoder, at, 7), s7);
    }
    s0.intoArray(out, column);
    s1.intoArray(out, column + LENGTH);
    s2.intoArray(out, column + 2 * LENGTH);
    s3.intoArray(out, column + 3 * LENGTH);
    s4.intoArray(out, column + 4 * LENGTH);
    s5.intoArray(out, column + 5 * LENGTH);
    s6.intoArray(out, column + 6 * LENGTH);
    s7.intoArray(out, column + 7 * LENGTH);
  }

  private void addThroughInput1(int first, int last, int column, float[] out) {
    MemorySegment encoder = state.wEnc().segment();
    FloatVector s = FloatVector.fromArray(SPECIES, out, column);
    for (int i = first; i < last; i++) {
      float gradient = biasGradient[i];
      if (gradient != 0) {
        long at = state.wEnc().rowOffset(i) + 4L * column;
        s = FloatVector.broadcast(SPECIES, gradient).fma(weights(encoder, at, 0), s);
      }
    }
    s.intoArray(out, column);
  }

  private static FloatVector weights(MemorySegment rows, long at, int vector) {
    return FloatVector.fromMemorySegment(
        SPECIES, rows, at + 4L * LENGTH * vector, ByteOrder.nativeOrder());
  }

  /** When the recipe clips: forms the rows of W_dec for their norms. */
  void formDecoderGradients() {
    formGradients(decoder);
  }

  /** When the recipe clips: forms the rows of W_enc for their norms. */
  void formEncoderGradients() {
    formGradients(encoder);
  }

  private void formGradients(Part part) {
    forEach(new FormGradient(part));
  }

  // The costly ones are classes: of a lambda, its own method and that of its hidden class are
  // compiled, each with all that it calls.

  /** Forms a gradient row for its norm. */
  private final class FormGradient implements Latent {
    private final Part part;

    FormGradient(Part part) {
      this.part = part;
    }

    @Override
    public void run(int latent, StepScratch.Worker scratch) {
      boolean any = form(part.side, latent, scratch);
      part.squares[latent] = 0f;
      byte way = ZERO;
      if (any) {
        part.squares[latent] =
            RowArithmetic.dot(scratch.gradient, 0, scratch.gradient, 0, memory.padded);
        way = isKept(latent) ? KEPT : FORMED_AGAIN;
        if (way == KEPT) {
          part.kept.write(latent, 1, scratch.gradient, 0);
        }
      }
      ways[latent] = way;
    }
  }

  /** Updates a row with the gradient that was formed before. */
  private final class ApplyGradient implements Latent {
    private final Part part;
    private final Adam adam;

    ApplyGradient(Part part, Adam adam) {
      this.part = part;
      this.adam = adam;
    }

    @Override
    public void run(int latent, StepScratch.Worker scratch) {
      apply(part, latent, formedAgain(part, latent, scratch), adam, scratch);
    }
  }

  /** Forms a gradient row and updates with it. */
  private final class FormAndApply implements Latent {
    private final Part part;
    private final Adam adam;

    FormAndApply(Part part, Adam adam) {
      this.part = part;
      this.adam = adam;
    }

    @Override
    public void run(int latent, StepScratch.Worker scratch) {
      boolean any = form(part.side, latent, scratch);
      apply(part, latent, any ? scratch.gradient : zeros, adam, scratch);
    }
  }

  /** How many latents' gradient rows are kept. */
  int kept() {
    int count = 0;
    for (int i = 0; i < spec.dSae(); i++) {
      count += touched(i) && isKept(i) ? 1 : 0;
    }
    return count;
  }

  /** Whether gradient rows are kept until the norm is known; others are formed twice. */
  private boolean isKept(int latent) {
    return main.count(latent) >= keptFrom || has(multi, latent) || has(aux, latent);
  }

  /** Squared norm of both weight gradients. */
  double squaredNorm(BatchSums sums) {
    return sums.sumOfMany(encoder.squares, spec.dSae())
        + sums.sumOfMany(decoder.squares, spec.dSae());
  }

  /** When the recipe clips: updates both matrices and b_enc, now that the norm is known. */
  void applyGradients(Adam adam) {
    applyGradients(decoder, adam);
    applyGradients(encoder, adam);
  }

  private void applyGradients(Part part, Adam adam) {
    forEach(new ApplyGradient(part, adam), with(part, adam));
  }

  /** What is updated with a matrix: with W_enc the same latents' elements of b_enc. */
  private Range with(Part part, Adam adam) {
    return part.side == Side.ENCODER
        ? (from, to) -> AdamRows.updatePart(bEnc, from, to, biasGradient, adam)
        : NOTHING;
  }

  private float[] formedAgain(Part part, int latent, StepScratch.Worker scratch) {
    // The terms are not asked again: AuxK becomes active late in a run, and what asks it is
    // compiled again then.
    byte way = ways[latent];
    if (way == ZERO) {
      return zeros;
    }
    if (way == KEPT) {
      part.kept.read(latent, 1, scratch.gradient, 0);
    } else {
      Arrays.fill(scratch.gradient, 0f);
      main.accumulate(part.side, latent, scratch, scratch.gradient);
      project(part.side, latent, scratch);
    }
    return scratch.gradient;
  }

  /** When the recipe does not clip: forms the rows of W_dec and updates it. */
  void updateDecoder(Adam adam) {
    formAndApply(decoder, adam);
  }

  /** When the recipe does not clip: forms the rows of W_enc and updates it and b_enc. */
  void updateEncoder(Adam adam) {
    formAndApply(encoder, adam);
  }

  private void formAndApply(Part part, Adam adam) {
    forEach(new FormAndApply(part, adam), with(part, adam));
  }

  private boolean touched(int latent) {
    return has(main, latent) || has(multi, latent) || has(aux, latent);
  }

  private static boolean has(LatentTerm term, int latent) {
    return term != null && term.touches(latent);
  }

  /** Forms a gradient row of a latent; false if it is zero and was not written. */
  private boolean form(Side side, int latent, StepScratch.Worker scratch) {
    boolean touched = touched(latent);
    if (touched) {
      Arrays.fill(scratch.gradient, 0f);
    }
    boolean ofDecoder = side == Side.DECODER;
    boolean differentiates = ofDecoder && main.differentiates();
    int place = latent % AHEAD;
    if (differentiates && place == 0) {
      int count = Math.min(AHEAD, spec.dSae() - latent);
      for (int i = 0; i < count; i++) {
        Rows.copy(state.wDec(), latent + i, 0, spec.dIn(), scratch.decoderRows, i * memory.padded);
      }
    }
    // Only after the copy: the gradients of the codes are those of the rows that decoded.
    if (ofDecoder && spec.decoderNorm().when() == DecoderNormRule.When.AFTER_BACKWARD) {
      normalizeDecoderRow(latent, scratch);
    }
    int at = place * memory.padded;
    if (touched) {
      main.form(side, latent, at, scratch, scratch.gradient);
      if (has(multi, latent)) {
        multi.addTo(side, latent, at, scratch);
      }
      if (has(aux, latent)) {
        aux.addTo(side, latent, at, scratch);
      }
    }
    if (differentiates) {
      biasGradient[latent] = touched ? sumOfCodeGradients(latent) : 0f;
    }
    if (touched) {
      project(side, latent, scratch);
    }
    return touched;
  }

  private void project(Side side, int latent, StepScratch.Worker scratch) {
    if (side == Side.DECODER && spec.decoderNorm().projectGradient()) {
      readDecoder(latent, scratch);
      if (spec.decoderNorm().projectEpsilon() > 0) {
        RowArithmetic.normalize(
            scratch.unit, 0, spec.decoderNorm().projectEpsilon(), memory.padded);
      }
      RowArithmetic.project(scratch.gradient, 0, scratch.unit, 0, memory.padded);
    }
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
    forEach(latent, NOTHING);
  }

  /** Runs the work for every latent, and the other for the latents of each task after that. */
  private void forEach(Latent latent, Range range) {
    pool.run(
        bounds.length - 1,
        (task, worker) -> {
          StepScratch.Worker scratch = memory.workers[worker];
          for (int i = bounds[task]; i < bounds[task + 1]; i++) {
            latent.run(i, scratch);
          }
          range.run(bounds[task], bounds[task + 1]);
        });
  }

  /**
   * The first latent of every task, and the number of latents. Every thread has a range of its own,
   * of equally many tasks, which become smaller towards its end: then nobody waits long for the
   * last.
   */
  static int[] bounds(int latents, int threads) {
    int range = Math.ceilDiv(Math.ceilDiv(latents, threads), AHEAD) * AHEAD;
    List<Integer> ends = new ArrayList<>();
    for (int done = 0; done < range; ) {
      int part = (range - done) / 4 / AHEAD * AHEAD;
      done = Math.min(range, done + Math.clamp(part, AHEAD, TASK));
      ends.add(done);
    }
    int[] bounds = new int[threads * ends.size() + 1];
    for (int i = 1; i < bounds.length; i++) {
      long first = (long) (i - 1) / ends.size() * range;
      bounds[i] = (int) Math.min(latents, first + ends.get((i - 1) % ends.size()));
    }
    return bounds;
  }
}
