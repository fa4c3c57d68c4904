package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.checkpoint.WhiteningFile;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.evaluation.NeighbourRecall;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.internal.records.RecordHashes;
import io.github.sae4j.internal.records.RowRecord;
import io.github.sae4j.internal.start.Spectrum;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.Whitening;
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
   * @param heldOut when the run is evaluated on its held-out rows before its end, and whether it
   *     may end early
   */
  public record Settings(
      RunFolder folder,
      CheckpointSchedule checkpoints,
      boolean goOnWithoutCheckpoints,
      int logEvery,
      Map<String, Object> record,
      Map<String, Object> metadata,
      HeldOutSchedule heldOut) {
    /** Checks the range. */
    public Settings {
      if (logEvery < 1) {
        throw new ConfigException("log_every", "expected at least 1, got " + logEvery);
      }
    }

    /**
     * Settings of a run that is evaluated at its end only.
     *
     * @param folder the run's folder
     * @param checkpoints when checkpoints are written and how many are kept
     * @param goOnWithoutCheckpoints whether what cannot be written is a warning
     * @param logEvery steps between lines of metrics
     * @param record further members of {@code config.json}
     * @param metadata where the SAE belongs
     */
    public Settings(
        RunFolder folder,
        CheckpointSchedule checkpoints,
        boolean goOnWithoutCheckpoints,
        int logEvery,
        Map<String, Object> record,
        Map<String, Object> metadata) {
      this(
          folder,
          checkpoints,
          goOnWithoutCheckpoints,
          logEvery,
          record,
          metadata,
          HeldOutSchedule.NONE);
    }

    /** The same for a run in another folder. */
    Settings in(RunFolder other) {
      return new Settings(
          other, checkpoints, goOnWithoutCheckpoints, logEvery, record, metadata, heldOut);
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
  private final RunHealth health;
  private final RunWarnings warnings;
  private final BatchSupply batches;
  private Optional<Metrics> evaluation = Optional.empty();

  /** Metadata of the SAE that the run started from. */
  private Map<String, Object> inherited = Map.of();

  /** Which rows are left out, and from which step. */
  private RowRecord rowRecord = RowRecord.NONE;

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
    this(settings, config, data, device, listener, BatchSupply.OWN);
  }

  /** The same, with batches from elsewhere. */
  TrainingRun(
      Settings settings,
      TrainingConfig config,
      TrainingData data,
      Device device,
      TrainingListener listener,
      BatchSupply batches) {
    this.settings = settings;
    this.batches = batches;
    this.config = config.resolved(data.dIn());
    this.data = data;
    this.device = device;
    this.listener = listener;
    this.continuation = new Continuation(settings.folder(), this.config, data, listener);
    this.health = new RunHealth(settings.folder().warnings(), listener);
    this.warnings = new RunWarnings(this.config, data, listener, health, batches);
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
    expectStartable(pretrained);
    try (CheckpointStore store = openNew()) {
      return toEnd(begin(store, pretrained), stop);
    }
  }

  /**
   * Refuses what {@link #start} would refuse before it reads rows, but for what the disk refuses.
   * Nothing is written.
   *
   * @param pretrained an SAE to start from
   * @throws ConfigException if options do not fit the data or the SAE, or the folder holds a run
   *     already or files of somebody else
   * @throws IOException if the folder cannot be read
   */
  public void expectStartable(Optional<SparseAutoencoder> pretrained) throws IOException {
    settings.folder().expectNotForeign();
    expectUnused();
    expectHeldOutRows(settings.heldOut(), data);
    Trainer.expectStartable(config, data, pretrained);
  }

  private void expectUnused() throws IOException {
    if (settings.folder().used()) {
      throw new ConfigException(
          "output_path",
          settings.folder().path()
              + " holds a run already; choose another folder or resume that run");
    }
  }

  /** Opens the folder of a new run. */
  CheckpointStore openNew() throws IOException {
    settings.folder().expectNotForeign();
    return CheckpointStore.open(settings.folder().path());
  }

  /** Starts, up to the first step. The caller closes what it gets. */
  ActiveRun begin(CheckpointStore store, Optional<SparseAutoencoder> pretrained)
      throws IOException {
    expectUnused(); // somebody may have been faster
    inherited = RunRecorder.inherited(pretrained);
    warnings.ofOptions();
    if (pretrained.isEmpty()) {
      warnings.ofOffset();
    }
    expectHeldOut(settings.heldOut(), data, batches);
    rowRecord = new RowRecord(data.rules().onBadRows(), List.of(), LeftOut.NONE, 0);
    Trainer trainer = Trainer.start(config, data, device, pretrained, batches);
    try {
      Map<String, Object> record = new LinkedHashMap<>(settings.record());
      record.put(RunFolder.TRAINING, config.toMap());
      record.put(RunFolder.DATA, data.identity().toMap());
      record.put(RunFolder.ON_BAD_ROWS, data.rules().onBadRows().toString());
      pretrained.ifPresent(sae -> record.put(RunFolder.PRETRAINED, RecordHashes.of(sae)));
      trainer.spectrum().ifPresent(spectrum -> record.put(RunFolder.WHITENED, toMap(spectrum)));
      trainer.spectrum().ifPresent(warnings::ofSpectrum);
      settings.folder().writeConfig(record);
      return active(store, trainer, Map.of(), HeldOutProgress.NONE, 0);
    } catch (Throwable e) {
      trainer.close();
      throw e;
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
    try (CheckpointStore store = openAgain()) {
      Optional<ActiveRun> run = again(store, checkpoint, pretrained);
      return run.isPresent() ? toEnd(run.get(), stop) : finish();
    }
  }

  /** Opens the folder of a run that exists. */
  CheckpointStore openAgain() throws IOException {
    return CheckpointStore.open(settings.folder().path());
  }

  /**
   * Refuses what {@link #resume} would refuse before it reads rows, but for a folder that another
   * process writes, the disk, and a checkpoint whose state is not one of this run. Nothing is
   * written.
   *
   * @param checkpoint which checkpoint; empty for the newest valid one
   * @param pretrained the SAE that the run started from, if it did
   * @throws ConfigException if the configuration differs from the run's
   * @throws BadFileException if the data differ, or the given checkpoint is damaged
   * @throws IOException if reading fails
   */
  public void expectResumable(Optional<Path> checkpoint, Optional<SparseAutoencoder> pretrained)
      throws IOException {
    resumableFrom(checkpoint, pretrained);
  }

  /** The same, and the checkpoint that it would begin from. */
  private Optional<Path> resumableFrom(
      Optional<Path> checkpoint, Optional<SparseAutoencoder> pretrained) throws IOException {
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
      return from;
    }
    expectHeldOutRows(settings.heldOut(), data);
    continuation.expectRulesKept(from);
    if (from.isEmpty()) {
      continuation.expectSamePretrained(pretrained);
      Trainer.expectStartable(config, data, pretrained);
    }
    return from;
  }

  /** Resumes, up to the next step. The caller closes what it gets, which is none at the end. */
  Optional<ActiveRun> again(
      CheckpointStore store, Optional<Path> checkpoint, Optional<SparseAutoencoder> pretrained)
      throws IOException {
    Optional<Path> from = resumableFrom(checkpoint, pretrained);
    if (settings.folder().finished()) {
      return Optional.empty();
    }
    rowRecord = continuation.rows(from);
    health.recallSaid();
    warnings.ofOptions();
    if (from.isEmpty()) {
      inherited = RunRecorder.inherited(pretrained);
      Trainer trainer = Trainer.start(config, data, device, pretrained, batches);
      trainer.spectrum().ifPresent(warnings::ofSpectrum);
      return Optional.of(active(store, trainer, Map.of(), HeldOutProgress.NONE, 0));
    }
    return Optional.of(goOn(store, from.get(), false));
  }

  /** Checks held-out rows before the first step: a bad one that is found later wastes the run. */
  static void expectHeldOut(HeldOutSchedule schedule, TrainingData data, BatchSupply batches)
      throws IOException {
    expectHeldOutRows(schedule, data);
    if (data.heldOut().isPresent() && data.rules().onBadRows() == OnBadRows.ERROR) {
      batches.once(
          "held-out rows are finite",
          Boolean.class,
          () -> {
            FiniteRows.expect(data.heldOut().get());
            return true;
          });
    }
  }

  static void expectHeldOutRows(HeldOutSchedule schedule, TrainingData data) {
    if (schedule.every() > 0 && data.heldOut().isEmpty()) {
      throw new ConfigException(
          "eval_every", "expected held-out rows (eval_fraction above 0), got none");
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
      Path last = extendableFrom();
      TrainerState saved = TrainerState.read(last);
      rowRecord = continuation.rows(Optional.of(last));
      health.recallSaid();
      warnings.ofOptions();
      Map<String, Object> record = new LinkedHashMap<>(folder.readConfig());
      List<Object> extensions = new ArrayList<>();
      if (record.get(RunFolder.EXTENSIONS) instanceof List<?> earlier) {
        extensions.addAll(earlier);
      }
      Map<String, Object> extension = new LinkedHashMap<>();
      extension.put("from_step", saved.step());
      extension.put(RunFolder.FROM_SAMPLES, saved.samples());
      extensions.add(extension);
      record.putAll(settings.record());
      record.put(RunFolder.TRAINING, config.toMap());
      record.put(RunFolder.EXTENSIONS, extensions);
      record.remove(RunFolder.LOG); // the log will grow
      folder.writeConfig(record);
      Files.deleteIfExists(folder.evaluation()); // it is that of the SAE to be replaced
      return toEnd(goOn(store, last, true), stop);
    }
  }

  /**
   * Refuses what {@link #extend} would refuse before it reads rows, but for a folder that another
   * process writes, the disk, and a checkpoint whose state is not one of this run. Nothing is
   * written.
   *
   * @throws ConfigException if the run is not finished, the new length is not greater, or the
   *     configuration differs from the run's in anything but its length
   * @throws BadFileException if the data differ, or the state of the last step is missing
   * @throws IOException if reading fails
   */
  public void expectExtendable() throws IOException {
    extendableFrom();
  }

  /** The same, and the checkpoint of the last step. */
  private Path extendableFrom() throws IOException {
    RunFolder folder = settings.folder();
    if (!folder.finished()) {
      throw new ConfigException(
          "extend", folder.path() + " is not finished; resume it as it is, then extend it");
    }
    Optional<Path> last = newest();
    if (last.isEmpty() || TrainerState.read(last.get()).samples() != folder.trainedSamples()) {
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
    continuation.expectRulesKept(last);
    Trainer.expectStartable(config, data, Optional.empty());
    return last.get();
  }

  /** What is recorded of the rows as they are whitened. */
  private static Map<String, Object> toMap(Spectrum spectrum) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("mean_variance", spectrum.variance());
    map.put("directions", (long) spectrum.directions());
    map.put("mean_variance_along_them", spectrum.whitened());
    return map;
  }

  /** This run's options except its length. */
  private Map<String, Object> withLengthOf(Map<String, Object> saved) {
    Map<String, Object> options = config.toMap();
    LENGTHS.forEach(option -> options.put(option, saved.get(option)));
    return options;
  }

  private ActiveRun goOn(CheckpointStore store, Path from, boolean longer) throws IOException {
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
            config.needsMseScale() ? OptionalDouble.of(saved.mseScale()) : OptionalDouble.empty(),
            config.whitens() ? Optional.of(map(from)) : Optional.empty());
    Trainer trainer =
        Trainer.resume(
            config,
            data,
            device,
            measured,
            new Trainer.Done(saved.step(), rowRecord.passedOver(), rowRecord.leftOut(), shortRows),
            state -> TrainerState.readTensors(from, state, Map.of()),
            batches);
    try {
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
    } catch (Throwable e) {
      trainer.close();
      throw e;
    }
    // A longer run gets its patience anew.
    HeldOutProgress heldOut = HeldOutProgress.fromMap(saved.extra().get(RunRecorder.HELD_OUT));
    return active(
        store, trainer, saved.extra(), longer ? heldOut.anew() : heldOut, saved.metricsBytes());
  }

  /** A checkpoint's map; runs of a sweep that have the same keep it once. */
  private Whitening map(Path checkpoint) throws IOException {
    Whitening own = WhiteningFile.read(checkpoint, data.dIn());
    Whitening first = batches.once("whitening, read", Whitening.class, () -> own);
    return first.sameAs(own) ? first : own;
  }

  private Optional<Path> newest() throws IOException {
    CheckpointStore.Search search = CheckpointStore.newestValid(settings.folder().path());
    search.skipped().forEach(listener::warning);
    return search.newest();
  }

  private ActiveRun active(
      CheckpointStore store,
      Trainer trainer,
      Map<String, Object> remembered,
      HeldOutProgress heldOut,
      long logged)
      throws IOException {
    try {
      health.begin(config, trainer.state().dSae(), trainer.steps(), remembered.get(RunHealth.NAME));
      RunRecorder recorder =
          new RunRecorder(
              settings, config, data, device, listener, store, inherited, rowRecord, health,
              heldOut);
      return new ActiveRun(
          settings,
          batches.resumed(settings.folder().path()),
          data,
          listener,
          health,
          trainer,
          recorder,
          logged);
    } catch (Throwable e) {
      trainer.close();
      throw e;
    }
  }

  private Outcome toEnd(ActiveRun active, BooleanSupplier stop) throws IOException {
    try (ActiveRun run = active) {
      while (!run.done()) {
        if (run.advance(stop)) {
          return Outcome.STOPPED;
        }
      }
      run.end();
    }
    return finish();
  }

  /** Evaluates the SAE as a user would load it, on rows that training never saw. */
  Outcome finish() throws IOException {
    if (data.heldOut().isPresent()) {
      try (SparseAutoencoder trained = SaeCheckpoint.load(settings.folder().trained(), device)) {
        Metrics metrics =
            new Evaluator(trained)
                .withRecall(
                    config.loss().contrastiveCoefficient().isPresent()
                        ? NeighbourRecall.USUAL_ROWS
                        : 0)
                .evaluateAsTrained(data.heldOut().get());
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
}
