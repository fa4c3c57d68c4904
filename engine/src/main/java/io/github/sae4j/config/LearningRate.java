package io.github.sae4j.config;

import io.github.sae4j.options.ConfigException;

/**
 * The learning rate of every step of a run, in closed form and in double, {@code StrictMath} for
 * the cosine (numerics rule 9). With t the step from 0, T the steps of the run, w the warm-up and D
 * the decay:
 *
 * <ul>
 *   <li>SAELens's three ({@code training/optim.py}): warm-up lr (t+1)/w for t &lt; w; then with s =
 *       t − w and body length S = T − w − D: constant lr, or lr_end + (lr − lr_end)(1 + cos(π
 *       s/S))/2, with restarts the same over the period S div cycles; from T − D on, e (1 − (t − (T
 *       − D))/D) with e = lr after a constant body and lr_end after a cosine.
 *   <li>{@code linear} (sparsify, Hugging Face's linear schedule): lr t/w; then lr max(0, (T −
 *       t)/(T − w)).
 *   <li>{@code constant_with_warmup} (dictionary_learning): lr t/w; then lr; from T − D on, lr (T −
 *       t)/D.
 * </ul>
 *
 * The warm-up wins where it overlaps the decay.
 *
 * @param scheduler the shape
 * @param lr peak learning rate
 * @param lrEnd floor of the cosines
 * @param warmUpSteps w
 * @param decaySteps D
 * @param cycles number of half cosines with restarts
 * @param steps T
 */
public record LearningRate(
    LrScheduler scheduler,
    double lr,
    double lrEnd,
    long warmUpSteps,
    long decaySteps,
    int cycles,
    long steps) {

  /** Checks what depends on the length of the run. */
  public LearningRate {
    if (steps < 0) {
      throw new ConfigException("steps", "expected at least 0, got " + steps);
    }
    long body = steps - warmUpSteps - decaySteps;
    if (scheduler == LrScheduler.COSINEANNEALINGWARMRESTARTS && body > 0 && body < cycles) {
      throw new ConfigException(
          "n_restart_cycles",
          "expected at most the "
              + body
              + " steps between warm-up and decay, got "
              + cycles
              + " cycles");
    }
  }

  /**
   * The learning rate of a step.
   *
   * @param t the step, from 0; T gives the value after the last step
   * @return the learning rate
   */
  public double at(long t) {
    if (t < 0) {
      throw new IllegalArgumentException("step: expected at least 0, got " + t);
    }
    return switch (scheduler) {
      case CONSTANT, COSINEANNEALING, COSINEANNEALINGWARMRESTARTS -> saeLens(t);
      case LINEAR -> fromZero(t, Math.max(steps - warmUpSteps, 1));
      case CONSTANT_WITH_WARMUP -> fromZero(t, decaySteps);
    };
  }

  private double saeLens(long t) {
    if (t < warmUpSteps) {
      return lr * (t + 1) / warmUpSteps;
    }
    if (decaySteps > 0 && t >= steps - decaySteps) {
      double from = scheduler == LrScheduler.CONSTANT ? lr : lrEnd;
      return from * Math.max(0, (double) (steps - t) / decaySteps);
    }
    long body = steps - warmUpSteps - decaySteps;
    long s = t - warmUpSteps;
    return switch (scheduler) {
      case COSINEANNEALING -> cosine(s, body);
      case COSINEANNEALINGWARMRESTARTS -> {
        long period = Math.max(body / cycles, 1);
        yield cosine(s % period, period);
      }
      default -> lr;
    };
  }

  private double cosine(long s, long period) {
    double angle = Math.PI * s / Math.max(period, 1);
    return lrEnd + (lr - lrEnd) * (1 + StrictMath.cos(angle)) / 2;
  }

  private double fromZero(long t, long decay) {
    if (t < warmUpSteps) {
      return lr * t / warmUpSteps;
    }
    if (decay > 0 && t >= steps - decay) {
      return lr * Math.max(0, (double) (steps - t) / decay);
    }
    return lr;
  }
}
