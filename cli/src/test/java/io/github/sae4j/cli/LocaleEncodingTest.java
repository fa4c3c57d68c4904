package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.LocaleEncoding;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names that are not ASCII, with and without a locale; the launcher's part is its own test's. */
class LocaleEncodingTest {
  private static final String TRAIN =
      "--output-path=run --steps=2 --train-batch-size=8 --d-sae=24 --k=2 --device=scalar";

  @TempDir private Path folder;

  @BeforeEach
  void writeActivations() throws IOException {
    Activations.write(folder.resolve("a.safetensors"), 200, 10);
  }

  /**
   * Runs in a shell, which makes the names from bytes: the VM of the tests may have no locale
   * itself. {@code $size.safetensors}, größe, is a copy of the activations, {@code $name} is 模型.
   */
  private Program.Ended run(String locale, String arguments) throws Exception {
    String script =
        "size=$(printf 'gr\\303\\266\\303\\237e'); name=$(printf"
            + " '\\346\\250\\241\\345\\236\\213'); cp a.safetensors \"$size.safetensors\"; \"$@\" "
            + arguments;
    return Program.run(folder, Map.of("LC_ALL", locale), script, List.of());
  }

  @Test
  void withoutALocaleADamagedNameIsRefusedWithTheWayOut() throws Exception {
    for (String arguments :
        new String[] {
          "train --activations=a.safetensors --model-name=$name " + TRAIN,
          "train --activations=$size.safetensors " + TRAIN,
          "inspect $size.safetensors"
        }) {
      Program.Ended ended = run("C", arguments);
      assertEquals(ExitCode.USAGE, ended.code(), ended.err());
      assertTrue(ended.err().contains("cannot be read in the locale's encoding"), ended.err());
      assertTrue(ended.err().contains("set LC_ALL=C.UTF-8"), ended.err());
      assertEquals(1, ended.complaints().size(), ended.err());
      assertFalse(Files.exists(folder.resolve("run")));
    }
  }

  @Test
  void withoutALocaleASCIINamesAndUtf8FilesWork() throws Exception {
    Files.writeString(folder.resolve("options.json"), "{\"model_name\": \"模型\", \"steps\": 2}");
    Program.Ended ended =
        run(
            "C",
            "train --activations=a.safetensors --config=options.json "
                + TRAIN.replace("--steps=2", ""));
    assertEquals(ExitCode.DONE, ended.code(), ended.err());
    Map<?, ?> config = Json.readObject(folder.resolve("run/final/cfg.json"), 1 << 20);
    assertEquals("模型", ((Map<?, ?>) config.get("metadata")).get("model_name"));
    ended = run("C", "inspect run/final");
    assertTrue(ended.out().contains("model_name: 模型"), ended.out());
  }

  @Test
  void aNameInAFileThatTheLocaleCannotSayIsRefusedWithTheWayOut() throws Exception {
    Files.writeString(folder.resolve("options.json"), "{\"mask\": \"größe.npy\", \"steps\": 2}");
    Program.Ended ended = run("C", "train --activations=a.safetensors --config=options.json");
    assertEquals(ExitCode.USAGE, ended.code(), ended.err());
    assertTrue(ended.err().contains("größe.npy"), ended.err());
    assertTrue(ended.err().contains("set LC_ALL=C.UTF-8"), ended.err());
  }

  @Test
  void withAUtf8LocaleAllNamesWork() throws Exception {
    assumeTrue(hasUtf8(), "no locale C.UTF-8 here");
    Program.Ended ended =
        run("C.UTF-8", "train --activations=$size.safetensors --model-name=$name " + TRAIN);
    assertEquals(ExitCode.DONE, ended.code(), ended.err());
    Map<?, ?> config = Json.readObject(folder.resolve("run/final/cfg.json"), 1 << 20);
    assertEquals("模型", ((Map<?, ?>) config.get("metadata")).get("model_name"));
    ended = run("C.UTF-8", "inspect \"$(printf '\\303')\"");
    assertEquals(ExitCode.USAGE, ended.code(), ended.err());
    assertTrue(ended.err().contains("cannot be read in the locale's encoding, UTF-8"), ended.err());
  }

  private static boolean hasUtf8() throws Exception {
    ProcessBuilder locale = new ProcessBuilder("locale", "charmap");
    locale.environment().put("LC_ALL", "C.UTF-8");
    try (var out = locale.start().getInputStream()) {
      return new String(out.readAllBytes(), StandardCharsets.US_ASCII).strip().equals("UTF-8");
    } catch (IOException e) {
      return false; // no such program
    }
  }

  @Test
  void theCurrentFolderCounts() {
    assertEquals(Optional.empty(), LocaleEncoding.complaint(new String[] {"größe"}, "/", "UTF-8"));
    assertTrue(
        LocaleEncoding.complaint(new String[] {}, "/gr\uFFFD", "ASCII")
            .orElseThrow()
            .startsWith(
                "the current folder's name cannot be read in the locale's encoding, ASCII"));
  }
}
