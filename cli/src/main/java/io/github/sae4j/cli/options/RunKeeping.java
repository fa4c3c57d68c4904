package io.github.sae4j.cli.options;

import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.HeldOutSchedule;
import java.util.Map;
import picocli.CommandLine.Option;

/** Options of what a run keeps on disk while it trains; none changes what is computed. */
public final class RunKeeping {
  @Option(
      names = "--n-checkpoints",
      paramLabel = "N",
      description = "Write N checkpoints at even distances over the run.")
  private Long nCheckpoints;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "STEPS",
      description = "Write a checkpoint every N steps (default: every ten minutes).")
  private Long checkpointEvery;

  @Option(
      names = "--keep-checkpoints",
      paramLabel = "N",
      description = "How many of the newest to keep (default: all; 1 if no schedule is given).")
  private Integer keepCheckpoints;

  @Option(
      names = "--go-on-without-checkpoints",
      description =
          "Warn if a checkpoint or a line of metrics cannot be written, instead of stopping.")
  private boolean goOn;

  @Option(
      names = "--log-every",
      paramLabel = "STEPS",
      description = "Write a line to metrics.jsonl every N steps (default: 10).")
  private int logEvery = 10;

  @Option(
      names = "--eval-every",
      paramLabel = "STEPS",
      description = "Evaluate on the held-out rows every N steps; the numbers go to metrics.jsonl.")
  private Long evalEvery;

  @Option(
      names = "--keep-best",
      description = "Keep the SAE with the lowest held-out FVU in the run's best/.")
  private boolean keepBest;

  @Option(
      names = "--early-stop",
      paramLabel = "N",
      description = "End the run after N evaluations in a row without a lower held-out FVU.")
  private Integer earlyStop;

  @Option(
      names = "--tensorboard",
      description = "Write TensorBoard event files into the run's folder too.")
  private boolean tensorboard;

  /** When checkpoints are written; every ten minutes, the newest kept, unless asked otherwise. */
  public CheckpointSchedule checkpoints() {
    boolean asked = nCheckpoints != null || checkpointEvery != null;
    return new CheckpointSchedule(
        checkpointEvery == null ? 0 : checkpointEvery,
        nCheckpoints == null ? 0 : nCheckpoints,
        asked ? 0 : CheckpointSchedule.DEFAULT.minutes(),
        keepCheckpoints != null ? keepCheckpoints : asked ? Integer.MAX_VALUE : 1);
  }

  /** When the run is evaluated before its end. */
  public HeldOutSchedule heldOut() {
    return new HeldOutSchedule(
        evalEvery == null ? 0 : evalEvery, keepBest, earlyStop == null ? 0 : earlyStop);
  }

  /** Whether what cannot be written is a warning. */
  public boolean goesOn() {
    return goOn;
  }

  /** Steps between lines of metrics. */
  public int logEvery() {
    return logEvery;
  }

  /** Whether TensorBoard's files are written. */
  public boolean tensorboard() {
    return tensorboard;
  }

  /** Adds what was given to a run's record, from which it is resumed. */
  public void record(Map<String, Object> options) {
    put(options, "n_checkpoints", nCheckpoints);
    put(options, "checkpoint_every", checkpointEvery);
    put(options, "keep_checkpoints", keepCheckpoints);
    options.put("log_every", logEvery);
    put(options, "eval_every", evalEvery);
    put(options, "keep_best", keepBest ? true : null);
    put(options, "early_stop", earlyStop);
    put(options, "tensorboard", tensorboard ? true : null);
  }

  private static void put(Map<String, Object> map, String name, Object value) {
    if (value != null) {
      map.put(name, value);
    }
  }
}
