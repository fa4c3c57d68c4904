package io.github.sae4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WarmUpTest {
  @TempDir Path folder;

  /** A stand-in for a checkout: writes a run's folder as `train` does. */
  private Path checkout(String name, String help, String weights) throws IOException {
    Assumptions.assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "needs a POSIX shell");
    Path bin = Files.createDirectories(folder.resolve(name).resolve("bin"));
    Path script =
        Files.writeString(
            bin.resolve("sae4j"),
            """
            #!/bin/sh
            [ "$2" != --help ] || { echo "%s"; exit 0; }
            echo "$@" >>"$0.calls"
            for last in "$@"; do :; done
            mkdir -p "$last/final"
            echo "%s" >"$last/final/sae_weights.safetensors"
            echo '{"step":10,"details/step_seconds":0.25}' >"$last/metrics.jsonl"
            echo '{"step":20,"details/step_seconds":0.01}' >>"$last/metrics.jsonl"
            """
                .formatted(help, weights));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return folder.resolve(name);
  }

  private static String table(int rounds, List<Path> checkouts, List<String> options)
      throws IOException, InterruptedException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    WarmUp.run(rounds, checkouts, options, new PrintStream(bytes, true, StandardCharsets.UTF_8));
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void checkoutsTakeTurnsWithTheOptionsThatTheyHave() throws Exception {
    Path old = checkout("old", "no such option", "w1");
    Path now = checkout("now", "  --no-report  none", "w2");
    String text = table(3, List.of(old, now), List.of("--steps", "300"));
    List<String> calls = Files.readAllLines(old.resolve("bin/sae4j.calls"));
    assertEquals(3, calls.size());
    assertFalse(calls.getFirst().contains("--no-report"), calls.getFirst());
    assertTrue(
        Files.readString(now.resolve("bin/sae4j.calls")).contains("--steps 300 --no-progress --no"),
        "the report is left out where there is one");
    assertTrue(text.contains("2 now: time / 1 old"), text);
    assertTrue(text.contains("first ten steps"), text);
    assertTrue(text.contains("2500.000 ms"), text);
    assertTrue(text.contains("differ between checkouts"), text);
  }

  @Test
  void aRunThatFailsIsNotTimed() throws Exception {
    Path broken = checkout("broken", "", "w");
    Files.writeString(broken.resolve("bin/sae4j"), "#!/bin/sh\necho no room\nexit 3\n");
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> table(1, List.of(broken), List.of()));
    assertTrue(e.getMessage().contains("no room"), e.getMessage());
  }

  @Test
  void weightsThatChangeFromRoundToRoundAreNoticed() throws Exception {
    Path unsteady = checkout("unsteady", "", "$$");
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> table(2, List.of(unsteady), List.of()));
    assertTrue(e.getMessage().contains("weights of two rounds differ"), e.getMessage());
  }
}
