package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code report}, and the page that {@code train} leaves. */
class ReportCommandTest {
  private static final int ROWS = 600;

  @TempDir private static Path folder;
  private static Path activations;
  private static Path run;

  private final Console console = new Console();

  @BeforeAll
  static void trained() throws IOException {
    activations = Activations.write(folder.resolve("x.safetensors"), ROWS, 16);
    StringBuilder tokens = new StringBuilder();
    for (int row = 0; row < ROWS; row += 30) {
      List<Object> words = new ArrayList<>();
      for (int i = 0; i < 30; i++) {
        words.add("word" + (row + i) % 11);
      }
      tokens
          .append(Json.line(Map.of("row0", row, "source", "a book", "tokens", words)))
          .append('\n');
    }
    Files.writeString(folder.resolve("x.tokens.jsonl"), tokens.toString());
    run = train("run");
  }

  private static Path train(String name, Object... more) {
    Console console = new Console();
    Path run = folder.resolve(name);
    List<Object> words =
        new ArrayList<>(
            List.of(
                "train",
                "--d-sae",
                32,
                "--k",
                3,
                "--train-batch-size",
                32,
                "--steps",
                40,
                "--no-progress",
                "--output-path",
                run));
    words.addAll(List.of(more));
    if (!words.contains("--activations")) {
      words.addAll(List.of("--activations", activations));
    }
    assertEquals(0, console.run(words.toArray()), console.err());
    return run;
  }

  private static Map<?, ?> data(Path page) throws IOException {
    String html = Files.readString(page);
    String start = "id=\"data\">";
    int from = html.indexOf(start) + start.length();
    String json = html.substring(from, html.indexOf("</script>", from));
    return (Map<?, ?>) Json.parse(page, json.getBytes(StandardCharsets.UTF_8));
  }

  private Map<?, ?> evaluation(Path sae, Object... more) throws IOException {
    List<Object> words = new ArrayList<>(List.of("eval", "--sae", sae, "--json"));
    words.addAll(List.of(more));
    assertEquals(0, console.run(words.toArray()), console.err());
    return (Map<?, ?>) Json.parse(sae, console.out().strip().getBytes(StandardCharsets.UTF_8));
  }

