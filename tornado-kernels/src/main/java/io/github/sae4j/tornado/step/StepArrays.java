package io.github.sae4j.tornado.step;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.step.DeadLatentRule.Counting;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.AdamKernels;
import io.github.sae4j.tornado.kernels.ColumnKernels;
import io.github.sae4j.tornado.kernels.ScalarKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of one training step, by how they travel: the state stays on the device and is fetched
 * on demand; the batch and what changes with every step is sent before a run; row scalars come back
 * after it; scratch never leaves. An array that the recipe does not need is null.
 */
final class StepArrays {
  /** Most rows, columns, latents. */
  final int rows;

  final int d;
  final int n;

  /** Most micro-batches, and blocks of 256 rows in one. */
  final int micros;

  final int microBlocks;

  /** Codes of a row: main, Multi-TopK, most of AuxK. */
  final int k;

  final int multiK;
  final int auxK;

  // The state: weights, then first and second moments, then counters.
  final FloatArray wEnc;
  final FloatArray wDec;
  final FloatArray bEnc;
  final FloatArray bDec;
  final FloatArray wEncM;
  final FloatArray wEncV;
  final FloatArray wDecM;
  final FloatArray wDecV;
  final FloatArray bEncM;
  final FloatArray bEncV;
  final FloatArray bDecM;
  final FloatArray bDecV;
  final LongArray sinceFired;

  // Sent before every run.
  final IntArray control;
  final FloatArray adam;
  final FloatArray x;
  final FloatArray normalized;
  final FloatArray outScales;
  final FloatArray outShifts;

  // Constants.
  final FloatArray inputFactor;
  final FloatArray normEpsilon;
  final FloatArray projectEpsilon;
  final DoubleArray constants;
  final LongArray counting;

  // Come back after every run.
  final IntArray badIndex;
  final FloatArray badValue;
  final IntArray auxBadIndex;
  final FloatArray auxBadValue;
  final IntArray rowActive;
  final FloatArray rowSquares;
  final FloatArray distances;
  final FloatArray multiSquares;
  final FloatArray auxSquares;
  final FloatArray residualDistances;
  final DoubleArray squaredNorm;

  // Scratch of the forward pass.
  final FloatArray input;
  final FloatArray norms;
  final FloatArray pre;
  final FloatArray maxima;
  final TransposeTasks.Codes codes;
  final TransposeTasks.Codes multiCodes;
  final TransposeTasks.Codes auxCodes;
  final IntArray fired;
  final IntArray dead;
  final IntArray deadList;
  final FloatArray error;
  final FloatArray multiError;
  final FloatArray auxError;
  final FloatArray means;
  final DoubleArray columnPartials;
  final DoubleArray varianceBlocks;
  final DoubleArray residualBlocks;
  final FloatArray mainFactors;
  final FloatArray multiFactors;
  final FloatArray auxFactors;

  // Scratch of the backward pass.
  final FloatArray g;
  final FloatArray deltas;
  final TransposeTasks transposition;
  final FloatArray blockSums;
  final FloatArray gWEnc;
  final FloatArray gWDec;
  final FloatArray gBEnc;
  final FloatArray gBDec;
  final FloatArray latentSquares;
  final DoubleArray encoderBlocks;
  final DoubleArray decoderBlocks;
  final FloatArray bEncSquares;
  final FloatArray bDecSquares;
  final FloatArray clip;

  private final KernelGraph graph;
  private final List<TornadoNativeArray> state = new ArrayList<>();
  private final List<TornadoNativeArray> sent = new ArrayList<>();
  private final List<TornadoNativeArray> kept = new ArrayList<>();
  private final List<TornadoNativeArray> fetched = new ArrayList<>();

