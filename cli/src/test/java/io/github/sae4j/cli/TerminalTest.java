package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Text from files never controls the terminal, wherever it is printed. */
class TerminalTest {
  /** C0, DEL, C1, a change of direction, a line separator, zero width, a tag beyond 16 bits. */
  private static final String HOSTILE = "a\u001b[2J\u007f\u009b31m\u202e\u2028\u200b\udb40\udc41z";

  @TempDir private Path folder;
  private final Console console = new Console();

  private static void assertHarmless(String printed) {
    printed.lines().forEach(line -> assertTrue(Terminal.isHarmless(line), printed));
    assertFalse(printed.contains("\u2028"), printed);
  }

  @Test
  void charactersAreEscapedAndLettersOfAllScriptsAreNot() {
    assertEquals(
        "a\\u001b[2J\\u007f\\u009b31m\\u202e\\u2028\\u200b\\udb40\\udc41z",
        Terminal.harmless(HOSTILE));
    assertEquals("größe 模型 😀 e\u0301", Terminal.harmless("größe 模型 😀 e\u0301"));
    assertEquals("\\ud800", Terminal.harmless("\ud800"));
    assertEquals("a\\u000ab", Terminal.harmless("a\nb"));
  }

  /** Names of files and keys in warnings too; and nothing is printed past the one place. */
  @Test
  void warningsEscapeWhatTheyQuote() throws IOException {
    Path rows = folder.resolve("a\u009b31m\u202e.npy");
    Files.copy(Path.of("../engine/src/test/resources/cases/2-inf-row-700.npy"), rows);
    Path sae = Path.of("../engine/src/test/resources/cases/3-sae-hook_z");
    assertEquals(
        ExitCode.DONE,
        console.run("eval", "--sae", sae, "--activations", rows, "--on-bad-rows", "skip"),
        console::err);
    assertTrue(console.err().contains("left out: "), console.err());
    assertHarmless(console.err());
    Path config = folder.resolve("c.json");
    Files.writeString(
        config,
        Json.pretty(Map.of("architecture", "topk", "d_in", 16, "\u009bkey\u202e", 1, "d_sae", 64)));
    console.run("train", "--config", config, "--activations", rows, "--dry-run", "--k", 4);
    assertTrue(console.err().contains("is a configuration of SAELens"), console.err());
    assertHarmless(console.err());
    try (var sources = Files.walk(Path.of("src/main/java"))) {
      for (Path source : sources.filter(Files::isRegularFile).toList()) {
        String name = source.getFileName().toString();
        boolean may = name.equals("Terminal.java") || name.equals("Main.java");
        assertTrue(may || !Files.readString(source).contains("System.err.print"), name);
      }
    }
  }

  @Test
  void inspectEscapesNamesAndValues() throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(2, 3);
      new SafetensorsWriter().matrix(HOSTILE, matrix).write(folder.resolve("tensors.safetensors"));
    }
    Map<String, Object> members = Map.of(HOSTILE, HOSTILE);
    Files.writeString(folder.resolve("cfg.json"), Json.pretty(members));
    assertEquals(ExitCode.DONE, console.run("inspect", folder), console::err);
    assertHarmless(console.out());
    assertTrue(console.out().contains("\\u009b31m"), console.out());
    assertEquals(ExitCode.DONE, console.run("inspect", folder, "--json"), console::err);
    assertHarmless(console.out());
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    Map<?, ?> found = (Map<?, ?>) Json.parse(Path.of("stdout"), out);
    assertEquals(members, ((Map<?, ?>) found.get("cfg.json")).get("json"));
  }

  @Test
  void complaintsEscapeWhatTheyQuote() throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(2, 3);
      new SafetensorsWriter()
          .matrix("one" + HOSTILE, matrix)
          .matrix("two" + HOSTILE, matrix)
          .write(folder.resolve("tensors.safetensors"));
    }
    Path tensors = folder.resolve("tensors.safetensors");
    assertEquals(ExitCode.BAD_INPUT, console.run("train", "--activations", tensors), console::err);
    assertHarmless(console.err());
    assertTrue(console.err().contains("\\u202e"), console::err);
    assertEquals(ExitCode.USAGE, console.run("train", "--" + HOSTILE), console::err);
    assertHarmless(console.err());
    int code = console.run("--stacktrace", "train", "--activations", tensors);
    assertEquals(ExitCode.BAD_INPUT, code);
    assertHarmless(console.err().replace("\tat ", ""));
    Path sae = Files.createDirectory(folder.resolve("sae"));
    Files.writeString(sae.resolve("cfg.json"), Json.pretty(Map.of("architecture", HOSTILE)));
    Files.copy(tensors, sae.resolve("sae_weights.safetensors"));
    code = console.run("eval", "--sae", sae, "--activations", tensors);
    assertEquals(ExitCode.BAD_INPUT, code, console::err);
    assertHarmless(console.err());
    assertTrue(console.err().contains("\\u202e"), console::err);
  }
}
