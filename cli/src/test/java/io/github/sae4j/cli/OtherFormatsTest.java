package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of formats-extra as input of the commands: the bits of the same rows in safetensors. */
class OtherFormatsTest {
  private static final String PARQUET =
      "../formats-extra/src/test/resources/parquet/spark-snappy.parquet";

  /** What Spark was given for the file's column {@code embedding}. */
  private static float[][] rows() {
    float[][] rows = new float[37][8];
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

  /** Texts lie in the files themselves; their tokens are of others than the rows. */
  @Test
  void textsOfShardsAreOnThePage() throws IOException {
    Path shards = Files.createDirectory(folder.resolve("shards"));
    for (int part = 0; part < 2; part++) {
      Files.copy(Path.of(PARQUET), shards.resolve("part-" + part + ".parquet"));
    }
    trained("texts", shards, "--tensor", "embedding");
    Path page = folder.resolve("texts/report.html");
    String html = Files.readString(page);
    String start = "id=\"data\">";
    int from = html.indexOf(start) + start.length();
    String json = html.substring(from, html.indexOf("</script>", from));
    Map<?, ?> data = (Map<?, ?>) Json.parse(page, json.getBytes(StandardCharsets.UTF_8));
    Map<?, ?> features = (Map<?, ?>) data.get("features");
    assertEquals(74L, features.get("rows"));
    assertFalse((Boolean) features.get("tokens"));
    List<?> texts = (List<?>) features.get("texts");
    for (Object worst : (List<?>) features.get("worst")) {
      long row = (Long) ((Map<?, ?>) worst).get("row");
      assertTrue(texts.contains("text " + row % 37), texts::toString);
    }
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
