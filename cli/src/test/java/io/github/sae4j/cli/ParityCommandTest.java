package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ParityCommandTest {
  private final Console console = new Console();

  @Test
  void aDeviceThatKeepsItsPromiseEndsWithZero() {
    int code = console.run("parity", "--device", "cpu", "--threads", 2, "--steps", 4);
    assertEquals(ExitCode.DONE, code, console::err);
    List<String> lines = console.out().lines().toList();
    assertTrue(lines.getFirst().contains("against scalar, seed 20260101"), lines.getFirst());
    assertTrue(console.out().contains("step:dictionary-learning"), console.out());
    assertTrue(lines.getLast().startsWith("kept: "), lines.getLast());
    assertTrue(lines.getLast().endsWith("max 0 ULP"), lines.getLast());
    assertEquals(
        List.of(), console.complaints().stream().filter(l -> !l.contains("device")).toList());
  }

  @Test
  void aQuickCheckComparesFewerNumbersOfTheSameKernels() {
    int code = console.run("parity", "--device", "scalar", "--steps", 4, "--quick");
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(console.out().contains("\nadam "), console.out());
    assertTrue(console.out().contains("step:dictionary-learning"), console.out());
    assertFalse(console.out().contains("composed step"), console.out());
  }

  @Test
  void aDeviceThatBreaksItsPromiseEndsWithOne() throws IOException {
    int code = console.run("parity", "--device", "one-bit-off", "--steps", 4, "--json");
    assertEquals(ExitCode.FAILURE, code, console::err);
    Map<?, ?> report =
        (Map<?, ?>) Json.parse(Path.of("stdout"), console.out().getBytes(StandardCharsets.UTF_8));
    assertEquals(false, report.get("kept"));
    assertEquals(1L, report.get("max_ulp"));
    List<?> broken =
        ((List<?>) report.get("kernels"))
            .stream().filter(k -> ((Map<?, ?>) k).get("kept").equals(false)).toList();
    assertEquals(1, broken.size());
    Map<?, ?> kernel = (Map<?, ?>) broken.getFirst();
    assertEquals("rowNorms", kernel.get("kernel"));
    assertEquals(0L, kernel.get("bound"));
    assertTrue(kernel.get("first_difference").toString().contains("oracle"));
  }

  @Test
  void aDeviceThatCannotRunEndsWithFour() {
    assertEquals(ExitCode.DEVICE, console.run("parity", "--device", "abacus"));
    assertEquals(ExitCode.DEVICE, console.run("parity", "--device", "cpu:7"));
    assertEquals(1, console.complaints().size(), console::err);
  }

  @Test
  void tooFewStepsAreAUsageError() {
    assertEquals(ExitCode.USAGE, console.run("parity", "--device", "scalar", "--steps", 3));
    assertTrue(console.err().contains("steps: expected at least 4"), console::err);
  }
}
