package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.PairedRows;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.Pairs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BooleanSupplier;

/**
 * A run on disk: drives a {@link Trainer} and writes metrics, checkpoints, the finished SAE and its
 * evaluation to one folder, which has one writer at a time. An interrupted run that is resumed ends
 * with the bits of one that was not.
 */
public final class TrainingRun {
  /** How a run ended. */
  public enum Outcome {
    /** All steps are done; the SAE is written, and evaluated on held-out rows. */
    FINISHED,
    /** It was asked to stop, and can be resumed. */
    STOPPED
  }

  /**
   * Where and how a run is kept; nothing here changes what is computed.
   *
   * @param folder the run's folder
   * @param checkpoints when checkpoints are written and how many are kept
   * @param goOnWithoutCheckpoints whether a checkpoint or a line of metrics that cannot be written
   *     is a warning; if not, it ends the run
   * @param logEvery steps between lines of metrics
   * @param record further members of {@code config.json}: versions, command line, options
   * @param metadata where the SAE belongs (model, hook), for its checkpoint; metadata of the SAE
   *     that a run starts from is kept unless replaced here
   */
  public record Settings(
      RunFolder folder,
      CheckpointSchedule checkpoints,
      boolean goOnWithoutCheckpoints,
      int logEvery,
      Map<String, Object> record,
      Map<String, Object> metadata) {
    /** Checks the range. */
    public Settings {
      if (logEvery < 1) {
        throw new ConfigException("log_every", "expected at least 1, got " + logEvery);
      }
    }
  }

  /** Options that set the length of a run. */
  private static final List<String> LENGTHS = List.of("training_samples", "epochs", "steps");

  private final Settings settings;
  private final TrainingConfig config;
  private final TrainingData data;
  private final Device device;
  private final TrainingListener listener;
  private final Continuation continuation;
  private final RunWarnings warnings;
  private Optional<Metrics> evaluation = Optional.empty();

  /** Metadata of the SAE that the run started from. */
  private Map<String, Object> inherited = Map.of();

  /** Which rows are left out, and from which step. */
  private RowRecord rowRecord = RowRecord.NONE;

  /** Whether a line of metrics could not be written. */
  private boolean lineLost;

  /**
   * A run that has not started.
   *
   * @param settings where it is kept
   * @param config what is computed
   * @param data the rows
   * @param device where steps run
   * @param listener receives progress
   */
  public TrainingRun(
      Settings settings,
      TrainingConfig config,
      TrainingData data,
      Device device,
      TrainingListener listener) {
    this.settings = settings;
    this.config = config.resolved(data.dIn());
    this.data = data;
    this.device = device;
    this.listener = listener;
    this.continuation = new Continuation(settings.folder(), this.config, data, listener);
    this.warnings = new RunWarnings(this.config, data, listener);
  }

  /**
   * Runs from the first step.
   *
   * @param pretrained an SAE to start from; empty to draw weights
   * @param stop asked after every step; true ends the run after a checkpoint
   * @return how it ended
   * @throws ConfigException if options do not fit the data, or the folder holds a run already or
   *     files of somebody else
   * @throws BadRowException if activations are not finite and none are left out; held-out rows are
   *     read before the first step; for a bad training row a checkpoint is written first
   * @throws BadFileException if the activations have changed
   * @throws DivergenceException if training diverges
   * @throws IOException if reading or writing fails
   */
  public Outcome start(Optional<SparseAutoencoder> pretrained, BooleanSupplier stop)
      throws IOException {
    settings.folder().expectNotForeign();
    try (CheckpointStore store = CheckpointStore.open(settings.folder().path())) {
      if (settings.folder().used()) {
        throw new ConfigException(
            "output_path",
            settings.folder().path()
                + " holds a run already; choose another folder or resume that run");
      }
      inherited = RunRecorder.inherited(pretrained);
      warnings.ofOptions();
      if (pretrained.isEmpty()) {
        warnings.ofOffset();
      }
      // Check held-out rows first; finding a bad one later wastes the run.
      if (data.heldOut().isPresent() && data.rules().onBadRows() == OnBadRows.ERROR) {
        FiniteRows.expect(data.heldOut().get());
      }
      rowRecord = new RowRecord(data.rules().onBadRows(), List.of(), LeftOut.NONE, 0);
      try (Trainer trainer = Trainer.start(config, data, device, pretrained)) {
        Map<String, Object> record = new LinkedHashMap<>(settings.record());
        record.put(RunFolder.TRAINING, config.toMap());
        record.put(RunFolder.DATA, data.identity().toMap());
        record.put(RunFolder.ON_BAD_ROWS, data.rules().onBadRows().toString());
        pretrained.ifPresent(sae -> record.put(RunFolder.PRETRAINED, RecordHashes.of(sae)));
        settings.folder().writeConfig(record);
        return train(store, trainer, 0, stop);
      }
    }
  }

