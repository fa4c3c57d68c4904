package io.github.sae4j.internal.composed;

import io.github.sae4j.internal.activity.ActivityForm;
import io.github.sae4j.internal.activity.ActivityTile;
import io.github.sae4j.internal.activity.JumpReluForm;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Term;
import io.github.sae4j.step.DeadLatents;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;
import java.util.List;

/**
 * Forward and backward pass of a step whose latents are those above a threshold, of which any
 * number may be active: rows of products are formed tile by tile, and as soon as their candidates
 * might not fit, the tile is decoded, differentiated and added to the gradients. Chains go on from
 * tile to tile, so bits do not depend on where tiles end; once codes are sparse, a batch is one
 * tile.
 *
 * <p>Order of operations: e = x̂ − x; g = e · factor, factor = 2/B; δ = ⟨g, W_dec[i]⟩ by lanes;
 * then {@link ActivityForm}. dW_dec is the chain of activations and g, dW_enc that of the gradients
 * of products and the encoder's input (rule 4). Added to dW_dec, in this order: the chain of the
 * reconstruction from gates; fl(W_dec[i] · fl(dν_i/ν_i)), where a term has a gradient dν_i by the
 * norm. With a skip connection fl(x̂ + x W_skipᵀ) takes the place of x̂, and W_skip gets the
 * product of g and x, one chain over all rows. b_dec gets column sums of g, then of the gate's,
 * then minus the product of the sums by latent and W_enc.
 */
final class TiledPass {
  /** Bounds of what a tile holds; they do not change a bit. */
  record Limits(int productBytes, int candidates) {
    static final Limits USUAL = new Limits(32 << 20, 4 << 20);

    /** Rows of a tile of products. */
    int productRows(int rows, int n) {
      return Math.clamp(productBytes / (4L * n), 1, rows);
    }

    /** Most candidates of a tile, at least those of one row. */
    int capacity(int rows, int n) {
      return (int) Math.min((long) rows * n, Math.max(candidates, n));
    }
  }

  /** Decoder rows whose norm's gradient is added together, small enough for a cache. */
  static final int NORM_ROWS = 256;

  private final Pass pass;
  private final Kernels device;
  private final TrainingState state;
  private final StepSpec spec;
  private final OffHeap scratch;
  private final Gradients total;
  private final Limits limits;
  private final ActivityForm form;
  private final ActivityTile tile;
  private final Matrix out;
  private final Matrix gradient;
  private final OrderedSums.Blocks squaredError = new OrderedSums.Blocks();
  private final OrderedSums.Blocks gateError = new OrderedSums.Blocks();
  private final float[] rowSquares;
  private final float factor;
  private final long number;
  private final boolean observed;
  private final SparseCodes seen;
  private final Matrix gateGradient;

  /** dW_dec of the reconstruction from gates, or null where the decoder is a constant in it. */
  private final Matrix gateDecoder;

  private Matrix vector;
  private SparseCodes codes;
  private SparseCodes gateCodes;
  private double deadPenalty;
  private int[] dead = {};

  /**
   * Prepares a step.
   *
   * @param observed whether {@link #observation} will be asked for
   */
  TiledPass(Pass pass, long number, Gradients total, Limits limits, boolean observed) {
    this.pass = pass;
    this.device = pass.device;
    this.state = pass.state;
    this.spec = pass.spec;
    this.scratch = pass.scratch;
    this.total = total;
    this.limits = limits;
    this.form = ActivityForm.of(new ActivityForm.Step(spec, state, pass.rows(), number, norms()));
    int n = state.dSae();
    this.tile = new ActivityTile(pass.rows(), limits.capacity(pass.rows(), n));
    this.out = scratch.matrix(pass.rows(), spec.shape().dOut());
    this.gradient = scratch.matrix(pass.rows(), spec.shape().dOut());
    this.rowSquares = new float[pass.rows()];
    this.factor = StepSums.factor(2, pass.rows(), 1);
    this.number = number;
    this.observed = observed;
    this.seen = observed ? scratch.codes(pass.rows(), 1) : null;
    GateReconstruction gates = spec.objective().find(GateReconstruction.class).orElse(null);
    this.gateGradient = gates == null ? null : scratch.matrix(out.rows(), out.cols());
    this.gateDecoder = gates == null || gates.detached() ? null : scratch.matrix(n, out.cols());
  }

