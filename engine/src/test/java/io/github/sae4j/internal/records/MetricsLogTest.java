package io.github.sae4j.internal.records;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {
  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void aLogOfThreeSteps() throws IOException {
    file = folder.resolve("metrics.jsonl");
    try (MetricsLog log = MetricsLog.open(file, 0, 0)) {
      for (long step : new long[] {10, 20, 30}) {
        log.append(Map.of("step", step));
      }
    }
  }

  private String reopenedAt(long step) throws IOException {
    MetricsLog.open(file, step, 0).close();
    return Files.readString(file);
  }

  @Test
  void linesAreWhole() throws IOException {
    assertEquals("{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n", Files.readString(file));
  }

  @Test
  void itIsCutBackToTheCheckpoint() throws IOException {
    assertEquals("{\"step\":10}\n{\"step\":20}\n", reopenedAt(25));
  }

  @Test
  void whatACheckpointKnowsOfIsNotReadAgain() throws IOException {
    String known = "never parsed\n";
    Files.writeString(file, known + "{\"step\":20}\n{\"step\":30}\n");
    MetricsLog.open(file, 20, known.length()).close();
    assertEquals(known + "{\"step\":20}\n", Files.readString(file));
  }

  @Test
  void aSizeThatDoesNotFitTheLogIsNotBelieved() throws IOException {
    for (long size : new long[] {1, 13, 1000, Long.MAX_VALUE}) {
      MetricsLog.open(file, 20, size).close();
      assertEquals("{\"step\":10}\n{\"step\":20}\n", Files.readString(file));
    }
  }

  @Test
  void aTornLastLineIsCutOff() throws IOException {
    Files.writeString(file, "{\"step\":10}\n{\"st");
    assertEquals("{\"step\":10}\n", reopenedAt(100));
  }

  @Test
  void whatIsNotOursIsCutOff() throws IOException {
    Files.writeString(file, "{\"step\":10}\n{\"stop\":20}\n{\"step\":30}\n");
    assertEquals("{\"step\":10}\n", reopenedAt(100));
  }

  @Test
  void aLogThatIsALinkIsNotFollowed() throws IOException {
    Path mine = Files.writeString(folder.resolve("mine"), "precious\n");
    Files.delete(file);
    Files.createSymbolicLink(file, mine);
    assertThrows(IOException.class, () -> MetricsLog.open(file, 0, 0));
    assertEquals("precious\n", Files.readString(mine));
  }

  @Test
  void aFreshRunStartsAnEmptyLog() throws IOException {
    assertEquals("", reopenedAt(0));
  }
}
