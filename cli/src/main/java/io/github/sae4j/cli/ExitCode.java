package io.github.sae4j.cli;

/** The exit codes of commands. */
final class ExitCode {
  static final int DONE = 0;

  /** Reading or writing failed, or training diverged. */
  static final int FAILURE = 1;

  /** An option is unknown, missing or has a bad value. */
  static final int USAGE = 2;

  /** A file is not what it should be. */
  static final int BAD_INPUT = 3;

  /** The device that was asked for cannot run, or failed. */
  static final int DEVICE = 4;

  /** Stopped by SIGHUP: the terminal has closed. */
  static final int HUNG_UP = 129;

  /** Stopped by SIGINT. */
  static final int INTERRUPTED = 130;

  /** Stopped by SIGTERM. */
  static final int TERMINATED = 143;

  private ExitCode() {}
}
