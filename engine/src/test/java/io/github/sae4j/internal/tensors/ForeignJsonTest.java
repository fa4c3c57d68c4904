package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** JSON as Python's json module writes it. */
class ForeignJsonTest {
  @TempDir Path folder;

  private Path file(String text) throws IOException {
    return Files.writeString(folder.resolve("cfg.json"), text);
  }

  @Test
  void whatPythonWritesIsRead() throws IOException {
    Path file =
        file(
            """
            {"nan": NaN, "inf": [Infinity, -Infinity, 1e400], "seed": 18446744073709551615,
             "least": -9223372036854775808, "beyond": -9223372036854775809, "name": "a\\udc80b"}
            """);
    Map<String, Object> members = Json.readForeignObject(file, 1 << 16);
    assertEquals(Double.NaN, members.get("nan"));
    assertEquals(
        List.of(Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY),
        members.get("inf"));
    assertEquals(new BigInteger("18446744073709551615"), members.get("seed"));
    assertEquals(Long.MIN_VALUE, members.get("least"));
    assertEquals(new BigInteger("-9223372036854775809"), members.get("beyond"));
    assertEquals("a\ufffdb", members.get("name"));
    assertThrows(BadFileException.class, () -> Json.readObject(file, 1 << 16));
    assertThrows(IllegalArgumentException.class, () -> Json.line(members));
    assertEquals(
        "{\"nan\":null,\"inf\":[null,null,null],\"seed\":18446744073709551615,"
            + "\"least\":-9223372036854775808,\"beyond\":-9223372036854775809,\"name\":\"a\ufffdb\"}",
        Json.line(Json.finite(members, number -> null)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NaN",
        "Infinity",
        "-Infinity",
        "[+1]",
        "[1,]",
        "{\"a\":1 /* c */}",
        "{'a':1}",
        "{a:1}",
        "[01]",
        "[1.]",
        "[.5]",
        "[nul]",
        "\"\\q\"",
        "\"\u0001\"",
        "[1",
        "{\"a\"",
        "{\"a\":1,\"a\":2}",
        "[1]]",
        "",
        "#",
        "[0x10]",
        "[-]",
        "[1e]",
        "\"\\ud800\"",
        "[True]",
        "[INF]",
        "[-NaN]",
        "99999999999999999999",
        "\u00a0[]",
        "[\u2028]"
      })
  void messagesSpeakOfTheFileAndNotOfTheParser(String text) throws IOException {
    checkMessage(text);
  }

  @Test
  void soDoThoseOfItsLimits() throws IOException {
    checkMessage("[" + "9".repeat(2000) + "]");
    checkMessage("[" + "9".repeat(2000) + ".5]");
    checkMessage("[".repeat(200) + "]".repeat(200));
    checkMessage("{\"a\":".repeat(200) + "1" + "}".repeat(200));
  }

  private void checkMessage(String text) throws IOException {
    Path file = file(text);
    String message =
        assertThrows(BadFileException.class, () -> Json.read(file, 1 << 20)).getMessage();
    for (String leak :
        Arrays.asList(
            "`", "Feature", "enable", "StreamRead", "Stream", "com.", "Token", "Source:")) {
      assertFalse(message.contains(leak), message);
    }
  }
}