  private Map<?, ?> evaluated(Object... more) throws IOException {
    List<Object> words = new ArrayList<>(List.of("eval", "--sae", run, "--json"));
    words.addAll(List.of("--activations", activations));
    words.addAll(List.of(more));
    assertEquals(0, console.run(words.toArray()), console.err());
    return (Map<?, ?>) Json.parse(run, console.out().strip().getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void trainLeavesAPageWithTheFeaturesAndTheirTokens() throws IOException {
    Map<?, ?> data = data(run.resolve("report.html"));
    assertEquals("run", data.get("title"));
    Map<?, ?> features = (Map<?, ?>) data.get("features");
    assertEquals((long) ROWS, features.get("rows"));
    assertEquals(List.of("a book"), features.get("sources"));
    assertTrue(
        ((List<?>) features.get("texts")).contains(" word3"), features.get("texts").toString());
  }

  @Test
  void numbersOfThePageAreThoseOfEval() throws IOException {
    Path page = folder.resolve("again.html");
    assertEquals(0, console.run("report", run, "--out", page), console.err());
    assertEquals(page.toString(), console.out().strip());
    Map<?, ?> data = data(page);
    Map<?, ?> features = (Map<?, ?>) data.get("features");
    assertEquals(evaluated(), features.get("evaluation"));
    Map<?, ?> first = (Map<?, ?>) ((List<?>) data.get("runs")).getFirst();
    assertEquals(evaluated("--held-out", "0.05"), first.get("evaluation"));
    // The histogram of errors has the FVU as its mean.
    double mean = (Double) ((Map<?, ?>) features.get("errors")).get("mean");
    assertEquals((Double) evaluated().get("fvu"), mean, 1e-9);
  }

  @Test
  void codesOfEncodeGiveTheSameFeaturesAsTheirActivations() throws IOException {
    Path codes = folder.resolve("codes");
    assertEquals(
        0,
        console.run(
            "encode", "--sae", run, "--activations", activations, "--output", codes, "--quiet"),
        console.err());
    Path one = folder.resolve("one.html");
    Path two = folder.resolve("two.html");
    Path tokens = folder.resolve("x.tokens.jsonl");
    assertEquals(0, console.run("report", run, "--out", one), console.err());
    assertEquals(
        0,
        console.run("report", run, "--codes", codes, "--tokens", tokens, "--out", two),
        console.err());
    Map<String, Object> of = new LinkedHashMap<>();
    Map<String, Object> with = new LinkedHashMap<>();
    for (String name : List.of("rows", "alive", "l0", "texts", "listed", "sources")) {
      of.put(name, ((Map<?, ?>) data(one).get("features")).get(name));
      with.put(name, ((Map<?, ?>) data(two).get("features")).get(name));
    }
    // Rows that are reconstructed worst have texts of their own.
    assertTrue(((List<?>) of.remove("texts")).containsAll((List<?>) with.remove("texts")));
    assertEquals(of, with);
  }

  @Test
  void featuresAreExportedForNeuronpedia() throws IOException {
    Path file = folder.resolve("batch-0.json");
    Path page = folder.resolve("exported.html");
    Path labels = folder.resolve("labels.json");
    Files.writeString(labels, "{\"5\": \"fives\"}");
    assertEquals(
        0,
        console.run("report", run, "--neuronpedia", file, "--labels", labels, "--out", page),
        console.err());
    assertEquals(Map.of("5", "fives"), ((Map<?, ?>) data(page).get("features")).get("labels"));
    Map<String, Object> batch = Json.readObject(file, 1 << 24);
    List<?> features = (List<?>) batch.get("features");
    assertEquals((Long) ((Map<?, ?>) data(page).get("features")).get("listed"), features.size());
    for (Object each : features) {
      Map<?, ?> feature = (Map<?, ?>) each;
      for (Object one : (List<?>) feature.get("activations")) {
        Map<?, ?> activation = (Map<?, ?>) one;
        List<?> values = (List<?>) activation.get("values");
        List<?> tokens = (List<?>) activation.get("tokens");
        assertEquals(tokens.size(), values.size());
        int peak = ((Long) activation.get("qualifying_token_index")).intValue();
        assertTrue((Double) values.get(peak) > 0);
        assertTrue(tokens.get(peak).toString().startsWith(" word"));
      }
    }
  }

  @Test
  void severalRunsAndSweepsAreCompared() throws IOException {
    Path sweep = train("sweep", "--sweep", "lr=0.001,0.0003");
    Map<?, ?> compared = data(sweep.resolve("report.html"));
    assertEquals(2, ((List<?>) compared.get("runs")).size());
    assertTrue(
        console.run("report", sweep, run, "--out", folder.resolve("all.html")) == 0, console.err());
    assertEquals(3, ((List<?>) data(folder.resolve("all.html")).get("runs")).size());
    assertEquals(2, console.run("report", sweep, "--rows", 10), console.out());
    assertTrue(
        console.err().contains("features: expected one run with them, got 2"), console.err());
  }

  @Test
  void anSaeAloneHasAPageOfItsFeatures() throws IOException {
    Path page = folder.resolve("sae.html");
    assertEquals(
        0,
        console.run(
            "report",
            "--sae",
            run.resolve("final"),
            "--activations",
            activations,
            "--compare",
            run,
            "--rows",
            100,
            "--out",
            page),
        console.err());
    Map<?, ?> data = data(page);
    assertEquals(List.of(), data.get("runs"));
    Map<?, ?> features = (Map<?, ?>) data.get("features");
    assertEquals(100L, features.get("rows"));
    assertTrue(features.get("notes").toString().contains("first 100 of 600 rows"));
    // Compared with itself, everything is found again.
    Map<?, ?> same = (Map<?, ?>) features.get("compare");
    assertEquals(1.0, same.get("mutual"));
    assertEquals(1.0, (Double) same.get("mean_cosine"), 1e-6);
  }

  @Test
  void noReportWritesNone() {
    Path plain = train("plain", "--no-report");
    assertFalse(Files.exists(plain.resolve("report.html")));
    assertTrue(Files.exists(plain.resolve("evaluation.json")));
  }

  @Test
  void aPageThatCannotBeWrittenDoesNotFailTheRun() throws IOException {
    Path blocked = folder.resolve("blocked");
    // A folder in the place of the page, put there once the run has begun its folder.
    train("blocked", "--no-report");
    Files.createDirectories(blocked.resolve("report.html/full"));
    assertEquals(
        0,
        console.run(
            "train",
            "--resume-from-checkpoint",
            blocked,
            "--extend",
            "--steps",
            50,
            "--no-progress"),
        console.err());
    assertTrue(console.err().contains("warning: the run's page was not written"), console.err());
    assertTrue(Files.exists(blocked.resolve("evaluation.json")));
  }

  @Test
  void textsThatDoNotFitAreRefusedWhereNamedAndElseNotShown() throws IOException {
    Path few = Activations.write(folder.resolve("few.safetensors"), 64, 16);
    Path tokens = folder.resolve("few.tokens.jsonl");
    Files.writeString(tokens, "{\"row0\":0,\"tokens\":[\"only\",\"two\"]}\n");
    Path page = folder.resolve("n");
    Object[] report = {"report", "--sae", run, "--activations", few, "--out", page};
    assertEquals(
        3,
        console.run(
            with("report", "--tokens", tokens, "--sae", run, "--activations", few, "--out", page)));
    assertTrue(console.err().contains("expected tokens or texts of 64 rows, got 2"), console.err());
    assertFalse(Files.exists(page));
    // Found beside the rows, they are nothing that anybody asked for.
    assertEquals(0, console.run(report), console.err());
    assertTrue(console.err().contains("texts of rows are not shown"), console.err());
    assertNotNull(data(page).get("features"));
    train("few", "--activations", few);
    Map<?, ?> features = (Map<?, ?>) data(folder.resolve("few/report.html")).get("features");
    assertEquals(64L, features.get("rows"));
    assertEquals(false, features.get("texts_known"));
  }

  /** Tokens that tell their rows. */
  private static void numberedTokens(Path file) throws IOException {
    numberedTokens(file, 0, ROWS);
  }

  private static void numberedTokens(Path file, int start, int end) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int row = start; row < end; row += 30) {
      int first = row;
      List<Object> words =
          new ArrayList<>(IntStream.range(0, 30).mapToObj(i -> "row" + (first + i)).toList());
      lines.append(Json.line(Map.of("row0", row - start, "tokens", words))).append('\n');
    }
    Files.writeString(file, lines.toString());
  }

