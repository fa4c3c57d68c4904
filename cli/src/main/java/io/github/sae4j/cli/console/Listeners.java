package io.github.sae4j.cli.console;

import io.github.sae4j.training.StepRecord;
import io.github.sae4j.training.TrainingListener;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Several listeners of one run, told in order.
 *
 * @param all the listeners
 */
public record Listeners(List<TrainingListener> all) implements TrainingListener {
  @Override
  public void started(long step, long steps) {
    all.forEach(each -> each.started(step, steps));
  }

  @Override
  public void step(StepRecord record) {
    all.forEach(each -> each.step(record));
  }

  @Override
  public void logged(Map<String, Object> line) {
    all.forEach(each -> each.logged(line));
  }

  @Override
  public void checkpoint(Path folder) {
    all.forEach(each -> each.checkpoint(folder));
  }

  @Override
  public void note(String message) {
    all.forEach(each -> each.note(message));
  }

  @Override
  public void warning(String message) {
    all.forEach(each -> each.warning(message));
  }
}
