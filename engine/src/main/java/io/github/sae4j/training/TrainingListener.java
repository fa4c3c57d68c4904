package io.github.sae4j.training;

import java.nio.file.Path;

/** What a run tells while it goes on. All calls come from the thread that runs the trainer. */
public interface TrainingListener {
  /** Listens to nothing. */
  TrainingListener NONE = new TrainingListener() {};

  /**
   * Training is about to start or go on.
   *
   * @param step steps done before
   * @param steps steps of the whole run
   */
  default void started(long step, long steps) {}

  /**
   * A step is done.
   *
   * @param record what came of it
   */
  default void step(StepRecord record) {}

  /**
   * A checkpoint is on disk.
   *
   * @param folder where
   */
  default void checkpoint(Path folder) {}

  /**
   * Something worth knowing, and as it should be.
   *
   * @param message one line
   */
  default void note(String message) {}

  /**
   * Something that the user should know and that does not stop the run.
   *
   * @param message one line
   */
  default void warning(String message) {}
}
