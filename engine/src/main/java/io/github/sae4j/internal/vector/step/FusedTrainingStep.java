package io.github.sae4j.internal.vector.step;

import io.github.sae4j.internal.flight.Flight;
import io.github.sae4j.internal.flight.Phase;
import io.github.sae4j.internal.vector.rows.AdamRows;
import io.github.sae4j.internal.vector.rows.BatchSums;
import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.select.BatchTopKEncoding;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.internal.vector.select.TopKEncoding;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Term;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DeadLatents;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.Arrays;

/**
 * The training step in fused passes: encode and select; the codes sorted by latent; decode by
 * latent, in blocks of columns; residuals and gradients at the output by sample; for each weight
 * matrix one pass per latent for its gradient row and the optimizer (two when the recipe clips),
 * that of W_dec with the gradients of the codes. Where blocks are too few for the threads or
 * latents nested, decode and code gradients are by sample. It returns the bits of {@link
 * io.github.sae4j.internal.composed.ComposedTrainingStep}, whose documentation gives the order of
 * operations.
 */
public final class FusedTrainingStep implements TrainingStep {
  private final WorkerPool pool;
  private final FusedSpec spec;
  private final TrainingState state;
  private final Parameter bDecState;
  private final TopKEncoding encoding;
  private final BatchTopKEncoding batchEncoding;
  private final BatchSums sums;
  private final StepScratch memory;
  private final SamplePass samples;
  private final DecodeByLatent byLatent;
  private final LatentPass latents;
  private final AuxTerm aux;
  private final OffHeap offHeap;
  private final HeapCodes codes = new HeapCodes();
  private final CodeTerm main;
  private final HeapCodes multiCodes = new HeapCodes();
  private final CodeTerm multi;
  private final NestedLevels nested;
  private final float[] rowScalars;
  private final float[] columns;
  private final float[] bDecGradient;
  private final boolean[] fired;

  /** The losses in the objective's order. */
  private final Loss[] terms;

  private final long[] actives;
  private final float[] leasts;
  private final float[] bEnc;
  private float[] norms;
  private final DeadLatents counter;
  private final float[] bDec;
  private Matrix normalized;
  private Matrix outScales;
  private Matrix outShifts;
  private final Flight.Span encodes = Flight.phase(Phase.ENCODE);
  private final Flight.Span decodes = Flight.phase(Phase.DECODE);
  private final Flight.Span differentiates = Flight.phase(Phase.GRADIENTS);
  private final Flight.Span updates = Flight.phase(Phase.UPDATE);
  private boolean decodedByLatent;
  private boolean closed;

  /**
   * Ways to the same bits.
   *
   * @param blockColumns columns of a block where codes are decoded by latent; 0 by sample
   * @param keptFrom samples of a latent from which clipping keeps its gradient rows instead of
   *     forming them twice
   */
  record Paths(int blockColumns, int keptFrom) {
    /** Fewer samples are gathered again in less time than a row is written and read again. */
    static final int KEPT_FROM = 8;

    /** What is best for a step on this many threads. */
    static Paths of(FusedSpec spec, int threads) {
      // Prefixes are sums on the way through a sample's codes.
      boolean bySample = spec.nested() != null;
      int columns = DecodeByLatent.columns(spec.maxRows(), spec.dIn(), threads);
      return new Paths(bySample ? 0 : columns, KEPT_FROM);
    }
  }

  public FusedTrainingStep(WorkerPool pool, StepSpec step, TrainingState state) {
    this(pool, step, state, AuxTerm.Limits.DEFAULT);
  }

  FusedTrainingStep(WorkerPool pool, StepSpec step, TrainingState state, AuxTerm.Limits limits) {
    this(pool, step, state, limits, Paths.of(FusedSpec.of(step), pool.size()));
  }

