package io.github.sae4j.cli.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.training.StepRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private String shown(Progress.Style style) {
    try (PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        Progress progress = new Progress(style, err)) {
      progress.started(1, 3);
      progress.step(step(2));
      progress.warning("careful");
      progress.step(step(3));
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private static StepRecord step(long number) {
    return record(number, 3);
  }

  private static StepRecord record(long number, long steps) {
    StepReport report = new StepReport(8, 2.5, List.of(), 20, 40, 0.5, 32, 7, 1);
    return new StepRecord(number, steps, 8 * number, 1e-3, report, 0.1, 0.01);
  }

  @Test
  void aBarIsDrawnOnOneLineWithTheFigures() {
    String shown = shown(Progress.Style.BAR);
    String last = shown.substring(shown.lastIndexOf("\u001b[J") + 3);
    assertTrue(last.startsWith("100% [===="), shown);
    assertTrue(last.contains("loss 2.500 FVU 0.500 L0 4.0 dead 7"), shown);
  }

  /** The longest figures and numbers, and usual ones. */
  @ParameterizedTest
  @CsvSource({
    "80, 166, 450, 12.3, loss 2.500 FVU 0.500 L0 32.0 dead 7",
    "80, 123456, 1000000, 0.031, loss 1.234e+05 FVU 0.234 L0 128.0 dead 123456",
    "120, 123456, 1000000, 0.031, loss 1.234e+05 FVU 0.234 L0 128.0 dead 123456",
    "60, 1, 9, 4, loss 2.500 FVU 0.500 L0 32.0 dead 7"
  })
  void theLineFitsWithAllFigures(int columns, long step, long steps, double rate, String figures) {
    String line = new ProgressLine(step, steps, rate, figures).in(columns - 1);
    assertTrue(line.length() < columns, line);
    assertTrue(line.endsWith("  " + figures), line);
    assertTrue(line.contains(" left"), line);
    assertTrue(line.startsWith(String.format("%3d%%", 100 * step / steps)), line);
    if (columns >= 80) {
      assertTrue(line.matches(".*\\[[=> ]{10,}\\].*"), line);
    }
  }

  @Test
  void aLineIsCutRatherThanBroken() {
    for (int columns = 0; columns < 60; columns++) {
      String line = new ProgressLine(3, 9, 1, "loss 2.500 FVU 0.500 L0 4.0 dead 7").in(columns);
      assertTrue(line.length() <= columns, line);
    }
  }

  /** The bar's thread may be drawing while a step is shown: that step is drawn all the same. */
  @Test
  void aStepShownWhileTheLineIsDrawnIsNotLost() throws Exception {
    CountDownLatch drawing = new CountDownLatch(1);
    CountDownLatch shown = new CountDownLatch(1);
    try (PrintStream err =
            new PrintStream(bytes, true, StandardCharsets.UTF_8) {
              @Override
              public void flush() {
                super.flush();
                drawing.countDown();
                try {
                  shown.await();
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
              }
            };
        Progress progress = new Progress(Progress.Style.BAR, err, () -> 120)) {
      progress.started(0, 100);
      drawing.await(); // the line is made, and not yet called drawn
      progress.step(record(40, 100));
      shown.countDown();
      await("40%");
    }
  }

  /**
   * Each drawing asks for the current width, and clears the rows that a narrower window wrapped.
   */
  @Test
  void aWindowThatWasResizedIsNotSmeared() throws InterruptedException {
    int[] columns = {120};
    try (PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        Progress progress = new Progress(Progress.Style.BAR, err, () -> columns[0])) {
      progress.started(0, 100);
      progress.step(record(40, 100));
      await("40%");
      columns[0] = 50;
      progress.step(record(41, 100));
      await("41%");
    }
    String shown = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(
        shown.contains("\r\u001b[1A\u001b[J ") || shown.contains("\r\u001b[2A\u001b[J "), shown);
    for (String drawn : shown.split("\u001b\\[J")) {
      int most = drawn.startsWith(" 41%") || drawn.startsWith("100%") ? 49 : 119;
      String[] rows =
          drawn.split("\r|\n", -1); // with empty rows, which may be a drawing of their own
      assertTrue(rows[0].length() <= most, drawn);
    }
  }

  private void await(String text) throws InterruptedException {
    long deadline = System.nanoTime() + 600_000_000_000L;
    while (!bytes.toString(StandardCharsets.UTF_8).contains(text)) {
      assertTrue(System.nanoTime() < deadline, text);
      Thread.sleep(10);
    }
  }

  @Test
  void theTimeLeftFollowsTheLastSteps() {
    RecentRate rate = new RecentRate();
    long time = 0;
    rate.add(0, time);
    assertTrue(Double.isNaN(rate.stepsPerSecond()));
    for (int step = 1; step <= 10; step++) {
      time += 4_000_000_000L; // ten slow steps, as before the JVM has compiled them
      rate.add(step, time);
    }
    assertEquals(0.25, rate.stepsPerSecond(), 1e-9);
    for (int step = 11; step <= 1000; step++) {
      time += 50_000_000L;
      rate.add(step, time);
    }
    assertEquals(20, rate.stepsPerSecond(), 1e-6);
  }

  /** A run of some 20 s whose first seconds are slow. */
  @Test
  void theFirstSecondsSayNothing() {
    RecentRate rate = new RecentRate();
    rate.add(0, 0);
    long time = 0;
    long step = 0;
    while (step < 450) {
      time += Math.max(30_000_000L, 400_000_000L - step * 8_000_000L); // slow, then faster
      rate.add(++step, time);
      double left = (450 - step) / rate.stepsPerSecond();
      assertTrue(time >= 3_000_000_000L || Double.isNaN(left), "after " + time);
      assertTrue(time < 12_000_000_000L || left < 20, left + " s left after " + time);
    }
  }

  @Test
  void aFirstLineAndALastSayNoTimeLeft() {
    String shown = shown(Progress.Style.LINES);
    assertTrue(shown.contains("step 3/3  loss"), shown);
    assertFalse(shown.contains(" left"), shown);
  }

  @Test
  void manyShortStepsAreCountedInLittleMemory() {
    RecentRate rate = new RecentRate();
    for (int step = 0; step <= 100_000; step++) {
      rate.add(step, step * 100_000L);
    }
    assertEquals(10_000, rate.stepsPerSecond(), 1);
  }

  @Test
  void longReadingIsReported() {
    long[] now = {0};
    try (PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      Reading reading = new Reading(err, () -> now[0]);
      for (int pass = 0; pass < 2; pass++) {
        for (int place = 1; place <= 100; place++) {
          reading.at("activations", place, 100);
          now[0] += pass == 0 ? 1_000_000L : 1_000_000_000L;
        }
      }
    }
    List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
    assertEquals(19, lines.size(), lines::toString);
    assertTrue(lines.getFirst().startsWith("reading activations: 6%, 1:1"), lines::toString);
  }

  /** As several threads read them: what is left is what none has read. */
  @Test
  void rowsReadInAnyOrderCount() throws IOException {
    long[] now = {0};
    try (PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        OffHeap memory = new OffHeap()) {
      Matrix x = memory.matrix(100, 2);
      ActivationSource rows = new Reading(err, () -> now[0]).of(new MatrixSource(x, "rows"));
      assertTrue(rows.readsInPlace());
      for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 100; i++) {
          rows.readRange(i * 37 % 100, 1, x);
          now[0] += 1_000_000_000L;
        }
      }
    }
    List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
    assertEquals(38, lines.size(), lines::toString);
    assertTrue(lines.getFirst().startsWith("reading activations: 6%, 1:1"), lines::toString);
    assertTrue(lines.get(19).startsWith("reading activations: 6%, 1:1"), lines::toString);
  }

  @Test
  void withoutATerminalThereAreLines() {
    String shown = shown(Progress.Style.LINES);
    assertTrue(shown.contains("step 3/3"), shown);
    assertTrue(shown.contains("loss 2.500 FVU 0.500 L0 4.0 dead 7"), shown);
  }

  /** Before there is a rate, and at the end, nothing is said of it or of the time left. */
  @Test
  void rowsThatAreSoonDoneHaveNoRate() {
    try (PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        RowProgress progress = new RowProgress(Progress.Style.LINES, err, () -> 80, () -> false)) {
      progress.rows(0, 40);
      progress.rows(40, 40);
    }
    assertEquals("row 40/40", bytes.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void silenceStillWarns() {
    assertEquals("sae4j: warning: careful" + System.lineSeparator(), shown(Progress.Style.SILENT));
  }

  @Test
  void timesAreReadable() {
    assertEquals("42 s", Durations.text(42.4));
    assertEquals("3:05 min", Durations.text(185));
    assertEquals("2:07 h", Durations.text(7620));
    assertEquals("?", Durations.text(Double.NaN));
  }
}
