package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.records.MetricsLog;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * A run under way: a trainer that is taken forward step by step, with its log, its checkpoints and
 * its evaluations on held-out rows. It owns the trainer.
 */
final class ActiveRun implements AutoCloseable {
  private final TrainingRun.Settings settings;
  private final Path resumed;
  private final TrainingListener listener;
  private final RunHealth health;
  private final TrainingData data;
  private final Trainer trainer;
  private final RunRecorder recorder;
  private final MetricsLog log;
  private StepTimes times = new StepTimes();
  private long lastCheckpoint = System.nanoTime();

  /** Whether a line of metrics could not be written. */
  private boolean lineLost;

  /**
   * A run before its next step.
   *
   * @param resumed what a user resumes to go on
   * @param health looks at each step; closed with the run
   * @param trainer closed with the run
   * @param recorder writes into the run's folder
   * @param logged bytes of the log at the checkpoint that the trainer comes from, 0 without one
   */
  ActiveRun(
      TrainingRun.Settings settings,
      Path resumed,
      TrainingData data,
      TrainingListener listener,
      RunHealth health,
      Trainer trainer,
      RunRecorder recorder,
      long logged)
      throws IOException {
    this.settings = settings;
    this.resumed = resumed;
    this.data = data;
    this.listener = listener;
    this.health = health;
    this.trainer = trainer;
    this.recorder = recorder;
    log = MetricsLog.open(settings.folder().metrics(), trainer.stepsDone(), logged);
    recorder.begin(trainer);
    listener.started(trainer.stepsDone(), trainer.steps());
  }

  /** Whether the last step is done, or held-out metrics have long been no better. */
  boolean done() {
    return trainer.done() || exhausted();
  }

  private boolean exhausted() {
    int patience = settings.heldOut().patience();
    return patience > 0 && recorder.heldOut().since() >= patience;
  }

  /** What its trainer goes by. */
  Trainer.Measured measured() {
    return trainer.measured();
  }

  /** Steps done. */
  long stepsDone() {
    return trainer.stepsDone();
  }

  /**
   * Runs one step and whatever is due after it.
   *
   * @param stop asked after the step; true writes a checkpoint
   * @return whether the run stops here although it is not done
   */
  boolean advance(BooleanSupplier stop) throws IOException {
    try {
      boolean evaluates = settings.heldOut().due(trainer.stepsDone() + 1, trainer.steps());
      boolean logs = evaluates || logs(trainer.stepsDone() + 1, trainer.steps());
      StepRecord step = step(logs);
      times.add(step);
      Map<String, Object> line = logs ? metrics(step) : Map.of();
      if (step.report().rows() > 0) {
        health.step(step);
        listener.step(step);
      }
      expectRows();
      if (evaluates) {
        recorder.evaluate(trainer).forEach((name, value) -> line.put("eval/" + name, value));
      }
      if (logs) {
        append(line);
        listener.logged(line);
        times = new StepTimes();
      }
      boolean stopping = !done() && stop.getAsBoolean();
      double seconds = (System.nanoTime() - lastCheckpoint) * 1e-9;
      if (stopping || settings.checkpoints().due(trainer.stepsDone(), trainer.steps(), seconds)) {
        recorder.checkpoint(trainer, log, stopping);
        lastCheckpoint = System.nanoTime();
      }
      return stopping;
    } catch (DivergenceException e) {
      throw new DivergenceException(e.getMessage() + "; " + lastCheckpoint(), e);
    }
  }

  /** Writes the state of the last step and the trained SAE. */
  void end() throws IOException {
    if (exhausted() && !trainer.done()) {
      listener.note(
          String.format(
              Locale.ROOT,
              "stopped early after step %d of %d: the held-out FVU has not been below %.4g, that of"
                  + " step %d, in %d evaluations",
              trainer.stepsDone(),
              trainer.steps(),
              recorder.heldOut().bestFvu(),
              recorder.heldOut().bestStep(),
              recorder.heldOut().since()));
    }
    try {
      recorder.writeFinal(trainer, log);
    } catch (DivergenceException e) {
      throw new DivergenceException(e.getMessage() + "; " + lastCheckpoint(), e);
    }
    log.force();
    settings.folder().recordLog(log.size());
    LeftOut leftOut = trainer.progress().leftOut();
    if (leftOut.rows() > 0) {
      listener.warning(
          String.format(
              "rows left out of training: %d that are not finite, %d masked since the run was"
                  + " resumed; %d batches had no other",
              leftOut.bad(), leftOut.masked(), trainer.progress().passedOver()));
    }
  }

