package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of formats-extra as input of the commands: the bits of the same rows in safetensors. */
class OtherFormatsTest {
  private static final String PARQUET =
      "../formats-extra/src/test/resources/parquet/spark-snappy.parquet";

  /** What Spark was given for the file's column {@code embedding}. */
  private static float[][] rows() {
    return rows(37);
  }

  private static float[][] rows(int count) {
    float[][] rows = new float[count][8];
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < 8; j++) {
        rows[i][j] = (float) Math.sin(1 + i * 31.0 + j);
      }
    }
    return rows;
  }

  @TempDir Path folder;

  private final Console console = new Console();

  private byte[] trained(String name, Object... activations) throws IOException {
    Path run = folder.resolve(name);
    List<Object> arguments = new ArrayList<>(List.of("train", "--activations"));
    arguments.addAll(List.of(activations));
    arguments.addAll(
        List.of(
            "--output-path",
            run,
            "--steps",
            4,
            "--train-batch-size",
            8,
            "--k",
            2,
            "--d-sae",
            24,
            "--device",
            "scalar"));
    assertEquals(ExitCode.DONE, console.run(arguments.toArray()), console::err);
    return Files.readAllBytes(run.resolve("final/sae_weights.safetensors"));
  }

  @Test
  void theSameRowsTrainTheSameSae() throws IOException {
    Path plain = Activations.write(folder.resolve("a.safetensors"), rows(), ElementType.F32);
    Path lines = folder.resolve("a.jsonl");
    Files.write(lines, Arrays.stream(rows()).map(Arrays::toString).toList());
    byte[] expected = trained("plain", plain);
    assertArrayEquals(expected, trained("lines", lines));
    assertArrayEquals(expected, trained("parquet", PARQUET, "--tensor", "embedding"));
    assertFalse(console.err().contains("INFO"), console::err);
  }

  /** Texts lie in a file itself, or beside it; tokens that are of others than the rows are none. */
  @Test
  void rowsOfShardsHaveTheirTexts() throws IOException {
    Path shards = Files.createDirectory(folder.resolve("shards"));
    List<float[]> rows = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    for (int part = 0; part < 2; part++) {
      Files.copy(Path.of(PARQUET), shards.resolve("part-" + part + ".parquet"));
      for (int i = 0; i < rows().length; i++) {
        rows.add(rows()[i]);
        texts.add((part == 0 ? "text " : "other ") + i);
      }
    }
    Files.write(shards.resolve("part-1.texts.txt"), texts.subList(37, 74));
    Path whole =
        Activations.write(
            folder.resolve("whole.safetensors"), rows.toArray(float[][]::new), ElementType.F32);
    Files.write(folder.resolve("whole.texts.txt"), texts);
    trained("run", whole);
    String expected = features(whole);
    assertTrue(expected.contains("text 3") && expected.contains("other 3"), expected);
    assertEquals(expected, features(shards, "--tensor", "embedding"));
    String one = features(shards.resolve("part-0.parquet"), "--tensor", "embedding");
    assertEquals(
        one,
        features(shards.resolve("part-0.parquet"), "--tensor", "embedding", "--tokens", PARQUET));
    assertTrue(one.contains("text 36"), one);
  }

  /** The file has a text and a list of three token ids for each row; codes have no other shape. */
  @Test
  void rowsOfCodesHaveTheTextsOfAColumn() throws IOException {
    Path plain = Activations.write(folder.resolve("a.safetensors"), rows(), ElementType.F32);
    trained("run", plain);
    Path codes = folder.resolve("codes");
    Object[] encode = {
      "encode", "--sae", folder.resolve("run"), "--activations", plain, "--output", codes
    };
    assertEquals(ExitCode.DONE, console.run(encode), console::err);
    int code = console.run(report("--codes", codes, "--tokens", PARQUET));
    assertEquals(ExitCode.DONE, code, console::err);
    String read = read();
    assertTrue(read.contains("text 36") && !read.contains("\" #"), read);
    assertEquals(features(plain, "--tokens", PARQUET), read);
  }

  /**
   * Beside 37 texts the file has 3 tokens for each: rows beyond the texts are tokens, however few
   * of them are shown, and of fewer rows neither is certain.
   */
  @ParameterizedTest
  @CsvSource({"111, true", "100, true", "38, true", "37, false"})
  void rowsHaveTheTextsOrTheTokensOfAColumn(int count, boolean tokens) throws IOException {
    Path plain = Activations.write(folder.resolve("a.safetensors"), rows(count), ElementType.F32);
    trained("run", plain);
    for (Object[] more : new Object[][] {{}, {"--rows", 5}}) {
      String read = features(plain, with(new Object[] {"--tokens", PARQUET}, more));
      assertEquals(tokens, read.contains("\" #"), read);
      assertEquals(!tokens, read.contains("text 4"), read);
    }
    Path codes = folder.resolve("codes");
    Object[] encode = {
      "encode", "--sae", folder.resolve("run"), "--activations", plain, "--output", codes
    };
    assertEquals(ExitCode.DONE, console.run(encode), console::err);
    int code = console.run(report("--codes", codes, "--tokens", PARQUET));
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(features(plain, "--tokens", PARQUET), read());
  }

  @ParameterizedTest
  @ValueSource(ints = {36, 20})
  void whetherTextsOrTokensAreMeantIsNotGuessed(int count) throws IOException {
    Path plain = Activations.write(folder.resolve("a.safetensors"), rows(count), ElementType.F32);
    trained("run", plain);
    for (Object[] more : new Object[][] {{}, {"--rows", 5}}) {
      Object[] report = report("--activations", plain, "--tokens", PARQUET);
      assertEquals(ExitCode.BAD_INPUT, console.run(with(report, more)), console::err);
      String expected =
          "expected 37 rows, which are its texts, or from 38 to 111, which are the tokens of"
              + " 'token_ids', got "
              + count;
      assertTrue(console.err().contains(expected), console::err);
    }
  }

  private Object[] report(Object... more) {
    Object[] report = {
      "report",
      "--sae",
      folder.resolve("run"),
      "--out",
      folder.resolve("page.html"),
      "--neuronpedia",
      folder.resolve("features.json")
    };
    return with(report, more);
  }

  private String read() throws IOException {
    return Files.readString(folder.resolve("features.json"));
  }

  private String features(Object activations, Object... more) throws IOException {
    Object[] report = report("--activations", activations);
    assertEquals(ExitCode.DONE, console.run(with(report, more)), console::err);
    return read();
  }

  @Test
  void evalEncodeAndInspectReadThem() throws IOException {
    Path plain = Activations.write(folder.resolve("a.safetensors"), rows(), ElementType.F32);
    trained("run", plain);
    Path run = folder.resolve("run");
    Object[] evaluation = {"eval", "--sae", run, "--json", "--activations"};
    assertEquals(ExitCode.DONE, console.run(with(evaluation, plain)), console::err);
    String expected = console.out();
    int code = console.run(with(evaluation, PARQUET, "--tensor", "embedding"));
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(expected, console.out());

    Object[] encoding = {"encode", "--sae", run, "--format", "jsonl", "--output"};
    Path one = folder.resolve("one");
    Path other = folder.resolve("other");
    code = console.run(with(encoding, one, "--activations", plain));
    assertEquals(ExitCode.DONE, code, console::err);
    code = console.run(with(encoding, other, "--activations", PARQUET, "--tensor", "embedding"));
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(
        Files.readString(one.resolve("codes.jsonl")),
        Files.readString(other.resolve("codes.jsonl")));

    assertEquals(ExitCode.DONE, console.run("inspect", PARQUET), console::err);
    assertTrue(console.out().contains("embedding"), console::out);
  }

  private static Object[] with(Object[] first, Object... more) {
    List<Object> all = new ArrayList<>(List.of(first));
    all.addAll(List.of(more));
    return all.toArray();
  }
}
