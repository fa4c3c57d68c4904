package io.github.sae4j.tornado.step;

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
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.tornado.kernels.StepControl;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The report of a step from the row scalars that came back, added in double on the host in the
 * order of {@code ComposedTrainingStep} (numerics rule 6).
 */
final class StepLosses {
  private final GraphSpec spec;
  private final StepArrays a;

  StepLosses(GraphSpec spec, StepArrays arrays) {
    this.spec = spec;
    this.a = arrays;
  }

  /**
   * Adds up.
   *
   * @param withVariance whether the caller asked for the variance
   * @return the report
   */
  StepReport report(boolean withVariance) {
    final int rows = a.control.get(StepControl.ROWS);
    final int dead = a.control.get(StepControl.DEAD);
    final boolean auxActs = spec.aux() != null && dead > 0;
    final boolean needsVariance =
        withVariance || spec.needsVariance() || (auxActs && spec.aux().needsVariance());
    List<Term> terms = spec.objective().terms();
    double[] losses = new double[terms.size()];
    double totalVariance = needsVariance ? 0 : Double.NaN;
    OrderedSums.Blocks squaredError = new OrderedSums.Blocks();
    OrderedSums.Blocks rowExplained = new OrderedSums.Blocks();
    int micros = 0;
    for (int from = 0; from < rows; from += spec.microBatchRows()) {
      int to = Math.min(from + spec.microBatchRows(), rows);
      micros++;
      for (int row = from; row < to; row++) {
        squaredError.add(a.rowSquares.get(row));
      }
      double variance = Double.NaN;
      if (needsVariance) {
        variance = sum(a.distances, from, to);
        totalVariance += variance;
        for (int row = from; row < to; row++) {
          rowExplained.add(StepSums.explained(a.rowSquares.get(row), a.distances.get(row)));
        }
      }
      for (int i = 0; i < losses.length; i++) {
        losses[i] += loss(terms.get(i), from, to, variance, dead);
      }
    }
    for (int i = 0; i < losses.length; i++) {
      losses[i] /= micros;
    }
    long active = 0;
    for (int row = 0; row < rows; row++) {
      active += a.rowActive.get(row);
    }
    return new StepReport(
        rows,
        spec.objective().total(losses),
        StepReport.losses(spec.objective(), losses),
        squaredError.total(),
        totalVariance,
        needsVariance ? rowExplained.total() / rows : Double.NaN,
        active,
        dead,
        a.squaredNorm == null ? Double.NaN : Math.sqrt(a.squaredNorm.get(0)));
  }

  /** The value of a term in the rows of a micro-batch. */
  private double loss(Term term, int from, int to, double variance, int dead) {
    return switch (term) {
      case Reconstruction main ->
          StepSums.ratio(
              sum(a.rowSquares, from, to), main.divisor(to - from, spec.dIn(), variance));
      case Matryoshka _,
          DeadTopK _,
          Contrast _,
          Sparsity _,
          PreActivation _,
          GateReconstruction _ ->
          throw new AssertionError("no task graph has " + term);
      case MultiTopK multi -> StepSums.ratio(sum(a.multiSquares, from, to), variance);
      case AuxK aux -> {
        if (dead == 0) {
          yield 0;
        }
        double divisor = aux.divisor(to - from, variance, () -> sum(a.residualDistances, from, to));
        yield aux.scale(dead) * StepSums.ratio(sum(a.auxSquares, from, to), divisor);
      }
    };
  }

  private static double sum(FloatArray values, int from, int to) {
    OrderedSums.Blocks blocks = new OrderedSums.Blocks();
    for (int row = from; row < to; row++) {
      blocks.add(values.get(row));
    }
    return blocks.total();
  }
}
