package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.training.RunFolder;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Inputs that new users have, and the messages that they should get. */
class CasesTest {
  private static final Path CASES = Path.of("../engine/src/test/resources/cases");
  private static final Path SAE = CASES.resolve("3-sae-hook_z");

  @TempDir private Path folder;
  private final Console console = new Console();

  private int train(Path run, Object activations, Object... more) {
    Object[] words = new Object[10 + more.length];
    Object[] first = {
      "train",
      "--activations",
      activations,
      "--output-path",
      run,
      "--d-sae",
      64,
      "--k",
      4,
      "--train-batch-size=64"
    };
    System.arraycopy(first, 0, words, 0, first.length);
    System.arraycopy(more, 0, words, first.length, more.length);
    return console.run(words);
  }

  private int eval(Object activations, Object... more) {
    List<Object> words = new ArrayList<>(List.of("eval", "--sae", SAE, "--activations"));
    words.add(activations);
    words.addAll(List.of(more));
    return console.run(words.toArray());
  }

  private void assertRefused(int code, String... said) {
    assertEquals(ExitCode.BAD_INPUT, code, console::err);
    for (String each : said) {
      assertTrue(console.complaints().getLast().contains(each), console::err);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1-int8-and-scale.safetensors, I8",
    "1-bf16-as-uint16-and-logits.npz, <u2",
    "1-fp8-and-absmax.safetensors, F8_E4M3",
    "1-rank4-and-positions.safetensors, 'F32 [4, 2, 64, 16]'",
    "1-mixed-folder, mlp_out"
  })
  void noOtherTensorIsTakenWithoutAWord(String file, String said) {
    assertRefused(train(folder.resolve("run"), CASES.resolve(file)), said);
    assertFalse(Files.exists(folder.resolve("run")));
  }

  @ParameterizedTest
  @CsvSource({
    "1-int8-and-mean.safetensors, I8",
    "4-fp8-only.safetensors, row 4 holds NaN",
    "4-uint16-and-ids.npz, <u2",
    "8-f64-1e39.npy, 1.0E39",
  })
  void evaluationSaysWhatInspectKnows(String file, String said) {
    assertRefused(eval(CASES.resolve(file)), said);
  }

  /** Types that could not be read at first. */
  @ParameterizedTest
  @CsvSource({"4-fp8-only.safetensors, F8_E4M3", "4-bf16-V2.npz, BF16"})
  void typesThatPeersWriteAreRead(String file, String type) {
    Path path = CASES.resolve(file);
    int code = console.run("eval", "--sae", SAE, "--activations", path, "--on-bad-rows", "skip");
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(console.err().contains("activations: 'activations' " + type), console::err);
  }

  @Test
  void aMaskOfAnotherTypeIsRefused() {
    Path mask = CASES.resolve("1-mask-int64-and-is_code-bool.npz");
    assertRefused(
        train(folder.resolve("run"), CASES.resolve("x.npy"), "--mask", mask), "'mask' I64 [512]");
  }

  @Test
  void theTensorTakenIsPrintedAndRecorded() throws IOException {
    Path run = folder.resolve("run");
    Path file = CASES.resolve("1-mixed-folder/a.safetensors");
    assertEquals(ExitCode.DONE, train(run, file, "--steps", 2), console::err);
    assertTrue(console.err().contains("activations: 'resid_pre' F32 ["), console::err);
    Map<?, ?> taken = (Map<?, ?>) new RunFolder(run).readConfig().get("tensors");
    assertTrue(taken.get("activations").toString().startsWith("'resid_pre' F32 ["), "" + taken);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--on-bad-rows=skip", "--mask=2-mask-row-700.npy"})
  void aRunThatMeetsABadRowCanGoOn(String option) throws IOException {
    Path rows = CASES.resolve("2-inf-row-700.npy");
    Path whole = folder.resolve("whole");
    assertEquals(
        ExitCode.DONE, train(whole, rows, "--epochs", 2, "--on-bad-rows", "skip"), console::err);
    assertTrue(console.err().contains("left out: " + rows + " row 700 holds "), console::err);
    Path run = folder.resolve("run");
    assertRefused(
        train(run, rows, "--epochs", 2), "row 700 holds", "--on-bad-rows skip", "--mask FILE");
    assertTrue(console.err().contains("to go on: --resume-from-checkpoint " + run), console::err);
    assertRefused(console.run("train", "--resume-from-checkpoint", run), "row 700 holds");
    String given =
        option.startsWith("--mask=") ? "--mask=" + CASES.resolve(option.substring(7)) : option;
    assertEquals(
        ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run, given), console::err);
    assertArrayEquals(
        Files.readAllBytes(whole.resolve("final/sae_weights.safetensors")),
        Files.readAllBytes(run.resolve("final/sae_weights.safetensors")));
    List<?> removals = (List<?>) new RunFolder(run).readConfig().get(RunFolder.REMOVALS);
    assertEquals(1, removals.size());
    assertTrue(((Map<?, ?>) removals.getFirst()).get("from_step") instanceof Long, "" + removals);
  }

