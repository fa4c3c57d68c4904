package io.github.sae4j.internal.vector.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.vector.runtime.PoolMeter.PhaseTime;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The meter counts as shared only what all threads of a pool did at once. */
class PoolMeterTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 16})
  void everyTaskRunsOnceAndPhasesAddUp(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      PoolMeter meter = new PoolMeter(threads);
      pool.measure(meter);
      long before = System.nanoTime();
      meter.start("first");
      AtomicIntegerArray runs = new AtomicIntegerArray(1000);
      for (int round = 0; round < 20; round++) {
        pool.phase(round % 2 == 0 ? "first" : "second");
        pool.run(runs.length(), (task, worker) -> runs.incrementAndGet(task));
        pool.runInOrder(runs.length(), (task, worker) -> runs.incrementAndGet(task));
      }
      List<PhaseTime> times = meter.stop();
      long all = System.nanoTime() - before;
      assertEquals(List.of("first", "second"), times.stream().map(PhaseTime::name).toList());
      assertTrue(times.stream().mapToLong(PhaseTime::nanos).sum() <= all, times + " in " + all);
      for (PhaseTime time : times) {
        assertTrue(0 <= time.fullNanos() && time.fullNanos() <= time.nanos(), time.toString());
        assertEquals(time.nanos(), time.fullNanos() + time.serialNanos());
      }
      for (int i = 0; i < runs.length(); i++) {
        assertEquals(40, runs.get(i));
      }
    }
  }

  @Test
  void aTaskAloneIsSerialAndTwoThatMeetAreNot() {
    try (WorkerPool pool = new WorkerPool(2)) {
      PoolMeter meter = new PoolMeter(2);
      pool.measure(meter);
      meter.start("alone");
      pool.run(1, (task, worker) -> Thread.onSpinWait());
      pool.phase("together");
      CountDownLatch both = new CountDownLatch(2);
      pool.run(
          2,
          (task, worker) -> {
            both.countDown();
            try {
              both.await();
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
            // Until the clock goes on: both have begun, so both work at once for longer than
            // nothing.
            long met = System.nanoTime();
            while (System.nanoTime() == met) {
              Thread.onSpinWait();
            }
          });
      List<PhaseTime> times = meter.stop();
      assertEquals(0, times.get(0).fullNanos());
      assertTrue(times.get(1).fullNanos() > 0, times.toString());
    }
  }

  @Test
  void withoutAMeterPhasesAreNothing() {
    try (WorkerPool pool = new WorkerPool(2)) {
      pool.phase("ignored");
      PoolMeter meter = new PoolMeter(2);
      pool.measure(meter);
      meter.start("measured");
      pool.measure(null);
      pool.phase("ignored");
      assertEquals(1, meter.stop().size());
    }
  }
}
