package io.github.sae4j.internal.vector.runtime;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;

/**
 * A fixed set of threads that run the tasks of one job together with the caller. Each has a range
 * of the tasks of its own, the same in every job over the same rows, so that it finds them where it
 * left them and claims them from a counter that nobody else touches; one that is done takes over
 * tasks of the others, so a slow core runs fewer. A job of few tasks wakes no more threads than it
 * has tasks. Results never depend on which thread ran a task. One job at a time; callers queue. A
 * job allocates nothing.
 */
public final class WorkerPool implements AutoCloseable {
  /** A job's task. */
  public interface Task {
    /**
     * Runs one task.
     *
     * @param index number of the task
     * @param worker number of the thread in {@code [0, threads)}; at most one task at a time per
     *     worker, so it may own scratch memory
     */
    void run(int index, int worker);
  }

  /**
   * Spins this long for the next job before parking: kernels of a step follow each other closely.
   * Not where there are more threads than processors, which others need.
   */
  private static final long SPIN_NANOS = 50_000;

  /** Spins while waiting for the last worker before yielding the core. */
  private static final int SPINS = 1 << 14;

  /** Elements between two counters: they lie in cache lines of their own, and in pairs of lines. */
  private static final int APART = 32;

  private final ReentrantLock lock = new ReentrantLock();
  private final Thread[] threads;
  private final boolean spins;

  // The job. Written by the caller before it raises the turns of the workers that take part; they
  // read it after they have seen that, and the caller does not change it until all of them have
  // reported. Others may not look at it.
  private Task task;
  private int count;
  private int workers;
  private boolean ranges;

  /** Per worker the next task of its range, {@link #APART} elements apart. */
  private final AtomicIntegerArray next;

  /** Per worker the number of jobs that it was to take part in, as far apart. */
  private final AtomicIntegerArray turns;

  private final AtomicInteger running = new AtomicInteger();
  private volatile Throwable failure;
  private volatile boolean closed;

  /** Set for measurements only; otherwise null. */
  private PoolMeter meter;

  public WorkerPool(int size) {
    threads = new Thread[size - 1];
    spins = size <= Runtime.getRuntime().availableProcessors();
    next = new AtomicIntegerArray((size + 1) * APART);
    turns = new AtomicIntegerArray((size + 1) * APART);
    for (int i = 0; i < threads.length; i++) {
      int worker = i + 1;
      threads[i] = new Thread(() -> loop(worker), "sae4j-worker-" + worker);
      threads[i].setDaemon(true);
      threads[i].start();
    }
  }

  public int size() {
    return threads.length + 1;
  }

  /**
   * Measures from now on.
   *
   * @param meter takes the times of the jobs, for {@link #size} threads; or null for none
   */
  public void measure(PoolMeter meter) {
    lock.lock();
    try {
      this.meter = meter;
    } finally {
      lock.unlock();
    }
  }

  /** Names the phase that the following jobs belong to, if the pool is measured. */
  public void phase(String name) {
    if (meter != null) {
      meter.phase(name);
    }
  }

