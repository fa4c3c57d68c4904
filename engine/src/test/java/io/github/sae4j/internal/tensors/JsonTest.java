package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
  private static final Path SOURCE = Path.of("some.json");

  private static Object parse(String text) throws BadFileException {
    return Json.parse(SOURCE, text.getBytes(StandardCharsets.UTF_8));
  }

  private static String refusal(String text) {
    String message = assertThrows(BadFileException.class, () -> parse(text)).getMessage();
    assertTrue(message.startsWith("some.json: "), message);
    assertEquals(1, message.lines().count(), message);
    return message;
  }

  private static Map<String, Object> sample() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("z", 1L);
    map.put("a", Arrays.asList(null, true, -2.5, "\u00e9\ud83d\ude00\n\u0001", List.of()));
    map.put("m", Map.of("x", Map.of()));
    return map;
  }

  @Test
  void readsEveryKindOfValue() throws IOException {
    String text =
        " {\"z\": 1, \"a\": [null, true, -25e-1, \"\\u00e9\\ud83d\\ude00\\n\\u0001\", []],"
            + " \"m\": {\"x\": {}}}\r\n";
    assertEquals(sample(), parse(text));
    assertEquals(
        List.of("z", "a", "m"), List.copyOf(((Map<?, ?>) parse(text)).keySet()), "in order");
    assertEquals(Long.MIN_VALUE, parse("-9223372036854775808"));
    assertEquals(1.0, parse("1.0"));
    assertEquals(-0.0, parse("-0.0"));
    assertEquals(1e308, parse("1E+308"));
  }

  @Test
  void whatIsWrittenReadsBack() throws IOException {
    assertEquals(sample(), parse(Json.line(sample())));
    assertEquals(sample(), parse(Json.pretty(sample())));
    assertEquals(1, Json.line(sample()).lines().count());
  }

  @Test
  void writesForPeople() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("lr", 3e-4);
    map.put("k", 32);
    map.put("seqpos_slice", Arrays.asList((Object) null));
    map.put("betas", List.of(0.9f, 1.0));
    map.put("metadata", Map.of("name", "x"));
    map.put("none", Map.of());
    assertEquals(
        """
        {
          "lr": 3.0E-4,
          "k": 32,
          "seqpos_slice": [null],
          "betas": [0.8999999761581421, 1.0],
          "metadata": {
            "name": "x"
          },
          "none": {}
        }
        """,
        Json.pretty(map));
  }

  @Test
  void doublesReadBackWithTheSameBits() throws IOException {
    Random random = new Random(8);
    for (int i = 0; i < 20_000; i++) {
      double value = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(value)) {
        double back = (Double) parse(Json.line(value));
        assertEquals(Double.doubleToRawLongBits(value), Double.doubleToRawLongBits(back));
      }
    }
    for (double value : new double[] {0.0, -0.0, Double.MIN_VALUE, Double.MAX_VALUE, 1e23}) {
      assertEquals(value, parse(Json.line(value)));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{\"a\":1,\"a\":2} | line 1, column 8: duplicate key 'a'",
        "{\"b\":{\"a\":1,\"a\":2}} | duplicate key 'a'",
        "1 2 | expected the end of the text after the value",
        "[1,] | line 1, column 4",
        "[1 2] | line 1, column 4",
        "{\"a\" 1} | line 1, column 6",
        "{a:1} | line 1, column 2",
        "{'a':1} | line 1, column 2",
        "01 | Leading zeroes",
        "+1 | bad JSON",
        ".5 | bad JSON",
        "1. | bad JSON",
        "0x10 | bad JSON",
        "NaN | bad JSON",
        "[-Infinity] | bad JSON",
        "1e400 | does not fit a double",
        "9223372036854775808 | integer does not fit 64 bits",
        "-9223372036854775809 | integer does not fit 64 bits",
        "\"\\ud800\" | surrogate",
        "\"\\udc00x\" | surrogate",
        "\"\\q\" | escape",
        "// x | bad JSON",
        "tru | bad JSON",
        "{ | bad JSON",
        "[[] | bad JSON",
        "\"abc | bad JSON",
      })
  void refusesWhatIsNotStrictJson(String text, String why) {
    String message = refusal(text);
    assertTrue(message.contains(why), message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "  ", "\n\n", "\u0000", "\ufeff{}", "\"\t\"", "[1]\u0000"})
  void refusesBlanksAndControlCharacters(String text) {
    refusal(text);
  }

  @Test
  void refusesDepthThatWouldFillTheStack() throws IOException {
    int deepest = Json.MAX_DEPTH;
    parse("[".repeat(deepest) + "]".repeat(deepest));
    assertTrue(refusal("[".repeat(deepest + 1) + "]".repeat(deepest + 1)).contains("depth"));
    refusal("{\"a\":".repeat(1_000_000));
  }

  @Test
  void refusesBytesThatAreNotUtf8() {
    for (int[] bad :
        new int[][] {{0xff}, {0xc0, 0x80}, {0xed, 0xa0, 0x80}, {0xf4, 0x90, 0x80, 0x80}, {0xe2}}) {
      byte[] text = new byte[bad.length + 2];
      text[0] = '"';
      text[text.length - 1] = '"';
      for (int i = 0; i < bad.length; i++) {
        text[i + 1] = (byte) bad[i];
      }
      BadFileException e = assertThrows(BadFileException.class, () -> Json.parse(SOURCE, text));
      assertTrue(e.getMessage().contains("UTF-8"), e.getMessage());
    }
  }

  @Test
  void refusesToWriteWhatJsonCannotSay() {
    for (Object value :
        Arrays.asList(
            Double.NaN,
            Double.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            "\ud800",
            new int[0],
            Map.of(1, 2),
            List.of(SOURCE))) {
      assertThrows(IllegalArgumentException.class, () -> Json.line(value), () -> "" + value);
    }
    Object deep = 1;
    for (int i = 0; i < Json.MAX_DEPTH; i++) {
      deep = List.of(deep);
    }
    Json.line(deep);
    Object deeper = List.of(deep);
    assertThrows(IllegalArgumentException.class, () -> Json.line(deeper));
  }

  @Test
  void readsFilesUpToALimit(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("a.json"), "{\"a\":[1]}");
    assertEquals(Map.of("a", List.of(1L)), Json.readObject(file, 9));
    assertTrue(
        assertThrows(BadFileException.class, () -> Json.read(file, 8))
            .getMessage()
            .endsWith("at most 8 bytes, got 9"));
    Files.writeString(file, "[1]");
    assertTrue(
        assertThrows(BadFileException.class, () -> Json.readObject(file, 9))
            .getMessage()
            .endsWith("expected a JSON object, got an array"));
    assertThrows(BadFileException.class, () -> Json.read(folder.resolve("none"), 9));
  }
}
