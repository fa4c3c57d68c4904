package io.github.sae4j.tornado;

import io.github.sae4j.device.AuxSpec;
import io.github.sae4j.device.Selection;
import io.github.sae4j.device.StepSpec;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Writes a training step down as tasks, in the order of {@code ComposedTrainingStep}, which defines
 * it. Where that class looks at a number on the host, tasks here look at {@link Flow}: kernels of
 * the AuxK term do nothing while no latent is dead, and the state changes only while all
 * pre-activations are finite.
 */
final class StepTasks {
  private final KernelGraph graph;
  private final TaskGraph tasks;
  private final KernelContext context;
  private final StepSpec spec;
  private final StepArrays a;
  private final boolean aux;
  private final boolean multi;

  private StepTasks(KernelGraph graph, StepSpec spec, StepArrays arrays) {
    this.graph = graph;
    this.tasks = graph.tasks();
    this.context = graph.context();
    this.spec = spec;
    this.a = arrays;
    this.aux = arrays.auxK > 0;
    this.multi = arrays.multiK > 0;
  }

  /**
   * Adds all tasks of a step.
   *
   * @param graph where
   * @param spec the step
   * @param arrays its arrays
   */
  static void add(KernelGraph graph, StepSpec spec, StepArrays arrays) {
    StepTasks step = new StepTasks(graph, spec, arrays);
    step.normalizeDecoder(StepSpec.DecoderNorm.BEFORE_FORWARD);
    step.encode();
    step.count();
    step.reconstruct();
    step.losses();
    step.outputGradients();
    step.gradients();
    step.normalizeDecoder(StepSpec.DecoderNorm.AFTER_BACKWARD);
    step.projectAndClip();
    step.update();
    step.normalizeDecoder(StepSpec.DecoderNorm.AFTER_STEP);
  }

  private void normalizeDecoder(StepSpec.DecoderNorm when) {
    if (spec.decoderNorm() == when) {
      boolean before = when == StepSpec.DecoderNorm.BEFORE_FORWARD;
      tasks.task(
          graph.rows("normalizeRows", a.n),
          RowKernels::normalizeRows,
          context,
          a.flow,
          a.wDec,
          a.normEpsilon,
          a.d,
          Flow.LATENTS,
          before ? Flow.ALWAYS : Flow.GOOD);
    }
  }

  private void encode() {
    if (spec.applyBDecToInput()) {
      tasks.task(
          graph.line("subtractRow", (long) a.rows * a.d),
          ElementKernels::subtractRow,
          context,
          a.flow,
          a.normalized == null ? a.x : a.normalized,
          a.bDec,
          a.input,
          a.d);
    }
    if (a.norms != null) {
      rowDots(a.wDec, a.norms, a.n, Flow.LATENTS, a.d, 1, Flow.ALWAYS);
    }
    int mode = TornadoDevice.mode(spec.selection());
    EncodeTasks.Choice main = choice(a.codes, a.badIndex, a.badValue, mode);
    EncodeTasks.Encoder encoder = encoder(null, Flow.LATENTS);
    if (multi) {
      EncodeTasks.add(
          graph, encoder, main, choice(a.multiCodes, a.otherBadIndex, a.otherBadValue, mode));
    } else {
      EncodeTasks.add(graph, encoder, main);
    }
    tasks.task(
        graph.groups("checkFinite", 1, StepKernels.SCAN),
        StepKernels::checkFinite,
        context,
        a.flow,
        a.badIndex);
  }

  private EncodeTasks.Encoder encoder(IntArray map, int columns) {
    return new EncodeTasks.Encoder(
        a.flow, a.input, a.wEnc, a.bEnc, a.norms, map, columns, a.pre, a.rows, a.n, a.d);
  }

  private static EncodeTasks.Choice choice(
      TransposeTasks.Codes codes, IntArray badIndex, FloatArray badValue, int mode) {
    return new EncodeTasks.Choice(
        codes.indices(), codes.values(), badIndex, badValue, codes.capacity(), mode, codes.slot());
  }