  /** Norms of decoder rows, in f32, widened; or null where no term depends on them. */
  private double[] norms() {
    if (!ActivityForm.needsNorms(spec)) {
      return null;
    }
    Matrix norms = scratch.vector(state.dSae());
    device.rowNorms(state.wDec(), norms);
    double[] wide = new double[norms.cols()];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = norms.get(0, i);
    }
    return wide;
  }

  /** Forms all gradients, and counts which latents fired. */
  void run() {
    int n = state.dSae();
    int rows = pass.rows();
    total.clearOthers();
    Matrix products = scratch.matrix(limits.productRows(rows, n), n);
    float[] row = new float[n];
    for (int from = 0; from < rows; from += products.rows()) {
      int count = Math.min(products.rows(), rows - from);
      Matrix some = products.firstRows(count);
      device.product(pass.input.rows(from, count), false, state.wEnc(), true, some);
      for (int b = 0; b < count; b++) {
        if (tile.full(n)) {
          flush();
        }
        some.read(b, 1, row, 0);
        form.collect(row, from + b, tile);
      }
    }
    flush();
    if (gateDecoder != null) {
      device.add(total.wDec(), gateDecoder);
    }
    int[] before = deadLatents().dead();
    spec.objective().find(PreActivation.class).ifPresent(term -> reviveDead(term, before));
    finish();
    dead = deadLatents().step(form.fired, rows);
  }

  private DeadLatents deadLatents() {
    return new DeadLatents(spec.deadLatents().counting(), state.sinceFired());
  }

  /** Decodes the tile, differentiates it, adds it to the gradients and begins the next one. */
  private void flush() {
    int size = tile.size();
    tile.reserveResults(form.hasGates());
    form.activate(tile);
    if (codes == null) {
      boolean last = tile.from + tile.rows == pass.rows();
      reserve(last ? size : limits.capacity(pass.rows(), state.dSae()));
    }
    SparseCodes some = fill(codes, tile.acts);
    Matrix g = gradient.rows(tile.from, tile.rows);
    Matrix rowsOut = out.rows(tile.from, tile.rows);
    pass.decode(some, rowsOut, tile.from);
    if (state.wSkip() != null) {
      device.product(pass.x.rows(tile.from, tile.rows), false, state.wSkip(), true, g);
      device.add(rowsOut, g);
    }
    device.subtract(rowsOut, pass.target.rows(tile.from, tile.rows), g);
    System.arraycopy(squares(g, squaredError), 0, rowSquares, tile.from, tile.rows);
    device.scale(g, factor);
    pass.throughNormalization(g, tile.from);
    differentiate(some, g, tile.deltas);
    if (observed) {
      observe();
    }
    if (form.hasGates()) {
      throughGates();
    }
    form.backward(tile);
    accumulate(some, null, g, total.wDec());
    if (size > 0) {
      vector.firstElements(size).write(0, 1, tile.deltas, 0);
    }
    accumulate(some, vector, pass.input.rows(tile.from, tile.rows), total.wEnc());
    tile.next();
  }

  private void reserve(int candidates) {
    int perRow = Math.max(1, Math.ceilDiv(candidates, pass.rows()));
    codes = scratch.codes(pass.rows(), perRow);
    gateCodes = form.hasGates() ? scratch.codes(pass.rows(), perRow) : null;
    vector = scratch.vector(Math.max(1, candidates));
  }

  /** The tile's candidates with the given values. */
  private SparseCodes fill(SparseCodes all, float[] values) {
    all.setRows(0, tile.rows, tile.starts, tile.latents, values);
    return all.firstRows(tile.rows);
  }

  private void differentiate(SparseCodes some, Matrix g, float[] deltas) {
    if (tile.size() > 0) {
      device.codeGradients(g, state.wDec(), some, false, vector);
      vector.firstElements(tile.size()).read(0, 1, deltas, 0);
    }
  }

  private void throughGates() {
    SparseCodes some = fill(gateCodes, tile.gates);
    Matrix g = gateGradient.rows(tile.from, tile.rows);
    device.decode(some, state.wDec(), state.bDec(), g);
    device.subtract(g, pass.target.rows(tile.from, tile.rows), g);
    squares(g, gateError);
    device.scale(g, factor);
    differentiate(some, g, tile.gateDeltas);
    if (gateDecoder != null) {
      accumulate(some, null, g, gateDecoder);
    }
  }

  private void accumulate(SparseCodes some, Matrix coefficients, Matrix rows, Matrix target) {
    if (tile.from == 0) {
      device.accumulateByLatent(some, coefficients, rows, target);
    } else {
      device.continueByLatent(some, coefficients, rows, target);
    }
  }

  private float[] squares(Matrix errors, OrderedSums.Blocks sum) {
    Matrix squares = scratch.vector(errors.rows());
    device.rowDots(errors, errors, squares);
    float[] values = squares.toArray();
    for (float value : values) {
      sum.add(value);
    }
    return values;
  }

  /**
   * The pre-activation loss, a run of dead latents at a time, all rows of the batch: with c its
   * weight over the rows, W_enc gets the chain of −fl(c ν) where pre &lt; θ, the threshold and
   * b_enc plus and minus c ν times the number of such rows, and the norm c Σ fl(θ − pre).
   */
  private void reviveDead(PreActivation term, int[] latents) {
    JumpReluForm jump = (JumpReluForm) form;
    int rows = pass.rows();
    int d = spec.shape().dIn();
    if (latents.length == 0) {
      return;
    }
    // Runs of nearly equal length: the last one leaves few rows of the run before it in place,
    // whose
    // products are not read. Memory of its own length would stay taken until the step ends.
    int most = deadAtOnce(limits, rows, latents.length);
    int run = Math.ceilDiv(latents.length, Math.ceilDiv(latents.length, most));
    double c = term.weight() / rows;
    float[] column = new float[run];
    Matrix deadEncoder = scratch.matrix(run, d);
    Matrix deadGradient = scratch.matrix(run, d);
    Matrix deadPre = scratch.matrix(rows, run);
    for (int from = 0; from < latents.length; from += run) {
      int count = Math.min(run, latents.length - from);
      for (int j = 0; j < count; j++) {
        deadEncoder.rows(j, 1).copyFrom(state.wEnc().rows(latents[from + j], 1));
      }
      device.product(pass.input, false, deadEncoder, true, deadPre);
      double[] sums = new double[count];
      long[] below = new long[count];
      for (int b = 0; b < rows; b++) {
        deadPre.read(b, 1, column, 0);
        for (int j = 0; j < count; j++) {
          int i = latents[from + j];
          float pre = column[j] + state.bEnc().get(0, i);
          float distance = jump.theta(i) - pre;
          column[j] = 0f;
          if (distance > 0) {
            below[j]++;
            sums[j] += distance;
            column[j] = (float) -(c * form.norms[i]);
          }
        }
        deadPre.write(b, 1, column, 0);
      }
      device.product(deadPre, true, pass.input, false, deadGradient);
      for (int j = 0; j < count; j++) {
        int i = latents[from + j];
        double slope = c * form.norms[i] * below[j];
        jump.addDirect(i, slope);
        form.productSums[i] -= slope;
        form.normGradients[i] += c * sums[j];
        deadPenalty += form.norms[i] * sums[j] / rows;
        device.add(total.wEnc().rows(i, 1), deadGradient.rows(j, 1));
      }
    }
  }

  /** Dead latents of a run, so that their pre-activations are no larger than a tile of products. */
  static int deadAtOnce(Limits limits, int rows, int dead) {
    return Math.clamp(limits.productBytes() / (4L * rows), 1, Math.max(1, dead));
  }

  /** Gradients of biases, vectors and norms, from the sums of all tiles. */
  private void finish() {
    Matrix columns = total.bDec();
    device.columnSums(gradient, columns);
    if (gateDecoder != null) {
      Matrix more = scratch.vector(columns.cols());
      device.columnSums(gateGradient, more);
      device.add(columns, more);
    }
    if (spec.forward().subtractBDec()) {
      Matrix sums = scratch.vector(state.dSae());
      ActivityForm.write(form.productSums, sums);
      Matrix throughInput = scratch.vector(columns.cols());
      device.product(sums, false, state.wEnc(), false, throughInput);
      device.subtract(columns, throughInput, columns);
    }
    if (state.wSkip() != null) {
      device.product(gradient, true, pass.x, false, total.of(TrainingState.W_SKIP));
    }
    form.finish(total::of);
    form.finishBias(total.bEnc());
    if (form.norms != null) {
      addNormGradients();
    }
  }

  private void addNormGradients() {
    int n = state.dSae();
    Matrix someRows = scratch.matrix(Math.min(NORM_ROWS, n), spec.shape().dOut());
    Matrix someFactors = scratch.vector(someRows.rows());
    for (int from = 0; from < n; from += NORM_ROWS) {
      int count = Math.min(NORM_ROWS, n - from);
      Matrix normRows = someRows.firstRows(count);
      Matrix normFactors = someFactors.firstElements(count);
      for (int i = 0; i < count; i++) {
        double norm = form.norms[from + i];
        float share = norm == 0 ? 0f : (float) (form.normGradients[from + i] / norm);
        normFactors.set(0, i, share);
      }
      normRows.copyFrom(state.wDec().rows(from, count));
      device.scaleRows(normRows, normFactors, null);
      device.add(total.wDec().rows(from, count), normRows);
    }
  }

  private void observe() {
    for (int b = 0; b < tile.rows; b++) {
      int count = 0;
      int[] latents = new int[tile.starts[b + 1] - tile.starts[b]];
      float[] values = new float[latents.length];
      for (int at = tile.starts[b]; at < tile.starts[b + 1]; at++) {
        if (tile.acts[at] != 0) {
          latents[count] = tile.latents[at];
          values[count++] = tile.acts[at];
        }
      }
      seen.setRow(tile.from + b, count, latents, values, 0);
    }
  }

  /** What the step computed, for observers. */
  Observation observation() {
    boolean[] mask = new boolean[state.dSae()];
    for (int latent : dead) {
      mask[latent] = true;
    }
    Observation.TermView view =
        new Observation.TermView(spec.objective().reconstruction(), seen, out);
    return new Observation(List.of(view), mask, total);
  }

  /**
   * The step's report.
   *
   * @param withVariance whether the batch's variance is wanted
   * @param gradientNorm global norm of the gradient, or NaN
   */
  StepReport report(boolean withVariance, double gradientNorm) {
    Objective objective = spec.objective();
    double[] values = new double[objective.terms().size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = value(objective.terms().get(i));
    }
    double variance = Double.NaN;
    OrderedSums.Blocks explained = new OrderedSums.Blocks();
    if (withVariance) {
      Matrix distances = pass.centeredSquares(pass.target);
      variance = Pass.sum(distances);
      for (int b = 0; b < pass.rows(); b++) {
        explained.add(StepSums.explained(rowSquares[b], distances.get(0, b)));
      }
    }
    return new StepReport(
        pass.rows(),
        objective.total(values),
        StepReport.losses(objective, values),
        squaredError.total(),
        variance,
        withVariance ? explained.total() / pass.rows() : Double.NaN,
        form.active,
        dead.length,
        gradientNorm);
  }

  private double value(Term term) {
    return switch (term) {
      case Reconstruction _ -> squaredError.total() / pass.rows();
      case Sparsity sparsity -> form.penalty() * sparsity.warmUp().at(number);
      case PreActivation _ -> deadPenalty;
      case GateReconstruction _ -> gateError.total() / pass.rows();
      case MultiTopK _, DeadTopK _, Matryoshka _, Contrast _, AuxK _ ->
          throw new AssertionError(term);
    };
  }
}
