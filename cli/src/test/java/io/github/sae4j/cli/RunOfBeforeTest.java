package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run of 120 steps that the version before records had checksums began and that died after 80:
 * its folder as it was left, but for the path of its activations.
 */
class RunOfBeforeTest {
  private static final Path LEFT = Path.of("src/test/resources/run-of-before");
  private static final Path X = Path.of("../engine/src/test/resources/cases/x.npy");

  /** Of the weights that the same version came to when it was not interrupted. */
  private static final String WEIGHTS =
      "e23d99c71aa6a2ca57bd0d5ea03923e277c8bc0b669789922b930d6242f18ffd";

  @TempDir private Path folder;
  private final Console console = new Console();
  private Path run;

  @BeforeEach
  void copy() throws IOException {
    run = folder.resolve("run");
    try (var files = Files.walk(LEFT)) {
      for (Path file : files.toList()) {
        Files.copy(file, run.resolve(LEFT.relativize(file).toString()));
      }
    }
    Path config = run.resolve("config.json");
    String text = Files.readString(config);
    assertTrue(text.contains("\"activations\": [\"x.npy\"]"), text);
    Files.writeString(
        config, text.replace("[\"x.npy\"]", "[\"" + X.toAbsolutePath().normalize() + "\"]"));
  }

  private int resume(Object... more) {
    Object[] words = new Object[3 + more.length];
    Object[] first = {"train", "--resume-from-checkpoint", run};
    System.arraycopy(first, 0, words, 0, first.length);
    System.arraycopy(more, 0, words, first.length, more.length);
    return console.run(words);
  }

  @Test
  void itGoesOnToTheSameBitsAndIsSaidToHaveNoChecksum() throws Exception {
    assertEquals(ExitCode.DONE, resume(), console::err);
    assertTrue(console.err().contains("config.json has no checksum"), console.err());
    byte[] weights = Files.readAllBytes(run.resolve("final/sae_weights.safetensors"));
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(weights);
    assertEquals(WEIGHTS, HexFormat.of().formatHex(digest));
    assertEquals(12, Files.readAllLines(run.resolve("metrics.jsonl")).size());
    assertEquals(ExitCode.DONE, resume(), console::err);
    assertTrue(console.out().contains("nothing is left to do"), console.out());
  }

  @Test
  void whatItWasGivenHoldsAndIsReadFromTheCheckpoint() throws IOException {
    Path config = run.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("\"seed\": 42", "\"seed\": 43"));
    assertEquals(ExitCode.USAGE, resume("--k", 5));
    assertTrue(console.complaints().getLast().contains("k was 4, is now 5"), console.err());
  }

  @Test
  void withoutACheckpointItIsRefusedWithWhatToDo() throws IOException {
    Path weights = run.resolve("checkpoints/5120/sae_weights.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[100] ^= 1;
    Files.write(weights, bytes);
    assertEquals(ExitCode.BAD_INPUT, resume());
    String said = console.complaints().getLast();
    assertTrue(said.contains("without a checksum") && said.contains("--config"), said);
    assertFalse(Files.exists(run.resolve("final")));
    Path anew = folder.resolve("anew");
    assertEquals(
        ExitCode.DONE,
        console.run("train", "--config", run.resolve("config.json"), "--output-path", anew),
        console::err);
  }
}
