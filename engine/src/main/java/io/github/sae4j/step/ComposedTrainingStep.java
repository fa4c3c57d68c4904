package io.github.sae4j.step;

import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.kernels.Selection;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * The training step composed from a device's kernels, one by one. On the scalar device it is the
 * definition of a step; fused steps return its bits.
 *
 * <p>Order of operations beyond that of the kernels, e = x̂ − x, factors computed in double and
 * rounded once:
 *
 * <ul>
 *   <li>g = e · factor, one rounding; factor = 2/(B M) for the squared error, 2/(V M) for FVU, 2
 *       mse_scale/(B d M), B the rows of the micro-batch, V its total variance, M the number of
 *       micro-batches. With an attached AuxK residual g ← g + h. With input normalisation g is then
 *       multiplied by the row's output scale.
 *   <li>Multi-TopK: g₄ likewise with factor 2/(8 V M).
 *   <li>AuxK: q = ê + e, h = q · factor, factor = 2 coefficient scale/(N M), N the normaliser.
 *   <li>Gradient by latent: main, then plus Multi-TopK, then plus AuxK (rule 4).
 *   <li>Gradient of b_dec: column sums of g, plus those of g₄, plus those of h, minus the product
 *       db_enc W_enc (if b_dec is subtracted from the input).
 *   <li>Clipping: squared norms of rows by lanes, added in double in blocks of 256 for W_enc and
 *       W_dec; b_enc and b_dec are one row each; coefficient min(1, max_norm/(√s + 1e-6)).
 * </ul>
 */
public final class ComposedTrainingStep implements TrainingStep {
  /** PyTorch's {@code clip_grad_norm_} adds this to the norm. */
  public static final double CLIP_EPSILON = 1e-6;

  /**
   * Gradients of one step, before projection and clipping. Valid during the observer's call.
   *
   * @param wEnc {@code [d_sae, d_in]}
   * @param wDec {@code [d_sae, d_in]}
   * @param bEnc {@code [1, d_sae]}
   * @param bDec {@code [1, d_in]}
   */
  public record Gradients(Matrix wEnc, Matrix wDec, Matrix bEnc, Matrix bDec) {}

  /**
   * What a step saw on its way, for tests and inspection. Valid during the observer's call.
   *
   * @param codes main codes {@code [rows, k]}
   * @param multiCodes codes of the Multi-TopK term, or null
   * @param saeOut reconstruction {@code [rows, d_in]}
   * @param multiOut reconstruction from {@code multiCodes}, or null
   * @param dead the dead mask used
   * @param gradients gradients before projection and clipping
   */
  public record Observation(
      SparseCodes codes,
      SparseCodes multiCodes,
      Matrix saeOut,
      Matrix multiOut,
      boolean[] dead,
      Gradients gradients) {}

  private final Kernels device;
  private final StepSpec spec;
  private final TrainingState state;
  private final Consumer<Observation> observer;
  private final OffHeap memory;
  private final Gradients gradients;
  private final Gradients term;

  /**
   * Composes a step.
   *
   * @param device runs the kernels
   * @param spec the step
   * @param state updated in place
   */
  public ComposedTrainingStep(Kernels device, StepSpec spec, TrainingState state) {
    this(device, spec, state, observation -> {});
  }

  /**
   * Composes a step that shows its intermediate results.
   *
   * @param device runs the kernels
   * @param spec the step
   * @param state updated in place
   * @param observer called once per step, after the backward pass
   */
  public ComposedTrainingStep(
      Kernels device, StepSpec spec, TrainingState state, Consumer<Observation> observer) {
    Shapes.expect("W_enc", state.wEnc(), spec.dSae(), spec.dIn());
    this.device = device;
    this.spec = spec;
    this.state = state;
    this.observer = observer;
    this.memory = device.openMemory();
    this.gradients = allocateGradients(memory, spec.dSae(), spec.dIn());
    this.term = spec.multiTopK() ? allocateGradients(memory, spec.dSae(), spec.dIn()) : null;
  }

  private static Gradients allocateGradients(OffHeap memory, int rows, int dIn) {
    return new Gradients(
        memory.matrix(rows, dIn),
        memory.matrix(rows, dIn),
        memory.vector(rows),
        memory.vector(dIn));
  }

  @Override
  public StepReport run(Matrix x, double learningRate, long number, boolean withVariance) {
    Shapes.expect(
        x.rows() >= 1 && x.rows() <= spec.maxRows() && x.cols() == spec.dIn(),
        "x",
        "1 to " + spec.maxRows() + " rows of width " + spec.dIn(),
        x.shape());
    try (OffHeap scratch = device.openMemory()) {
      return new Pass(x, scratch).run(learningRate, number, withVariance);
    }
  }

  @Override
  public void synchronize() {
    // The state is worked on in place.
  }

