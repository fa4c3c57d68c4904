package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.Manifest;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.config.ConfigWarnings;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.layout.SaeLensWriter;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BooleanSupplier;

/**
 * A run on disk: a {@link Trainer} with metrics, checkpoints, the finished SAE and its evaluation
 * around it, all in one folder that has one writer at a time. An interrupted run that is resumed
 * ends with the bits of one that was not.
 */
public final class TrainingRun {
  /** How a run ended. */
  public enum Outcome {
    /** All steps are done; the SAE is written and evaluated on the rows held out. */
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
   * @param logEvery a line of metrics each so many steps
   * @param record further members of {@code config.json}: versions, command line, options
   * @param metadata where the SAE belongs (model, hook), for its checkpoint
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

  /** What a checkpoint calls the hash of the log that it was written with. */
  private static final String LOG_HASH = "metrics_sha256";

  private final Settings settings;
  private final TrainingConfig config;
  private final TrainingData data;
  private final Device device;
  private final TrainingListener listener;
  private Optional<Metrics> evaluation = Optional.empty();

  /** Which rows are left out, and since when. */
  private RowRecord rowRecord = RowRecord.NONE;

  /** The step of the newest checkpoint, or the one that this process started from. */
  private long kept;

  /**
   * A run that has not started.
   *
   * @param settings where it is kept
   * @param config what is computed
   * @param data the rows
   * @param device where steps run
   * @param listener told of progress
   */
  public TrainingRun(
      Settings settings,
      TrainingConfig config,
      TrainingData data,
      Device device,
      TrainingListener listener) {
    this.settings = settings;
    this.config = config.resolved(data.training().width());
    this.data = data;
    this.device = device;
    this.listener = listener;
  }

  /**
   * Runs from the first step.
   *
   * @param pretrained an SAE to start from; empty to draw weights
   * @param stop asked after every step; true ends the run after a checkpoint
   * @return how it ended
   * @throws ConfigException if options do not fit the data, or the folder holds a run already
   * @throws BadRowException if activations are not finite and none are left out; rows held out are
   *     read before the first step, rows to train on when their turn comes, and then a checkpoint
   *     is written first
   * @throws BadFileException if the activations are not what they were
   * @throws DivergenceException if training diverges
   * @throws IOException if reading or writing fails
   */
  public Outcome start(Optional<SparseAutoencoder> pretrained, BooleanSupplier stop)
      throws IOException {
    try (CheckpointStore store = CheckpointStore.open(settings.folder().path())) {
      if (settings.folder().used()) {
        throw new ConfigException(
            "output_path",
            settings.folder().path()
                + " holds a run already; choose another folder or resume that run");
      }
      warn();
      // Found now, a bad row costs nothing; found by the evaluation, it costs the training.
      if (data.heldOut().isPresent() && data.rules().onBadRows() == OnBadRows.ERROR) {
        FiniteRows.expect(data.heldOut().get());
      }
      rowRecord = new RowRecord(data.rules().onBadRows(), List.of(), LeftOut.NONE, 0);
      try (Trainer trainer = Trainer.start(config, data, device, pretrained)) {
        Map<String, Object> record = new LinkedHashMap<>(settings.record());
        record.put(RunFolder.TRAINING, config.toMap());
        record.put(RunFolder.DATA, data.identity().toMap());
        pretrained.ifPresent(sae -> record.put(RunFolder.PRETRAINED, RecordHashes.of(sae)));
        settings.folder().writeConfig(record);
        return train(store, trainer, 0, stop);
      }
    }
  }