  /** Writes a checkpoint, if steps have run since the last, because the run fails. */
  void keep(IOException failure) {
    try {
      if (recorder.behind(trainer)) {
        recorder.checkpoint(trainer, log, true);
      }
      listener.warning(
          (trainer.stepsDone() == 0
                  ? "stopped before the first step"
                  : "stopped after step " + trainer.stepsDone() + ", up to which all is kept")
              + "; to go on: --resume-from-checkpoint "
              + word(resumed)
              + (failure instanceof BadRowException
                  ? " with --on-bad-rows skip, or with a --mask that leaves the row out"
                  : ""));
    } catch (IOException | DivergenceException e) {
      failure.addSuppressed(e);
      listener.warning("no checkpoint could be written before stopping: " + e.getMessage());
    }
  }

  /** Runs one step. If its rows cannot be read, a checkpoint is written before the run ends. */
  private StepRecord step(boolean logs) throws IOException {
    int named = trainer.progress().leftOut().named().size();
    StepRecord step;
    try {
      step = trainer.step(logs);
    } catch (IOException e) {
      keep(e);
      throw e;
    }
    List<String> names = trainer.progress().leftOut().named();
    for (String row : names.subList(named, names.size())) {
      listener.warning("left out: " + row);
    }
    if (named < LeftOut.NAMED && names.size() == LeftOut.NAMED) {
      listener.warning("further rows that are left out are counted but not named");
    }
    return step;
  }

  /** A run that leaves out every row trains nothing, and its SAE would be none. */
  private void expectRows() throws BadFileException {
    if (trainer.samplesDone() == 0
        && (trainer.done() || trainer.position() >= data.training().rows())) {
      LeftOut leftOut = trainer.progress().leftOut();
      String source = data.training().origin(0).source();
      throw new BadFileException(
          Path.of(source),
          "no row is left to train on: "
              + leftOut.bad()
              + " are not finite or too large, "
              + leftOut.masked()
              + " are masked");
    }
  }

  /** A path as one word of a shell: hints are copied. */
  private static String word(Path path) {
    String text = path.toString();
    boolean plain =
        text.codePoints()
            .allMatch(c -> Character.isLetterOrDigit(c) || "/._-+:@%,".indexOf(c) >= 0);
    return plain ? text : "'" + text.replace("'", "'\\''") + "'";
  }

  private Map<String, Object> metrics(StepRecord step) {
    Map<String, Object> line =
        new LinkedHashMap<>(step.metrics(times.meanStepSeconds(), times.meanDataSeconds()));
    LeftOut leftOut = trainer.progress().leftOut();
    if (leftOut.rows() > 0) {
      line.put("details/rows_left_out", leftOut.rows());
    }
    return line;
  }

  private boolean logs(long step, long steps) {
    return step % settings.logEvery() == 0 || step == steps;
  }

  /**
   * Appends a line to the log. On a full disk a short line may still find room, and the next not:
   * only the first that does not is complained of.
   */
  private void append(Map<String, Object> line) throws IOException {
    try {
      log.append(line);
    } catch (IOException e) {
      if (!settings.goOnWithoutCheckpoints()) {
        throw e;
      }
      if (!lineLost) {
        listener.warning(e.getMessage() + "; lines are missing there from now on");
      }
      lineLost = true;
    }
  }

  private String lastCheckpoint() {
    try {
      return CheckpointStore.newestValid(settings.folder().path())
          .newest()
          .map(path -> "the last checkpoint is " + path)
          .orElse("there is no checkpoint");
    } catch (IOException e) {
      return "checkpoints cannot be listed: " + e.getMessage();
    }
  }

  @Override
  public void close() throws IOException {
    trainer.close();
    health.close();
    log.close();
  }
}
