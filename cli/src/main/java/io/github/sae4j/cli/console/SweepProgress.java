package io.github.sae4j.cli.console;

import io.github.sae4j.training.StepRecord;
import io.github.sae4j.training.TrainingListener;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** Shows a sweep as one run: the figures are those of its first run that is still going. */
public final class SweepProgress {
  private final Progress progress;

  /** What one run said of the data, others would say again. */
  private final Set<String> said = new HashSet<>();

  private boolean started;
  private long shown;

  public SweepProgress(Progress progress) {
    this.progress = progress;
  }

  /** The listener of one run, named in what it says. */
  public TrainingListener of(String run) {
    return new TrainingListener() {
      @Override
      public void started(long step, long steps) {
        if (!started) {
          progress.started(step, steps);
          shown = step;
          started = true;
        }
      }

      @Override
      public void step(StepRecord record) {
        if (record.number() > shown) {
          progress.step(record);
          shown = record.number();
        }
      }

      @Override
      public void checkpoint(Path folder) {
        progress.checkpoint(folder);
      }

      @Override
      public void note(String message) {
        if (said.add(message)) {
          progress.note(run + ": " + message);
        }
      }

      @Override
      public void warning(String message) {
        if (said.add(message)) {
          progress.warning(run + ": " + message);
        }
      }
    };
  }
}
