package io.github.sae4j.internal.jobs;

import java.nio.file.Path;
import java.util.List;

/**
 * How a job ended.
 *
 * @param outcome what became of it
 * @param rows of the shard that are done
 * @param shardRows all rows of the shard
 * @param files the finished files; empty if it was stopped
 */
public record JobResult(Outcome outcome, long rows, long shardRows, List<Path> files) {
  /** What became of a job. */
  public enum Outcome {
    /** It has been done now. */
    DONE,
    /** It was there already. */
    FOUND,
    /** It was asked to stop; the same job goes on from there. */
    STOPPED
  }

  /** Copies the list. */
  public JobResult {
    files = List.copyOf(files);
  }
}