  /** The hint is copied into a shell. */
  @Test
  void theWayOnIsOneWordOfAShell() throws IOException {
    Path run = folder.resolve("run of 'today'");
    assertRefused(train(run, CASES.resolve("2-inf-row-700.npy"), "--epochs", 2), "row 700 holds");
    String quoted = "'" + run.toString().replace("'", "'\\''") + "'";
    assertTrue(
        console.err().contains("--resume-from-checkpoint " + quoted + " with --on-bad-rows"),
        console::err);
  }

  @Test
  void aRunWithoutAFiniteRowIsRefused() throws IOException {
    byte[] rows = Files.readAllBytes(CASES.resolve("x.npy"));
    Arrays.fill(rows, 128, rows.length, (byte) 0xff);
    Path file = Files.write(folder.resolve("nan.npy"), rows);
    assertRefused(train(folder.resolve("run"), file, "--on-bad-rows=skip"), "no row is left");
  }

  @Test
  void inspectLeavesBadRowsOutToo() {
    Path rows = CASES.resolve("2-inf-row-700.npy");
    assertRefused(console.run("inspect", SAE, "--activations", rows), "row 700 holds");
    assertEquals(
        ExitCode.DONE,
        console.run("inspect", SAE, "--activations", rows, "--on-bad-rows=skip"),
        console::err);
  }