  @Override
  public void close() {
    memory.close();
  }

  /** One step's intermediate results. */
  private final class Pass {
    private final Matrix x;
    private final OffHeap scratch;
    private final int rows;
    private final int micros;

    private Matrix input;
    private Matrix outScales;
    private Matrix outShifts;
    private Matrix norms;
    private SparseCodes codes;
    private SparseCodes multiCodes;
    private int[] dead;
    private boolean[] deadMask;
    private Matrix saeOut;
    private Matrix multiOut;
    private Matrix error;
    private Matrix g;
    private Matrix multiG;
    private Matrix h;
    private SparseCodes auxCodes;
    private Matrix deadDecoder;

    private double mainLoss;
    private double auxLoss;
    private double multiLoss;
    private final OrderedSums.Blocks squaredError = new OrderedSums.Blocks();
    private double totalVariance = Double.NaN;
    private final OrderedSums.Blocks rowExplained = new OrderedSums.Blocks();
    private long active;

    Pass(Matrix x, OffHeap scratch) {
      this.x = x;
      this.scratch = scratch;
      this.rows = x.rows();
      this.micros = (rows + spec.microBatchRows() - 1) / spec.microBatchRows();
    }

    StepReport run(double learningRate, long number, boolean withVariance) {
      if (spec.decoderNorm() == StepSpec.DecoderNorm.BEFORE_FORWARD) {
        device.normalizeRows(state.wDec(), spec.decoderNormEpsilon());
      }
      prepareInput();
      encode();
      count();
      reconstruct(withVariance);
      backward();
      double norm = update(learningRate, number);
      double loss =
          mainLoss
              + spec.aux().coefficient() * auxLoss
              + (spec.multiTopK() ? StepSpec.MULTI_TOP_K_WEIGHT * multiLoss : 0);
      return new StepReport(
          rows,
          loss,
          mainLoss,
          auxLoss,
          multiLoss,
          squaredError.total(),
          totalVariance,
          Double.isNaN(totalVariance) ? Double.NaN : rowExplained.total() / rows,
          active,
          dead.length,
          norm);
    }

    private void prepareInput() {
      Matrix normalized = x;
      if (spec.normalization() != InputNormalization.NONE) {
        normalized = scratch.matrix(rows, spec.dIn());
        outScales = scratch.vector(rows);
        outShifts = scratch.vector(rows);
        spec.normalization().apply(x, normalized, outScales, outShifts);
      }
      input = normalized;
      if (spec.applyBDecToInput()) {
        input = scratch.matrix(rows, spec.dIn());
        device.subtractRow(normalized, state.bDec(), input);
      }
    }

    private void encode() {
      if (spec.rescaleByDecoderNorm()) {
        norms = scratch.vector(spec.dSae());
        device.rowNorms(state.wDec(), norms);
      }
      EncoderWeights encoder = new EncoderWeights(state.wEnc(), state.bEnc(), null, norms);
      codes = scratch.codes(rows, spec.k());
      device.encodeTopK(encoder, input, spec.selection(), codes);
      if (spec.multiTopK()) {
        multiCodes = scratch.codes(rows, spec.multiK());
        device.encodeTopK(encoder, input, spec.selection(), multiCodes);
      }
    }

    private void count() {
      boolean[] fired = new boolean[spec.dSae()];
      for (int b = 0; b < rows; b++) {
        for (int slot = 0; slot < codes.k(); slot++) {
          float activation = codes.value(b, slot);
          int latent = codes.index(b, slot);
          if (norms != null) {
            activation *= norms.get(0, latent);
          }
          active += activation > 0 ? 1 : 0;
          fired[latent] |=
              switch (spec.fired()) {
                case POSITIVE -> activation > 0;
                case SELECTED -> true;
                case ABOVE_THRESHOLD -> activation > StepSpec.FIRED_THRESHOLD;
              };
        }
      }
      if (multiCodes != null && spec.fired() == StepSpec.Fired.SELECTED) {
        for (int b = 0; b < rows; b++) {
          for (int slot = 0; slot < multiCodes.k(); slot++) {
            fired[multiCodes.index(b, slot)] = true;
          }
        }
      }
      DeadLatents counter = new DeadLatents(spec.counting(), state.sinceFired());
      if (spec.counting().afterStep()) {
        counter.count(fired, rows);
        dead = counter.dead();
      } else {
        dead = counter.dead();
        counter.count(fired, rows);
      }
      deadMask = new boolean[spec.dSae()];
      for (int latent : dead) {
        deadMask[latent] = true;
      }
    }

