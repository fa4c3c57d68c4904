package io.github.sae4j.report.runs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A log that grows, is cut back, goes and comes: a table that follows it is one that is read anew.
 */
class MetricsTableFollowTest {
  @TempDir private Path folder;

  private static String line(long step, int salt) {
    return "{\"step\":" + step + ",\"losses/mse_loss\":" + (step * 3 + salt) + ".5}\n";
  }

  private void expectSame(MetricsTable followed, Path log) throws IOException {
    followed.follow(log);
    MetricsTable fresh = MetricsTable.read(log);
    assertEquals(fresh.toMap(), followed.toMap());
    assertEquals(fresh.lines(), followed.lines());
    assertEquals(fresh.last(), followed.last());
  }

  private static void append(Path log, String text) throws IOException {
    Files.writeString(log, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  @Test
  void whateverHappensToTheLog() throws IOException {
    Path log = folder.resolve("metrics.jsonl");
    MetricsTable table = MetricsTable.empty();
    expectSame(table, log); // not there yet
    append(log, line(1, 0) + line(2, 0));
    expectSame(table, log);
    expectSame(table, log); // nothing new
    String third = line(3, 0);
    append(log, third.substring(0, 9)); // being written
    expectSame(table, log);
    assertEquals(2, table.lines());
    append(log, third.substring(9) + "no JSON\n");
    expectSame(table, log);
    assertEquals(3, table.lines());
    // A run resumes: cut back, then other lines of the same length; the log is no shorter then.
    Files.writeString(log, line(1, 0) + line(2, 1) + line(3, 1) + line(4, 1));
    expectSame(table, log);
    assertEquals(4, table.lines());
    Files.writeString(log, line(1, 0)); // cut back further
    expectSame(table, log);
    append(log, "x".repeat((1 << 20) + 5) + "\n" + line(2, 0)); // longer than any line of a log
    expectSame(table, log);
    append(log, line(3, 0));
    expectSame(table, log);
    assertEquals(3, table.lines());
    Files.delete(log);
    expectSame(table, log);
    assertEquals(0, table.lines());
  }

  @Test
  void aLongLogIsThinnedAlike() throws IOException {
    Path log = folder.resolve("metrics.jsonl");
    MetricsTable table = MetricsTable.empty();
    Random random = new Random(4);
    long step = 0;
    while (step < 5L * MetricsTable.MOST_POINTS) {
      StringBuilder some = new StringBuilder();
      for (int i = random.nextInt(900); i >= 0; i--) {
        some.append(line(++step, 0));
      }
      append(log, some.toString());
      expectSame(table, log);
    }
  }
}
