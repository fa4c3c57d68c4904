package io.github.sae4j.device;

/** A requested device cannot run, or has failed. The message is one line and says why. */
public class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * A device failure.
   *
   * @param message what was asked for and why it failed
   */
  public DeviceException(String message) {
    super(message);
  }

  /**
   * A device failure with its cause.
   *
   * @param message what was asked for and why it failed
   * @param cause what was thrown underneath
   */
  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