  @Test
  void aFileInPlaceOfTheRunsFolderIsRefused() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "mine");
    assertEquals(ExitCode.USAGE, train(file, CASES.resolve("x.npy")));
    assertTrue(console.err().contains("output_path: " + file + " is a file"), console.err());
    assertEquals("mine", Files.readString(file));
  }

  @Test
  void aBatchBeyondAnyMatrixIsCalledByItsOption() {
    Path run = folder.resolve("run");
    assertEquals(
        ExitCode.USAGE,
        console.run(
            "train",
            "--activations",
            CASES.resolve("x.npy"),
            "--output-path",
            run,
            "--d-sae",
            64,
            "--k",
            4,
            "--train-batch-size",
            200_000_000));
    assertTrue(console.complaints().getLast().contains("train_batch_size: "), console::err);
    assertEquals(
        ExitCode.USAGE,
        console.run(
            "eval", "--sae", SAE, "--activations", CASES.resolve("x.npy"), "--batch-size=0"));
    assertTrue(console.complaints().getLast().contains("batch_size: expected at least 1"));
  }

  @Test
  void keysOfAFileAreNamedWithTheFileAndAtALengthThatCanBeRead() throws IOException {
    Path file = Files.writeString(folder.resolve("c.json"), "{\"foo\": 1, \"lrr\": 2}");
    Object[] train = {"train", "--config", file, "--activations", CASES.resolve("x.npy")};
    assertEquals(ExitCode.USAGE, console.run(train));
    assertTrue(console.err().contains(file + ": foo, lrr: no such options"), console.err());
    Files.writeString(file, "{\"" + "a".repeat(100_000) + "\": 1}");
    assertEquals(ExitCode.USAGE, console.run(train));
    assertTrue(console.complaints().getLast().length() < 3000, console::err);
    assertTrue(console.complaints().getLast().contains("no such option"), console::err);
  }

  @Test
  void badRowsAreLeftOutOfEvaluationsToo() {
    Path rows = CASES.resolve("2-inf-row-700.npy");
    assertRefused(eval(rows), "row 700 holds");
    assertEquals(
        ExitCode.DONE,
        console.run("eval", "--sae", SAE, "--activations", rows, "--on-bad-rows", "skip", "--json"),
        console::err);
    assertTrue(console.err().contains("row 700 holds"), console::err);
    assertEquals(
        ExitCode.USAGE,
        console.run("eval", "--sae", SAE, "--activations", rows, "--on-bad-rows", "drop"));
    assertTrue(console.err().contains("expected error or skip, got 'drop'"), console::err);
  }

  @Test
  void inspectScansForBadRows() throws IOException {
    Path rows = CASES.resolve("2-inf-row-700.npy");
    assertEquals(ExitCode.BAD_INPUT, console.run("inspect", rows, "--scan", "--json"));
    Map<?, ?> found = (Map<?, ?>) Json.parse(rows, console.out().getBytes(StandardCharsets.UTF_8));
    Map<?, ?> scan = (Map<?, ?>) ((Map<?, ?>) found.get("scan")).values().iterator().next();
    assertEquals(1L, scan.get("bad_rows"));
    assertTrue(scan.get("first").toString().contains("row 700 holds"), "" + scan);
    assertEquals(ExitCode.DONE, console.run("inspect", CASES.resolve("x.npy"), "--scan"));
    assertTrue(console.out().contains("bad_rows: 0"), console::out);
  }

  @ParameterizedTest
  @ValueSource(strings = {"6-sae-nan-in-metadata", "6-sae-seed-2-64", "7-sae-scaling-near-1"})
  void pythonsJsonIsRead(String sae) {
    int code =
        console.run("eval", "--sae", CASES.resolve(sae), "--activations", CASES.resolve("x.npy"));
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(ExitCode.DONE, console.run("inspect", CASES.resolve(sae)), console::err);
    assertEquals(ExitCode.DONE, console.run("inspect", CASES.resolve(sae), "--json"));
    assertFalse(console.out().contains(": NaN"), console::out);
  }

  @Test
  void fortranOrderOfThreeDimensionsIsRead() {
    assertEquals(ExitCode.DONE, eval(CASES.resolve("M-fortran-rank3.npy")), console::err);
  }

  @Test
  void linksAndBracketsAreFollowedAndTaken() throws IOException {
    Path data = Files.createDirectories(folder.resolve("data[1]"));
    Files.copy(CASES.resolve("x.npy"), data.resolve("x.npy"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), data);
    assertEquals(ExitCode.DONE, eval(link), console::err);
    assertEquals(ExitCode.DONE, eval(link + "/*.npy"), console::err);
    assertEquals(ExitCode.DONE, eval(data + "/*.npy"), console::err);
  }

  @Test
  void tokensBesideShardsAreLeftOutAndSaid() throws IOException {
    Files.copy(CASES.resolve("x.npy"), folder.resolve("x.npy"));
    byte[] header = new byte[128];
    Arrays.fill(header, (byte) ' ');
    byte[] text =
        "\u0093NUMPY\1\0v\0{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}"
            .getBytes(StandardCharsets.ISO_8859_1);
    System.arraycopy(text, 0, header, 0, text.length);
    Files.write(folder.resolve("tokens.npy"), Arrays.copyOf(header, 136));
    assertEquals(ExitCode.DONE, eval(folder), console::err);
    assertTrue(console.err().contains("tokens.npy is left out"), console::err);
  }

  @Test
  void aDamagedEvaluationIsMadeAnewAndADamagedLogIsSaid() throws IOException {
    Path run = folder.resolve("run");
    assertEquals(ExitCode.DONE, train(run, CASES.resolve("x.npy"), "--steps", 20), console::err);
    Path evaluation = run.resolve("evaluation.json");
    String text = Files.readString(evaluation);
    Files.writeString(evaluation, text.replaceFirst("\"fvu\": (\\d)", "\"fvu\": 9$1"));
    Files.delete(run.resolve("metrics.jsonl"));
    assertEquals(
        ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run), console::err);
    assertTrue(console.err().contains("evaluation.json: damaged or edited"), console::err);
    assertTrue(console.err().contains("metrics.jsonl is missing or was changed"), console::err);
    assertEquals(text, Files.readString(evaluation));
  }
}
