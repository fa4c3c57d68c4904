package io.github.sae4j.internal.jobs;

/** Told how a job comes on. */
public interface JobListener {
  /** Nobody. */
  JobListener NONE = (done, rows) -> {};

  /**
   * Rows have been computed.
   *
   * @param done how many of the shard's, those of earlier attempts with them
   * @param rows how many the shard has
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