  StepArrays(KernelGraph graph, GraphSpec spec, TrainingState on) {
    this.graph = graph;
    rows = spec.rows();
    d = spec.dIn();
    n = spec.dSae();
    k = spec.k();
    final boolean aux = spec.aux() != null;
    final boolean multi = spec.multi() != null;
    multiK = spec.multiK();
    auxK = spec.auxK();
    int microRows = spec.microBatchRows();
    micros = (rows + microRows - 1) / microRows;
    microBlocks = ColumnKernels.blocks(microRows);
    final long weights = (long) n * d;
    final long batch = (long) rows * d;

    wEnc = state("W_enc", on.wEnc());
    wDec = state("W_dec", on.wDec());
    bEnc = state("b_enc", on.bEnc());
    bDec = state("b_dec", on.bDec());
    Parameter encoder = on.parameter(TrainingState.W_ENC);
    Parameter decoder = on.parameter(TrainingState.W_DEC);
    Parameter encoderBias = on.parameter(TrainingState.B_ENC);
    Parameter decoderBias = on.parameter(TrainingState.B_DEC);
    wEncM = state("W_enc.m", encoder.m());
    wEncV = state("W_enc.v", encoder.v());
    wDecM = state("W_dec.m", decoder.m());
    wDecV = state("W_dec.v", decoder.v());
    bEncM = state("b_enc.m", encoderBias.m());
    bEncV = state("b_enc.v", encoderBias.v());
    bDecM = state("b_dec.m", decoderBias.m());
    bDecV = state("b_dec.v", decoderBias.v());
    sinceFired = in(state, graph.longs("counters of dead latents", n));

    control = in(sent, graph.added(StepControl.of(rows, n, k)));
    fetched.add(control);
    adam = in(sent, graph.floats("Adam's constants", AdamKernels.CONSTANTS));
    x = in(sent, graph.floats("x", batch));
    boolean normalizes = spec.normalizes();
    normalized = normalizes ? in(sent, graph.floats("normalised x", batch)) : null;
    outScales = normalizes ? in(sent, graph.floats("scales of rows", rows)) : null;
    outShifts = normalizes ? in(sent, graph.floats("shifts of rows", rows)) : null;

    inputFactor = scratch("input factor", 1);
    inputFactor.set(0, spec.step().forward().inputFactor());
    normEpsilon = scratch("norm epsilon", 1);
    normEpsilon.set(0, spec.decoderNorm().epsilon());
    projectEpsilon = scratch("projection epsilon", 1);
    projectEpsilon.set(0, spec.decoderNorm().projectEpsilon());
    constants = in(kept, graph.doubles("constants", ScalarKernels.CONSTANTS));
    constants.set(ScalarKernels.MAIN_WEIGHT, 2);
    constants.set(ScalarKernels.MULTI_WEIGHT, multi ? 2 * spec.multi().weight() : 0);
    constants.set(ScalarKernels.AUX_WEIGHT, aux ? 2 * spec.aux().weight() : 0);
    constants.set(ScalarKernels.MSE_SCALE, spec.objective().reconstruction().mseScale());
    constants.set(ScalarKernels.AUX_K, aux ? spec.aux().kAux() : 0);
    constants.set(ScalarKernels.CLIP_NORM, spec.optimizer().clipNorm().orElse(0));
    constants.set(ScalarKernels.CLIP_EPSILON, Optimizer.CLIP_EPSILON);
    counting = in(kept, graph.longs("counting", 2));
    Counting rule = spec.deadLatents().counting();
    long window = rule.window();
    // since >= window is since > window - 1.
    counting.set(0, rule.inclusive() ? window - 1 : window);
    counting.set(1, rule.restart());

    badIndex = in(fetched, graph.ints("bad latents", rows));
    badValue = in(fetched, graph.floats("bad values", rows));
    // Written for bad rows only, so what is fetched must have been sent.
    kept.add(badValue);
    auxBadIndex = aux ? in(fetched, graph.ints("bad latents of AuxK", rows)) : null;
    auxBadValue = aux ? in(fetched, graph.floats("bad values of AuxK", rows)) : null;
    if (aux) {
      // Written while latents are dead only.
      kept.add(auxBadIndex);
      kept.add(auxBadValue);
    }
    rowActive = in(fetched, graph.ints("active latents of rows", rows));
    rowSquares = in(fetched, graph.floats("squared errors of rows", rows));
    distances = in(fetched, graph.floats("squared distances of rows", rows));
    kept.add(distances);
    multiSquares = multi ? in(fetched, graph.floats("squared Multi-TopK errors", rows)) : null;
    auxSquares = aux ? in(fetched, graph.floats("squared AuxK errors", rows)) : null;
    boolean residual = aux && spec.aux().normalizer() == AuxK.Normalizer.RESIDUAL_VARIANCE;
    residualDistances = residual ? in(fetched, graph.floats("residual distances", rows)) : null;
    boolean clips = spec.optimizer().clips();
    squaredNorm = clips ? in(fetched, graph.doubles("squared gradient norm", 1)) : null;
    // Only formed while latents are dead.
    if (aux) {
      kept.add(auxSquares);
    }
    if (residual) {
      kept.add(residualDistances);
    }

    boolean centers = spec.step().forward().subtractBDec();
    input = centers ? scratch("x - b_dec", batch) : normalizes ? normalized : x;
    boolean rescales = spec.step().forward().rescaleByDecoderNorm();
    norms = rescales ? scratch("decoder norms", n) : null;
    pre = scratch("pre-activations", (long) EncodeTasks.tileRows(rows, n) * n);
    maxima = scratch("greatest ranks", EncodeTasks.maxima(rows, n));
    codes = codes("codes", k, StepControl.K);
    multiCodes = multi ? codes("Multi-TopK codes", multiK, StepControl.MULTI_K) : null;
    auxCodes = aux ? codes("AuxK codes", auxK, StepControl.AUX_K) : null;
    fired = scratchInts("fired latents", n);
    dead = scratchInts("dead latents", n);
    deadList = scratchInts("list of dead latents", n);
    error = scratch("errors", batch);
    multiError = multi ? scratch("Multi-TopK errors", batch) : null;
    auxError = aux ? scratch("AuxK errors", batch) : null;
    means = scratch("means of micro-batches", (long) micros * d);
    columnPartials = scratchDoubles("column sums of blocks", (long) micros * microBlocks * d);
    varianceBlocks = scratchDoubles("variances of blocks", (long) micros * microBlocks);
    residualBlocks =
        residual ? scratchDoubles("residual variances", (long) micros * microBlocks) : null;
    mainFactors = scratch("factors", micros);
    multiFactors = scratch("Multi-TopK factors", micros);
    auxFactors = scratch("AuxK factors", micros);

    g = scratch("gradient at the output", batch);
    int mostCodes = Math.max(k, Math.max(multiK, auxK));
    deltas = scratch("code gradients", (long) rows * mostCodes);
    transposition =
        new TransposeTasks(
            scratchInts(
                "counts by latent",
                (long) TransposeTasks.groups(rows, graph.accelerator().schedule()) * n),
            scratchInts("totals by latent", n),
            scratchInts("starts by latent", n + 1L),
            scratchInts("codes by latent", (long) rows * mostCodes),
            rows,
            n);
    blockSums = scratch("gradient sums of blocks", (long) ColumnKernels.blocks(rows) * d);
    gWEnc = scratch("gradient of W_enc", weights);
    gWDec = scratch("gradient of W_dec", weights);
    gBEnc = scratch("gradient of b_enc", n);
    gBDec = scratch("gradient of b_dec", d);
    latentSquares = clips ? scratch("squared gradient rows", n) : null;
    encoderBlocks = clips ? scratchDoubles("blocks of W_enc", ColumnKernels.blocks(n)) : null;
    decoderBlocks = clips ? scratchDoubles("blocks of W_dec", ColumnKernels.blocks(n)) : null;
    bEncSquares = clips ? scratch("squared gradient of b_enc", 1) : null;
    bDecSquares = clips ? scratch("squared gradient of b_dec", 1) : null;
    clip = scratch("clipping coefficient", 1);
  }

