package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointException;
import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.checkpoint.WhiteningFile;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.internal.flight.Flight;
import io.github.sae4j.internal.flight.Phase;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.writing.SaeLensWriter;
import io.github.sae4j.internal.layout.writing.SentenceTransformersWriter;
import io.github.sae4j.internal.layout.writing.SparsifyWriter;
import io.github.sae4j.internal.records.MetricsLog;
import io.github.sae4j.internal.records.RecordHashes;
import io.github.sae4j.internal.records.RowRecord;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.Unwhitening;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** What a run writes while it trains: checkpoints, and the finished SAE. */
final class RunRecorder {
  /** Member of a checkpoint's state: that of {@link Trainer.Done}. */
  static final String SHORT_ROWS = "short_rows";

  /** Member of a checkpoint's state: the evaluations on held-out rows so far. */
  static final String HELD_OUT = "held_out";

  /** Member of a checkpoint's state: metadata of the SAE that the run started from. */
  private static final String INHERITED = "inherited_metadata";

  private final TrainingRun.Settings settings;
  private final TrainingConfig config;
  private final TrainingData data;
  private final Device device;
  private final TrainingListener listener;
  private final CheckpointStore store;
  private final Map<String, Object> inherited;
  private final RowRecord rowRecord;
  private final RunHealth health;

  private HeldOutProgress heldOut;

  private final Flight.Span writing = Flight.phase(Phase.CHECKPOINT);

  /** The step of the newest checkpoint, or of the one that this process started from. */
  private long kept;

  /**
   * A recorder of a run that is about to train.
   *
   * @param inherited metadata of the SAE that the run started from
   * @param rowRecord which rows are left out, and from which step
   * @param health what it warns of
   * @param heldOut the evaluations so far
   */
  RunRecorder(
      TrainingRun.Settings settings,
      TrainingConfig config,
      TrainingData data,
      Device device,
      TrainingListener listener,
      CheckpointStore store,
      Map<String, Object> inherited,
      RowRecord rowRecord,
      RunHealth health,
      HeldOutProgress heldOut) {
    this.settings = settings;
    this.config = config;
    this.data = data;
    this.device = device;
    this.listener = listener;
    this.store = store;
    this.inherited = inherited;
    this.rowRecord = rowRecord;
    this.health = health;
    this.heldOut = heldOut;
  }

  /** The evaluations on held-out rows so far. */
  HeldOutProgress heldOut() {
    return heldOut;
  }

  /**
   * Evaluates the SAE as it is now on the held-out rows, as a user would load it, and keeps it if
   * it is the best so far and the best is to be kept.
   *
   * @return metrics by name, single numbers only; none if the disk has no room for the SAE and the
   *     run goes on without
   */
  Map<String, Object> evaluate(Trainer trainer) throws IOException {
    expectFinite(trainer);
    Map<String, Object> numbers = new LinkedHashMap<>();
    try {
      store.writeBriefly(
          folder -> writeSae(folder, trainer),
          folder -> {
            try (SparseAutoencoder sae = SaeCheckpoint.load(folder, device)) {
              Metrics metrics = new Evaluator(sae).evaluateAsTrained(data.heldOut().orElseThrow());
              metrics
                  .toMap()
                  .forEach(
                      (name, value) -> {
                        if (value == null || value instanceof Number) {
                          numbers.put(name, value);
                        }
                      });
              heldOut = heldOut.and(trainer.stepsDone(), metrics.fvu());
            }
          });
      if (settings.heldOut().keepBest() && heldOut.bestStep() == trainer.stepsDone()) {
        store.writeBest(folder -> writeSae(folder, trainer));
      }
    } catch (CheckpointException e) {
      if (!settings.goOnWithoutCheckpoints()) {
        throw e;
      }
      listener.warning(e.getMessage());
    }
    return numbers;
  }

  /** Takes a trainer that stands where the newest checkpoint does, or at the start. */
  void begin(Trainer trainer) {
    kept = trainer.stepsDone();
  }

  /** Whether steps have run since the newest checkpoint. */
  boolean behind(Trainer trainer) {
    return trainer.stepsDone() > kept;
  }

  /**
   * Metadata of an SAE to start from. Values that JSON cannot express, such as NaN from Python in
   * free members, become null here.
   */
  static Map<String, Object> inherited(Optional<SparseAutoencoder> pretrained) {
    Map<String, Object> inherited = new LinkedHashMap<>();
    pretrained.ifPresent(
        sae ->
            sae.config()
                .metadata()
                .toMap()
                .forEach((key, value) -> inherited.put(key, Json.finite(value, number -> null))));
    return inherited;
  }

  /** The same, from a checkpoint. */
  static Map<String, Object> inherited(TrainerState saved) {
    Map<String, Object> copy = new LinkedHashMap<>();
    if (saved.extra().get(INHERITED) instanceof Map<?, ?> members) {
      members.forEach((key, value) -> copy.put((String) key, value));
    }
    return copy;
  }

