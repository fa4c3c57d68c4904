package io.github.sae4j.cli.console;

/** The exit codes of commands. */
public final class ExitCode {
  public static final int DONE = 0;

  /** Reading or writing failed, or training diverged. */
  public static final int FAILURE = 1;

  /** An option is unknown, missing or has a bad value. */
  public static final int USAGE = 2;

  /** A file is not what it should be. */
  public static final int BAD_INPUT = 3;

  /** The device that was asked for cannot run, or failed. */
  public static final int DEVICE = 4;

  /** Stopped by SIGHUP: the terminal has closed. */
  public static final int HUNG_UP = 129;

  /** Stopped by SIGINT. */
  public static final int INTERRUPTED = 130;

  /** Stopped by SIGTERM. */
  public static final int TERMINATED = 143;

  private ExitCode() {}
}
