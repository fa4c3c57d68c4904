package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;
import java.util.ArrayList;
import java.util.List;

/**
 * Forward and backward pass of a step with a {@link Contrast}: one column for the rows and, where
 * there are positives, another for them, encoded with the same weights one after the other; losses
 * are means over the columns. Gradients are added column by column; the decoder's part of the tied
 * matrix is added to the encoder's last, in one rounding. What is reported beside the losses is of
 * the rows, not of their positives.
 */
final class ContrastivePass {
  private final StepSpec spec;
  private final List<ContrastiveColumn> columns = new ArrayList<>();
  private final double[] values;

  /**
   * Runs both passes.
   *
   * @param spec the step
   * @param batch rows, or pairs of rows and positives
   * @param total receives the gradients, but for what flows through the encoder's input
   */
  ContrastivePass(
      Kernels device,
      StepSpec spec,
      TrainingState state,
      Matrix batch,
      Gradients total,
      OffHeap scratch) {
    this.spec = spec;
    this.values = new double[spec.objective().terms().size()];
    int d = spec.shape().dIn();
    int count = spec.shape().pairs() == Pairs.POSITIVES ? 2 : 1;
    for (int column = 0; column < count; column++) {
      Matrix rows = count == 1 ? batch : Pass.columns(batch, column * d, d, scratch);
      columns.add(new ContrastiveColumn(new Pass(device, spec, state, rows, scratch), count));
    }
    columns.forEach(column -> column.losses(values));
    Contrast term = spec.objective().find(Contrast.class).orElseThrow();
    CodeContrast contrast =
        new CodeContrast(
            device,
            columns.getFirst().codes(),
            columns.getLast().codes(),
            spec.shape().dSae(),
            term.weight());
    values[spec.objective().terms().indexOf(term)] = contrast.value();
    columns.getFirst().backward(contrast.ofAnchors(), true, total);
    if (count == 2) {
      columns.getLast().backward(contrast.ofPositives(), false, total);
    }
  }

  int[] dead() {
    return columns.getFirst().dead();
  }

  List<Observation.TermView> views() {
    List<Observation.TermView> views = new ArrayList<>();
    columns.forEach(column -> views.addAll(column.views()));
    return views;
  }

  StepReport report(double gradientNorm, boolean withVariance) {
    ContrastiveColumn rows = columns.getFirst();
    float[] squares = rows.squares().toArray();
    OrderedSums.Blocks squaredError = new OrderedSums.Blocks();
    OrderedSums.Blocks explained = new OrderedSums.Blocks();
    double variance = Double.NaN;
    for (float square : squares) {
      squaredError.add(square);
    }
    if (withVariance) {
      Matrix distances = rows.distances();
      variance = Pass.sum(distances);
      for (int b = 0; b < squares.length; b++) {
        explained.add(StepSums.explained(squares[b], distances.get(0, b)));
      }
    }
    return new StepReport(
        squares.length,
        spec.objective().total(values),
        StepReport.losses(spec.objective(), values),
        squaredError.total(),
        variance,
        withVariance ? explained.total() / squares.length : Double.NaN,
        rows.active(),
        rows.dead().length,
        gradientNorm);
  }
}