  /**
   * Resumes an interrupted run from a checkpoint or, if there is none yet, from the first step. Bad
   * rows may be left out from here on, and so may rows of further masks ({@link
   * TrainingData#removals}); both are recorded, with the step.
   *
   * @param checkpoint which checkpoint; empty for the newest valid one
   * @param pretrained the SAE that the run started from, if it did
   * @param stop asked after every step
   * @return how it ended
   * @throws ConfigException if the configuration differs from the run's, finished or not; names the
   *     differences
   * @throws BadFileException if the data differ, or the given checkpoint is damaged
   * @throws DivergenceException if training diverges
   * @throws IOException if reading or writing fails
   */
  public Outcome resume(
      Optional<Path> checkpoint, Optional<SparseAutoencoder> pretrained, BooleanSupplier stop)
      throws IOException {
    try (CheckpointStore store = CheckpointStore.open(settings.folder().path())) {
      if (checkpoint.isPresent()) {
        Manifest.verify(checkpoint.get());
      }
      Optional<Path> from = checkpoint.isPresent() ? checkpoint : newest();
      if (from.isPresent() && extendedAfter(from.get())) {
        throw new ConfigException(
            "resume_from_checkpoint",
            from.get()
                + " is from before the run was extended; expected "
                + settings.folder().path()
                + " or a later checkpoint");
      }
      continuation.expectSameConfig(from);
      continuation.expectSameData(from);
      if (settings.folder().finished()) {
        return finish();
      }
      rowRecord = continuation.rows(from);
      warnings.ofOptions();
      if (from.isEmpty()) {
        continuation.expectSamePretrained(pretrained);
        inherited = RunRecorder.inherited(pretrained);
        try (Trainer trainer = Trainer.start(config, data, device, pretrained)) {
          return train(store, trainer, 0, stop);
        }
      }
      return goOn(store, from.get(), stop);
    }
  }

  private boolean extendedAfter(Path checkpoint) throws IOException {
    return TrainerState.read(checkpoint).samples() < settings.folder().extendedFrom();
  }

  /**
   * Extends a finished run and continues from the state of its last step. The learning rate of the
   * further steps is that of a run of the new length at the same steps; if it is constant and the
   * last batch was whole, the result has the bits of a run that had the new length from the start.
   *
   * @param stop asked after every step
   * @return how it ended; a run that was stopped is resumed, not extended again
   * @throws ConfigException if the run is not finished, the new length is not greater, or the
   *     configuration differs from the run's in anything but its length
   * @throws BadFileException if the data differ, or the state of the last step is missing
   * @throws DivergenceException if training diverges
   * @throws IOException if reading or writing fails
   */
  public Outcome extend(BooleanSupplier stop) throws IOException {
    RunFolder folder = settings.folder();
    try (CheckpointStore store = CheckpointStore.open(folder.path())) {
      if (!folder.finished()) {
        throw new ConfigException(
            "extend", folder.path() + " is not finished; resume it as it is, then extend it");
      }
      Optional<Path> last = newest();
      long before = folder.trainedSamples();
      if (last.isEmpty() || TrainerState.read(last.get()).samples() != before) {
        throw new BadFileException(
            folder.path(), "the state of the last step is missing, the run cannot be extended");
      }
      TrainerState saved = TrainerState.read(last.get());
      long after = config.samples(data.training().rows());
      if (after <= saved.streamPosition()) {
        throw new ConfigException(
            "extend",
            "expected steps, epochs or training_samples beyond the run's "
                + saved.step()
                + " steps ("
                + saved.streamPosition()
                + " rows), got "
                + after
                + " rows");
      }
      TrainingConfig sameLength = TrainingConfig.fromMap(withLengthOf(saved.config()));
      Continuation.expectNone(folder.differences(sameLength, last));
      continuation.expectSameData(last);
      rowRecord = continuation.rows(last);
      warnings.ofOptions();
      Map<String, Object> record = new LinkedHashMap<>(folder.readConfig());
      List<Object> extensions = new ArrayList<>();
      if (record.get(RunFolder.EXTENSIONS) instanceof List<?> earlier) {
        extensions.addAll(earlier);
      }
      Map<String, Object> extension = new LinkedHashMap<>();
      extension.put("from_step", saved.step());
      extension.put(RunFolder.FROM_SAMPLES, before);
      extensions.add(extension);
      record.putAll(settings.record());
      record.put(RunFolder.TRAINING, config.toMap());
      record.put(RunFolder.EXTENSIONS, extensions);
      record.remove(RunFolder.LOG); // the log will grow
      folder.writeConfig(record);
      Files.deleteIfExists(folder.evaluation()); // it is that of the SAE to be replaced
      return goOn(store, last.get(), stop);
    }
  }

