package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.AuxK;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** AuxK level by level of a Matryoshka SAE: the sum of an {@link AuxKTerm} for each level. */
final class AuxKLevels implements ComposedTerm {
  private final List<AuxKTerm> levels;

  private AuxKLevels(List<AuxKTerm> levels) {
    this.levels = levels;
  }

  static AuxKLevels of(AuxK term, Pass pass, ReconstructionTerm main, MatryoshkaTerm nested) {
    List<AuxKTerm> levels = new ArrayList<>();
    List<Integer> widths = nested.term().widths();
    int from = 0;
    for (int i = 0; i <= widths.size(); i++) {
      int level = i;
      boolean last = i == widths.size();
      int to = last ? pass.state.dSae() : widths.get(i);
      Supplier<Matrix> residual = last ? main::error : () -> nested.error(level);
      levels.add(new AuxKTerm(term, pass, main, residual, from, to));
      from = to;
    }
    return new AuxKLevels(levels);
  }

  @Override
  public void forward() {
    levels.forEach(AuxKTerm::forward);
  }

  @Override
  public boolean needsVariance() {
    return levels.stream().anyMatch(AuxKTerm::needsVariance);
  }

  @Override
  public double loss(MicroBatch micro) {
    double value = 0;
    for (AuxKTerm level : levels) {
      value += level.loss(micro);
    }
    return value;
  }

  @Override
  public void backward(Gradients total) {
    levels.forEach(level -> level.backward(total));
  }

  @Override
  public Observation.TermView view() {
    return null;
  }
}