  /** The pages that train leaves and that report writes are of the rows that eval takes. */
  private void expectPagesAsEval(Path input, Set<Long> out, Object... options) throws IOException {
    Path kept = train(input.getFileName() + "-run", with("--activations", input, options));
    Path again = folder.resolve("kept.html");
    assertEquals(0, console.run("report", kept, "--out", again), console.err());
    Map<?, ?> expected = evaluation(kept, with("--activations", input, options));
    for (Path page : List.of(kept.resolve("report.html"), again)) {
      Map<?, ?> features = (Map<?, ?>) data(page).get("features");
      assertEquals(expected, features.get("evaluation"));
      assertEquals(ROWS - (long) out.size(), features.get("rows"));
      assertEquals(
          !out.isEmpty(),
          features.get("notes").toString().contains("Without"),
          features.get("notes").toString());
      List<?> worst = (List<?>) features.get("worst");
      assertEquals(20, worst.size());
      for (Object each : worst) {
        Object row = ((Map<?, ?>) each).get("row");
        assertFalse(out.contains(row), worst.toString());
        assertTrue(((List<?>) features.get("texts")).contains(" row" + row), "row " + row);
      }
    }
  }

  private static Object[] with(Object first, Object second, Object... more) {
    List<Object> all = new ArrayList<>(List.of(first, second));
    all.addAll(List.of(more));
    return all.toArray();
  }

