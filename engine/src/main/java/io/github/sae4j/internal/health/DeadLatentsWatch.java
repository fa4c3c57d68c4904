package io.github.sae4j.internal.health;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.step.DeadLatentRule;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Dead latents that become more. When the window has passed for the first time, all die that never
 * fired, then those that the first steps silenced; AuxK needs time to revive them. So the watch
 * begins a window (at most a quarter of the run) after the first latent died, and takes the mean
 * share over blocks of steps. It counts as rising if three blocks in a row did not fall, it is a
 * tenth or more, and has grown by a twentieth of all latents; where half of all are dead, not
 * falling is enough. At the end of the run a quarter is.
 */
final class DeadLatentsWatch implements Watch {
  private static final double RISING = 0.1;
  private static final double GROWN = 0.05;
  private static final double MANY = 0.5;
  private static final double LEFT = 0.25;
  private static final double RISES = 3;

  private final TrainingConfig config;
  private final int dSae;

  /** Steps of a block: a fiftieth of the run, within bounds. */
  private final long block;

  /** Steps from the first death to the first block. */
  private final long grace;

  /** Steps since the first latent died; 0 before. */
  private double since;

  private double inBlock;
  private double sum;

  /** Share in the block before; -1 if there was none. */
  private double before = -1;

  private double rises;
  private double risenFrom;

  DeadLatentsWatch(TrainingConfig config, int dSae, long steps) {
    this.config = config;
    this.dSae = dSae;
    block = Math.clamp(steps / 50, 10, 1000);
    DeadLatentRule.Counting counting = config.counting();
    long window =
        counting.unit() == DeadLatentRule.Counting.Unit.STEPS
            ? counting.window()
            : Math.ceilDiv(counting.window(), config.rowsPerStep());
    grace = Math.min(window, steps / 4);
  }

  @Override
  public String kind() {
    return "dead_latents";
  }

  @Override
  public Optional<Warning> see(Step step) {
    double share = (double) step.report().dead() / dSae;
    if (step.last() && share >= LEFT) {
      return Optional.of(warning(step, share, "are dead at the end"));
    }
    since += since > 0 || share > 0 ? 1 : 0;
    if (since <= grace) {
      return Optional.empty();
    }
    sum += share;
    inBlock++;
    if (inBlock < block) {
      return Optional.empty();
    }
    double mean = sum / inBlock;
    sum = 0;
    inBlock = 0;
    boolean fell = before < 0 || mean < before;
    rises = fell ? 0 : rises + 1;
    risenFrom = fell ? mean : risenFrom;
    before = mean;
    boolean rising = mean >= RISING && mean - risenFrom >= GROWN;
    return rises >= RISES && (rising || mean >= MANY)
        ? Optional.of(warning(step, share, rising ? "are dead, and more and more" : "stay dead"))
        : Optional.empty();
  }

  private Warning warning(Step step, double share, String how) {
    String advice;
    if (config.auxK().coefficient() == 0) {
      advice = "--aux-loss-coefficient 1 revives dead latents";
    } else if (config.dead().window().isPresent()) {
      advice =
          "a lower --lr lets fewer die, a shorter --dead-feature-window than "
              + config.dead().window().getAsLong()
              + " lets AuxK act sooner";
    } else {
      advice = "a lower --lr lets fewer die, fewer --dead-feature-tokens let AuxK act sooner";
    }
    return new Warning(
        step.number(),
        kind(),
        String.format(
            Locale.ROOT,
            "step %d: %d of %d latents, %.0f%%, %s",
            step.number(),
            step.report().dead(),
            dSae,
            100 * share,
            how),
        advice + "; a smaller --d-sae may be enough for these rows");
  }

  @Override
  public Map<String, Object> memory() {
    Map<String, Object> memory = new LinkedHashMap<>();
    memory.put("since", since);
    memory.put("in_block", inBlock);
    memory.put("sum", sum);
    memory.put("before", before);
    memory.put("rises", rises);
    memory.put("risen_from", risenFrom);
    return memory;
  }

  @Override
  public void recall(Map<?, ?> memory) {
    since = Watch.number(memory, "since");
    inBlock = Watch.number(memory, "in_block");
    sum = Watch.number(memory, "sum");
    before = memory.containsKey("before") ? Watch.number(memory, "before") : -1;
    rises = Watch.number(memory, "rises");
    risenFrom = Watch.number(memory, "risen_from");
  }
}