  /**
   * Goes on with an interrupted run, from a checkpoint or, where there is none yet, from the first
   * step. Bad rows may be left out from here on, and so may rows of further masks ({@link
   * TrainingData#removals}); both are recorded, with the step.
   *
   * @param checkpoint which checkpoint; empty for the newest valid one
   * @param pretrained the SAE that the run started from, if it did
   * @param stop asked after every step
   * @return how it ended
   * @throws ConfigException if the configuration differs from the run's; says what differs
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
      expectSameConfig(from);
      expectSameData(from);
      if (settings.folder().finished()) {
        return finish();
      }
      rowRecord = resumedRows(from);
      warn();
      if (from.isEmpty()) {
        expectSamePretrained(pretrained);
        try (Trainer trainer = Trainer.start(config, data, device, pretrained)) {
          return train(store, trainer, 0, stop);
        }
      }
      TrainerState saved = TrainerState.read(from.get());
      expectSameLog(saved);
      long steps = config.steps(data.training().rows());
      if (saved.step() > steps) {
        throw new BadFileException(
            from.get(), "step: expected at most the run's " + steps + ", got " + saved.step());
      }
      Trainer.Measured measured =
          new Trainer.Measured(
              saved.normalizationFactor(),
              config.needsMseScale()
                  ? OptionalDouble.of(saved.mseScale())
                  : OptionalDouble.empty());
      try (Trainer trainer =
          Trainer.resume(
              config,
              data,
              device,
              measured,
              new Trainer.Done(saved.step(), rowRecord.passedOver(), rowRecord.leftOut()),
              state -> TrainerState.readTensors(from.get(), state, Map.of()))) {
        expectPosition(from.get(), saved, trainer);
        return train(store, trainer, saved.metricsBytes(), stop);
      }
    }
  }

  /** A run without a checkpoint starts again from the SAE that it started from, and no other. */
  private void expectSamePretrained(Optional<SparseAutoencoder> pretrained) throws IOException {
    Object saved = settings.folder().readConfig().get(RunFolder.PRETRAINED);
    Object now = pretrained.map(RecordHashes::of).orElse(null);
    if (!Objects.equals(saved, now)) {
      throw new ConfigException(
          "from_pretrained",
          saved == null
              ? "the run did not start from an SAE"
              : now == null
                  ? "the run started from an SAE, which is not given now"
                  : "holds another SAE than the one that the run started from");
    }
  }

  /** The log does not change what is computed: that it was damaged is said, and no more. */
  private void expectSameLog(TrainerState saved) throws IOException {
    Object hash = saved.extra().get(LOG_HASH);
    Path log = settings.folder().metrics();
    if (hash != null && !RecordHashes.of(log, saved.metricsBytes()).equals(hash)) {
      listener.warning(
          log
              + ": its lines up to step "
              + saved.step()
              + " are missing or were changed since the checkpoint was written");
    }
  }

  /** Position and step say the same twice; a checkpoint in which they differ is none of ours. */
  private static void expectPosition(Path checkpoint, TrainerState saved, Trainer trainer)
      throws BadFileException {
    if (saved.samples() != trainer.samplesDone() || saved.streamPosition() != trainer.position()) {
      throw new BadFileException(
          checkpoint,
          String.format(
              "expected %d rows after step %d, got n_training_samples %d and stream_position %d",
              trainer.samplesDone(), saved.step(), saved.samples(), saved.streamPosition()));
    }
  }

  /**
   * What is left out from here on. Rules may be added to a run, never taken back: what was trained
   * would not be what its records say.
   */
  private RowRecord resumedRows(Optional<Path> checkpoint) throws IOException {
    RowRecord saved =
        checkpoint.isPresent()
            ? RowRecord.fromMap(
                checkpoint.get(), TrainerState.read(checkpoint.get()).extra().get(RowRecord.NAME))
            : RowRecord.NONE;
    OnBadRows now = data.rules().onBadRows();
    if (saved.onBadRows() == OnBadRows.SKIP && now == OnBadRows.ERROR) {
      throw new ConfigException("on_bad_rows", "was skip so far, is now error");
    }
    List<String> masks = data.removalHashes();
    if (!masks.containsAll(saved.masks())) {
      throw new ConfigException(
          "mask",
          "the run has left rows out by a mask since step "
              + saved.removals().getLast().fromStep()
              + ", which is not given now");
    }
    if (now == saved.onBadRows() && saved.masks().containsAll(masks)) {
      return saved;
    }
    long step = checkpoint.isPresent() ? TrainerState.read(checkpoint.get()).step() : 0;
    List<RowRecord.Removal> removals = new ArrayList<>(saved.removals());
    removals.add(new RowRecord.Removal(step, now, masks));
    recordRemoval(step, now);
    return new RowRecord(now, removals, saved.leftOut(), saved.passedOver());
  }

  /** In {@code config.json} too, with the files, where the next resumption finds them. */
  private void recordRemoval(long step, OnBadRows onBadRows) throws IOException {
    Map<String, Object> config = new LinkedHashMap<>(settings.folder().readConfig());
    if (config.isEmpty()) {
      return; // it is lost, and the checkpoints have what they need
    }
    List<Object> resumed = new ArrayList<>();
    if (config.get(RunFolder.REMOVALS) instanceof List<?> before) {
      resumed.addAll(before);
    }
    Map<String, Object> removal = new LinkedHashMap<>();
    removal.put("from_step", step);
    removal.put("on_bad_rows", onBadRows.toString());
    List<Object> masks = new ArrayList<>();
    for (RowMask mask : data.removals()) {
      Map<String, Object> entry = new LinkedHashMap<>();
      mask.file().ifPresent(file -> entry.put("file", file.toAbsolutePath().toString()));
      entry.put("sha256", mask.sha256());
      masks.add(entry);
    }
    removal.put("masks", masks);
    if (!resumed.isEmpty() && resumed.getLast().equals(removal)) {
      return;
    }
    resumed.add(removal);
    config.put(RunFolder.REMOVALS, resumed);
    settings.folder().writeConfig(config);
  }

