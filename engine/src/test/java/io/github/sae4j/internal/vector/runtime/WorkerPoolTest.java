package io.github.sae4j.internal.vector.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Jobs of all sizes on pools of all sizes, more threads than processors among them. */
class WorkerPoolTest {
  /** Plain fields: a job's caller sees what its tasks wrote, and they what it wrote before. */
  private int[] given;

  private int[] written;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8, 64})
  void everyTaskRunsOnceByAWorkerOfTheJob(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      // Sizes in turns, so that workers sit out some jobs and come back for later ones.
      for (int round = 0; round < 30; round++) {
        for (int count : new int[] {0, 1, 2, 3, threads - 1, threads, threads + 1, 5 * threads}) {
          run(pool, count, round, round % 2 == 0);
        }
      }
    }
  }

  private void run(WorkerPool pool, int count, int round, boolean inOrder) {
    given = new int[count];
    written = new int[count];
    for (int i = 0; i < count; i++) {
      given[i] = i + round;
    }
    int workers = Math.max(1, Math.min(pool.size(), count));
    AtomicIntegerArray busy = new AtomicIntegerArray(workers);
    WorkerPool.Task task =
        (i, worker) -> {
          // Out of bounds if a worker runs that the job does not need.
          assertEquals(1, busy.incrementAndGet(worker), "two tasks at a time");
          written[i] += given[i] + 1;
          busy.decrementAndGet(worker);
        };
    if (inOrder) {
      pool.runInOrder(count, task);
    } else {
      pool.run(count, task);
    }
    for (int i = 0; i < count; i++) {
      assertEquals(i + round + 1, written[i], "task " + i + " of " + count);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 64})
  void callersQueueAndAllFinish(int threads) throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(threads)) {
      AtomicIntegerArray runs = new AtomicIntegerArray(3);
      Thread[] callers = new Thread[runs.length()];
      for (int caller = 0; caller < callers.length; caller++) {
        int own = caller;
        callers[caller] =
            new Thread(
                () -> {
                  for (int job = 0; job < 200; job++) {
                    pool.run(1 + job % 7, (i, worker) -> runs.incrementAndGet(own));
                  }
                });
        callers[caller].start();
      }
      for (int caller = 0; caller < callers.length; caller++) {
        callers[caller].join();
        int tasks = 0;
        for (int job = 0; job < 200; job++) {
          tasks += 1 + job % 7;
        }
        assertEquals(tasks, runs.get(caller));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 64})
  void aFailureEndsItsJobAlone(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      IllegalArgumentException expected = new IllegalArgumentException("on purpose");
      for (int count : new int[] {1, 2, 5, 200}) {
        assertSame(
            expected,
            assertThrows(
                IllegalArgumentException.class,
                () ->
                    pool.run(
                        count,
                        (i, worker) -> {
                          if (i == count - 1) {
                            throw expected;
                          }
                        })));
        run(pool, 5, 1, false);
      }
      assertThrows(
          IllegalStateException.class,
          () -> pool.run(2 * threads, (i, worker) -> pool.run(2, (j, other) -> {})));
      run(pool, 5, 1, true);
    }
  }

  @Test
  void anIdlePoolTakesAJobAndABusyOneDoesNot() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(3)) {
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch end = new CountDownLatch(1);
      Thread other =
          new Thread(
              () ->
                  pool.run(
                      2,
                      (i, worker) -> {
                        begun.countDown();
                        try {
                          end.await();
                        } catch (InterruptedException e) {
                          throw new IllegalStateException(e);
                        }
                      }));
      other.start();
      begun.await();
      assertFalse(pool.tryRun(2, (i, worker) -> {}));
      try (OffHeap memory = new OffHeap(pool::touch)) {
        assertZero(memory.matrix(1 << 11, 1 << 10)); // touched by this thread
      }
      end.countDown();
      other.join();
      assertTrue(pool.tryRun(2, (i, worker) -> {}));
      try (OffHeap memory = new OffHeap(pool::touch)) {
        assertZero(memory.matrix(1 << 11, 1 << 10));
      }
    }
  }

  @Test
  void memoryOutlivesAClosedPool() {
    OffHeap memory;
    try (WorkerPool pool = new WorkerPool(2)) {
      memory = new OffHeap(pool::touch);
    }
    try (memory) {
      assertZero(memory.matrix(1 << 11, 1 << 10));
    }
  }

  private static void assertZero(Matrix matrix) {
    assertEquals(0f, matrix.get(0, 0));
    assertEquals(0f, matrix.get(matrix.rows() - 1, matrix.cols() - 1));
    matrix.set(matrix.rows() - 1, 0, 1f);
  }
}