  FusedTrainingStep(
      WorkerPool pool, StepSpec step, TrainingState state, AuxTerm.Limits limits, Paths paths) {
    this.spec = FusedSpec.of(step);
    Shapes.expect("W_enc", state.wEnc(), spec.dSae(), spec.dIn());
    this.pool = pool;
    this.state = state;
    this.bDecState = state.parameter(TrainingState.B_DEC);
    this.encoding = new TopKEncoding(pool);
    this.batchEncoding =
        spec.batch() ? new BatchTopKEncoding(encoding, spec.k(), spec.dSae()) : null;
    this.sums = new BatchSums(pool);
    this.offHeap = new OffHeap(pool::touch);
    this.memory = new StepScratch(spec, pool.size(), offHeap);
    this.samples = new SamplePass(pool, spec, state, memory);
    this.byLatent =
        paths.blockColumns() == 0
            ? null
            : new DecodeByLatent(pool, state.wDec(), paths.blockColumns(), spec.maxRows());
    this.latents = new LatentPass(pool, spec, state, memory, paths.keptFrom());
    this.aux =
        spec.aux() != null
            ? new AuxTerm(pool, spec, state, memory, encoding, samples, byLatent, sums, limits)
            : null;
    this.nested =
        spec.nested() == null
            ? null
            : new NestedLevels(spec.nested(), spec.maxRows(), memory.padded);
    this.main = new CodeTerm(codes, memory.gradients(), nested, byLatent != null, true, memory);
    this.multi =
        spec.multiTopK()
            ? new CodeTerm(multiCodes, new float[memory.input.length], null, false, true, memory)
            : null;
    this.rowScalars = new float[spec.maxRows()];
    this.columns = new float[memory.padded];
    this.bDecGradient = new float[memory.padded];
    this.bDec = spec.subtractBDec() ? new float[spec.dIn()] : null;
    this.fired = new boolean[spec.dSae()];
    this.terms = step.objective().terms().stream().map(Loss::of).toArray(Loss[]::new);
    this.actives = new long[8 * pool.size()];
    this.leasts = new float[8 * pool.size()];
    this.bEnc = new float[spec.dSae()];
    this.counter = new DeadLatents(step.deadLatents().counting(), state.sinceFired());
    if (spec.normalizes()) {
      normalized = offHeap.matrix(spec.maxRows(), spec.dIn());
      outScales = offHeap.vector(spec.maxRows());
      outShifts = offHeap.vector(spec.maxRows());
    }
  }

  @Override
  public synchronized StepReport run(
      Matrix x, double learningRate, long number, boolean withVariance) {
    if (closed) {
      throw new IllegalStateException("training step is closed");
    }
    int rows = x.rows();
    spec.step().shape().expectBatch(x);
    encodes.begin();
    if (spec.decoderNorm().when() == DecoderNormRule.When.BEFORE_FORWARD) {
      latents.normalizeDecoder();
    }
    pool.phase("input");
    prepareInput(x);
    pool.phase("encode, select");
    encode(rows);
    pool.phase("codes by latent");
    codes.indexByLatent(spec.dSae(), pool);
    if (multi != null) {
      multiCodes.indexByLatent(spec.dSae(), pool);
    }
    pool.phase("firing");
    long active = countFired(number);
    int[] dead = counter.step(fired, rows);
    encodes.end(number, rows);
    decodes.begin();
    Losses losses = reconstruct(x, dead, withVariance);
    decodes.end(number, rows);
    double norm = update(rows, learningRate, number, losses.auxActive);
    double[] values = new double[terms.length];
    for (int i = 0; i < terms.length; i++) {
      values[i] = losses.of(terms[i]);
    }
    return new StepReport(
        rows,
        spec.step().objective().total(values),
        StepReport.losses(spec.step().objective(), values),
        BatchSums.sum(memory.errorSquares, 0, rows),
        losses.variance,
        losses.rowExplained,
        active,
        dead.length,
        norm);
  }

  private void prepareInput(Matrix x) {
    int rows = x.rows();
    Matrix source = x;
    float factor = spec.inputFactor();
    if (normalized != null) {
      source = normalized.firstRows(rows);
      spec.step().forward().normalization().apply(scaled(x, source), source, outScales, outShifts);
      factor = 1f;
      samples.undoNormalization(outScales.toArray(), outShifts.toArray());
    }
    if (bDec != null) {
      state.bDec().read(0, 1, bDec, 0);
    }
    encoding.packRows(
        source, 0, rows, factor, bDec, memory.input, memory.padded, memory.packedInput());
  }