  private Optional<Path> newest() throws IOException {
    CheckpointStore.Search search = CheckpointStore.newestValid(settings.folder().path());
    search.skipped().forEach(listener::warning);
    return search.newest();
  }

  private void expectSameConfig(Optional<Path> checkpoint) throws IOException {
    Optional<Map<String, Object>> saved = settings.folder().section(RunFolder.TRAINING, checkpoint);
    if (saved.isEmpty()) {
      return;
    }
    Map<String, Object> before =
        TrainingConfig.fromMap(saved.get()).resolved(data.training().width()).toMap();
    List<String> differences = new ArrayList<>();
    config
        .toMap()
        .forEach(
            (option, now) -> {
              if (!Objects.equals(before.get(option), now)) {
                differences.add(option + " was " + before.get(option) + ", is now " + now);
              }
            });
    if (!differences.isEmpty()) {
      throw new ConfigException(
          "resume_from_checkpoint",
          "the configuration differs from the run's: " + String.join("; ", differences));
    }
  }

  private void expectSameData(Optional<Path> checkpoint) throws IOException {
    Optional<Map<String, Object>> saved = settings.folder().section(RunFolder.DATA, checkpoint);
    if (saved.isPresent()) {
      List<String> differences = DataIdentity.fromMap(saved.get()).differences(data.identity());
      if (!differences.isEmpty()) {
        throw new BadFileException(
            settings.folder().path(),
            "the activations differ from the run's: " + String.join("; ", differences));
      }
    }
  }

  private void warn() {
    LeftOut heldOut = data.heldOutLeftOut();
    heldOut.named().forEach(row -> listener.warning("held out, and left out: " + row));
    if (heldOut.rows() > 0) {
      listener.warning(
          heldOut.rows()
              + " of the rows held out are left out: "
              + heldOut.bad()
              + " are not finite, "
              + heldOut.masked()
              + " are masked");
    }
    ConfigWarnings.of(config, config.steps(data.training().rows())).forEach(listener::warning);
  }

