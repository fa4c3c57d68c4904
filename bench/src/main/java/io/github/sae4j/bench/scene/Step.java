package io.github.sae4j.bench.scene;

/** A whole training step on a fixed batch, ours or a peer's: forward, backward, optimizer. */
public interface Step extends AutoCloseable {
  /**
   * Runs one step.
   *
   * @return its loss, before the update
   */
  double run();

  @Override
  void close();
}
