package io.github.sae4j.internal.jobs;

/** Receives the progress of a job. */
public interface JobListener {
  /** Ignores everything. */
  JobListener NONE = (done, rows) -> {};

  /**
   * Rows have been computed.
   *
   * @param done number of the shard's rows that are done, including earlier attempts
   * @param rows number of rows of the shard
   */
  void rows(long done, long rows);

  /**
   * Asked before each chunk.
   *
   * @return true to stop after recording what is done
   */
  default boolean stop() {
    return false;
  }
}
