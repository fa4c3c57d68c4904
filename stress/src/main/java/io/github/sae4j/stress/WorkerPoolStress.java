package io.github.sae4j.stress;

import io.github.sae4j.internal.vector.runtime.WorkerPool;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** The guarantees of {@link WorkerPool} to its callers, with two concurrent callers. */
public class WorkerPoolStress {
  private static final int TASKS = 5;

  /**
   * One pool for all samples of a test: starting threads for each would leave no time for races.
   */
  private static final WorkerPool POOL = new WorkerPool(3);

  private WorkerPoolStress() {}

  /**
   * Every task of a job runs once, and its caller sees what the tasks wrote with plain stores;
   * tasks see what their caller wrote before.
   */
  @JCStressTest
  @Outcome(id = "105, 105", expect = Expect.ACCEPTABLE, desc = "All tasks ran once and were seen.")
  @Outcome(expect = Expect.FORBIDDEN, desc = "A task was lost, ran twice or was not seen.")
  @State
  public static class EveryTaskRunsOnceAndIsSeen {
    private final int[] first = new int[TASKS];
    private final int[] second = new int[TASKS];

    private static int run(int[] written) {
      int[] given = new int[TASKS];
      for (int i = 0; i < TASKS; i++) {
        given[i] = i + 1;
      }
      POOL.run(TASKS, (index, worker) -> written[index] += 7 * given[index]);
      int sum = 0;
      for (int value : written) {
        sum += value;
      }
      return sum;
    }

    @Actor
    public void one(II_Result result) {
      result.r1 = run(first);
    }

    @Actor
    public void two(II_Result result) {
      result.r2 = run(second);
    }
  }

  /** One job at a time, and one task at a time per worker: scratch memory needs no lock. */
  @JCStressTest
  @Outcome(id = "0, 0, 10", expect = Expect.ACCEPTABLE, desc = "No two tasks shared a worker.")
  @Outcome(expect = Expect.FORBIDDEN, desc = "Two tasks used one worker's memory at once.")
  @State
  public static class AWorkersMemoryIsItsOwn {
    private final int[] busy = new int[3];
    private final int[] done = new int[3];

    private int run() {
      AtomicInteger met = new AtomicInteger();
      POOL.run(
          TASKS,
          (index, worker) -> {
            if (busy[worker]++ != 0) {
              met.incrementAndGet();
            }
            done[worker]++;
            busy[worker]--;
          });
      return met.get();
    }

    @Actor
    public void one(III_Result result) {
      result.r1 = run();
    }

    @Actor
    public void two(III_Result result) {
      result.r2 = run();
    }

    @Arbiter
    public void count(III_Result result) {
      result.r3 = done[0] + done[1] + done[2];
    }
  }

  /** A caller that does not wait runs all of a job or none of it. */
  @JCStressTest
  @Outcome(id = "5, 5", expect = Expect.ACCEPTABLE, desc = "One after the other.")
  @Outcome(id = "5, 0", expect = Expect.ACCEPTABLE, desc = "The pool was busy.")
  @Outcome(expect = Expect.FORBIDDEN, desc = "A job ran in part.")
  @State
  public static class TryRunIsAllOrNothing {
    @Actor
    public void one(II_Result result) {
      AtomicInteger ran = new AtomicInteger();
      POOL.run(TASKS, (index, worker) -> ran.incrementAndGet());
      result.r1 = ran.get();
    }

    @Actor
    public void two(II_Result result) {
      AtomicInteger ran = new AtomicInteger();
      POOL.tryRun(TASKS, (index, worker) -> ran.incrementAndGet());
      result.r2 = ran.get();
    }
  }

  /** A failure reaches only the caller whose task failed. */
  @JCStressTest
  @Outcome(id = "3, 5", expect = Expect.ACCEPTABLE, desc = "Only the first caller saw it.")
  @Outcome(expect = Expect.FORBIDDEN, desc = "A failure was lost or reached the wrong caller.")
  @State
  public static class AFailureReachesItsCaller {
    @Actor
    public void one(II_Result result) {
      try {
        POOL.run(
            TASKS,
            (index, worker) -> {
              if (index == 3) {
                throw new IllegalArgumentException("3");
              }
            });
      } catch (IllegalArgumentException e) {
        result.r1 = Integer.parseInt(e.getMessage());
      }
    }

    @Actor
    public void two(II_Result result) {
      AtomicInteger ran = new AtomicInteger();
      try {
        POOL.run(TASKS, (index, worker) -> ran.incrementAndGet());
        result.r2 = ran.get();
      } catch (RuntimeException e) {
        result.r2 = -1;
      }
    }
  }
}