  /** This run's options except its length. */
  private Map<String, Object> withLengthOf(Map<String, Object> saved) {
    Map<String, Object> options = config.toMap();
    LENGTHS.forEach(option -> options.put(option, saved.get(option)));
    return options;
  }

  private Outcome goOn(CheckpointStore store, Path from, BooleanSupplier stop) throws IOException {
    TrainerState saved = TrainerState.read(from);
    inherited = RunRecorder.inherited(saved);
    continuation.expectSameLog(saved);
    long shortRows =
        saved.extra().get(RunRecorder.SHORT_ROWS) instanceof Long rows
                && rows > 0
                && rows < saved.samples()
            ? rows
            : 0;
    long rows = config.samples(data.training().rows());
    long steps = Math.ceilDiv(rows + shortRows, (long) config.rowsPerStep());
    if (saved.step() > steps) {
      throw new BadFileException(
          from, "step: expected at most the run's " + steps + ", got " + saved.step());
    }
    Trainer.Measured measured =
        new Trainer.Measured(
            saved.normalizationFactor(),
            config.needsMseScale() ? OptionalDouble.of(saved.mseScale()) : OptionalDouble.empty());
    try (Trainer trainer =
        Trainer.resume(
            config,
            data,
            device,
            measured,
            new Trainer.Done(saved.step(), rowRecord.passedOver(), rowRecord.leftOut(), shortRows),
            state -> TrainerState.readTensors(from, state, Map.of()))) {
      Continuation.expectPosition(from, saved, trainer);
      if (saved.samples() == settings.folder().extendedFrom()) {
        listener.note(
            String.format(
                Locale.ROOT,
                "%s goes on after step %d to step %d; learning rate %.4g at step %d and %.4g at the"
                    + " last, as in a run of that length%s",
                settings.folder().path(),
                saved.step(),
                trainer.steps(),
                trainer.learningRateAt(saved.step() + 1),
                saved.step() + 1,
                trainer.learningRateAt(trainer.steps()),
                steps == Math.ceilDiv(rows, (long) config.rowsPerStep())
                    ? ""
                    : "; the last batch so far lacked "
                        + shortRows
                        + " rows, for which there is one step more"));
      }
      return train(store, trainer, saved.metricsBytes(), stop);
    }
  }

  private Optional<Path> newest() throws IOException {
    CheckpointStore.Search search = CheckpointStore.newestValid(settings.folder().path());
    search.skipped().forEach(listener::warning);
    return search.newest();
  }

