package io.github.sae4j.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows of JSON lines. */
class JsonLinesTest {
  @TempDir Path temp;

  private Path file(String text) throws IOException {
    return Files.writeString(temp.resolve("rows.jsonl"), text);
  }

  @Test
  void arraysAreRows() throws IOException {
    Random random = new Random(1);
    float[][] rows = new float[513][17];
    StringBuilder text = new StringBuilder();
    for (float[] row : rows) {
      for (int j = 0; j < row.length; j++) {
        row[j] = Float.intBitsToFloat(random.nextInt(0x7f800000) | random.nextInt() << 31);
        text.append(j == 0 ? "[" : ", ").append(row[j]);
      }
      text.append("]\n");
    }
    Rows.expectSame(Rows.npy(temp.resolve("rows.npy"), rows), file(text.toString()), null);
  }

  @Test
  void membersThatAreArraysAreTensorsByName() throws IOException {
    Path file =
        file(
            """
            {"text": "a", "embedding": [1, 2.5], "meta": {"embedding": [[9]]}, "other": [1, 2, 3]}
            {"other": [4, 5, 6], "embedding": [-3, 1e-3]}
            """);
    assertArrayEquals(new float[] {-3, 1e-3f}, Rows.read(file, "embedding")[1]);
    assertArrayEquals(new float[] {4, 5, 6}, Rows.read(file, "other")[1]);
    assertTrue(Rows.refusal(file, null).contains("which tensor"), "which of two");
    assertTrue(Rows.refusal(file, "text").contains("embedding, other"), "what there is");
  }

  @Test
  void aNumberIsRoundedOnce() throws IOException {
    // As a double it would be a tie, and go to the even neighbour.
    String justAbove = "1.00000005960464477540";
    assertEquals(Math.nextUp(1f), Rows.read(file("[" + justAbove + "]\n[1]\n"), null)[0][0]);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[1, 2]\\n[1]\\n                | line 2: 'rows': expected 2 numbers, got 1",
        "[1, 2]\\n[1, 2, 3]\\n          | line 2: 'rows': expected 2 numbers, got more",
        "[1, 2]\\n[1, \"x\"]\\n         | line 2: 'rows': expected numbers, got VALUE_STRING",
        "[1, 2]\\n[1, null]\\n          | line 2: 'rows': expected numbers, got VALUE_NULL",
        "[1, 2]\\n{\"a\": [1, 2]}\\n    | line 2: expected an array 'rows' of 2 numbers",
        "{\"a\": [1]}\\n{\"b\": [1]}\\n | line 2: expected an array 'a' of 1 numbers, got none",
        "{\"a\": [1]}\\n[1]\\n          | line 2: expected an object with 'a', got an array",
        "{\"a\": 1}\\n                  | expected a line that is an array of numbers or has one",
        "[]\\n                          | line 1: 'rows': expected numbers, got none",
        "[1, 2                          | line 1:",
        "[1, 2]\\n{\"a\"                | line 2:",
        "[[1, 2]]\\n                    | line 1: 'rows': expected numbers, got START_ARRAY",
        "17\\n                          | line 1: expected an array of numbers or an object",
        "[1 2]\\n                       | line 1: expected JSON",
        "{\"m\": {\"x\": tru}, \"v\": [1]}\\n | line 1: expected JSON",
        "{\"m\": {\"x\": 1\\n              | line 1:",
        "{\"m\":                           | line 1:",
      })
  void whatIsWrongIsSaidByLine(String text, String problem) throws IOException {
    String message = Rows.refusal(file(text.replace("\\n", "\n")), null);
    assertTrue(message.contains(problem), message);
  }

  @Test
  void damagedFilesAreRefusedInOneLine() throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 30; i++) {
      text.append("{\"t\": {\"u\": [{}, true]}, \"v\": [%d, %d.5, 1e%d]}\n".formatted(i, i, i % 5));
    }
    Path sound = file(text.toString());
    assertTrue(Rows.damage(sound, temp, ".jsonl", "v", 1000) > 100);
    Path nested = temp.resolve("nested.jsonl");
    Files.write(nested, "[".repeat(100_000).getBytes(StandardCharsets.US_ASCII));
    Rows.refusal(nested, null);
  }

  /** Sidecars of tokens and logs lie beside activations. */
  @Test
  void aGlobTakesThemOnlyIfItNamesTheirSuffix() throws IOException {
    float[][] rows = {{5, 6, 7}};
    Rows.npy(temp.resolve("rows.npy"), rows);
    Files.writeString(temp.resolve("rows.tokens.jsonl"), "{\"tokens\": [\"a\", \"b\"]}\n");
    for (String glob : new String[] {"*", "rows*", "**", "*.[jn]*"}) {
      assertArrayEquals(rows[0], Rows.read(temp.resolve(glob), null)[0], glob);
    }
    Files.writeString(temp.resolve("more.jsonl"), "[1, 2, 3]\n");
    Files.delete(temp.resolve("rows.tokens.jsonl"));
    for (String glob : new String[] {"*.{npy,jsonl}", "*{.npy,.jsonl}", "*.jsonl*"}) {
      assertArrayEquals(new float[] {1, 2, 3}, Rows.read(temp.resolve(glob), null)[0], glob);
    }
  }

  @Test
  void aFolderIsNotSearchedForThem() throws IOException {
    file("[1, 2]\n");
    float[][] rows = {{5, 6, 7}};
    Rows.npy(temp.resolve("rows.npy"), rows);
    assertArrayEquals(rows[0], Rows.read(temp, null)[0]);
    assertArrayEquals(new float[] {1, 2}, Rows.read(temp.resolve("*.jsonl"), null)[0]);
  }
}
