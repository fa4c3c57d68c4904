package io.github.sae4j.training;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.health.HealthMonitor;
import io.github.sae4j.internal.health.Step;
import io.github.sae4j.internal.health.Warning;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.records.MetricsLog;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The warnings of a run: each kind is told the listener once, and kept in {@code warnings.jsonl}, a
 * line each. The file is never cut back, so that a run that was killed and goes on from an earlier
 * step does not repeat itself; a run without warnings has none.
 */
final class RunHealth implements AutoCloseable {
  /** Member of a checkpoint's state: what {@link HealthMonitor} remembers. */
  static final String NAME = "health";

  /** No run says more: beyond, the file is somebody else's. */
  private static final int MOST_BYTES = 1 << 20;

  private final Path file;
  private final TrainingListener listener;
  private final Set<String> said = new HashSet<>();

  /** Said before the run's folder may be written to. */
  private final List<Warning> unwritten = new ArrayList<>();

  private HealthMonitor monitor;
  private MetricsLog log;
  private boolean lost;

  /**
   * The warnings of a run that has not started.
   *
   * @param file {@code warnings.jsonl}, which need not exist
   * @param listener is told them
   */
  RunHealth(Path file, TrainingListener listener) {
    this.file = file;
    this.listener = listener;
  }

  /** Takes up what was said before, so that it is not repeated. */
  void recallSaid() {
    read(file).forEach(warning -> said.add(warning.kind()));
  }

  /** Warnings of a file, those that can be read. */
  static List<Warning> read(Path file) {
    List<Warning> warnings = new ArrayList<>();
    try {
      if (!Files.isRegularFile(file) || Files.size(file) > MOST_BYTES) {
        return warnings;
      }
      ByteBuffer bytes = ByteBuffer.allocate((int) Files.size(file));
      try (DiskFile in = DiskFile.open(file, StandardOpenOption.READ)) {
        for (int got = 0; got >= 0 && bytes.hasRemaining(); ) {
          got = in.read(bytes, bytes.position());
        }
      }
      String text = new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
      for (String line : text.lines().toList()) {
        Warning.fromMap(Json.parse(file, line.getBytes(StandardCharsets.UTF_8)))
            .ifPresent(warnings::add);
      }
    } catch (IOException e) {
      return warnings; // at worst a warning is said twice
    }
    return warnings;
  }

  /**
   * The run trains from here on: its folder may be written to.
   *
   * @param steps steps of the whole run
   * @param memory what a checkpoint remembers of the steps before; null without one
   */
  void begin(TrainingConfig config, int dSae, long steps, Object memory) {
    monitor = new HealthMonitor(config, dSae, steps);
    monitor.recall(memory);
    write(unwritten);
    unwritten.clear();
  }

  /** Tells a warning, unless one of its kind was told. */
  void warn(Warning warning) {
    if (!said.add(warning.kind())) {
      return;
    }
    listener.warning(warning.text());
    if (monitor == null) {
      unwritten.add(warning);
    } else {
      write(List.of(warning));
    }
  }

  /** Looks at a step. */
  void step(StepRecord step) {
    monitor
        .see(
            new Step(
                step.number(),
                step.number() == step.steps(),
                step.report(),
                step.stepSeconds(),
                step.dataSeconds()))
        .forEach(this::warn);
  }

  /** What a checkpoint has to remember. */
  Map<String, Object> memory() {
    return monitor.memory();
  }

  /** A warning that cannot be kept must not stop the run that it is about. */
  private void write(List<Warning> warnings) {
    try {
      // A file that is there is opened whatever follows: a line that was cut off goes.
      if (log == null && (!warnings.isEmpty() || Files.exists(file))) {
        log = MetricsLog.open(file, Long.MAX_VALUE, 0);
      }
      for (Warning warning : warnings) {
        log.append(warning.toMap());
        log.force(); // a kill must not bring it back
      }
    } catch (IOException e) {
      if (!lost) {
        listener.warning(e.getMessage() + "; warnings are missing there");
      }
      lost = true;
    }
  }

  @Override
  public void close() throws IOException {
    if (log != null) {
      log.close();
      log = null; // the same run may go on
    }
  }
}
