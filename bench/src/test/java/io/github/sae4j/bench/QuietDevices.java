package io.github.sae4j.bench;

import java.util.logging.Level;
import java.util.logging.Logger;

/** Keeps the line that every opened device logs out of the build's output. */
final class QuietDevices {
  /** Held, because the log manager does not. */
  private static final Logger DEVICES = Logger.getLogger("io.github.sae4j.device");

  private QuietDevices() {}

  static void quiet() {
    DEVICES.setLevel(Level.WARNING);
  }
}
