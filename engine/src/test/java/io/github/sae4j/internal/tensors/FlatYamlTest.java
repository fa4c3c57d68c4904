package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.FlatYaml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FlatYamlTest {
  @TempDir Path folder;

  private Map<String, String> read(String text) throws IOException {
    return FlatYaml.read(Files.writeString(folder.resolve("config.yaml"), text));
  }

  @Test
  void readsTheOutermostTexts() throws IOException {
    Map<String, String> members =
        read(
            """
            ---
            # A comment
            model_name: "google/gemma-2-2b" # why
            model_kind:   transcoder_set
            hook: 'it''s # here'
            k: 32   # latents
            url: hf://org/repo/path?revision=main#x
            empty:
            transcoders:
            - hf://org/repo
            - hf://org/other: x
            nested:
              k: 64
              list: [1, 2]
            text: |
              k: 128
            scan-name: a_b
            """);
    assertEquals("google/gemma-2-2b", members.get("model_name"));
    assertEquals("transcoder_set", members.get("model_kind"));
    assertEquals("it's # here", members.get("hook"));
    assertEquals("32", members.get("k"));
    assertEquals("hf://org/repo/path?revision=main#x", members.get("url"));
    assertEquals("", members.get("empty"));
    assertEquals("", members.get("transcoders"));
    assertEquals("", members.get("nested"));
    assertEquals("", members.get("text"));
    assertEquals("a_b", members.get("scan-name"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "k: 1\nk: 2\n",
        "k: &a 1\n",
        "k: *a\n",
        "k: !!int 1\n",
        "k: [1]\n",
        "k: {a: 1}\n",
        "k: \"a\\n\"\n",
        "k: 'open\n",
        "k:1\n",
        "\tk: 1\n",
        "just text\n",
        "a: 1\n---\nb: 2\n",
        "? k\n",
        "<<: *base\n"
      })
  void refusesWhatItWouldMisread(String text) {
    String message = assertThrows(BadFileException.class, () -> read(text)).getMessage();
    assertTrue(message.contains("line "), message);
  }
}