  private Outcome train(CheckpointStore store, Trainer trainer, long logged, BooleanSupplier stop)
      throws IOException {
    RunRecorder recorder =
        new RunRecorder(settings, config, data, listener, store, inherited, rowRecord);
    try (MetricsLog log =
        MetricsLog.open(settings.folder().metrics(), trainer.stepsDone(), logged)) {
      listener.started(trainer.stepsDone(), trainer.steps());
      StepTimes times = new StepTimes();
      long lastCheckpoint = System.nanoTime();
      recorder.begin(trainer);
      while (!trainer.done()) {
        boolean logs = logs(trainer.stepsDone() + 1, trainer.steps());
        StepRecord step = step(recorder, trainer, log, logs);
        times.add(step);
        if (logs) {
          append(log, metrics(step, times, trainer));
          times = new StepTimes();
        }
        if (step.report().rows() > 0) {
          listener.step(step);
        }
        expectRows(trainer);
        boolean stopping = !trainer.done() && stop.getAsBoolean();
        double seconds = (System.nanoTime() - lastCheckpoint) * 1e-9;
        if (stopping || settings.checkpoints().due(trainer.stepsDone(), trainer.steps(), seconds)) {
          recorder.checkpoint(trainer, log, stopping);
          lastCheckpoint = System.nanoTime();
        }
        if (stopping) {
          return Outcome.STOPPED;
        }
      }
      recorder.writeFinal(trainer, log);
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
      return finish();
    } catch (DivergenceException e) {
      throw new DivergenceException(e.getMessage() + "; " + lastCheckpoint(), e);
    }
  }

  /** A run that leaves out every row trains nothing, and its SAE would be none. */
  private void expectRows(Trainer trainer) throws BadFileException {
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

  /** Runs one step. If its rows cannot be read, a checkpoint is written before the run ends. */
  private StepRecord step(RunRecorder recorder, Trainer trainer, MetricsLog log, boolean logs)
      throws IOException {
    int named = trainer.progress().leftOut().named().size();
    StepRecord step;
    try {
      step = trainer.step(logs);
    } catch (IOException e) {
      keep(recorder, trainer, log, e);
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

  private void keep(RunRecorder recorder, Trainer trainer, MetricsLog log, IOException failure) {
    try {
      if (recorder.behind(trainer)) {
        recorder.checkpoint(trainer, log, true);
      }
      listener.warning(
          (trainer.stepsDone() == 0
                  ? "stopped before the first step"
                  : "stopped after step " + trainer.stepsDone() + ", up to which all is kept")
              + "; to go on: --resume-from-checkpoint "
              + word(settings.folder().path())
              + (failure instanceof BadRowException
                  ? " with --on-bad-rows skip, or with a --mask that leaves the row out"
                  : ""));
    } catch (IOException | DivergenceException e) {
      failure.addSuppressed(e);
      listener.warning("no checkpoint could be written before stopping: " + e.getMessage());
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

  private static Map<String, Object> metrics(StepRecord step, StepTimes times, Trainer trainer) {
    Map<String, Object> line = step.metrics(times.meanStepSeconds(), times.meanDataSeconds());
    LeftOut leftOut = trainer.progress().leftOut();
    if (leftOut.rows() > 0) {
      line.put("details/rows_left_out", leftOut.rows());
    }
    return line;
  }

  /** Evaluates the SAE as a user would load it, on rows that training never saw. */
  private Outcome finish() throws IOException {
    if (data.heldOut().isPresent()) {
      try (SparseAutoencoder trained = SaeCheckpoint.load(settings.folder().trained(), device)) {
        Evaluator evaluator = new Evaluator(trained);
        ActivationSource rows = data.heldOut().get();
        ActivationSource inputs = PairedRows.inputs(rows);
        Metrics metrics =
            config.sae().pairs() == Pairs.TARGETS
                ? evaluator.evaluate(inputs, PairedRows.others(rows))
                : evaluator.evaluate(inputs);
        settings.folder().writeEvaluation(metrics.toMap());
        evaluation = Optional.of(metrics);
      }
    }
    return Outcome.FINISHED;
  }

  /**
   * Metrics of the finished SAE, as loaded from disk, on held-out rows; also in {@code
   * evaluation.json}.
   *
   * @return the metrics; empty before the end, or if no rows are held out
   */
  public Optional<Metrics> evaluation() {
    return evaluation;
  }

  private boolean logs(long step, long steps) {
    return step % settings.logEvery() == 0 || step == steps;
  }

  /**
   * Appends a line to the log. On a full disk a short line may still find room, and the next not:
   * only the first that does not is complained of.
   */
  private void append(MetricsLog log, Map<String, Object> line) throws IOException {
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
}