  private void count() {
    tasks
        .task(graph.line("clear", a.n), StepKernels::clear, context, a.fired, a.n)
        .task(
            graph.line("markFired", a.rows),
            StepKernels::markFired,
            context,
            a.flow,
            a.codes.indices(),
            a.codes.values(),
            a.norms == null ? a.codes.values() : a.norms,
            a.fired,
            a.rowActive,
            a.k,
            Flow.K,
            a.norms == null ? 0 : 1,
            switch (spec.fired()) {
              case POSITIVE -> StepKernels.POSITIVE;
              case SELECTED -> StepKernels.SELECTED;
              case ABOVE_THRESHOLD -> StepKernels.ABOVE_THRESHOLD;
            });
    if (multi && spec.fired() == StepSpec.Fired.SELECTED) {
      tasks.task(
          graph.line("markSelected", a.rows),
          StepKernels::markSelected,
          context,
          a.flow,
          a.multiCodes.indices(),
          a.fired,
          a.multiK,
          Flow.MULTI_K);
    }
    boolean tokens = spec.counting().unit() == StepSpec.Counting.Unit.TOKENS;
    tasks
        .task(
            graph.line("countDead", a.n),
            StepKernels::countDead,
            context,
            a.flow,
            a.fired,
            a.sinceFired,
            a.counting,
            a.dead,
            a.n,
            tokens ? 1 : 0,
            spec.counting().afterStep() ? 1 : 0)
        .task(
            graph.groups("listDead", 1, StepKernels.SCAN),
            StepKernels::listDead,
            context,
            a.flow,
            a.dead,
            a.deadList,
            a.n,
            a.auxK);
  }

  private void reconstruct() {
    decode(a.codes, a.error, true, Flow.ALWAYS);
    undoNormalization(a.error);
    subtractX(a.error);
    if (multi) {
      decode(a.multiCodes, a.multiError, true, Flow.ALWAYS);
      undoNormalization(a.multiError);
      subtractX(a.multiError);
    }
    if (aux) {
      Selection selection = spec.aux().relu() ? Selection.RELU_FIRST : Selection.SIGNED;
      EncodeTasks.add(
          graph,
          encoder(a.deadList, Flow.DEAD),
          choice(a.auxCodes, a.otherBadIndex, a.otherBadValue, TornadoDevice.mode(selection)));
      decode(a.auxCodes, a.auxError, spec.aux().bDec() == AuxSpec.BDec.INCLUDED, Flow.DEAD);
      add(a.auxError, a.error);
    }
  }

  private void decode(TransposeTasks.Codes codes, FloatArray out, boolean biased, int gate) {
    tasks.task(
        graph.line("decode", (long) a.rows * a.d),
        CodeKernels::decode,
        context,
        a.flow,
        codes.indices(),
        codes.values(),
        a.wDec,
        a.bDec,
        out,
        a.d,
        codes.capacity(),
        codes.slot(),
        biased ? 1 : 0,
        gate);
  }

  private void undoNormalization(FloatArray out) {
    if (a.normalized != null) {
      scaleRows(out, 1);
    }
  }

  private void scaleRows(FloatArray target, int shifted) {
    tasks.task(
        graph.line("scaleRows", (long) a.rows * a.d),
        ElementKernels::scaleRows,
        context,
        a.flow,
        target,
        a.outScales,
        a.outShifts,
        a.d,
        shifted);
  }

  private void subtractX(FloatArray out) {
    tasks.task(
        graph.line("subtract", (long) a.rows * a.d),
        ElementKernels::subtract,
        context,
        a.flow,
        out,
        a.x,
        out,
        a.d);
  }

  /** Adds batches, while latents are dead. */
  private void add(FloatArray target, FloatArray addend) {
    tasks.task(
        graph.line("add", (long) a.rows * a.d),
        ElementKernels::add,
        context,
        a.flow,
        target,
        addend,
        a.d,
        Flow.DEAD);
  }

