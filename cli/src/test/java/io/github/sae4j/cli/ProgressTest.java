package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.step.StepReport;
import io.github.sae4j.training.StepRecord;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

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
    StepReport report = new StepReport(8, 2.5, List.of(), 20, 40, 0.5, 32, 7, 1);
    return new StepRecord(number, 3, 8 * number, 1e-3, report, 0.1, 0.01);
  }

  @Test
  void aBarIsDrawnOnOneLineWithTheFigures() {
    String shown = shown(Progress.Style.BAR);
    String last = shown.substring(shown.lastIndexOf('\r') + 1);
    assertTrue(last.startsWith("train 100%"), shown);
    assertTrue(last.contains("loss 2.500 FVU 0.500 L0 4.0 dead 7"), shown);
  }

  @Test
  void withoutATerminalThereAreLines() {
    String shown = shown(Progress.Style.LINES);
    assertTrue(shown.contains("step 3/3"), shown);
    assertTrue(shown.contains("loss 2.500 FVU 0.500 L0 4.0 dead 7"), shown);
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