  @Test
  void rowsThatTheRunLeftOutAreNotOnItsPage() throws IOException {
    float[][] rows = Activations.rows(ROWS, 16);
    boolean[] excluded = new boolean[ROWS];
    Set<Long> out = new HashSet<>();
    for (int row = 0; row < ROWS; row += 30) {
      for (int j = 0; j < 16; j++) {
        rows[row][j] *= 100;
      }
      excluded[row] = true;
      out.add((long) row);
    }
    Path sinks = Activations.write(folder.resolve("sinks.safetensors"), rows, ElementType.F32);
    numberedTokens(folder.resolve("sinks.tokens.jsonl"));
    expectPagesAsEval(sinks, out, "--max-norm-ratio", "10");
    rows[30][3] = Float.NaN; // padding
    rows[60][3] = 1e20f;
    Path padded = Activations.write(folder.resolve("padded.safetensors"), rows, ElementType.F32);
    numberedTokens(folder.resolve("padded.tokens.jsonl"));
    Path mask = Activations.writeMask(folder.resolve("mask.safetensors"), excluded);
    expectPagesAsEval(padded, out, "--mask", mask);
  }

  @Test
  void shardsHaveTheirTokensBesideThem() throws IOException {
    float[][] rows = Activations.rows(ROWS, 16);
    Path shards = Files.createDirectory(folder.resolve("shards"));
    int cut = 330;
    Activations.write(shards.resolve("1.safetensors"), Arrays.copyOf(rows, cut), ElementType.F32);
    Activations.write(
        shards.resolve("2.safetensors"), Arrays.copyOfRange(rows, cut, ROWS), ElementType.F32);
    numberedTokens(shards.resolve("1.tokens.jsonl"), 0, cut);
    // Of one alone they are not shown, and that is said.
    assertEquals(
        0,
        console.run("report", "--sae", run, "--activations", shards, "--out", folder.resolve("o")),
        console.err());
    assertTrue(console.err().contains("only some files of activations have them"), console.err());
    numberedTokens(shards.resolve("2.tokens.jsonl"), cut, ROWS);
    expectPagesAsEval(shards, Set.of());
    // Each row has its own text: as if all lay in one file.
    Path whole = Activations.write(folder.resolve("whole.safetensors"), rows, ElementType.F32);
    numberedTokens(folder.resolve("whole.tokens.jsonl"));
    String expected = exported(whole);
    assertTrue(expected.contains(" row" + (cut - 1)) && expected.contains(" row" + cut));
    assertEquals(expected, exported(shards));
  }

  /** The features of rows with the tokens around them. */
  private String exported(Path input) throws IOException {
    Path features = folder.resolve("features.json");
    assertEquals(
        0,
        console.run(
            "report",
            "--sae",
            run,
            "--activations",
            input,
            "--out",
            folder.resolve("o"),
            "--neuronpedia",
            features),
        console.err());
    return Files.readString(features);
  }

  @Test
  void rowsThatAreNotFiniteAreSkippedWhereTheRunDid() throws IOException {
    float[][] rows = Activations.rows(ROWS, 16);
    rows[3][1] = Float.NaN;
    rows[500][7] = Float.POSITIVE_INFINITY;
    Path bad = Activations.write(folder.resolve("bad.safetensors"), rows, ElementType.F32);
    numberedTokens(folder.resolve("bad.tokens.jsonl"));
    expectPagesAsEval(bad, Set.of(3L, 500L), "--on-bad-rows", "skip");
  }

