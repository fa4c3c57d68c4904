package io.github.sae4j.internal.jobs;

import java.nio.file.Path;
import java.util.List;

/**
 * The result of a job.
 *
 * @param outcome how the job ended
 * @param rows of the shard that are done
 * @param shardRows all rows of the shard
 * @param files the finished files; empty if it was stopped
 */
public record JobResult(Outcome outcome, long rows, long shardRows, List<Path> files) {
  /** How a job ended. */
  public enum Outcome {
    /** It has been completed now. */
    DONE,
    /** It had already been completed. */
    FOUND,
    /** It was asked to stop; the same job continues from there. */
    STOPPED
  }

  /** Copies the list. */
  public JobResult {
    files = List.copyOf(files);
  }
}
