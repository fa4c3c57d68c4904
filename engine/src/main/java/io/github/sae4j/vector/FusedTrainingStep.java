package io.github.sae4j.vector;

import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.step.AuxSpec;
import io.github.sae4j.step.DeadLatents;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;

/**
 * The training step in fused passes: encode and select; one pass per sample for decode, residual
 * and code gradients; the codes turned around; for each weight matrix one pass per latent for its
 * gradient row and the optimizer (two when the recipe clips). It returns the bits of {@link
 * io.github.sae4j.step.ComposedTrainingStep}, whose documentation gives the order of operations.
 */
final class FusedTrainingStep implements TrainingStep {
  private final WorkerPool pool;
  private final StepSpec spec;
  private final TrainingState state;
  private final Encoding encoding;
  private final BatchSums sums;
  private final StepMemory memory;
  private final SamplePass samples;
  private final LatentPass latents;
  private final AuxTerm aux;
  private final OffHeap offHeap = new OffHeap();
  private final HeapCodes codes = new HeapCodes();
  private final CodeTerm main;
  private final HeapCodes multiCodes = new HeapCodes();
  private final CodeTerm multi;
  private final float[] rowScalars;
  private final float[] columns;
  private final float[] bDecGradient;
  private final boolean[] fired;
  private final float[] bEnc;
  private float[] norms;
  private final DeadLatents counter;
  private final float[] bDec;
  private Matrix normalized;
  private Matrix outScales;
  private Matrix outShifts;
  private boolean closed;

  FusedTrainingStep(WorkerPool pool, StepSpec spec, TrainingState state) {
    this(pool, spec, state, AuxTerm.Limits.DEFAULT);
  }

