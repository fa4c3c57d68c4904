package io.github.sae4j.training;

import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.records.RecordHashes;
import io.github.sae4j.internal.records.RowRecord;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What a run that goes on is held to: its configuration, its data, the SAE that it started from and
 * its own log must be those of before.
 */
final class Continuation {
  /** Member of a checkpoint's state: hash of the log at that point. */
  static final String LOG_HASH = "metrics_sha256";

  private final RunFolder folder;
  private final TrainingConfig config;
  private final TrainingData data;
  private final TrainingListener listener;

  Continuation(
      RunFolder folder, TrainingConfig config, TrainingData data, TrainingListener listener) {
    this.folder = folder;
    this.config = config;
    this.data = data;
    this.listener = listener;
  }

  /** The configuration, of the checkpoint or, before the first, of {@code config.json}. */
  void expectSameConfig(Optional<Path> checkpoint) throws IOException {
    expectNone(folder.differences(config, checkpoint));
  }

  /** Refuses configurations that differ. */
  static void expectNone(List<String> differences) {
    if (!differences.isEmpty()) {
      throw new ConfigException(
          "resume_from_checkpoint",
          "the configuration differs from the run's: " + String.join("; ", differences));
    }
  }

  /** The activations, by size, type and a hash of sampled content. */
  void expectSameData(Optional<Path> checkpoint) throws IOException {
    Optional<Map<String, Object>> saved = folder.section(RunFolder.DATA, checkpoint);
    if (saved.isPresent()) {
      List<String> differences = DataIdentity.fromMap(saved.get()).differences(data.identity());
      if (!differences.isEmpty()) {
        throw new BadFileException(
            folder.path(),
            "the activations differ from the run's: " + String.join("; ", differences));
      }
    }
  }

  /** A run without a checkpoint may only restart from the same SAE. */
  void expectSamePretrained(Optional<SparseAutoencoder> pretrained) throws IOException {
    Object saved = folder.readConfig().get(RunFolder.PRETRAINED);
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

  /** The log does not affect what is computed, so damage is only a warning. */
  void expectSameLog(TrainerState saved) throws IOException {
    Object hash = saved.extra().get(LOG_HASH);
    Path log = folder.metrics();
    if (hash != null && !RecordHashes.of(log, saved.metricsBytes()).equals(hash)) {
      listener.warning(
          log
              + ": its lines up to step "
              + saved.step()
              + " are missing or were changed since the checkpoint was written");
    }
  }

  /** A mismatch means a corrupt or foreign checkpoint. */
  static void expectPosition(Path checkpoint, TrainerState saved, Trainer trainer)
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
   * The rules from here on. Rules may be added to a run, never removed: its records would no longer
   * describe what was trained.
   */
  RowRecord rows(Optional<Path> checkpoint) throws IOException {
    RowRecord saved = expectRulesKept(checkpoint);
    OnBadRows now = data.rules().onBadRows();
    List<String> masks = data.removalHashes();
    if (now == saved.onBadRows() && saved.masks().containsAll(masks)) {
      return saved;
    }
    long step = checkpoint.isPresent() ? TrainerState.read(checkpoint.get()).step() : 0;
    List<RowRecord.Removal> removals = new ArrayList<>(saved.removals());
    removals.add(new RowRecord.Removal(step, now, masks));
    recordRemoval(folder, data, step, now);
    return new RowRecord(now, removals, saved.leftOut(), saved.passedOver());
  }

  /** Refuses rules that the run has had and that are not there any more; returns what it had. */
  RowRecord expectRulesKept(Optional<Path> checkpoint) throws IOException {
    RowRecord saved =
        checkpoint.isPresent()
            ? RowRecord.fromMap(
                checkpoint.get(), TrainerState.read(checkpoint.get()).extra().get(RowRecord.NAME))
            : new RowRecord(folder.onBadRows(), List.of(), LeftOut.NONE, 0);
    OnBadRows now = data.rules().onBadRows();
    if (saved.onBadRows() == OnBadRows.SKIP && now == OnBadRows.ERROR) {
      throw new ConfigException("on_bad_rows", "was skip so far, is now error");
    }
    if (!data.removalHashes().containsAll(saved.masks())) {
      throw new ConfigException(
          "mask",
          "the run has left rows out by a mask since step "
              + saved.removals().getLast().fromStep()
              + ", which is not given now");
    }
    return saved;
  }

  /** Also recorded in {@code config.json}, with the files, for the next resumption. */
  static void recordRemoval(RunFolder folder, TrainingData data, long step, OnBadRows onBadRows)
      throws IOException {
    Map<String, Object> config = new LinkedHashMap<>(folder.readConfig());
    if (config.isEmpty()) {
      return; // the file is lost; checkpoints have what resuming needs
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
    folder.writeConfig(config);
  }
}
