package io.github.sae4j.cli.tensorboard;

import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.training.TrainingListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Writes what {@code metrics.jsonl} gets to an event file too, under the same names. It must not
 * stop the run: a file that cannot be written is warned of once, and left as it is.
 */
public final class TensorBoardLog implements TrainingListener, AutoCloseable {
  private static final String EVALUATION = "eval/";

  private final Path folder;
  private final Consumer<String> warning;
  private EventFile file;
  private long last;
  private boolean evaluated;

  /**
   * A log that begins with the run.
   *
   * @param folder the run's folder
   * @param warning is told if the file cannot be written
   */
  public TensorBoardLog(Path folder, Consumer<String> warning) {
    this.folder = folder;
    this.warning = warning;
  }

  /** Something that writes to the file. */
  private interface Writing {
    void to(EventFile file) throws IOException;
  }

  @Override
  public void started(long step, long steps) {
    last = step;
    try {
      file = EventFile.create(folder, step);
    } catch (IOException e) {
      warn(e);
    }
  }

  @Override
  public void logged(Map<String, Object> line) {
    Map<String, Double> values = new LinkedHashMap<>();
    line.forEach(
        (name, value) -> {
          if (!name.equals("step") && value instanceof Number number) {
            values.put(name, number.doubleValue());
          }
        });
    last = ((Number) line.get("step")).longValue();
    evaluated = values.keySet().stream().anyMatch(name -> name.startsWith(EVALUATION));
    write(to -> to.scalars(last, values));
  }

  @Override
  public void checkpoint(Path written) {
    write(EventFile::force);
  }

  /**
   * The run is finished.
   *
   * @param metrics its metrics on held-out rows, if it has any
   */
  public void finished(Optional<Metrics> metrics) {
    if (metrics.isPresent()) {
      Map<String, Double> values = new LinkedHashMap<>();
      metrics
          .get()
          .toMap()
          .forEach(
              (name, value) -> {
                if (value instanceof Number number) {
                  values.put(EVALUATION + name, number.doubleValue());
                }
              });
      if (!evaluated) {
        write(to -> to.scalars(last, values));
      }
      Histogram density = Histogram.of(metrics.get().density());
      write(to -> to.histogram(last, EVALUATION + "log10_feature_density", density));
    }
    write(EventFile::force);
  }

  private void write(Writing writing) {
    if (file == null) {
      return;
    }
    try {
      writing.to(file);
    } catch (IOException e) {
      warn(e);
      close();
    }
  }

  private void warn(IOException failure) {
    warning.accept(
        "cannot write TensorBoard's event file in "
            + folder
            + ": "
            + failure.getMessage()
            + "; it ends here, metrics.jsonl goes on");
  }

  @Override
  public void close() {
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        warn(e);
      }
      file = null;
    }
  }
}
