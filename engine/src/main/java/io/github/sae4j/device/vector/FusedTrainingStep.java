package io.github.sae4j.device.vector;

import io.github.sae4j.device.Adam;
import io.github.sae4j.device.AuxSpec;
import io.github.sae4j.device.DeadLatents;
import io.github.sae4j.device.InputNormalization;
import io.github.sae4j.device.OrderedSums;
import io.github.sae4j.device.Selection;
import io.github.sae4j.device.Shapes;
import io.github.sae4j.device.StepReport;
import io.github.sae4j.device.StepSpec;
import io.github.sae4j.device.StepSums;
import io.github.sae4j.device.TrainingState;
import io.github.sae4j.device.TrainingStep;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;

/**
 * The training step in fused passes: encode and select; one pass per sample for decode, residual
 * and code gradients; the codes turned around; one pass per latent for both gradient rows and the
 * optimizer (two when the recipe clips). It returns the bits of {@link
 * io.github.sae4j.device.ComposedTrainingStep}, whose documentation gives the order of operations.
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
  private final OffHeap offHeap = new OffHeap();
  private final HeapCodes codes = new HeapCodes();
  private final HeapCodes multiCodes = new HeapCodes();
  private final HeapCodes auxCodes = new HeapCodes();
  private final boolean[] fired;
  private final float[] bEnc;
  private final float[] norms;
  private final DeadLatents counter;
  private Matrix normalized;
  private Matrix outScales;
  private Matrix outShifts;
  private boolean closed;

  FusedTrainingStep(WorkerPool pool, StepSpec spec, TrainingState state) {
    Shapes.expect("W_enc", state.wEnc(), spec.dSae(), spec.dIn());
    this.pool = pool;
    this.spec = spec;
    this.state = state;
    this.encoding = new Encoding(pool);
    this.sums = new BatchSums(pool);
    this.memory = new StepMemory(spec, pool.size());
    this.samples = new SamplePass(pool, spec, state, memory);
    this.latents = new LatentPass(pool, spec, state, memory, offHeap);
    this.fired = new boolean[spec.dSae()];
    this.bEnc = new float[spec.dSae()];
    this.norms = spec.rescaleByDecoderNorm() ? new float[spec.dSae()] : null;
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
    double norm = update(rows, learningRate, number, losses.aux != null);
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
    Matrix from = source;
    float[] bDec = spec.applyBDecToInput() ? state.bDec().toArray() : null;
    int padded = memory.padded;
    pool.run(
        Packing.tiles(rows),
        (tile, worker) -> {
          int first = tile * Vectors.TILE;
          int last = Math.min(rows, first + Vectors.TILE);
          for (int b = first; b < last; b++) {
            int at = b * padded;
            Packing.copyRow(from, b, 0, spec.dIn(), memory.input, at);
            if (bDec != null) {
              for (int j = 0; j < bDec.length; j++) {
                memory.input[at + j] -= bDec[j];
              }
            }
          }
        });
    encoding.packRows(memory.input, padded, rows, spec.dIn(), memory.packed);
  }

  private void encode(int rows) {
    state.bEnc().read(0, 1, bEnc, 0);
    if (norms != null) {
      latents.decoderNorms(norms);
    }
    codes.resize(rows, spec.k());
    Encoding.Spec encoder = new Encoding.Spec(state.wEnc(), null, bEnc, norms, spec.selection());
    if (spec.multiTopK()) {
      multiCodes.resize(rows, spec.multiK());
      encoding.run(encoder, memory.packed, rows, multiCodes, codes);
    } else {
      encoding.run(encoder, memory.packed, rows, codes, null);
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

  /** Losses of a step and, if AuxK acts, the gradient at ê. */
  private static final class Losses {
    double main;
    double auxValue;
    double multi;
    double variance = Double.NaN;
    double rowExplained = Double.NaN;
    float[] aux;
  }

  private Losses reconstruct(Matrix x, int[] dead, boolean withVariance) {
    int rows = x.rows();
    int micros = (rows + spec.microBatchRows() - 1) / spec.microBatchRows();
    AuxSpec aux = spec.aux();
    boolean auxActive = aux.coefficient() > 0 && dead.length > 0;
    boolean variance =
        withVariance
            || spec.loss() == StepSpec.MainLoss.FVU
            || spec.multiTopK()
            || (auxActive && aux.normalizer() == AuxSpec.Normalizer.TOTAL_VARIANCE);
    double[] variances = variance ? variances(x, micros) : null;

    Losses losses = new Losses();
    float[] factors = new float[micros];
    for (int micro = 0; micro < micros; micro++) {
      factors[micro] = StepSums.factor(2, divisor(rows, micro, variances), micros);
    }
    if (auxActive) {
      samples.residual(x, codes, memory.gradient, memory.errorSquares);
      losses.aux = auxTerm(rows, micros, dead, variances, losses);
      samples.gradient(
          rows, codes, memory.gradient, factors, aux.residualDetached() ? null : losses.aux);
      samples.codeGradients(rows, auxCodes, losses.aux, aux.relu());
    } else {
      samples.forward(x, codes, memory.gradient, memory.errorSquares, factors);
    }
    if (spec.multiTopK()) {
      float[] squares = new float[rows];
      float[] multiFactors = new float[micros];
      for (int micro = 0; micro < micros; micro++) {
        multiFactors[micro] =
            StepSums.factor(2 * StepSpec.MULTI_TOP_K_WEIGHT, variances[micro], micros);
      }
      samples.forward(x, multiCodes, latents.multiGradient(), squares, multiFactors);
      for (int micro = 0; micro < micros; micro++) {
        losses.multi += StepSums.ratio(microSum(squares, rows, micro), variances[micro]);
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
    BatchSums.Rows source = BatchSums.of(x);
    for (int micro = 0; micro < micros; micro++) {
      int from = microFrom(micro);
      int count = microRows(x.rows(), micro);
      float[] mean = sums.columnMeans(source, from, count, spec.dIn());
      sums.squaredDistances(source, from, count, mean, memory.distances, from);
      variances[micro] = BatchSums.sum(memory.distances, from, count);
    }
    return variances;
  }

  /** Forms h, the gradient at ê, from the residuals in {@code memory.gradient}. */
  private float[] auxTerm(int rows, int micros, int[] dead, double[] variances, Losses losses) {
    AuxSpec aux = spec.aux();
    auxCodes.resize(rows, Math.min(aux.kAux(), dead.length));
    encoding.run(
        new Encoding.Spec(
            state.wEnc(), dead, bEnc, norms, aux.relu() ? Selection.RELU_FIRST : Selection.SIGNED),
        memory.packed,
        rows,
        auxCodes,
        null);
    for (int i = 0; i < rows * auxCodes.k; i++) {
      auxCodes.indices[i] = dead[auxCodes.indices[i]];
    }
    float[] h = latents.auxGradient();
    float[] squares = new float[rows];
    samples.auxError(rows, auxCodes, memory.gradient, h, squares);
    double scale = StepSums.auxScale(aux, dead.length);
    float[] factors = new float[micros];
    for (int micro = 0; micro < micros; micro++) {
      double normalizer =
          switch (aux.normalizer()) {
            case ROWS -> microRows(rows, micro);
            case TOTAL_VARIANCE -> variances[micro];
            case RESIDUAL_VARIANCE -> residualVariance(rows, micro);
          };
      losses.auxValue += scale * StepSums.ratio(microSum(squares, rows, micro), normalizer);
      factors[micro] = StepSums.factor(2 * aux.coefficient() * scale, normalizer, micros);
    }
    losses.auxValue /= micros;
    samples.scale(rows, h, factors);
    return h;
  }

  private double residualVariance(int rows, int micro) {
    int from = microFrom(micro);
    int count = microRows(rows, micro);
    BatchSums.Rows errors = BatchSums.of(memory.gradient, memory.padded, spec.dIn());
    float[] mean = sums.columnMeans(errors, from, count, spec.dIn());
    float[] distances = new float[count];
    sums.squaredDistances(errors, from, count, mean, distances, 0);
    return BatchSums.sum(distances, 0, count);
  }

  private double update(int rows, double learningRate, long number, boolean auxActive) {
    int n = spec.dSae();
    codes.byLatent.build(codes.indices, rows * codes.k, n);
    HeapCodes multi = spec.multiTopK() ? multiCodes : null;
    if (multi != null) {
      multi.byLatent.build(multi.indices, rows * multi.k, n);
    }
    HeapCodes aux = auxActive ? auxCodes : null;
    if (aux != null) {
      aux.byLatent.build(aux.indices, rows * aux.k, n);
    }
    latents.begin(codes, multi, aux);
    float[] bDecGradient = decoderBiasGradient(rows, multi, aux);
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

  private float[] decoderBiasGradient(int rows, HeapCodes multi, HeapCodes aux) {
    int d = spec.dIn();
    float[] total = sums.columnSums(gradientRows(memory.gradient), 0, rows, d);
    if (multi != null) {
      addTo(total, sums.columnSums(gradientRows(latents.multiGradient()), 0, rows, d));
    }
    if (aux != null && spec.aux().bDec() != AuxSpec.BDec.EXCLUDED) {
      addTo(total, sums.columnSums(gradientRows(latents.auxGradient()), 0, rows, d));
    }
    if (spec.applyBDecToInput()) {
      float[] throughInput = latents.throughInput();
      for (int j = 0; j < d; j++) {
        total[j] -= throughInput[j];
      }
    }
    return java.util.Arrays.copyOf(total, memory.padded);
  }

  private BatchSums.Rows gradientRows(float[] gradient) {
    return BatchSums.of(gradient, memory.padded, spec.dIn());
  }

  private static void addTo(float[] total, float[] addend) {
    for (int j = 0; j < total.length; j++) {
      total[j] += addend[j];
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
