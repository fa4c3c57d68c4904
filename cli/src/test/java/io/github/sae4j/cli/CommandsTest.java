package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** All commands but {@code train}. */
class CommandsTest {
  @TempDir private Path folder;
  private final Console console = new Console();
  private Path file;
  private Path run;

  @BeforeEach
  void trainAnSae() throws IOException {
    file = Activations.write(folder.resolve("a.safetensors"), 200, 10);
    run = folder.resolve("run");
    int code =
        console.run(
            "train",
            "--activations",
            file,
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
            "scalar",
            "--json");
    assertEquals(ExitCode.DONE, code, console::err);
  }

  private Map<?, ?> result() throws IOException {
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    return (Map<?, ?>) Json.parse(Path.of("stdout"), out);
  }

  @Test
  void evalPrintsWhatTrainingPrinted() throws IOException {
    Map<?, ?> trained = result();
    int code =
        console.run(
            "eval",
            "--sae",
            run,
            "--activations",
            file,
            "--held-out",
            0.05,
            "--json",
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(trained.get("metrics"), result());
    Map<String, Object> written = Json.readObject(run.resolve("evaluation.json"), 1 << 20);
    written.remove("sha256"); // the checksum of the file's members
    assertEquals(trained.get("metrics"), written);
  }

  @Test
  void evalTakesAllRowsUnlessToldOtherwise() throws IOException {
    int code = console.run("eval", "--sae", run.resolve("final"), "--activations", file, "--json");
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(200L, result().get("rows"));
  }

  @Test
  void evalOfOtherWidthsIsBadInput() throws IOException {
    Path other = Activations.write(folder.resolve("b.safetensors"), 50, 11);
    assertEquals(ExitCode.BAD_INPUT, console.run("eval", "--sae", run, "--activations", other));
    assertTrue(console.err().contains("rows of width 10, the activations have width 11"));
  }

  @Test
  void evalOfRowsThatAreNotNumbersIsBadInput() throws IOException {
    float[][] rows = Activations.rows(20, 10);
    rows[3][2] = Float.POSITIVE_INFINITY;
    Activations.write(file, rows, ElementType.F32);
    assertEquals(ExitCode.BAD_INPUT, console.run("eval", "--sae", run, "--activations", file));
    assertTrue(console.err().contains("row 3"), console::err);
  }

  @Test
  void evalOfADamagedSaeIsBadInput() throws IOException {
    Path weights = run.resolve("final/sae_weights.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 64;
    Files.write(weights, bytes);
    assertEquals(ExitCode.BAD_INPUT, console.run("eval", "--sae", run, "--activations", file));
    assertTrue(console.err().contains("damaged"), console::err);
  }

  @Test
  void evalNeedsAnSaeAndActivations() {
    assertEquals(ExitCode.USAGE, console.run("eval", "--activations", file));
    assertTrue(console.err().contains("--sae"), console::err);
    assertEquals(ExitCode.USAGE, console.run("eval", "--sae", run));
    assertTrue(console.err().contains("activations: expected a path"), console::err);
  }

  @Test
  void inspectShowsTensors() throws IOException {
    assertEquals(ExitCode.DONE, console.run("inspect", file));
    assertTrue(console.out().contains("activations F32 [200, 10]"), console.out());
    assertEquals(ExitCode.DONE, console.run("inspect", file, "--json"));
    Map<?, ?> tensor = (Map<?, ?>) ((List<?>) result().get("tensors")).getFirst();
    assertEquals(List.of(200L, 10L), tensor.get("shape"));
  }

  @Test
  void namesInAFileCannotSteerTheTerminal() throws IOException {
    try (OffHeap memory = new OffHeap()) {
      new SafetensorsWriter()
          .matrix("\u001b[2J", memory.matrix(2, 3))
          .matrix("\u001b[3J", memory.matrix(2, 3))
          .write(file);
    }
    assertEquals(ExitCode.DONE, console.run("inspect", file));
    assertTrue(console.out().contains("\"\\u001B[2J\" F32 [2, 3]"), console.out());
    assertFalse(console.out().contains("\u001b"), console.out());
    // "which tensor holds the activations? Name one of ..."
    assertEquals(ExitCode.BAD_INPUT, console.run("eval", "--sae", run, "--activations", file));
    assertTrue(console.err().contains("\\u001b[3J"), console.err());
    assertFalse(console.err().contains("\u001b"), console.err());
  }

  /** Published SAEs, as their libraries wrote them; the README beside them says how. */
  private static final Path PUBLISHED =
      Path.of("..", "engine", "src", "test", "resources", "golden", "checkpoints");

  @Test
  void inspectDescribesSaes() throws IOException {
    assertEquals(ExitCode.DONE, console.run("inspect", run, "--json"), console::err);
    Map<?, ?> sae = (Map<?, ?>) result().get("sae");
    assertEquals("SAELens topk", sae.get("family"));
    assertEquals("topk, k 2", sae.get("activation"));
    assertEquals("F32", sae.get("dtype"));
    assertEquals(24L, sae.get("d_sae"));
    assertTrue((Double) sae.get("decoder_norm_min") <= (Double) sae.get("decoder_norm_max"));
    Path openAi = PUBLISHED.resolve("openai-v5/autoencoder.pt");
    assertEquals(ExitCode.DONE, console.run("inspect", openAi), console::err);
    for (String line :
        List.of(
            "family: OpenAI",
            "activation: topk, k 4",
            "normalize_activations: layer_norm",
            "decoder.weight F32 [24, 96]")) {
      assertTrue(console.out().contains(line), console.out());
    }
    Path affine = PUBLISHED.resolve("gemma-scope-2-affine");
    assertEquals(ExitCode.DONE, console.run("inspect", affine, "--json"), console::err);
    sae = (Map<?, ?>) result().get("sae");
    assertEquals("transcoder", sae.get("kind"));
    assertEquals(true, sae.get("skip_connection"));
    assertEquals(4.0, sae.get("declared_l0"));
  }

  @Test
  void inspectTakesWhatFilesLeaveOpen() throws IOException {
    Path qwen = PUBLISHED.resolve("qwen-scope/SAE-Res-Some-Base-W96-L0_4");
    assertEquals(ExitCode.DONE, console.run("inspect", qwen), console::err);
    assertTrue(console.out().contains("k: expected in the file, found nothing"), console.out());
    assertEquals(ExitCode.DONE, console.run("inspect", qwen, "--k", 4), console::err);
    assertTrue(console.out().contains("family: Qwen-Scope"), console.out());
    assertEquals(ExitCode.BAD_INPUT, console.run("eval", "--sae", qwen, "--activations", file));
    assertTrue(console.err().contains("give it (--k)"), console.err());
  }

  /** The check that finds an SAE read as another activation: L0 and FVU beside what is declared. */
  @Test
  void inspectOnActivationsWarnsOfWhatCannotFit() throws IOException {
    Path own = PUBLISHED.resolve("dictionary-learning-batchtopk/expected.safetensors");
    Path unset = PUBLISHED.resolve("dictionary-learning-batchtopk-unset");
    Object[] words = {"inspect", unset, "--activations", own, "--tensor", "x", "--json"};
    assertEquals(ExitCode.DONE, console.run(words), console::err);
    Map<?, ?> checked = (Map<?, ?>) ((Map<?, ?>) result().get("sae")).get("on_activations");
    assertEquals(16L, checked.get("rows"));
    assertEquals(4.0, checked.get("l0"));
    assertEquals(4.0, checked.get("declared_l0"));
    // As plain ReLU half of the 96 latents are active.
    Object[] relu = {
      "inspect", unset, "--activations", own, "--tensor", "x", "--activation", "relu", "--json"
    };
    assertEquals(ExitCode.DONE, console.run(relu), console::err);
    checked = (Map<?, ?>) ((Map<?, ?>) result().get("sae")).get("on_activations");
    assertTrue((Double) checked.get("l0") > 40, checked::toString);
    assertTrue(checked.get("warnings").toString().contains("the files declare 4"), console::out);
    assertTrue(console.err().contains("L0 is"), console::err);
    assertEquals(
        ExitCode.BAD_INPUT, console.run("inspect", file, "--activations", file), console::err);
  }

  @Test
  void evalOfATranscoderNeedsItsTargets() throws IOException {
    Path transcoder = PUBLISHED.resolve("saelens-transcoder");
    Path rows = Activations.write(folder.resolve("x.safetensors"), 30, 24);
    Path targets = Activations.write(folder.resolve("y.safetensors"), 30, 20);
    int code = console.run("eval", "--sae", transcoder, "--activations", rows);
    assertEquals(ExitCode.USAGE, code);
    assertTrue(console.err().contains("targets: expected the rows that"), console::err);
    code =
        console.run(
            "eval", "--sae", transcoder, "--activations", rows, "--targets", targets, "--json");
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(30L, result().get("rows"));
    code = console.run("eval", "--sae", transcoder, "--activations", rows, "--targets", rows);
    assertEquals(ExitCode.USAGE, code);
    assertTrue(console.err().contains("targets: expected [30, 20], got [30, 24]"), console::err);
    code =
        console.run(
            "eval",
            "--sae",
            transcoder,
            "--activations",
            rows,
            "--targets",
            targets,
            "--on-bad-rows=skip",
            "--json");
    assertEquals(ExitCode.DONE, code, console::err); // bad rows of pairs: TranscoderCommandTest
    assertEquals(30L, result().get("rows"));
    code = console.run("eval", "--sae", run, "--activations", file, "--targets", file);
    assertEquals(ExitCode.USAGE, code);
  }

  @Test
  void inspectShowsRuns() throws IOException {
    assertEquals(ExitCode.DONE, console.run("inspect", run));
    assertTrue(console.out().contains("W_dec F32 [24, 10]"), console.out());
    assertTrue(console.out().contains("\"d_sae\":24") || console.out().contains("d_sae: 24"));
    assertEquals(ExitCode.DONE, console.run("inspect", run, "--json"));
    assertTrue(result().containsKey("config.json"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "not a tensor file, whatever it may be"})
  void inspectOfGarbageIsBadInput(String content) throws IOException {
    Files.writeString(file, content);
    assertEquals(ExitCode.BAD_INPUT, console.run("inspect", file));
    assertEquals(1, console.complaints().size(), console::err);
  }

  @Test
  void inspectSaysWhatItLeavesOut() throws IOException {
    Path many = Files.createDirectory(folder.resolve("many"));
    for (int i = 0; i < 1003; i++) {
      Files.createFile(many.resolve("%04d.txt".formatted(i)));
    }
    assertEquals(ExitCode.DONE, console.run("inspect", many), console::err);
    assertTrue(console.out().contains("0999.txt: 0 bytes"), console.out());
    assertFalse(console.out().contains("1000.txt"), console.out());
    assertTrue(console.out().contains("...: and 3 more, not looked into"), console.out());
  }

  @Test
  void inspectPassesOverLinksToNothing() throws IOException {
    Files.createSymbolicLink(folder.resolve("gone.npy.part"), folder.resolve("nowhere"));
    assertEquals(ExitCode.DONE, console.run("inspect", folder), console::err);
    assertTrue(console.out().contains("gone.npy.part: a link to nothing"), console.out());
  }

  @Test
  void tornadoNamedWhereTheLauncherDoesNotLookIsADeviceErrorThatSaysSo() throws IOException {
    Path config = folder.resolve("options.json");
    Files.writeString(config, "{\"device\": \"tornado:1\"}");
    int code = console.run("train", "--config", config, "--activations", file);
    assertEquals(ExitCode.DEVICE, code);
    assertTrue(console.err().contains("says --device tornado:1"), console::err);
  }

  @Test
  void inspectOfNothingIsBadInput() {
    assertEquals(ExitCode.BAD_INPUT, console.run("inspect", folder.resolve("nowhere")));
  }

  @Test
  void devicesNamesTheAutomaticChoice() throws IOException {
    assertEquals(ExitCode.DONE, console.run("devices"));
    assertTrue(console.out().contains("scalar"), console.out());
    assertTrue(console.out().contains("auto takes"), console.out());
    assertTrue(console.out().contains("huge pages: "), console.out());
    assertTrue(
        console.out().contains("training steps of every recipe: composed of kernels"),
        console.out());
    assertEquals(ExitCode.DONE, console.run("devices", "--json"));
    assertTrue(result().get("auto") instanceof String);
    assertTrue(result().get("huge_pages") instanceof String);
    for (Object device : (List<?>) result().get("devices")) {
      Map<?, ?> entry = (Map<?, ?>) device;
      assertEquals(
          entry.get("available"), entry.get("training_steps") instanceof Map<?, ?>, "" + entry);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "train", "eval", "encode", "decode", "edit", "convert", "inspect", "report", "watch",
        "devices", "parity"
      })
  void everyCommandHasHelp(String command) {
    assertEquals(ExitCode.DONE, console.run(command, "--help"));
    assertTrue(console.out().startsWith("Usage: sae4j " + command), console.out());
    assertFalse(console.out().contains("...["), "lists read as lists");
    assertEquals(ExitCode.DONE, console.run("--help"));
    assertTrue(console.out().contains("  " + command), console.out());
  }

  /** What nothing would read is refused rather than ignored. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "inspect RUN --tensor activations",
        "inspect RUN --dtype bf16",
        "inspect RUN --mask ROWS",
        "inspect RUN --on-bad-rows skip",
        "inspect RUN --exclude-tokens 1,2",
        "inspect RUN --token-ids ROWS",
        "inspect RUN --exclude-positions 0",
        "inspect RUN --sequence-length 3",
        "inspect RUN --max-norm-ratio 5",
        "inspect ROWS --k 3",
        "inspect ROWS --activation relu",
        "inspect ROWS --activations ROWS",
        "decode --sae RUN --codes CODES --output NEW --tensor activations",
        "decode --sae RUN --codes CODES --output NEW --dtype bf16",
        "report RUN --out NEW --tensor nonsense",
        "report RUN RUN --out NEW --tensor activations",
        "report RUN --no-features --out NEW --dtype bf16",
        "report RUN --vocabulary VOCABULARY --out NEW",
        "report --sae RUN --codes CODES --dtype bf16 --out NEW",
        "report --sae RUN --codes CODES --tensor activations --out NEW",
        "report --sae RUN --codes CODES --vocabulary VOCABULARY --out NEW",
        "report --sae RUN --codes CODES --rows 5 --out NEW",
        "eval --sae RUN --activations ROWS --token-ids ROWS",
        "eval --sae RUN --activations ROWS --sequence-length 3",
        "eval --sae RUN --activations ROWS --probe-features 3",
        "eval --sae RUN --activations ROWS --targets ROWS",
        "encode --sae RUN --activations ROWS --output NEW --n-splits 3",
        "encode --sae RUN --activations ROWS --output NEW --hook-name a",
        "convert --from RUN --to NEW --format sparsify --sparsity ROWS",
      })
  void optionsThatNothingReadsAreRefused(String line) throws IOException {
    Path codes = folder.resolve("codes");
    Object[] encode = {"encode", "--sae", run, "--activations", file, "--output", codes};
    assertEquals(ExitCode.DONE, console.run(encode), console::err);
    Map<String, Path> paths =
        Map.of(
            "RUN",
            run,
            "ROWS",
            file,
            "CODES",
            codes,
            "NEW",
            folder.resolve("new"),
            "VOCABULARY",
            Files.writeString(folder.resolve("vocab.txt.own"), "a\nb\n"));
    Object[] words =
        Arrays.stream(line.split(" "))
            .map(word -> paths.containsKey(word) ? paths.get(word) : word)
            .toArray();
    int code = console.run(words);
    assertTrue(code == ExitCode.USAGE || code == ExitCode.BAD_INPUT, code + console.err());
    assertFalse(Files.exists(folder.resolve("new")));
  }

  @Test
  void theListOfCommandsCutsNoDescription() {
    assertEquals(ExitCode.DONE, console.run("--help"));
    String list = console.out().split("Commands:")[1];
    for (String last : List.of("sparse autoencoder", "activations", "runs", "devices found")) {
      assertTrue(list.contains(last), last + " in " + list);
    }
    assertFalse(list.contains("..."), list);
  }

  @Test
  void noCommandOrAnUnknownOneIsAUsageError() {
    assertEquals(ExitCode.USAGE, console.run());
    assertEquals(ExitCode.USAGE, console.run("trian"));
    assertFalse(console.err().isEmpty());
  }

  @Test
  void versionNamesTheJavaThatRuns() {
    assertEquals(ExitCode.DONE, console.run("--version"));
    assertTrue(console.out().contains("Java " + Runtime.version()), console.out());
  }
}