  /** The batch times the input factor, in {@code to} if that is not 1. */
  private Matrix scaled(Matrix x, Matrix to) {
    if (spec.inputFactor() == 1f) {
      return x;
    }
    Rows source = Rows.of(x, spec.inputFactor());
    float[] row = new float[spec.dIn()];
    for (int b = 0; b < x.rows(); b++) {
      source.read(b, 0, row.length, row, 0);
      to.write(b, 1, row, 0);
    }
    return to;
  }

  private void encode(int rows) {
    state.bEnc().read(0, 1, bEnc, 0);
    if (spec.rescaleByDecoderNorm()) {
      norms = latents.decoderNorms();
    }
    TopKEncoding.Spec encoder = new TopKEncoding.Spec(state.wEnc(), null, bEnc, norms, spec.relu());
    if (spec.batch()) {
      long places = (long) spec.k() * rows;
      batchEncoding.run(encoder, memory.packedInput(), rows, places, codes);
    } else if (spec.multiTopK()) {
      encoding.run(encoder, memory.packedInput(), rows, spec.multiK(), multiCodes, spec.k(), codes);
    } else {
      encoding.run(encoder, memory.packedInput(), rows, spec.k(), codes, 0, null);
    }
  }

  private long countFired(long number) {
    DeadLatentRule.Fired rule = spec.step().deadLatents().fired();
    boolean alsoMulti = spec.multiTopK() && rule == DeadLatentRule.Fired.SELECTED;
    int parts = actives.length;
    pool.run(
        parts,
        (part, worker) -> {
          long active = 0;
          float least = Float.POSITIVE_INFINITY;
          int end = codes.byLatent.begin(part + 1, parts);
          for (int i = codes.byLatent.begin(part, parts); i < end; i++) {
            boolean any = alsoMulti && multi.touches(i);
            int to = codes.byLatent.to(i);
            for (int p = codes.byLatent.from(i); p < to; p++) {
              float value = codes.valuesByLatent[p];
              float activation = norms == null ? value : value * norms[i];
              active += activation > 0 ? 1 : 0;
              least = activation > 0 ? Math.min(least, activation) : least;
              any |= rule.by(activation);
            }
            fired[i] = any;
          }
          actives[part] = active;
          leasts[part] = least;
        });
    long active = 0;
    float least = Float.POSITIVE_INFINITY;
    for (int part = 0; part < parts; part++) {
      active += actives[part];
      least = Math.min(least, leasts[part]);
    }
    float smallest = least;
    spec.step()
        .forward()
        .threshold()
        .ifPresent(threshold -> state.keepThreshold(threshold, number, smallest));
    return active;
  }

  /** Losses of a step. */
  private static final class Losses {
    double main;
    double auxValue;
    double multi;
    double nested;
    double variance = Double.NaN;
    double rowExplained = Double.NaN;
    boolean auxActive;

    double of(Loss loss) {
      return switch (loss) {
        case MAIN -> main;
        case MULTI -> multi;
        case NESTED -> nested;
        case AUX -> auxValue;
      };
    }
  }

  /** The kinds of losses. */
  private enum Loss {
    MAIN,
    MULTI,
    NESTED,
    AUX;

    static Loss of(Term term) {
      return switch (term) {
        case Reconstruction _ -> MAIN;
        case MultiTopK _ -> MULTI;
        case Matryoshka _ -> NESTED;
        case AuxK _ -> AUX;
        case DeadTopK _, Contrast _, Sparsity _, PreActivation _, GateReconstruction _ ->
            throw new AssertionError("no passes for " + term);
      };
    }
  }