  private Outcome train(CheckpointStore store, Trainer trainer, long logged, BooleanSupplier stop)
      throws IOException {
    try (MetricsLog log =
        MetricsLog.open(settings.folder().metrics(), trainer.stepsDone(), logged)) {
      listener.started(trainer.stepsDone(), trainer.steps());
      StepTimes times = new StepTimes();
      boolean logging = true;
      long lastCheckpoint = System.nanoTime();
      kept = trainer.stepsDone();
      while (!trainer.done()) {
        boolean logs = logs(trainer.stepsDone() + 1, trainer.steps());
        StepRecord step = step(store, trainer, log, logs);
        times.add(step);
        if (logs) {
          logging = append(log, metrics(step, times, trainer), logging);
          times = new StepTimes();
        }
        if (step.report().rows() > 0) {
          listener.step(step);
        }
        boolean stopping = !trainer.done() && stop.getAsBoolean();
        double seconds = (System.nanoTime() - lastCheckpoint) * 1e-9;
        if (stopping || settings.checkpoints().due(trainer.stepsDone(), trainer.steps(), seconds)) {
          checkpoint(store, trainer, log, stopping);
          lastCheckpoint = System.nanoTime();
        }
        if (stopping) {
          return Outcome.STOPPED;
        }
      }
      expectFinite(trainer);
      store.writeFinal(folder -> writeSae(folder, trainer));
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

  /** One step. Where its rows cannot be had, what was done so far is kept before the run ends. */
  private StepRecord step(CheckpointStore store, Trainer trainer, MetricsLog log, boolean logs)
      throws IOException {
    int named = trainer.progress().leftOut().named().size();
    StepRecord step;
    try {
      step = trainer.step(logs);
    } catch (IOException e) {
      keep(store, trainer, log, e);
      throw e;
    }
    List<String> names = trainer.progress().leftOut().named();
    for (String row : names.subList(named, names.size())) {
      listener.warning("left out: " + row);
    }
    if (named < LeftOut.NAMED && names.size() == LeftOut.NAMED) {
      listener.warning("further rows that are left out are counted and not named");
    }
    return step;
  }

  private void keep(CheckpointStore store, Trainer trainer, MetricsLog log, IOException failure) {
    try {
      if (trainer.stepsDone() > kept) {
        checkpoint(store, trainer, log, true);
      }
      listener.warning(
          "stopped after step "
              + trainer.stepsDone()
              + ", up to which all is kept; to go on: --resume-from-checkpoint "
              + settings.folder().path()
              + (failure instanceof BadRowException
                  ? " with --on-bad-rows skip, or with a --mask that leaves the row out"
                  : ""));
    } catch (IOException | DivergenceException e) {
      failure.addSuppressed(e);
      listener.warning("no checkpoint could be written before stopping: " + e.getMessage());
    }
  }

  private static Map<String, Object> metrics(StepRecord step, StepTimes times, Trainer trainer) {
    Map<String, Object> line = step.metrics(times.meanStepSeconds(), times.meanDataSeconds());
    LeftOut leftOut = trainer.progress().leftOut();
    if (leftOut.rows() > 0) {
      line.put("details/rows_left_out", leftOut.rows());
    }
    return line;
  }

  /** Evaluates what a user would load, on the rows that training never saw. */
  private Outcome finish() throws IOException {
    if (data.heldOut().isPresent()) {
      try (SparseAutoencoder trained = SaeCheckpoint.load(settings.folder().trained(), device)) {
        Metrics metrics = new Evaluator(trained).evaluate(data.heldOut().get());
        settings.folder().writeEvaluation(metrics.toMap());
        evaluation = Optional.of(metrics);
      }
    }
    return Outcome.FINISHED;
  }

  /**
   * Metrics of the finished SAE, as loaded from disk, on the rows held out of training; {@code
   * evaluation.json} has the same.
   *
   * @return the metrics; empty before the end, or where no rows are held out
   */
  public Optional<Metrics> evaluation() {
    return evaluation;
  }

  private boolean logs(long step, long steps) {
    return step % settings.logEvery() == 0 || step == steps;
  }

  /**
   * Appends a line to the log.
   *
   * @param before whether the last line was written; if not, another complaint would say no more
   * @return whether this one was
   */
  private boolean append(MetricsLog log, Map<String, Object> line, boolean before)
      throws IOException {
    try {
      log.append(line);
      return true;
    } catch (IOException e) {
      if (!settings.goOnWithoutCheckpoints()) {
        throw e;
      }
      if (before) {
        listener.warning(e.getMessage());
      }
      return false;
    }
  }

  private void checkpoint(CheckpointStore store, Trainer trainer, MetricsLog log, boolean last)
      throws IOException {
    expectFinite(trainer);
    try {
      write(store, trainer, log);
    } catch (IOException e) {
      if (last || !settings.goOnWithoutCheckpoints()) {
        throw e;
      }
      listener.warning(e.getMessage());
    }
  }

  private void write(CheckpointStore store, Trainer trainer, MetricsLog log) throws IOException {
    log.force(); // a checkpoint promises the lines of its steps
    Trainer.Done done = trainer.progress();
    RowRecord rows =
        new RowRecord(
            rowRecord.onBadRows(), rowRecord.removals(), done.leftOut(), done.passedOver());
    TrainerState saved =
        new TrainerState(
            trainer.stepsDone(),
            trainer.samplesDone(),
            trainer.position(),
            trainer.measured().normalizationFactor(),
            trainer.measured().mseScale().orElse(1),
            log.size(),
            config.toMap(),
            data.identity().toMap(),
            Map.of(
                RowRecord.NAME,
                rows.toMap(),
                LOG_HASH,
                RecordHashes.of(settings.folder().metrics(), log.size())));
    Path written =
        store.write(
            trainer.samplesDone(),
            folder -> {
              writeSae(folder, trainer);
              saved.write(folder, trainer.state(), Map.of());
            });
    kept = trainer.stepsDone();
    listener.checkpoint(written);
    store.keepNewest(settings.checkpoints().keep());
  }

  /** Weights that are not finite must never take the place of good ones on disk. */
  private static void expectFinite(Trainer trainer) {
    Optional<String> found = trainer.nonFiniteWeights();
    if (found.isPresent()) {
      throw new DivergenceException("after step " + trainer.stepsDone() + ": " + found.get(), null);
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

  /** The SAE as a user would load it: everything folded into the weights. */
  private void writeSae(Path folder, Trainer trainer) throws IOException {
    Map<String, Object> metadata = new LinkedHashMap<>(settings.metadata());
    metadata.put("n_training_samples", trainer.samplesDone());
    SaeWeights weights = trainer.weights();
    SaeConfig sae =
        SaeConfig.of(weights.dIn(), weights.dSae(), config.activation())
            .withBDecApplied(config.sae().applyBDecToInput())
            .with(config.data().normalizeActivations().inputNormalization())
            .with(SaeMetadata.of(metadata));
    Folding folding =
        Folding.of(
            weights.wDec(),
            trainer.measured().normalizationFactor(),
            config.sae().rescaleActsByDecoderNorm());
    SaeLensWriter.write(folder, sae, weights, folding);
  }
}
