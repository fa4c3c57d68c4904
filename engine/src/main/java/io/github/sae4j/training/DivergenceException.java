package io.github.sae4j.training;

/**
 * Training produced a number that is not finite and has stopped. The message is one line that names
 * the step, the latent where there is one, the rows, and the last checkpoint.
 */
public final class DivergenceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Training diverged.
   *
   * @param message what diverged, where, and what is on disk
   * @param cause what was thrown underneath, or null
   */
  public DivergenceException(String message, Throwable cause) {
    super(message, cause);
  }
}
