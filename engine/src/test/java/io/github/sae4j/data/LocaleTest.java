package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.tensors.Opener;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library in a VM without a locale, as in containers: its names of files are ASCII. */
class LocaleTest {
  private static final Path X = Path.of("src/test/resources/cases/x.npy");

  @TempDir Path folder;

  /** The tests' own VM may have no locale either: a shell makes the name from bytes. */
  @BeforeEach
  void copy() throws Exception {
    String script = "cp \"$1\" \"$2/$(printf 'gr\\303\\266\\303\\237e').npy\"";
    Process copied =
        new ProcessBuilder("sh", "-c", script, "sh", X.toString(), folder.toString()).start();
    assertEquals(0, copied.waitFor());
  }

  private String open(String locale) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(Opener.class.getName(), "umlaut", folder.toString()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("LC_ALL", locale);
    byte[] said = builder.start().getInputStream().readAllBytes();
    return new String(said, StandardCharsets.UTF_8);
  }

  @Test
  void aNameThatTheLocaleCannotSayIsRefusedWithAWayOutThatWorks() throws Exception {
    String said = open("C");
    assertTrue(said.startsWith("no path: activations: not a path: '"), said);
    assertTrue(said.contains("start it with LC_ALL=C.UTF-8"), said);
    assertEquals("rows 512\n", open("C.UTF-8"));
  }
}