  private Losses reconstruct(Matrix x, int[] dead, boolean withVariance) {
    pool.phase("losses");
    int rows = x.rows();
    int micros = spec.step().shape().microBatches(rows);
    boolean auxActive = aux != null && dead.length > 0;
    boolean variance =
        withVariance
            || spec.reconstruction().needsVariance()
            || spec.multiTopK()
            || (auxActive && spec.aux().needsVariance());
    double[] variances = variance ? variances(x, micros) : null;

    Losses losses = new Losses();
    float[] factors = new float[micros];
    for (int micro = 0; micro < micros; micro++) {
      factors[micro] = StepSums.factor(2, divisor(rows, micro, variances), micros);
    }
    if (nested != null) {
      float[] nestedFactors = new float[micros];
      for (int micro = 0; micro < micros; micro++) {
        nestedFactors[micro] =
            StepSums.factor(2 * spec.nested().weight(), microRows(rows, micro), micros);
      }
      samples.nest(nested, nestedFactors);
    }
    decodedByLatent = byLatent != null;
    if (decodedByLatent) {
      pool.phase("decode");
      byLatent.run(codes, rows);
    }
    if (auxActive) {
      if (decodedByLatent) {
        pool.phase("residual");
        samples.residual(x, byLatent, memory.residuals(), memory.errorSquares);
      } else {
        pool.phase("decode");
        samples.residual(x, codes, memory.residuals(), memory.errorSquares);
      }
      double[] normalizers = new double[micros];
      for (int micro = 0; micro < micros; micro++) {
        int number = micro;
        normalizers[micro] =
            spec.aux()
                .divisor(
                    microRows(rows, micro),
                    variance ? variances[micro] : Double.NaN,
                    () -> residualVariance(rows, number));
      }
      losses.auxActive = true;
      losses.auxValue =
          aux.run(rows, dead, bEnc, norms, normalizers, decodedByLatent ? null : codes, factors);
    } else if (decodedByLatent) {
      pool.phase("residual");
      samples.finish(x, byLatent, memory.gradients(), memory.errorSquares, factors);
    } else {
      pool.phase("decode, code gradients");
      samples.forward(x, codes, memory.gradients(), memory.errorSquares, factors);
    }
    pool.phase("losses");
    if (spec.multiTopK()) {
      float[] multiFactors = new float[micros];
      for (int micro = 0; micro < micros; micro++) {
        multiFactors[micro] = StepSums.factor(2 * spec.multi().weight(), variances[micro], micros);
      }
      samples.forward(x, multiCodes, multi.gradient(), rowScalars, multiFactors);
      for (int micro = 0; micro < micros; micro++) {
        losses.multi += StepSums.ratio(microSum(rowScalars, rows, micro), variances[micro]);
      }
      losses.multi /= micros;
    }
    if (nested != null) {
      for (int micro = 0; micro < micros; micro++) {
        losses.nested += nested.value(microFrom(micro), microRows(rows, micro));
      }
      losses.nested /= micros;
    }
    for (int micro = 0; micro < micros; micro++) {
      losses.main +=
          StepSums.ratio(
              microSum(memory.errorSquares, rows, micro), divisor(rows, micro, variances));
    }
    losses.main /= micros;
    if (variance) {
      losses.variance = 0;
      for (double one : variances) {
        losses.variance += one;
      }
      OrderedSums.Blocks explained = new OrderedSums.Blocks();
      for (int b = 0; b < rows; b++) {
        explained.add(StepSums.explained(memory.errorSquares[b], memory.distances[b]));
      }
      losses.rowExplained = explained.total() / rows;
    }
    return losses;
  }

  private int microFrom(int micro) {
    return micro * spec.microBatchRows();
  }

  private int microRows(int rows, int micro) {
    return Math.min(spec.microBatchRows(), rows - microFrom(micro));
  }

  private double microSum(float[] rowScalars, int rows, int micro) {
    return BatchSums.sum(rowScalars, microFrom(micro), microRows(rows, micro));
  }

  private double divisor(int rows, int micro, double[] variances) {
    double variance = variances == null ? Double.NaN : variances[micro];
    return spec.reconstruction().divisor(microRows(rows, micro), spec.dIn(), variance);
  }

  private double[] variances(Matrix x, int micros) {
    double[] variances = new double[micros];
    Rows source = Rows.of(x, spec.inputFactor());
    for (int micro = 0; micro < micros; micro++) {
      int from = microFrom(micro);
      int count = microRows(x.rows(), micro);
      sums.columnMeans(source, from, count, spec.dIn(), columns);
      sums.squaredDistances(source, from, count, spec.dIn(), columns, memory.distances, from);
      variances[micro] = BatchSums.sum(memory.distances, from, count);
    }
    return variances;
  }

