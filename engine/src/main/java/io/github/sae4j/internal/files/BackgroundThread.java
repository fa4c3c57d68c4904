package io.github.sae4j.internal.files;

import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * A daemon thread that reads ahead or writes behind, one step after the other. It is never
 * interrupted: that would close the channels of sources that use them, under every reader.
 */
public final class BackgroundThread implements AutoCloseable {
  private final ExecutorService executor;

  /**
   * A thread that starts with its first step.
   *
   * @param name its name
   */
  public BackgroundThread(String name) {
    executor =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, name);
              thread.setDaemon(true);
              return thread;
            });
  }

  /** Adds a step behind those that were added before. */
  public <T> Future<T> submit(Callable<T> step) {
    return executor.submit(step);
  }

  /**
   * Waits for a step; an interrupt meanwhile is left for the caller to see afterwards.
   *
   * @return the step's result
   * @throws IOException the step's failure
   */
  public static <T> T result(Future<T> step) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return step.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw failure(e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Returns a step's failure, or throws it if it is unchecked. */
  public static IOException failure(ExecutionException e) {
    return switch (e.getCause()) {
      case IOException failure -> failure;
      case RuntimeException failure -> throw failure;
      case Error failure -> throw failure;
      default -> throw new AssertionError(e.getCause());
    };
  }

  /** {@return whether it takes no more steps} */
  public boolean isClosed() {
    return executor.isShutdown();
  }

  /** Waits until all steps are done, whether or not the caller is interrupted. */
  @Override
  public void close() {
    executor.shutdown();
    boolean interrupted = false;
    boolean done = false;
    while (!done) {
      try {
        done = executor.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