    private void reconstruct(boolean withVariance) {
      saeOut = decode(codes);
      error = scratch.matrix(rows, spec.dIn());
      device.subtract(saeOut, x, error);
      g = scratch.matrix(rows, spec.dIn());
      g.copyFrom(error);
      if (spec.multiTopK()) {
        multiOut = decode(multiCodes);
        multiG = scratch.matrix(rows, spec.dIn());
        device.subtract(multiOut, x, multiG);
      }
      boolean aux = spec.aux().coefficient() > 0 && dead.length > 0;
      if (aux) {
        encodeDead();
      }
      boolean needsVariance =
          withVariance
              || spec.loss() == StepSpec.MainLoss.FVU
              || spec.multiTopK()
              || (aux && spec.aux().normalizer() == AuxSpec.Normalizer.TOTAL_VARIANCE);
      if (needsVariance) {
        totalVariance = 0;
      }
      for (int micro = 0; micro < micros; micro++) {
        int from = micro * spec.microBatchRows();
        int count = Math.min(spec.microBatchRows(), rows - from);
        microLosses(from, count, needsVariance, aux);
      }
      mainLoss /= micros;
      auxLoss /= micros;
      multiLoss /= micros;
    }

    private Matrix decode(SparseCodes sparse) {
      Matrix out = scratch.matrix(rows, spec.dIn());
      device.decode(sparse, state.wDec(), state.bDec(), out);
      if (outScales != null) {
        device.scaleRows(out, outScales, outShifts);
      }
      return out;
    }

    private void microLosses(int from, int count, boolean needsVariance, boolean aux) {
      Matrix e = error.rows(from, count);
      Matrix rowSquares = scratch.vector(count);
      device.rowDots(e, e, rowSquares);
      double squares = sum(rowSquares);
      for (int b = 0; b < count; b++) {
        squaredError.add(rowSquares.get(0, b));
      }
      double variance = Double.NaN;
      if (needsVariance) {
        Matrix distances = centeredSquares(x.rows(from, count));
        variance = sum(distances);
        totalVariance += variance;
        for (int b = 0; b < count; b++) {
          rowExplained.add(StepSums.explained(rowSquares.get(0, b), distances.get(0, b)));
        }
      }
      double divisor =
          switch (spec.loss()) {
            case SQUARED_ERROR -> count;
            case FVU -> variance;
            case SCALED_MSE -> (double) count * spec.dIn() / spec.mseScale();
          };
      mainLoss += StepSums.ratio(squares, divisor);
      device.scale(g.rows(from, count), StepSums.factor(2, divisor, micros));
      if (spec.multiTopK()) {
        Matrix multi = multiG.rows(from, count);
        device.rowDots(multi, multi, rowSquares);
        multiLoss += StepSums.ratio(sum(rowSquares), variance);
        device.scale(multi, StepSums.factor(2 * StepSpec.MULTI_TOP_K_WEIGHT, variance, micros));
      }
      if (aux) {
        Matrix q = h.rows(from, count);
        double normalizer =
            switch (spec.aux().normalizer()) {
              case ROWS -> count;
              case TOTAL_VARIANCE -> variance;
              case RESIDUAL_VARIANCE -> sum(centeredSquares(e));
            };
        device.add(q, e);
        device.rowDots(q, q, rowSquares);
        double scale = StepSums.auxScale(spec.aux(), dead.length);
        auxLoss += scale * StepSums.ratio(sum(rowSquares), normalizer);
        device.scale(q, StepSums.factor(2 * spec.aux().coefficient() * scale, normalizer, micros));
        if (!spec.aux().residualDetached()) {
          device.add(g.rows(from, count), q);
        }
      }
    }

    private Matrix centeredSquares(Matrix a) {
      Matrix mean = scratch.vector(spec.dIn());
      Matrix distances = scratch.vector(a.rows());
      device.columnMeans(a, mean);
      device.rowSquaredDistances(a, mean, distances);
      return distances;
    }

    /** Codes of the dead latents, in a space of their own: index j stands for latent dead[j]. */
    private void encodeDead() {
      Matrix wEnc = gather(state.wEnc());
      Matrix bEnc = gatherVector(state.bEnc());
      Matrix deadNorms = norms == null ? null : gatherVector(norms);
      deadDecoder = gather(state.wDec());
      auxCodes = scratch.codes(rows, Math.min(spec.aux().kAux(), dead.length));
      device.encodeTopK(
          new EncoderWeights(wEnc, bEnc, null, deadNorms),
          input,
          spec.aux().relu() ? Selection.RELU_FIRST : Selection.SIGNED,
          auxCodes);
      h = scratch.matrix(rows, spec.dIn());
      boolean withBias = spec.aux().bDec() == AuxSpec.BDec.INCLUDED;
      device.decode(auxCodes, deadDecoder, withBias ? state.bDec() : null, h);
    }

