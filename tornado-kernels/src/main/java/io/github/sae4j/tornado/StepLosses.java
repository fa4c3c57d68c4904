package io.github.sae4j.tornado;

import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.step.AuxSpec;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.StepSums;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The report of a step from the row scalars that came back, added in double on the host in the
 * order of {@code ComposedTrainingStep} (numerics rule 6).
 */
final class StepLosses {
  private final StepSpec spec;
  private final StepArrays a;

  StepLosses(StepSpec spec, StepArrays arrays) {
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
    final int rows = a.flow.get(Flow.ROWS);
    final int dead = a.flow.get(Flow.DEAD);
    final boolean aux = a.auxK > 0 && dead > 0;
    final boolean needsVariance =
        withVariance
            || needsVariance(spec)
            || (aux && spec.aux().normalizer() == AuxSpec.Normalizer.TOTAL_VARIANCE);
    final double auxScale = StepSums.auxScale(spec.aux(), dead);
    double mainLoss = 0;
    double multiLoss = 0;
    double auxLoss = 0;
    double totalVariance = needsVariance ? 0 : Double.NaN;
    OrderedSums.Blocks squaredError = new OrderedSums.Blocks();
    OrderedSums.Blocks rowExplained = new OrderedSums.Blocks();
    int micros = 0;
    for (int from = 0; from < rows; from += spec.microBatchRows()) {
      int to = Math.min(from + spec.microBatchRows(), rows);
      int count = to - from;
      micros++;
      double squares = sum(a.rowSquares, from, to);
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
      double divisor =
          switch (spec.loss()) {
            case SQUARED_ERROR -> count;
            case FVU -> variance;
            case SCALED_MSE -> (double) count * spec.dIn() / spec.mseScale();
          };
      mainLoss += StepSums.ratio(squares, divisor);
      if (spec.multiTopK()) {
        multiLoss += StepSums.ratio(sum(a.multiSquares, from, to), variance);
      }
      if (aux) {
        double normalizer =
            switch (spec.aux().normalizer()) {
              case ROWS -> count;
              case TOTAL_VARIANCE -> variance;
              case RESIDUAL_VARIANCE -> sum(a.residualDistances, from, to);
            };
        auxLoss += auxScale * StepSums.ratio(sum(a.auxSquares, from, to), normalizer);
      }
    }
    mainLoss /= micros;
    auxLoss /= micros;
    multiLoss /= micros;
    long active = 0;
    for (int row = 0; row < rows; row++) {
      active += a.rowActive.get(row);
    }
    return new StepReport(
        rows,
        mainLoss
            + spec.aux().coefficient() * auxLoss
            + (spec.multiTopK() ? StepSpec.MULTI_TOP_K_WEIGHT * multiLoss : 0),
        mainLoss,
        auxLoss,
        multiLoss,
        squaredError.total(),
        totalVariance,
        needsVariance ? rowExplained.total() / rows : Double.NaN,
        active,
        dead,
        a.squaredNorm == null ? Double.NaN : Math.sqrt(a.squaredNorm.get(0)));
  }

  /**
   * Whether a step's main terms need the batch's variance.
   *
   * @param spec the step
   * @return true if so, whatever the caller asks for
   */
  static boolean needsVariance(StepSpec spec) {
    return spec.loss() == StepSpec.MainLoss.FVU || spec.multiTopK();
  }

  private static double sum(FloatArray values, int from, int to) {
    OrderedSums.Blocks blocks = new OrderedSums.Blocks();
    for (int row = from; row < to; row++) {
      blocks.add(values.get(row));
    }
    return blocks.total();
  }
}