  FusedTrainingStep(WorkerPool pool, StepSpec spec, TrainingState state, AuxTerm.Limits limits) {
    Shapes.expect("W_enc", state.wEnc(), spec.dSae(), spec.dIn());
    this.pool = pool;
    this.spec = spec;
    this.state = state;
    this.encoding = new Encoding(pool);
    this.sums = new BatchSums(pool);
    this.memory = new StepMemory(spec, pool.size(), offHeap);
    this.samples = new SamplePass(pool, spec, state, memory);
    this.latents = new LatentPass(pool, spec, state, memory);
    this.aux =
        spec.aux().coefficient() > 0
            ? new AuxTerm(pool, spec, state, memory, encoding, samples, sums, limits)
            : null;
    this.main = new CodeTerm(codes, memory.gradient, memory);
    this.multi =
        spec.multiTopK() ? new CodeTerm(multiCodes, new float[memory.input.length], memory) : null;
    this.rowScalars = new float[spec.maxRows()];
    this.columns = new float[memory.padded];
    this.bDecGradient = new float[memory.padded];
    this.bDec = spec.applyBDecToInput() ? new float[spec.dIn()] : null;
    this.fired = new boolean[spec.dSae()];
    this.bEnc = new float[spec.dSae()];
    this.counter = new DeadLatents(spec.counting(), state.sinceFired());
    if (spec.normalization() != InputNormalization.NONE) {
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
    Shapes.expect(
        rows >= 1 && rows <= spec.maxRows() && x.cols() == spec.dIn(),
        "x",
        "1 to " + spec.maxRows() + " rows of width " + spec.dIn(),
        x.shape());
    if (spec.decoderNorm() == StepSpec.DecoderNorm.BEFORE_FORWARD) {
      latents.normalizeDecoder();
    }
    prepareInput(x);
    encode(rows);
    long active = countFired(rows);
    int[] dead = countDead(rows);
    Losses losses = reconstruct(x, dead, withVariance);
    double norm = update(rows, learningRate, number, losses.auxActive);
    return new StepReport(
        rows,
        losses.main
            + spec.aux().coefficient() * losses.auxValue
            + (spec.multiTopK() ? StepSpec.MULTI_TOP_K_WEIGHT * losses.multi : 0),
        losses.main,
        losses.auxValue,
        losses.multi,
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
    if (normalized != null) {
      source = normalized.firstRows(rows);
      spec.normalization().apply(x, source, outScales, outShifts);
      samples.undoNormalization(outScales.toArray(), outShifts.toArray());
    }
    if (bDec != null) {
      state.bDec().read(0, 1, bDec, 0);
    }
    encoding.packRows(source, 0, rows, bDec, memory.input, memory.padded, memory.gradient);
  }

  private void encode(int rows) {
    state.bEnc().read(0, 1, bEnc, 0);
    if (spec.rescaleByDecoderNorm()) {
      norms = latents.decoderNorms();
    }
    codes.resize(rows, spec.k());
    Encoding.Spec encoder = new Encoding.Spec(state.wEnc(), null, bEnc, norms, spec.selection());
    if (spec.multiTopK()) {
      multiCodes.resize(rows, spec.multiK());
      encoding.run(encoder, memory.gradient, rows, multiCodes, codes);
    } else {
      encoding.run(encoder, memory.gradient, rows, codes, null);
    }
  }

  private long countFired(int rows) {
    java.util.Arrays.fill(fired, false);
    long active = 0;
    for (int i = 0; i < rows * spec.k(); i++) {
      int latent = codes.indices[i];
      float activation = norms == null ? codes.values[i] : codes.values[i] * norms[latent];
      active += activation > 0 ? 1 : 0;
      fired[latent] |=
          switch (spec.fired()) {
            case POSITIVE -> activation > 0;
            case SELECTED -> true;
            case ABOVE_THRESHOLD -> activation > StepSpec.FIRED_THRESHOLD;
          };
    }
    if (spec.multiTopK() && spec.fired() == StepSpec.Fired.SELECTED) {
      for (int i = 0; i < rows * multiCodes.k; i++) {
        fired[multiCodes.indices[i]] = true;
      }
    }
    return active;
  }

  private int[] countDead(int rows) {
    if (spec.counting().afterStep()) {
      counter.count(fired, rows);
      return counter.dead();
    }
    int[] dead = counter.dead();
    counter.count(fired, rows);
    return dead;
  }

  /** Losses of a step. */
  private static final class Losses {
    double main;
    double auxValue;
    double multi;
    double variance = Double.NaN;
    double rowExplained = Double.NaN;
    boolean auxActive;
  }

  private Losses reconstruct(Matrix x, int[] dead, boolean withVariance) {
    int rows = x.rows();
    int micros = (rows + spec.microBatchRows() - 1) / spec.microBatchRows();
    AuxSpec.Normalizer normalizer = spec.aux().normalizer();
    boolean auxActive = aux != null && dead.length > 0;
    boolean variance =
        withVariance
            || spec.loss() == StepSpec.MainLoss.FVU
            || spec.multiTopK()
            || (auxActive && normalizer == AuxSpec.Normalizer.TOTAL_VARIANCE);
    double[] variances = variance ? variances(x, micros) : null;

    Losses losses = new Losses();
    float[] factors = new float[micros];
    for (int micro = 0; micro < micros; micro++) {
      factors[micro] = StepSums.factor(2, divisor(rows, micro, variances), micros);
    }
    if (auxActive) {
      samples.residual(x, codes, memory.gradient, memory.errorSquares);
      double[] normalizers = new double[micros];
      for (int micro = 0; micro < micros; micro++) {
        normalizers[micro] =
            switch (normalizer) {
              case ROWS -> microRows(rows, micro);
              case TOTAL_VARIANCE -> variances[micro];
              case RESIDUAL_VARIANCE -> residualVariance(rows, micro);
            };
      }
      losses.auxActive = true;
      losses.auxValue = aux.run(rows, dead, bEnc, norms, normalizers, codes, factors);
    } else {
      samples.forward(x, codes, memory.gradient, memory.errorSquares, factors);
    }
    if (spec.multiTopK()) {
      float[] multiFactors = new float[micros];
      for (int micro = 0; micro < micros; micro++) {
        multiFactors[micro] =
            StepSums.factor(2 * StepSpec.MULTI_TOP_K_WEIGHT, variances[micro], micros);
      }
      samples.forward(x, multiCodes, multi.gradient(), rowScalars, multiFactors);
      for (int micro = 0; micro < micros; micro++) {
        losses.multi += StepSums.ratio(microSum(rowScalars, rows, micro), variances[micro]);
      }
      losses.multi /= micros;
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
    int count = microRows(rows, micro);
    return switch (spec.loss()) {
      case SQUARED_ERROR -> count;
      case FVU -> variances[micro];
      case SCALED_MSE -> (double) count * spec.dIn() / spec.mseScale();
    };
  }

  private double[] variances(Matrix x, int micros) {
    double[] variances = new double[micros];
    Rows source = Rows.of(x);
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
    Rows errors = Rows.of(memory.gradient, 0, memory.padded);
    sums.columnMeans(errors, from, count, spec.dIn(), columns);
    sums.squaredDistances(errors, from, count, spec.dIn(), columns, rowScalars, 0);
    return BatchSums.sum(rowScalars, 0, count);
  }

  private double update(int rows, double learningRate, long number, boolean auxActive) {
    int n = spec.dSae();
    codes.byLatent.build(codes.indices, rows * codes.k, n);
    if (multi != null) {
      multiCodes.byLatent.build(multiCodes.indices, rows * multiCodes.k, n);
    }
    latents.begin(main, multi, auxActive ? aux.byLatent() : null);
    decoderBiasGradient(rows, auxActive);
    Adam adam = Adam.of(spec.beta1(), spec.beta2(), spec.adamEpsilon(), learningRate, number);
    double norm = Double.NaN;
    if (spec.clipNorm().isPresent()) {
      latents.formGradients();
      norm =
          Math.sqrt(
              latents.squaredNorm()
                  + squaredNorm(latents.biasGradient(), n)
                  + squaredNorm(bDecGradient, spec.dIn()));
      adam = adam.clippedBy(StepSums.clip(spec.clipNorm().getAsDouble(), norm));
      latents.applyGradients(adam);
    } else {
      latents.formAndApply(adam);
    }
    AdamRows.update(state.bEnc(), state.bEncM(), state.bEncV(), 0, latents.biasGradient(), 0, adam);
    AdamRows.update(state.bDec(), state.bDecM(), state.bDecV(), 0, bDecGradient, 0, adam);
    return norm;
  }

  private void decoderBiasGradient(int rows, boolean auxActive) {
    int d = spec.dIn();
    java.util.Arrays.fill(bDecGradient, 0f);
    sums.addColumnSums(Rows.of(memory.gradient, 0, memory.padded), rows, d, bDecGradient);
    if (multi != null) {
      java.util.Arrays.fill(columns, 0f);
      sums.addColumnSums(Rows.of(multi.gradient(), 0, memory.padded), rows, d, columns);
      RowKernels.add(bDecGradient, 0, columns, 0, memory.padded);
    }
    if (auxActive && spec.aux().bDec() != AuxSpec.BDec.EXCLUDED) {
      RowKernels.add(bDecGradient, 0, aux.columnSums(), 0, memory.padded);
    }
    if (spec.applyBDecToInput()) {
      RowKernels.subtract(
          bDecGradient, 0, latents.throughInput(), 0, bDecGradient, 0, memory.padded);
    }
  }

  private static double squaredNorm(float[] gradient, int length) {
    return OrderedSums.dot(gradient, 0, gradient, 0, length);
  }

  @Override
  public void synchronize() {
    // The state is worked on in place.
  }

  @Override
  public synchronized void close() {
    closed = true;
    offHeap.close();
  }
}