    private Matrix gather(Matrix all) {
      Matrix some = scratch.matrix(dead.length, all.cols());
      for (int j = 0; j < dead.length; j++) {
        MemorySegment.copy(
            all.segment(),
            all.rowOffset(dead[j]),
            some.segment(),
            some.rowOffset(j),
            4L * all.cols());
      }
      return some;
    }

    private Matrix gatherVector(Matrix all) {
      Matrix some = scratch.vector(dead.length);
      for (int j = 0; j < dead.length; j++) {
        some.set(0, j, all.get(0, dead[j]));
      }
      return some;
    }

    private void backward() {
      if (outScales != null) {
        device.scaleRows(g, outScales, null);
        if (multiG != null) {
          device.scaleRows(multiG, outScales, null);
        }
      }
      gradientsOf(codes, g, state.wDec(), true, gradients);
      if (multiCodes != null) {
        gradientsOf(multiCodes, multiG, state.wDec(), true, term);
        device.add(gradients.wEnc(), term.wEnc());
        device.add(gradients.wDec(), term.wDec());
        device.add(gradients.bEnc(), term.bEnc());
        device.add(gradients.bDec(), term.bDec());
      }
      if (auxCodes != null) {
        Gradients aux = allocateGradients(scratch, dead.length, spec.dIn());
        gradientsOf(auxCodes, h, deadDecoder, spec.aux().relu(), aux);
        for (int j = 0; j < dead.length; j++) {
          device.add(gradients.wEnc().rows(dead[j], 1), aux.wEnc().rows(j, 1));
          device.add(gradients.wDec().rows(dead[j], 1), aux.wDec().rows(j, 1));
          float bias = gradients.bEnc().get(0, dead[j]) + aux.bEnc().get(0, j);
          gradients.bEnc().set(0, dead[j], bias);
        }
        if (spec.aux().bDec() != AuxSpec.BDec.EXCLUDED) {
          device.add(gradients.bDec(), aux.bDec());
        }
      }
      if (spec.applyBDecToInput()) {
        Matrix throughInput = scratch.vector(spec.dIn());
        device.product(gradients.bEnc(), false, state.wEnc(), false, throughInput);
        device.subtract(gradients.bDec(), throughInput, gradients.bDec());
      }
      observer.accept(new Observation(codes, multiCodes, saeOut, multiOut, deadMask, gradients));
    }

    private void gradientsOf(
        SparseCodes sparse, Matrix gradient, Matrix wDec, boolean gated, Gradients out) {
      Matrix delta = scratch.matrix(rows, sparse.k());
      device.codeGradients(gradient, wDec, sparse, gated, delta);
      device.accumulateByLatent(sparse, null, gradient, out.wDec());
      device.accumulateByLatent(sparse, delta, input, out.wEnc());
      device.sumByLatent(sparse, delta, out.bEnc());
      device.columnSums(gradient, out.bDec());
    }

    private double update(double learningRate, long number) {
      if (spec.decoderNorm() == StepSpec.DecoderNorm.AFTER_BACKWARD) {
        device.normalizeRows(state.wDec(), spec.decoderNormEpsilon());
      }
      if (spec.projectGradient()) {
        device.projectRows(gradients.wDec(), state.wDec(), spec.projectEpsilon());
      }
      Adam adam = Adam.of(spec.beta1(), spec.beta2(), spec.adamEpsilon(), learningRate, number);
      double norm = Double.NaN;
      if (spec.clipNorm().isPresent()) {
        norm =
            Math.sqrt(
                squaredNorm(gradients.wEnc())
                    + squaredNorm(gradients.wDec())
                    + squaredNorm(gradients.bEnc())
                    + squaredNorm(gradients.bDec()));
        adam = adam.clippedBy(StepSums.clip(spec.clipNorm().getAsDouble(), norm));
      }
      device.adam(state.wEnc(), gradients.wEnc(), state.wEncM(), state.wEncV(), adam);
      device.adam(state.wDec(), gradients.wDec(), state.wDecM(), state.wDecV(), adam);
      device.adam(state.bEnc(), gradients.bEnc(), state.bEncM(), state.bEncV(), adam);
      device.adam(state.bDec(), gradients.bDec(), state.bDecM(), state.bDecV(), adam);
      if (spec.decoderNorm() == StepSpec.DecoderNorm.AFTER_STEP) {
        device.normalizeRows(state.wDec(), spec.decoderNormEpsilon());
      }
      return norm;
    }

    private double squaredNorm(Matrix gradient) {
      Matrix squares = scratch.vector(gradient.rows());
      device.rowDots(gradient, gradient, squares);
      return sum(squares);
    }

    private double sum(Matrix rowScalars) {
      OrderedSums.Blocks blocks = new OrderedSums.Blocks();
      for (float value : rowScalars.toArray()) {
        blocks.add(value);
      }
      return blocks.total();
    }
  }
}
