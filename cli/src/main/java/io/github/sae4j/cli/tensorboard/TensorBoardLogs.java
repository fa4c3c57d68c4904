package io.github.sae4j.cli.tensorboard;

import io.github.sae4j.cli.console.Listeners;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.training.TrainingListener;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** The event files of the runs of one command, one run or a sweep; none if they are not wanted. */
public final class TensorBoardLogs implements AutoCloseable {
  private final boolean wanted;
  private final Consumer<String> warning;
  private final Map<Path, TensorBoardLog> logs = new LinkedHashMap<>();

  /**
   * No files yet.
   *
   * @param wanted whether there will be any
   * @param warning is told if one cannot be written
   */
  public TensorBoardLogs(boolean wanted, Consumer<String> warning) {
    this.wanted = wanted;
    this.warning = warning;
  }

  /** A listener of a run that also writes its file, if files are wanted. */
  public TrainingListener beside(TrainingListener shown, Path run) {
    if (!wanted) {
      return shown;
    }
    TensorBoardLog log = new TensorBoardLog(run, warning);
    logs.put(run, log);
    return new Listeners(List.of(shown, log));
  }

  /** A run is finished. */
  public void finished(Path run, Optional<Metrics> metrics) {
    TensorBoardLog log = logs.get(run);
    if (log != null) {
      log.finished(metrics);
    }
  }

  @Override
  public void close() {
    logs.values().forEach(TensorBoardLog::close);
  }
}
