package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.Manifest;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.checkpoint.SaeLensLayout;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.config.ConfigWarnings;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.TopKSae;
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
   * @param metadata where the SAE belongs (model, hook), for its checkpoint; what the SAE that a
   *     run starts from says of that is kept where nothing here replaces it
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

  /** Member of a checkpoint's state: {@link Trainer#shortRows}. */
  private static final String SHORT_ROWS = "short_rows";

  /** Options that say how long a run is. */
  private static final List<String> LENGTHS = List.of("training_samples", "epochs", "steps");

  /** Member of a checkpoint's state: metadata of the SAE that the run started from. */
  private static final String INHERITED = "inherited_metadata";

  private final Settings settings;
  private final TrainingConfig config;
  private final TrainingData data;
  private final Device device;
  private final TrainingListener listener;
  private Optional<Metrics> evaluation = Optional.empty();

  /** What the SAE that the run started from said of itself. */
  private Map<String, Object> inherited = Map.of();

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
    this.config = resolved(config, data.training().width());
    this.data = data;
    this.device = device;
    this.listener = listener;
  }

  /** With what follows from the width of the data written out, so that files say it. */
  private static TrainingConfig resolved(TrainingConfig config, int dIn) {
    int dSae = config.dSae(dIn);
    TrainingConfig resolved = config.with("d_sae", dSae);
    if (config.schedule().lr().isEmpty()) {
      resolved = resolved.with("lr", config.run().recipe().autoLearningRate(dSae));
    }
    return config.data().shuffleSeed().isPresent()
        ? resolved
        : resolved.with("shuffle_seed", config.run().seed());
  }

  /**
   * Runs from the first step.
   *
   * @param pretrained an SAE to start from; empty to draw weights
   * @param stop asked after every step; true ends the run after a checkpoint
   * @return how it ended
   * @throws ConfigException if options do not fit the data, or the folder holds a run already or
   *     files of somebody else
   * @throws BadFileException if activations are not finite; rows held out are read before the first
   *     step, rows to train on when their turn comes
   * @throws DivergenceException if training diverges
   * @throws IOException if reading or writing fails
   */
  public Outcome start(Optional<TopKSae> pretrained, BooleanSupplier stop) throws IOException {
    settings.folder().expectNotForeign();
    try (CheckpointStore store = CheckpointStore.open(settings.folder().path())) {
      if (settings.folder().used()) {
        throw new ConfigException(
            "output_path",
            settings.folder().path()
                + " holds a run already; choose another folder or resume that run");
      }
      inherit(pretrained);
      warn();
      // Found now, a bad row costs nothing; found by the evaluation, it costs the training.
      if (data.heldOut().isPresent()) {
        FiniteRows.expect(data.heldOut().get());
      }
      try (Trainer trainer = Trainer.start(config, data, device, pretrained)) {
        writeConfig(Map.of());
        return train(store, trainer, 0, stop);
      }
    }
  }

  /**
   * Goes on with an interrupted run, from a checkpoint or, where there is none yet, from the first
   * step.
   *
   * @param checkpoint which checkpoint; empty for the newest valid one
   * @param pretrained the SAE that the run started from, if it did
   * @param stop asked after every step
   * @return how it ended
   * @throws ConfigException if the configuration differs from the run's, finished or not; says what
   *     differs
   * @throws BadFileException if the data differ, or the given checkpoint is damaged
   * @throws DivergenceException if training diverges
   * @throws IOException if reading or writing fails
   */
  public Outcome resume(
      Optional<Path> checkpoint, Optional<TopKSae> pretrained, BooleanSupplier stop)
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
                + " is from before the run was made longer; expected "
                + settings.folder().path()
                + " or a later checkpoint");
      }
      expectSameConfig(from);
      expectSameData(from);
      if (settings.folder().finished()) {
        return finish();
      }
      if (from.isEmpty()) {
        warn();
        inherit(pretrained);
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
   * Makes a finished run longer and goes on with it, from the state of its last step. The learning
   * rate of the further steps is that of a run of the new length at the same steps; with a constant
   * one, and a last batch that was whole, the end has the bits of a run that was so long from the
   * start.
   *
   * @param stop asked after every step
   * @return how it ended; a run that was stopped is resumed, not extended again
   * @throws ConfigException if the run is not finished, is not to be longer, or the configuration
   *     differs from the run's in anything but its length
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
      if (after <= before) {
        throw new ConfigException(
            "extend",
            "expected steps, epochs or training_samples beyond the run's "
                + saved.step()
                + " steps ("
                + before
                + " rows), got "
                + after
                + " rows");
      }
      TrainingConfig sameLength = TrainingConfig.fromMap(withLengthOf(saved.config()));
      expectSame(folder.differences(sameLength, last));
      expectSameData(last);
      List<Object> extensions = new ArrayList<>();
      if (folder.readConfig().get(RunFolder.EXTENSIONS) instanceof List<?> earlier) {
        extensions.addAll(earlier);
      }
      Map<String, Object> extension = new LinkedHashMap<>();
      extension.put("from_step", saved.step());
      extension.put(RunFolder.FROM_SAMPLES, before);
      extensions.add(extension);
      writeConfig(Map.of(RunFolder.EXTENSIONS, extensions));
      Files.deleteIfExists(folder.evaluation()); // that of the SAE that will be replaced
      return goOn(store, last.get(), stop);
    }
  }

  /** This run's options, but for its length. */
  private Map<String, Object> withLengthOf(Map<String, Object> saved) {
    Map<String, Object> options = config.toMap();
    LENGTHS.forEach(option -> options.put(option, saved.get(option)));
    return options;
  }

  private void writeConfig(Map<String, Object> more) throws IOException {
    Map<String, Object> record = new LinkedHashMap<>(settings.record());
    record.put(RunFolder.TRAINING, config.toMap());
    record.put(RunFolder.DATA, data.identity().toMap());
    record.putAll(more);
    settings.folder().writeConfig(record);
  }

  private Outcome goOn(CheckpointStore store, Path from, BooleanSupplier stop) throws IOException {
    TrainerState saved = TrainerState.read(from);
    inherited = inherited(saved);
    warn();
    long shortRows =
        saved.extra().get(SHORT_ROWS) instanceof Long rows && rows > 0 && rows < saved.samples()
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
            saved.step(),
            shortRows,
            state -> TrainerState.readTensors(from, state, Map.of()))) {
      expectPosition(from, saved, trainer);
      if (saved.samples() == settings.folder().extendedFrom()) {
        listener.note(
            String.format(
                Locale.ROOT,
                "%s goes on after step %d to step %d; learning rate %.4g at step %d and %.4g at the"
                    + " last, as in a run of that length",
                settings.folder().path(),
                saved.step(),
                trainer.steps(),
                trainer.learningRateAt(saved.step() + 1),
                saved.step() + 1,
                trainer.learningRateAt(trainer.steps())));
      }
      return train(store, trainer, saved.metricsBytes(), stop);
    }
  }

  private void inherit(Optional<TopKSae> pretrained) {
    inherited = pretrained.map(sae -> sae.config().metadata()).orElse(Map.of());
  }

  private static Map<String, Object> inherited(TrainerState saved) {
    Map<String, Object> copy = new LinkedHashMap<>();
    if (saved.extra().get(INHERITED) instanceof Map<?, ?> members) {
      members.forEach((key, value) -> copy.put((String) key, value));
    }
    return copy;
  }

  /** Position and step say the same twice; a checkpoint in which they differ is none of ours. */
  private static void expectPosition(Path checkpoint, TrainerState saved, Trainer trainer)
      throws BadFileException {
    if (saved.samples() != trainer.samplesDone()
        || saved.streamPosition() != trainer.samplesDone()) {
      throw new BadFileException(
          checkpoint,
          String.format(
              "expected %d rows after step %d, got n_training_samples %d and stream_position %d",
              trainer.samplesDone(), saved.step(), saved.samples(), saved.streamPosition()));
    }
  }

  private Optional<Path> newest() throws IOException {
    CheckpointStore.Search search = CheckpointStore.newestValid(settings.folder().path());
    search.skipped().forEach(listener::warning);
    return search.newest();
  }

  private void expectSameConfig(Optional<Path> checkpoint) throws IOException {
    expectSame(settings.folder().differences(config, checkpoint));
  }

  private static void expectSame(List<String> differences) {
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
      while (!trainer.done()) {
        boolean logs = logs(trainer.stepsDone() + 1, trainer.steps());
        StepRecord step = trainer.step(logs);
        times.add(step);
        if (logs) {
          logging =
              append(log, step.metrics(times.meanStepSeconds(), times.meanDataSeconds()), logging);
          times = new StepTimes();
        }
        listener.step(step);
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
      writeFinal(store, trainer, log);
      return finish();
    } catch (DivergenceException e) {
      throw new DivergenceException(e.getMessage() + "; " + lastCheckpoint(), e);
    }
  }

  /** Evaluates what a user would load, on the rows that training never saw. */
  private Outcome finish() throws IOException {
    if (data.heldOut().isPresent()) {
      try (TopKSae trained = SaeCheckpoint.load(settings.folder().trained(), device)) {
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

  /** State first, SAE second: a run that dies between them is resumed and writes the second. */
  private void writeFinal(CheckpointStore store, Trainer trainer, MetricsLog log)
      throws IOException {
    expectFinite(trainer);
    IOException failure = null;
    try {
      write(store, trainer, log);
    } catch (IOException e) {
      failure = e; // the SAE is smaller, and there may be room for it
    }
    store.writeFinal(folder -> writeSae(folder, trainer));
    if (failure != null && !settings.goOnWithoutCheckpoints()) {
      throw failure;
    }
    if (failure != null) {
      listener.warning(failure.getMessage());
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
    TrainerState saved =
        new TrainerState(
            trainer.stepsDone(),
            trainer.samplesDone(),
            trainer.samplesDone(),
            trainer.measured().normalizationFactor(),
            trainer.measured().mseScale().orElse(1),
            log.size(),
            config.toMap(),
            data.identity().toMap(),
            Map.of(INHERITED, inherited, SHORT_ROWS, trainer.shortRows()));
    Path written =
        store.write(
            trainer.samplesDone(),
            folder -> {
              writeSae(folder, trainer);
              saved.write(folder, trainer.state(), Map.of());
            });
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
    Map<String, Object> metadata = new LinkedHashMap<>(inherited);
    metadata.putAll(settings.metadata());
    metadata.put("n_training_samples", trainer.samplesDone());
    SaeWeights weights = trainer.weights();
    SaeConfig sae =
        new SaeConfig(
            weights.dIn(),
            weights.dSae(),
            config.sae().k(),
            config.sae().applyBDecToInput(),
            config.data().normalizeActivations().inputNormalization(),
            config.activation().relu(),
            metadata);
    Folding folding =
        Folding.of(
            weights.wDec(),
            trainer.measured().normalizationFactor(),
            config.sae().rescaleActsByDecoderNorm());
    SaeLensLayout.write(folder, sae, weights, folding);
  }
}
