package io.github.sae4j.cli.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShellTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "a b", "it's", "$HOME", "`id`", "a;b", "a&b", "a\"b", "*", "~", "#x", "a\\b", "(x)"
      })
  void aShellReadsOneWordThatIsThePath(String path) throws Exception {
    String script = "printf %s " + Shell.word(Path.of(path));
    Process shell = new ProcessBuilder("sh", "-c", script).start();
    assertEquals(
        path, new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8), script);
  }

  @Test
  void plainPathsStayAsTheyAre() {
    assertEquals("runs/a-1_2.x", Shell.word(Path.of("runs/a-1_2.x")));
    assertEquals("./-a", Shell.word(Path.of("-a")));
  }
}