  /** Before the first task. */
  void send() {
    graph.send(KernelGraph.RESIDENT, state);
    graph.send(KernelGraph.RESIDENT, kept);
    graph.send(KernelGraph.EVERY_RUN, sent);
  }

  /** After the last task. */
  void fetch() {
    graph.fetch(KernelGraph.EVERY_RUN, fetched);
    graph.fetch(KernelGraph.ON_DEMAND, state);
  }

  /**
   * The state's tensors in the order of {@code TrainingState.tensors()}.
   *
   * @return weights, then moments
   */
  List<FloatArray> tensors() {
    return List.of(wEnc, wDec, bEnc, bDec, wEncM, wEncV, wDecM, wDecV, bEncM, bEncV, bDecM, bDecV);
  }

  /**
   * All of the state.
   *
   * @return tensors and counters
   */
  Object[] stateArrays() {
    return state.toArray();
  }

  private FloatArray state(String what, Matrix matrix) {
    return in(state, graph.floatsOn(what, matrix));
  }

  private FloatArray scratch(String what, long elements) {
    return in(kept, graph.floats(what, elements));
  }

  private IntArray scratchInts(String what, long elements) {
    return in(kept, graph.ints(what, elements));
  }

  private DoubleArray scratchDoubles(String what, long elements) {
    return in(kept, graph.doubles(what, elements));
  }

  private TransposeTasks.Codes codes(String what, int capacity, int slot) {
    long size = (long) rows * capacity;
    return new TransposeTasks.Codes(
        scratchInts("indices of " + what, size),
        scratch("values of " + what, size),
        capacity,
        slot,
        control,
        control);
  }

  private static <T extends TornadoNativeArray> T in(List<TornadoNativeArray> list, T array) {
    list.add(array);
    return array;
  }
}
