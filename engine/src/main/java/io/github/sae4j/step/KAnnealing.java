package io.github.sae4j.step;

import io.github.sae4j.kernels.Shapes;

/**
 * A k that falls over the first steps, so that more latents learn at the start: linearly from a
 * larger one to the activation's own, rounded down.
 *
 * <pre>k(s) = ⌊from (1 − r) + k r⌋,  r = min(s, steps) / steps</pre>
 *
 * <p>in double, each operation in the order written; s counts steps from 0.
 *
 * @param from k of the first annealed step
 * @param steps steps until k is reached
 * @param afterFirst whether the first step of all has the activation's own k and annealing begins
 *     with the second, as in dictionary_learning, which sets k after a step
 */
public record KAnnealing(int from, long steps, boolean afterFirst) {
  /** Checks the ranges. */
  public KAnnealing {
    Shapes.expect(from >= 1, "k_anneal_from", "at least 1", from);
    Shapes.expect(steps >= 1, "k_anneal_steps", "at least 1", steps);
  }

  /**
   * The k of a step.
   *
   * @param k the activation's own
   * @param number number of the step, from 1
   * @return the k to use
   */
  public double at(double k, long number) {
    long annealed = number - (afterFirst ? 2 : 1);
    if (annealed < 0) {
      return k;
    }
    if (annealed >= steps) {
      return k;
    }
    double r = (double) annealed / steps;
    double falling = from * (1 - r);
    return Math.floor(falling + k * r);
  }

  /**
   * Whether k stays as it is from a step on.
   *
   * @param number number of the step, from 1
   * @return true if this and all further steps have the activation's own k
   */
  public boolean over(long number) {
    return number - (afterFirst ? 2 : 1) >= steps;
  }
}
