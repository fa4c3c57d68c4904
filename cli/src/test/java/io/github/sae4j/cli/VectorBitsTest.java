package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code --vector-bits} in processes of its own: the width of a process is fixed. */
class VectorBitsTest {
  @TempDir private Path folder;

  private record Ended(int code, String text) {}

  private Ended dryRun(String device, int bits) throws IOException, InterruptedException {
    Path file = Activations.write(folder.resolve("a.safetensors"), 100, 6);
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "train",
                "--dry-run",
                "--k=2",
                "--activations=" + file,
                "--device=" + device,
                "--vector-bits=" + bits)
            .redirectErrorStream(true)
            .start();
    String text = new String(child.getInputStream().readAllBytes());
    return new Ended(child.waitFor(), text);
  }

  @ParameterizedTest
  @CsvSource({"auto", "cpu"})
  void theNarrowestWidthRunsOnEveryCpu(String device) throws IOException, InterruptedException {
    Ended ended = dryRun(device, 128);
    assertEquals(ExitCode.DONE, ended.code, ended.text);
    assertTrue(ended.text.contains("Vector API, 128 bits"), ended.text);
  }

  @Test
  void otherNumbersAreBadUsage() throws IOException, InterruptedException {
    Ended ended = dryRun("auto", 100);
    assertEquals(ExitCode.USAGE, ended.code, ended.text);
    String line = "vector bits: expected 128, 256 or 512, got 100";
    assertTrue(ended.text.lines().toList().contains("sae4j: " + line), ended.text);
  }
}
