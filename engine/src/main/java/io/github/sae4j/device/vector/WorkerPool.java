package io.github.sae4j.device.vector;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed set of threads that run the tasks of one job together with the caller. Tasks are claimed
 * one by one, so a slow core takes fewer; results never depend on who ran what. One job at a time;
 * callers queue.
 */
final class WorkerPool implements AutoCloseable {
  /** A job's task. */
  interface Task {
    /**
     * Runs one task.
     *
     * @param index number of the task
     * @param worker number of the thread in {@code [0, threads)}; at most one task at a time per
     *     worker, so it may own scratch memory
     */
    void run(int index, int worker);
  }

  /** Spins this long for the next job before parking: kernels of a step follow each other. */
  private static final long SPIN_NANOS = 50_000;

  private static final class Job {
    final Task task;
    final int count;
    final AtomicInteger next = new AtomicInteger();
    final AtomicInteger running;
    final AtomicInteger failures = new AtomicInteger();
    volatile Throwable failure;

    Job(Task task, int count, int workers) {
      this.task = task;
      this.count = count;
      this.running = new AtomicInteger(workers);
    }

    void work(int worker) {
      try {
        for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
          task.run(i, worker);
        }
      } catch (Throwable t) {
        next.set(count);
        if (failures.getAndIncrement() == 0) {
          failure = t;
        }
      }
    }
  }

  private final Thread[] threads;
  private volatile Job job;
  private volatile boolean closed;

  WorkerPool(int size) {
    threads = new Thread[size - 1];
    for (int i = 0; i < threads.length; i++) {
      int worker = i + 1;
      threads[i] = new Thread(() -> loop(worker), "sae4j-worker-" + worker);
      threads[i].setDaemon(true);
      threads[i].start();
    }
  }

  int size() {
    return threads.length + 1;
  }

  /**
   * Runs tasks 0 to count − 1 and returns when all are done.
   *
   * @throws RuntimeException the first failure of a task
   */
  synchronized void run(int count, Task task) {
    if (closed) {
      throw new IllegalStateException("device cpu is closed");
    }
    Job current = new Job(task, count, threads.length);
    if (count > 1) {
      job = current;
      for (Thread thread : threads) {
        LockSupport.unpark(thread);
      }
      current.work(0);
      while (current.running.get() > 0) {
        Thread.onSpinWait();
      }
    } else {
      current.work(0);
    }
    if (current.failure instanceof RuntimeException e) {
      throw e;
    } else if (current.failure instanceof Error e) {
      throw e;
    }
  }

  private void loop(int worker) {
    Job done = null;
    while (!closed) {
      Job current = job;
      if (current == done || current == null) {
        long until = System.nanoTime() + SPIN_NANOS;
        while (job == done && System.nanoTime() < until) {
          Thread.onSpinWait();
        }
        while (job == done && !closed) {
          LockSupport.park(this);
        }
        continue;
      }
      current.work(worker);
      done = current;
      current.running.decrementAndGet();
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    job = null;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
  }
}