  /** State before SAE: a run that dies between them is resumed and writes the SAE. */
  void writeFinal(Trainer trainer, MetricsLog log) throws IOException {
    expectFinite(trainer);
    IOException failure = null;
    try {
      write(trainer, log);
    } catch (IOException e) {
      failure = e; // the SAE is smaller and may still fit
    }
    writing.begin();
    store.writeFinal(folder -> writeSae(folder, trainer));
    writing.end(trainer.stepsDone(), 0);
    if (failure != null && !settings.goOnWithoutCheckpoints()) {
      throw failure;
    }
    if (failure != null) {
      listener.warning(failure.getMessage());
    }
  }

  /**
   * Writes a checkpoint.
   *
   * @param last whether the run stops after it, so that it must not be missing
   */
  void checkpoint(Trainer trainer, MetricsLog log, boolean last) throws IOException {
    expectFinite(trainer);
    try {
      write(trainer, log);
    } catch (IOException e) {
      if (last || !settings.goOnWithoutCheckpoints()) {
        throw e;
      }
      listener.warning(e.getMessage());
    }
  }

  private void write(Trainer trainer, MetricsLog log) throws IOException {
    log.force(); // a checkpoint guarantees the lines of its steps
    Trainer.Done done = trainer.progress();
    Map<String, Object> extra = new LinkedHashMap<>();
    RowRecord rows =
        new RowRecord(
            rowRecord.onBadRows(), rowRecord.removals(), done.leftOut(), done.passedOver());
    extra.put(RowRecord.NAME, rows.toMap());
    extra.put(Continuation.LOG_HASH, RecordHashes.of(settings.folder().metrics(), log.size()));
    extra.put(INHERITED, inherited);
    extra.put(SHORT_ROWS, done.shortRows());
    extra.put(RunHealth.NAME, health.memory());
    if (settings.heldOut().every() > 0) {
      extra.put(HELD_OUT, heldOut.toMap());
    }
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
            extra);
    writing.begin();
    Path written =
        store.write(
            trainer.samplesDone(),
            folder -> {
              writeSae(folder, trainer);
              saved.write(folder, trainer.state(), Map.of());
              if (trainer.measured().whitening().isPresent()) {
                WhiteningFile.write(folder, trainer.measured().whitening().get());
              }
            });
    kept = trainer.stepsDone();
    writing.end(kept, 0);
    listener.checkpoint(written);
    store.keepNewest(settings.checkpoints().keep());
  }

  /** Weights that are not finite must never replace good ones on disk. */
  private static void expectFinite(Trainer trainer) {
    Optional<String> found = trainer.nonFiniteWeights();
    if (found.isPresent()) {
      throw new DivergenceException("after step " + trainer.stepsDone() + ": " + found.get(), null);
    }
  }

  /** The SAE as a user would load it: everything folded into the weights. */
  private void writeSae(Path folder, Trainer trainer) throws IOException {
    Map<String, Object> metadata = new LinkedHashMap<>(inherited);
    metadata.putAll(settings.metadata());
    metadata.put(RunFolder.N_TRAINING_SAMPLES, trainer.samplesDone());
    SaeWeights weights = trainer.weights();
    SaeConfig sae =
        new SaeConfig(
            weights.dIn(),
            weights.dOut(),
            weights.dSae(),
            config.inferenceActivation(trainer.served()),
            config.sae().pairs() == Pairs.TARGETS,
            config.sae().applyBDecToInput(),
            config.data().normalizeActivations().inputNormalization(),
            SaeMetadata.of(metadata));
    Folding folding =
        Folding.of(
            weights.wDec(),
            trainer.measured().normalizationFactor(),
            config.sae().rescaleActsByDecoderNorm());
    // SAELens has no TopK transcoders, sparsify no others; tied weights are kept as one matrix.
    TrainingState state = trainer.state();
    if (weights.tied()) {
      int kAux = config.aux(weights.dIn()).map(AuxK::kAux).orElse(0);
      SentenceTransformersWriter.write(
          folder, sae, weights, kAux, config.counting().window(), state.sinceFired());
    } else if (trainer.measured().whitening().isPresent()) {
      try (SaeWeights raw =
          Unwhitening.of(
              device,
              weights,
              folding,
              trainer.measured().whitening().get(),
              config.sae().applyBDecToInput())) {
        SaeLensWriter.write(folder, sae, raw, Folding.of(raw.wDec(), 1f, false));
      }
    } else if (sae.transcoder() && sae.activation() instanceof Activation.Ranked) {
      SparsifyWriter.write(folder, sae, weights, folding);
    } else {
      SaeLensWriter.write(folder, sae, weights, folding);
    }
  }
}
