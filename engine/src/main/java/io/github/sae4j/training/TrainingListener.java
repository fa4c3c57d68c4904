package io.github.sae4j.training;

import java.nio.file.Path;
import java.util.Map;

/** Receives progress of a run. All calls come from the thread that runs the trainer. */
public interface TrainingListener {
  /** Ignores everything. */
  TrainingListener NONE = new TrainingListener() {};

  /**
   * Training is about to start or resume.
   *
   * @param step steps done before
   * @param steps steps of the whole run
   */
  default void started(long step, long steps) {}

  /**
   * A step is done.
   *
   * @param record the step's losses and counts
   */
  default void step(StepRecord record) {}

  /**
   * A line of metrics has been appended to {@code metrics.jsonl}, or could not be.
   *
   * @param line its members: {@code step}, and metrics by SAELens's names; null where undefined
   */
  default void logged(Map<String, Object> line) {}

  /**
   * A checkpoint has been written.
   *
   * @param folder where
   */
  default void checkpoint(Path folder) {}

  /**
   * Reports something that is worth knowing and not a problem.
   *
   * @param message one line
   */
  default void note(String message) {}

  /**
   * Reports a problem that does not stop the run.
   *
   * @param message one line
   */
  default void warning(String message) {}
}
