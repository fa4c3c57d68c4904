package io.github.sae4j.data;

import java.io.IOException;

/** Batches of a training run, one after another. Not thread-safe. */
public interface Batches extends AutoCloseable {
  /**
   * The next batch. The previous batch's matrix may be reused from now on.
   *
   * @return the batch
   * @throws java.util.NoSuchElementException at the end
   * @throws BadRowException if a row is not finite and none are to be left out, now and at every
   *     further call
   * @throws IOException if reading the batch failed, now and at every further call
   */
  Batch next() throws IOException;

  /**
   * Total time that {@link #next} has waited for data.
   *
   * @return seconds
   */
  double secondsWaited();

  /** Ends reading; a second call does nothing. */
  @Override
  void close();
}
