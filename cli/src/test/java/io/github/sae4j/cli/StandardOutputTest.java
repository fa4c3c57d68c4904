package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.sae4j.cli.console.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Results that cannot be written. */
class StandardOutputTest {
  @TempDir private Path folder;

  @BeforeEach
  void writeActivations() throws IOException {
    Activations.write(folder.resolve("a.safetensors"), 200, 10);
  }

  private Program.Ended run(String shell, String... arguments)
      throws IOException, InterruptedException {
    return Program.run(folder, Map.of(), shell, List.of(arguments));
  }

  @ParameterizedTest
  @ValueSource(strings = {"inspect a.safetensors --json", "devices", "--help", "--version"})
  void aFullDiskIsAFailureThatIsSaid(String command) throws Exception {
    assumeTrue(Files.exists(Path.of("/dev/full")), "no /dev/full here");
    Program.Ended ended = run("\"$@\" >/dev/full", command.split(" "));
    assertEquals(ExitCode.FAILURE, ended.code(), ended.err());
    assertEquals(1, ended.complaints().size(), ended.err());
    assertTrue(ended.err().startsWith("sae4j: cannot write to stdout: "), ended.err());
  }

  @Test
  void aClosedStdoutIsAFailureThatIsSaid() throws Exception {
    Program.Ended ended = run("\"$@\" >&-", "inspect", "a.safetensors", "--json");
    assertEquals(ExitCode.FAILURE, ended.code(), ended.err());
    assertTrue(ended.err().startsWith("sae4j: cannot write to stdout: "), ended.err());
  }

  /** The run itself is whole: what was computed is on disk. */
  @Test
  void soItIsAfterTraining() throws Exception {
    assumeTrue(Files.exists(Path.of("/dev/full")), "no /dev/full here");
    Program.Ended ended =
        run(
            "\"$@\" >/dev/full",
            "train",
            "--activations=a.safetensors",
            "--output-path=run",
            "--steps=2",
            "--train-batch-size=8",
            "--d-sae=24",
            "--k=2",
            "--device=scalar",
            "--json");
    assertEquals(ExitCode.FAILURE, ended.code(), ended.err());
    assertTrue(ended.complaints().getLast().startsWith("sae4j: cannot write to stdout: "));
    assertTrue(Files.exists(folder.resolve("run/evaluation.json")));
  }

  @Test
  void aReaderThatHasSeenEnoughIsNoFailure() throws Exception {
    Program.Ended ended =
        run("{ \"$@\"; echo \"code $?\" >&2; } | true", "inspect", "a.safetensors");
    assertEquals("code 0\n", ended.err());
  }
}