  @Test
  void rowsAreReadWithTheTypeThatTheRunSaid() throws IOException {
    byte[] header =
        "{'descr': '<u2', 'fortran_order': False, 'shape': (64, 4), }"
            .getBytes(StandardCharsets.US_ASCII);
    ByteBuffer out =
        ByteBuffer.allocate(10 + header.length + 64 * 4 * 2).order(ByteOrder.LITTLE_ENDIAN);
    out.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (byte) header.length, 0});
    out.put(header);
    for (float[] row : Activations.rows(64, 4)) {
      for (float value : row) {
        out.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
      }
    }
    Path npy = Files.write(folder.resolve("words.npy"), out.array());
    Path typed = train("typed", "--activations", npy, "--dtype", "bf16");
    Path page = folder.resolve("typed.html");
    assertEquals(0, console.run("report", typed, "--out", page), console.err());
    Map<?, ?> expected = evaluation(typed, "--activations", npy, "--dtype", "bf16");
    assertEquals(expected, ((Map<?, ?>) data(page).get("features")).get("evaluation"));
  }

  @Test
  void rowsThatCannotBeReadAreAWarningUnlessTheyWereAskedFor() throws IOException {
    Path input = Activations.write(folder.resolve("lost.safetensors"), 64, 16);
    Path lost = train("lost", "--activations", input);
    Path page = folder.resolve("lost.html");
    Files.writeString(input, "no tensors");
    assertEquals(0, console.run("report", lost, "--out", page), console.err());
    assertTrue(console.err().contains("warning: the features are not on the page"), console.err());
    assertNull(data(page).get("features"));
    assertEquals(1, ((List<?>) data(page).get("runs")).size());
    assertEquals(3, console.run("report", lost, "--rows", 9, "--out", page), console.err());
    Files.delete(input);
    assertEquals(0, console.run("report", lost, "--out", page), console.err());
    assertTrue(console.err().contains("are not there any more"), console.err());
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 9})
  void outputsOfATranscoderAreComparedWithItsTargets(int width) throws IOException {
    float[][] rows = Activations.rows(ROWS, width);
    Path targets =
        Activations.write(folder.resolve("y" + width + ".safetensors"), rows, ElementType.F32);
    Path coder = train("transcoder" + width, "--targets", targets, "--recipe", "eleuther");
    Path page = folder.resolve("transcoder.html");
    assertEquals(0, console.run("report", coder, "--out", page), console.err());
    Map<?, ?> expected = evaluation(coder, "--activations", activations, "--targets", targets);
    assertEquals(expected, ((Map<?, ?>) data(page).get("features")).get("evaluation"));
    Map<?, ?> own = (Map<?, ?>) data(coder.resolve("report.html")).get("features");
    assertEquals(expected, own.get("evaluation"));
    assertEquals(2, console.run("report", coder, "--activations", activations), console.err());
    assertTrue(console.err().contains("expected pairs"), console.err());
  }

  @Test
  void aRowWhoseSquaredErrorOverflowsDoesNotKeepThePageFromEnding() throws IOException {
    float[][] rows = Activations.rows(64, 16);
    Arrays.fill(rows[5], 1e20f);
    Path huge = Activations.write(folder.resolve("huge.safetensors"), rows, ElementType.F32);
    Path page = folder.resolve("huge.html");
    assertEquals(
        0,
        console.run("report", "--sae", run, "--activations", huge, "--out", page),
        console.err());
    Map<?, ?> features = (Map<?, ?>) data(page).get("features");
    assertEquals(64L, features.get("rows"));
    assertNull(features.get("errors"));
    assertTrue(features.get("notes").toString().contains("errors of 1 rows are too large"));
  }

  @Test
  void badUsesAreRefused() {
    assertEquals(2, console.run("report"));
    assertTrue(console.err().contains("expected folders of runs, or --sae"), console.err());
    assertEquals(2, console.run("report", run, "--no-features", "--rows", 5));
    assertEquals(2, console.run("report", run, "--codes", "x", "--activations", activations));
    assertEquals(3, console.run("report", folder.resolve("nothing")));
  }
}