  private void losses() {
    rowDots(a.error, a.rowSquares, a.rows, Flow.ROWS, a.d, 0, Flow.ALWAYS);
    centeredSquares(a.x, a.distances, a.varianceBlocks, Flow.VARIANCE);
    if (multi) {
      rowDots(a.multiError, a.multiSquares, a.rows, Flow.ROWS, a.d, 0, Flow.ALWAYS);
    }
    if (aux) {
      if (a.residualDistances != null) {
        centeredSquares(a.error, a.residualDistances, a.residualBlocks, Flow.DEAD);
      }
      rowDots(a.auxError, a.auxSquares, a.rows, Flow.ROWS, a.d, 0, Flow.DEAD);
    }
    tasks.task(
        graph.line("lossFactors", a.micros),
        StepKernels::lossFactors,
        context,
        a.flow,
        a.constants,
        a.varianceBlocks,
        a.residualBlocks == null ? a.varianceBlocks : a.residualBlocks,
        a.mainFactors,
        a.multiFactors,
        a.auxFactors,
        a.d,
        spec.microBatchRows(),
        a.microBlocks,
        switch (spec.loss()) {
          case SQUARED_ERROR -> StepKernels.SQUARED_ERROR;
          case FVU -> StepKernels.FVU;
          case SCALED_MSE -> StepKernels.SCALED_MSE;
        },
        multi ? 1 : 0,
        !aux
            ? StepKernels.NO_AUX
            : switch (spec.aux().normalizer()) {
              case ROWS -> StepKernels.AUX_BY_ROWS;
              case TOTAL_VARIANCE -> StepKernels.AUX_BY_TOTAL_VARIANCE;
              case RESIDUAL_VARIANCE -> StepKernels.AUX_BY_RESIDUAL_VARIANCE;
            },
        spec.aux().scaledByDead() ? 1 : 0);
  }

  private void rowDots(
      FloatArray rows, FloatArray out, int count, int slot, int d, int root, int gate) {
    tasks.task(
        graph.rows("rowDots", count),
        RowKernels::rowDots,
        context,
        a.flow,
        rows,
        rows,
        out,
        d,
        slot,
        root,
        gate);
  }

  private void centeredSquares(FloatArray rows, FloatArray out, DoubleArray blocks, int gate) {
    long partials = (long) a.micros * a.microBlocks;
    tasks
        .task(
            graph.line("columnDoubleBlocks", partials * a.d),
            ColumnKernels::columnDoubleBlocks,
            context,
            a.flow,
            rows,
            a.columnPartials,
            a.d,
            spec.microBatchRows(),
            a.microBlocks,
            gate)
        .task(
            graph.line("columnMeans", (long) a.micros * a.d),
            ColumnKernels::columnMeans,
            context,
            a.flow,
            a.columnPartials,
            a.means,
            a.d,
            spec.microBatchRows(),
            a.microBlocks,
            gate)
        .task(
            graph.rows("rowSquaredDistances", a.rows),
            RowKernels::rowSquaredDistances,
            context,
            a.flow,
            rows,
            a.means,
            out,
            a.d,
            spec.microBatchRows(),
            gate);
    blockSums(out, blocks, Flow.ROWS, spec.microBatchRows(), a.microBlocks, a.micros, gate);
  }

  private void blockSums(
      FloatArray values,
      DoubleArray partial,
      int rows,
      int microRows,
      int blocks,
      int micros,
      int gate) {
    tasks.task(
        graph.line("blockSums", (long) blocks * micros),
        StepKernels::blockSums,
        context,
        a.flow,
        values,
        partial,
        rows,
        microRows,
        blocks,
        micros,
        gate);
  }

  private void outputGradients() {
    scale(a.error, a.mainFactors, a.g, Flow.ALWAYS);
    if (multi) {
      scale(a.multiError, a.multiFactors, a.multiError, Flow.ALWAYS);
    }
    if (aux) {
      scale(a.auxError, a.auxFactors, a.auxError, Flow.DEAD);
      if (!spec.aux().residualDetached()) {
        add(a.g, a.auxError);
      }
    }
    if (a.normalized != null) {
      scaleRows(a.g, 0);
      if (multi) {
        scaleRows(a.multiError, 0);
      }
    }
  }

  private void scale(FloatArray from, FloatArray factors, FloatArray out, int gate) {
    tasks.task(
        graph.line("scale", (long) a.rows * a.d),
        ElementKernels::scale,
        context,
        a.flow,
        from,
        factors,
        out,
        a.d,
        spec.microBatchRows(),
        gate);
  }

  private void gradients() {
    term(a.codes, a.g, true, TransposeTasks.Target.written(a.flow), true);
    if (multi) {
      term(
          a.multiCodes,
          a.multiError,
          true,
          new TransposeTasks.Target(LatentKernels.ADDED, a.flow, Flow.ALWAYS),
          true);
    }
    if (aux) {
      term(
          a.auxCodes,
          a.auxError,
          spec.aux().relu(),
          new TransposeTasks.Target(LatentKernels.ADDED_WHERE_MARKED, a.dead, Flow.DEAD),
          spec.aux().bDec() != AuxSpec.BDec.EXCLUDED);
    }
    if (spec.applyBDecToInput()) {
      tasks.task(
          graph.line("subtractThroughInput", a.d),
          StepKernels::subtractThroughInput,
          context,
          a.gBEnc,
          a.wEnc,
          a.gBDec,
          a.n,
          a.d);
    }
  }