  private double residualVariance(int rows, int micro) {
    int from = microFrom(micro);
    int count = microRows(rows, micro);
    Rows errors = Rows.of(memory.residuals(), 0, memory.padded);
    sums.columnMeans(errors, from, count, spec.dIn(), columns);
    sums.squaredDistances(errors, from, count, spec.dIn(), columns, rowScalars, 0);
    return BatchSums.sum(rowScalars, 0, count);
  }

  private double update(int rows, double learningRate, long number, boolean auxActive) {
    differentiates.begin();
    pool.phase("b_enc");
    if (!main.differentiates()) {
      codes.deltasByLatent(pool);
    }
    if (multi != null) {
      multiCodes.deltasByLatent(pool);
    }
    latents.begin(main, multi, auxActive ? aux.byLatent() : null);
    Optimizer optimizer = spec.step().optimizer();
    Adam adam = optimizer.adam(learningRate, number);
    double norm = Double.NaN;
    if (spec.clips()) {
      pool.phase("gradients W_dec");
      latents.formDecoderGradients();
      pool.phase("b_dec");
      decoderBiasGradient(rows, auxActive);
      pool.phase("gradients W_enc");
      latents.formEncoderGradients();
      pool.phase("norm");
      norm =
          Math.sqrt(
              latents.squaredNorm(sums)
                  + squaredNorm(latents.biasGradient())
                  + squaredNorm(bDecGradient));
      differentiates.end(number, rows);
      updates.begin();
      adam = adam.clippedBy(optimizer.clip(norm));
      pool.phase("update");
      latents.applyGradients(adam);
    } else {
      differentiates.end(number, rows);
      updates.begin();
      pool.phase("gradients, update W_dec");
      latents.updateDecoder(adam);
      pool.phase("b_dec");
      decoderBiasGradient(rows, auxActive);
      pool.phase("gradients, update W_enc");
      latents.updateEncoder(adam);
    }
    pool.phase("biases");
    AdamRows.update(bDecState, 0, bDecGradient, 0, adam);
    updates.end(number, rows);
    return norm;
  }

  private void decoderBiasGradient(int rows, boolean auxActive) {
    int d = spec.dIn();
    Arrays.fill(bDecGradient, 0f);
    // b_dec is part of every nested reconstruction, as the first latents are.
    float[] gradients =
        nested == null ? memory.gradients() : nested.gradient(0, memory.gradients());
    sums.addColumnSums(Rows.of(gradients, 0, memory.padded), rows, d, bDecGradient);
    if (multi != null) {
      Arrays.fill(columns, 0f);
      sums.addColumnSums(Rows.of(multi.gradient(), 0, memory.padded), rows, d, columns);
      RowArithmetic.add(bDecGradient, 0, columns, 0, memory.padded);
    }
    if (auxActive && spec.aux().bDec() != AuxK.BDec.EXCLUDED) {
      RowArithmetic.add(bDecGradient, 0, aux.columnSums(), 0, memory.padded);
    }
    pool.phase("b_dec through input");
    if (spec.subtractBDec()) {
      RowArithmetic.subtract(
          bDecGradient, 0, latents.throughInput(), 0, bDecGradient, 0, memory.padded);
    }
  }

  /** Whether the last step decoded by latent. */
  boolean decodedByLatent() {
    return decodedByLatent;
  }

  /** AuxK's share of the last step's gradients, if the term was active. */
  LatentTerm auxShare() {
    return aux.byLatent();
  }

  /** How many latents' gradient rows the last step kept, if it clipped. */
  int kept() {
    return latents.kept();
  }

  private static double squaredNorm(float[] padded) {
    return RowArithmetic.dot(padded, 0, padded, 0, padded.length);
  }

  @Override
  public void synchronize() {
    // The state is updated in place.
  }

  @Override
  public synchronized void close() {
    closed = true;
    offHeap.close();
  }
}
