package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A process's memory, off-heap included, stays flat over thousands of steps and checkpoints. */
@EnabledOnOs(OS.LINUX)
class MemoryTest {
  /**
   * Remaining growth: compiled code and what the C library's allocator keeps. A batch of this run
   * is 16 KiB: leaking one at every step makes 16 MB in 1000 steps.
   */
  private static final long GROWTH = 8_000;

  @TempDir private Path folder;

  @Test
  void memoryStaysFlatOverThousandsOfSteps() throws Exception {
    List<Long> kilobytes = resident(3000, 0);
    long grown = kilobytes.getLast() - kilobytes.get(0);
    System.out.println("resident KB each 1000 steps: " + kilobytes);
    assertTrue(grown < GROWTH, kilobytes::toString);
  }

  @Test
  @Tag("long")
  void memoryStaysFlatOverManyThousandsOfSteps() throws Exception {
    List<Long> kilobytes = resident(100_000, 0);
    List<Long> some = IntStream.range(0, 10).mapToObj(i -> kilobytes.get(10 * i + 9)).toList();
    System.out.println("resident KB each 10000 steps: " + some);
    assertTrue(kilobytes.getLast() - kilobytes.get(10) < GROWTH, kilobytes::toString);
  }

  /** The measurement itself: it must detect one leaked batch per step. */
  @Test
  void aLostBatchAStepIsSeen() throws Exception {
    List<Long> kilobytes = resident(2000, 64 * 64 * Float.BYTES);
    assertTrue(kilobytes.getLast() - kilobytes.getFirst() > GROWTH, kilobytes::toString);
  }

  private List<Long> resident(int steps, long lost) throws Exception {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                // The whole heap is in memory from the start, so it does not grow.
                "-Xms48m",
                "-Xmx48m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                LongRun.class.getName(),
                folder.resolve("run").toString(),
                Integer.toString(steps),
                "1000",
                Long.toString(lost))
            .redirectErrorStream(true)
            .start();
    List<String> lines = child.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertEquals(0, child.waitFor(), () -> String.join("\n", lines));
    return lines.stream()
        .filter(line -> line.startsWith("resident "))
        .map(line -> Long.parseLong(line.substring("resident ".length())))
        .toList();
  }
}
