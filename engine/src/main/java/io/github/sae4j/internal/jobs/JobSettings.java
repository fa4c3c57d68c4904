package io.github.sae4j.internal.jobs;

import java.nio.file.Path;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * Where and how a job runs.
 *
 * @param output the folder for its files, created if missing
 * @param shard which of its parts
 * @param recordEvery rows after which progress is recorded; empty for every few seconds
 * @param listener receives the job's progress
 */
public record JobSettings(
    Path output, Shard shard, OptionalLong recordEvery, JobListener listener) {
  /** Refuses missing parts. */
  public JobSettings {
    Objects.requireNonNull(output, "output");
    Objects.requireNonNull(shard, "shard");
    Objects.requireNonNull(listener, "listener");
    if (recordEvery.isPresent() && recordEvery.getAsLong() < 1) {
      throw new IllegalArgumentException(
          "record_every: expected at least 1, got " + recordEvery.getAsLong());
    }
  }
}