  /** The gradients of one term of the loss. */
  private void term(
      TransposeTasks.Codes codes,
      FloatArray gradient,
      boolean gated,
      TransposeTasks.Target target,
      boolean reachesBDec) {
    tasks.task(
        graph.rows("codeGradients", (long) a.rows * codes.capacity()),
        CodeKernels::codeGradients,
        context,
        a.flow,
        gradient,
        a.wDec,
        codes.indices(),
        codes.values(),
        a.deltas,
        a.d,
        codes.capacity(),
        codes.slot(),
        gated ? 1 : 0);
    a.transposition.transpose(graph, a.flow, codes);
    a.transposition.accumulate(
        graph, a.flow, codes, codes.values(), gradient, a.gWDec, a.d, target);
    a.transposition.accumulate(graph, a.flow, codes, a.deltas, a.input, a.gWEnc, a.d, target);
    a.transposition.sum(graph, a.flow, a.deltas, a.gBEnc, target);
    if (reachesBDec) {
      tasks
          .task(
              graph.line("columnBlocks", (long) ColumnKernels.blocks(a.rows) * a.d),
              ColumnKernels::columnBlocks,
              context,
              a.flow,
              gradient,
              a.blockSums,
              a.d,
              target.gate())
          .task(
              graph.line("columnSums", a.d),
              ColumnKernels::columnSums,
              context,
              a.flow,
              a.blockSums,
              a.gBDec,
              a.d,
              target.added() == LatentKernels.WRITTEN ? 0 : 1,
              target.gate());
    }
  }

  private void projectAndClip() {
    if (spec.projectGradient()) {
      tasks.task(
          graph.rows("projectRows", a.n),
          RowKernels::projectRows,
          context,
          a.flow,
          a.gWDec,
          a.wDec,
          a.projectEpsilon,
          a.d,
          Flow.LATENTS,
          spec.projectEpsilon() > 0 ? 1 : 0);
    }
    if (a.squaredNorm != null) {
      int blocks = ColumnKernels.blocks(a.n);
      rowDots(a.gWEnc, a.latentSquares, a.n, Flow.LATENTS, a.d, 0, Flow.ALWAYS);
      blockSums(a.latentSquares, a.encoderBlocks, Flow.LATENTS, a.n, blocks, 1, Flow.ALWAYS);
      rowDots(a.gWDec, a.latentSquares, a.n, Flow.LATENTS, a.d, 0, Flow.ALWAYS);
      blockSums(a.latentSquares, a.decoderBlocks, Flow.LATENTS, a.n, blocks, 1, Flow.ALWAYS);
      // The biases are one row each.
      rowDots(a.gBEnc, a.bEncSquares, 1, Flow.ALWAYS, a.n, 0, Flow.ALWAYS);
      rowDots(a.gBDec, a.bDecSquares, 1, Flow.ALWAYS, a.d, 0, Flow.ALWAYS);
      tasks.task(
          graph.line("clipCoefficient", 1),
          StepKernels::clipCoefficient,
          context,
          a.constants,
          a.encoderBlocks,
          a.decoderBlocks,
          a.bEncSquares,
          a.bDecSquares,
          a.squaredNorm,
          a.clip,
          blocks);
    }
  }

  private void update() {
    adam(a.wEnc, a.gWEnc, a.wEncM, a.wEncV);
    adam(a.wDec, a.gWDec, a.wDecM, a.wDecV);
    adam(a.bEnc, a.gBEnc, a.bEncM, a.bEncV);
    adam(a.bDec, a.gBDec, a.bDecM, a.bDecV);
  }

  private void adam(FloatArray weights, FloatArray gradient, FloatArray m, FloatArray v) {
    tasks.task(
        graph.line("adam", weights.getSize()),
        ElementKernels::adam,
        context,
        a.flow,
        weights,
        gradient,
        m,
        v,
        a.adam,
        a.clip,
        weights.getSize(),
        a.squaredNorm == null ? 0 : 1,
        Flow.GOOD);
  }
}
