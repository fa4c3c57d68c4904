package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.StepSums;
import java.util.List;

/** Losses of a step's terms and metrics of its batch, micro-batch by micro-batch. */
final class Losses {
  private final Pass pass;
  private final double[] values;
  private final OrderedSums.Blocks squaredError = new OrderedSums.Blocks();
  private final OrderedSums.Blocks rowExplained = new OrderedSums.Blocks();
  private double totalVariance = Double.NaN;

  /** Forms the losses of all terms; turns their errors into gradients at the output. */
  Losses(Pass pass, List<ComposedTerm> terms, boolean withVariance) {
    this.pass = pass;
    this.values = new double[terms.size()];
    StepShape shape = pass.spec.shape();
    int rows = pass.rows();
    int micros = shape.microBatches(rows);
    boolean needsVariance = withVariance;
    for (ComposedTerm term : terms) {
      needsVariance |= term.needsVariance();
    }
    totalVariance = needsVariance ? 0 : Double.NaN;
    Matrix errors = ((ReconstructionTerm) terms.getFirst()).error();
    for (int from = 0; from < rows; from += shape.microBatchRows()) {
      int count = Math.min(shape.microBatchRows(), rows - from);
      double variance = measure(errors.rows(from, count), from, needsVariance);
      MicroBatch micro = new MicroBatch(from, count, micros, variance);
      for (int i = 0; i < values.length; i++) {
        values[i] += terms.get(i).loss(micro);
      }
    }
    for (int i = 0; i < values.length; i++) {
      values[i] /= micros;
    }
  }

  /** Adds a micro-batch's squared errors to the metrics; returns its variance, or NaN. */
  private double measure(Matrix errors, int from, boolean needsVariance) {
    float[] squares = pass.rowSquares(errors).toArray();
    for (float square : squares) {
      squaredError.add(square);
    }
    if (!needsVariance) {
      return Double.NaN;
    }
    Matrix distances = pass.centeredSquares(pass.target.rows(from, errors.rows()));
    for (int b = 0; b < squares.length; b++) {
      rowExplained.add(StepSums.explained(squares[b], distances.get(0, b)));
    }
    double variance = Pass.sum(distances);
    totalVariance += variance;
    return variance;
  }

  /**
   * The step's report.
   *
   * @param firing the latents that fired
   * @param gradientNorm global norm of the gradient, or NaN
   */
  StepReport report(Firing firing, double gradientNorm) {
    return new StepReport(
        pass.rows(),
        pass.spec.objective().total(values),
        StepReport.losses(pass.spec.objective(), values),
        squaredError.total(),
        totalVariance,
        Double.isNaN(totalVariance) ? Double.NaN : rowExplained.total() / pass.rows(),
        firing.active(),
        firing.dead().length,
        gradientNorm);
  }
}
