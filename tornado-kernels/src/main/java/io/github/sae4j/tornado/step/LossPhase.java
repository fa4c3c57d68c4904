package io.github.sae4j.tornado.step;

import io.github.sae4j.tornado.kernels.ColumnKernels;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.ScalarKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** From errors to the gradient at the output: row scalars, factors, scaled errors. */
final class LossPhase {
  private final StepGraph step;
  private final StepArrays a;

  LossPhase(StepGraph step) {
    this.step = step;
    this.a = step.arrays;
  }

  void addTasks() {
    losses();
    outputGradients();
  }

  private void losses() {
    step.rowDots(a.error, a.rowSquares, a.rows, StepControl.ROWS, a.d, 0, StepControl.ALWAYS);
    centeredSquares(a.x, a.distances, a.varianceBlocks, StepControl.VARIANCE);
    if (step.multi) {
      step.rowDots(
          a.multiError, a.multiSquares, a.rows, StepControl.ROWS, a.d, 0, StepControl.ALWAYS);
    }
    if (step.aux) {
      if (a.residualDistances != null) {
        centeredSquares(a.error, a.residualDistances, a.residualBlocks, StepControl.DEAD);
      }
      step.rowDots(a.auxError, a.auxSquares, a.rows, StepControl.ROWS, a.d, 0, StepControl.DEAD);
    }
    step.tasks.task(
        step.graph.line("lossFactors", a.micros),
        ScalarKernels::lossFactors,
        step.context,
        a.control,
        a.constants,
        a.varianceBlocks,
        a.residualBlocks == null ? a.varianceBlocks : a.residualBlocks,
        a.mainFactors,
        a.multiFactors,
        a.auxFactors,
        a.d,
        step.spec.microBatchRows(),
        a.microBlocks,
        switch (step.spec.objective().reconstruction().measure()) {
          case SQUARED_ERROR -> ScalarKernels.SQUARED_ERROR;
          case FVU -> ScalarKernels.FVU;
          case SCALED_MSE -> ScalarKernels.SCALED_MSE;
        },
        step.multi ? 1 : 0,
        !step.aux
            ? ScalarKernels.NO_AUX
            : switch (step.spec.aux().normalizer()) {
              case ROWS -> ScalarKernels.AUX_BY_ROWS;
              case TOTAL_VARIANCE -> ScalarKernels.AUX_BY_TOTAL_VARIANCE;
              case RESIDUAL_VARIANCE -> ScalarKernels.AUX_BY_RESIDUAL_VARIANCE;
            },
        step.aux && step.spec.aux().scaledByDead() ? 1 : 0);
  }

  private void centeredSquares(FloatArray rows, FloatArray out, DoubleArray blocks, int gate) {
    long partials = (long) a.micros * a.microBlocks;
    step.tasks
        .task(
            step.graph.line("columnDoubleBlocks", partials * a.d),
            ColumnKernels::columnDoubleBlocks,
            step.context,
            a.control,
            rows,
            a.columnPartials,
            a.d,
            step.spec.microBatchRows(),
            a.microBlocks,
            gate)
        .task(
            step.graph.line("columnMeans", (long) a.micros * a.d),
            ColumnKernels::columnMeans,
            step.context,
            a.control,
            a.columnPartials,
            a.means,
            a.d,
            step.spec.microBatchRows(),
            a.microBlocks,
            gate)
        .task(
            step.graph.rows("rowSquaredDistances", a.rows),
            RowKernels::rowSquaredDistances,
            step.context,
            a.control,
            rows,
            a.means,
            out,
            a.d,
            step.spec.microBatchRows(),
            gate);
    step.blockSums(
        out, blocks, StepControl.ROWS, step.spec.microBatchRows(), a.microBlocks, a.micros, gate);
  }

  private void outputGradients() {
    scale(a.error, a.mainFactors, a.g, StepControl.ALWAYS);
    if (step.multi) {
      scale(a.multiError, a.multiFactors, a.multiError, StepControl.ALWAYS);
    }
    if (step.aux) {
      scale(a.auxError, a.auxFactors, a.auxError, StepControl.DEAD);
      if (!step.spec.aux().residualDetached()) {
        step.add(a.g, a.auxError);
      }
    }
    if (a.normalized != null) {
      step.scaleRows(a.g, 0);
      if (step.multi) {
        step.scaleRows(a.multiError, 0);
      }
    }
  }

  private void scale(FloatArray from, FloatArray factors, FloatArray out, int gate) {
    step.tasks.task(
        step.graph.line("scale", (long) a.rows * a.d),
        ElementKernels::scale,
        step.context,
        a.control,
        from,
        factors,
        out,
        a.d,
        step.spec.microBatchRows(),
        gate);
  }
}