  /**
   * Runs tasks 0 to count − 1 and returns when all are done.
   *
   * @throws RuntimeException the first failure of a task
   * @throws IllegalStateException if a task calls this, or the pool is closed
   */
  public void run(int count, Task task) {
    expectNoTask();
    lock.lock();
    try {
      runLocked(count, task, true);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The same, but all threads claim the next task of all: for tasks that are large, and of which
   * the last are small and fill the time until all are done.
   */
  public void runInOrder(int count, Task task) {
    expectNoTask();
    lock.lock();
    try {
      runLocked(count, task, false);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Runs a job if the pool is idle.
   *
   * @return false if another job is running, also one whose task calls this; nothing was done
   */
  public boolean tryRun(int count, Task task) {
    if (lock.isHeldByCurrentThread() || !lock.tryLock()) {
      return false;
    }
    try {
      runLocked(count, task, true);
    } finally {
      lock.unlock();
    }
    return true;
  }

  /** A job that waits for the end of its own would never begin. */
  private void expectNoTask() {
    boolean task = lock.isHeldByCurrentThread();
    for (Thread thread : threads) {
      task |= thread == Thread.currentThread();
    }
    if (task) {
      throw new IllegalStateException("a task may not start a job");
    }
  }

  private void runLocked(int count, Task task, boolean ranges) {
    checkOpen();
    if (count <= 1 || threads.length == 0) {
      runAlone(count, task);
      return;
    }
    this.task = task;
    this.count = count;
    this.ranges = ranges;
    workers = Math.min(size(), count);
    failure = null;
    for (int worker = 0; worker < workers; worker++) {
      next.set(place(worker), first(worker));
    }
    running.set(workers - 1);
    for (int worker = 1; worker < workers; worker++) {
      turns.getAndIncrement(place(worker));
    }
    for (int worker = 1; worker < workers; worker++) {
      LockSupport.unpark(threads[worker - 1]);
    }
    work(0);
    for (int waited = 0; running.get() > 0; waited++) {
      if (spins && waited < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
    this.task = null;
    if (meter != null) {
      meter.endJob();
    }
    if (failure instanceof RuntimeException e) {
      throw e;
    } else if (failure instanceof Error e) {
      throw e;
    }
  }

  private void runAlone(int count, Task task) {
    boolean measured = meter != null && threads.length == 0;
    if (measured) {
      meter.begin(0);
    }
    for (int i = 0; i < count; i++) {
      task.run(i, 0);
    }
    if (measured) {
      meter.end(0);
      meter.endJob();
    }
  }

  private void work(int worker) {
    PoolMeter meter = this.meter;
    if (meter != null) {
      meter.begin(worker);
    }
    try {
      for (int i = 0, owner = worker; i < workers; i++) {
        runTasksOf(owner, worker);
        owner = owner == workers - 1 ? 0 : owner + 1;
      }
    } catch (RuntimeException | Error e) {
      for (int owner = 0; owner < workers; owner++) {
        next.set(place(owner), count);
      }
      synchronized (this) {
        failure = failure == null ? e : failure;
      }
    }
    if (meter != null) {
      meter.end(worker);
    }
  }

  /** Runs what is left of a worker's tasks. */
  private void runTasksOf(int owner, int worker) {
    int counter = place(owner);
    int end = first(owner + 1);
    if (next.get(counter) >= end) {
      return;
    }
    for (int i = next.getAndIncrement(counter); i < end; i = next.getAndIncrement(counter)) {
      task.run(i, worker);
    }
  }

  /** Where a worker's element lies in an array of them. */
  private static int place(int worker) {
    return (worker + 1) * APART;
  }

  /** The first task of a worker's range; without ranges all tasks are in that of the first. */
  private int first(int worker) {
    if (!ranges) {
      return worker == 0 ? 0 : count;
    }
    return (int) ((long) count * worker / workers);
  }

  private void loop(int worker) {
    int turn = place(worker);
    int done = 0;
    while (true) {
      long until = spins ? System.nanoTime() + SPIN_NANOS : 0;
      while (spins && turns.get(turn) == done && System.nanoTime() < until) {
        Thread.onSpinWait();
      }
      while (turns.get(turn) == done && !closed) {
        LockSupport.park(this);
      }
      if (turns.get(turn) == done) {
        return;
      }
      done++;
      work(worker);
      running.decrementAndGet();
    }
  }

  /**
   * Touches pages of new memory by the threads that will use them: rows are the same part of a
   * matrix to a thread in every job. A busy or closed pool leaves that to the caller.
   *
   * @param pages number of pages
   * @param touch touches one
   */
  public void touch(int pages, IntConsumer touch) {
    if (closed || !tryRun(pages, (page, worker) -> touch.accept(page))) {
      for (int page = 0; page < pages; page++) {
        touch.accept(page);
      }
    }
  }

  /**
   * Checks that the pool is open.
   *
   * @throws IllegalStateException if the pool is closed
   */
  public void checkOpen() {
    if (closed) {
      throw new IllegalStateException("device cpu is closed");
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
    } finally {
      lock.unlock();
    }
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
  }
}
