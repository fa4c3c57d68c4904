package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code encode}, {@code decode} and {@code edit}. */
class JobCommandsTest {
  private static final Path GOLDEN =
      Path.of("../engine/src/test/resources/golden/checkpoints").toAbsolutePath();

  @TempDir private Path folder;
  private final Console console = new Console();
  private Path file;
  private Path sae;

  @BeforeEach
  void writeRows() throws IOException {
    file = Activations.write(folder.resolve("a.safetensors"), 300, 40);
    sae = GOLDEN.resolve("saelens-topk");
  }

  private Map<?, ?> result() throws IOException {
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    return (Map<?, ?>) Json.parse(Path.of("stdout"), out);
  }

  private void run(int code, Object... args) {
    assertEquals(code, console.run(args), console::err);
  }

  /** The distance of what comes out to the rows is what eval says. */
  @ParameterizedTest
  @ValueSource(strings = {"safetensors", "jsonl"})
  void whatIsEncodedDecodesToReconstructions(String format) throws IOException {
    Path codes = folder.resolve("codes");
    for (String shard : List.of("2/2", "1/2")) {
      run(
          0,
          "encode",
          "--sae",
          sae,
          "--activations",
          file,
          "--output",
          codes,
          "--format",
          format,
          "--shard",
          shard,
          "--json");
      assertEquals("done", result().get("outcome"));
      assertEquals(150L, result().get("rows"));
    }
    run(0, "decode", "--sae", sae, "--codes", codes, "--output", folder.resolve("out"));
    Path out = folder.resolve("out/reconstructions.safetensors");
    assertEquals(out + System.lineSeparator(), console.out());
    run(0, "eval", "--sae", sae, "--activations", file, "--json");
    double expected = (Double) result().get("mse");
    double sum = 0;
    float[][] rows = Activations.rows(300, 40);
    try (TensorFile tensors = TensorFile.open(out)) {
      TensorInfo info = tensors.tensor("activations");
      float[] row = new float[40];
      for (int b = 0; b < 300; b++) {
        tensors.readFloats(info, 40L * b, 40, MemorySegment.ofArray(row), 0);
        for (int j = 0; j < 40; j++) {
          sum += Math.pow((double) row[j] - rows[b][j], 2);
        }
      }
    }
    assertEquals(expected, sum / 300, expected * 1e-5); // eval forms squares in f32
  }

  /** Chunks of 50 rows, because many rows of TopK are not encoded from a copy. */
  @ParameterizedTest
  @ValueSource(strings = {"saelens-topk", "saelens-jumprelu"})
  void codesAreTheSameInEveryServingPrecision(String name) throws IOException {
    byte[] expected = null;
    for (String precision : List.of("f32", "bf16", "int8", "auto")) {
      Path codes = folder.resolve(name + precision);
      run(
          0,
          "encode",
          "--sae",
          GOLDEN.resolve(name),
          "--activations",
          file,
          "--output",
          codes,
          "--record-every",
          50,
          "--serve-precision",
          precision);
      // These weights are so small that auto reads them in f32.
      boolean copy = precision.equals("bf16") || precision.equals("int8");
      assertEquals(copy, console.err().contains("a copy of W_enc in " + precision), console.err());
      byte[] found = Files.readAllBytes(codes.resolve("codes.safetensors"));
      expected = expected == null ? found : expected;
      assertArrayEquals(expected, found, precision);
    }
  }

  @Test
  void aCopyThatChunksDoNotReadIsSaid() {
    run(
        0,
        "encode",
        "--sae",
        sae,
        "--activations",
        file,
        "--output",
        folder.resolve("codes"),
        "--serve-precision",
        "int8");
    assertTrue(console.err().contains("is not read for chunks of 256 rows"), console.err());
  }

  @Test
  void autoMakesNoCopyForLargeChunksOrFewOfThem() {
    int many = ServingPrecision.MANY_ROWS;
    ServingPrecision auto = ServingPrecision.AUTO;
    assertEquals(ServingPrecision.F32, EncodeCommand.chosen(auto, many, 1L << 40));
    assertEquals(ServingPrecision.F32, EncodeCommand.chosen(auto, 50, 50));
    assertEquals(auto, EncodeCommand.chosen(auto, 50, 1L << 40));
    assertEquals(ServingPrecision.F32, EncodeCommand.chosen(auto, 0, 0), "no rows");
    assertEquals(
        ServingPrecision.INT8, EncodeCommand.chosen(ServingPrecision.INT8, many, 1L << 40));
  }

  @Test
  void theSameCommandAgainFindsIt() throws IOException {
    Path codes = folder.resolve("codes");
    Object[] command = {"encode", "--sae", sae, "--activations", file, "--output", codes, "--json"};
    run(0, command);
    run(0, command);
    assertEquals("found", result().get("outcome"));
    assertTrue(console.err().contains("it is there already"), console.err());
    run(
        1,
        "encode",
        "--sae",
        GOLDEN.resolve("saelens-jumprelu"),
        "--activations",
        file,
        "--output",
        codes);
    assertTrue(console.err().contains("is of another job"), console.err());
  }

  @Test
  void delphisCache() throws IOException {
    Path cache = folder.resolve("cache");
    run(2, "encode", "--sae", sae, "--activations", file, "--output", cache, "--format", "delphi");
    assertTrue(console.err().contains("context_size: expected rows of a sequence"), console.err());
    run(
        0,
        "encode",
        "--sae",
        sae,
        "--activations",
        file,
        "--output",
        cache,
        "--format",
        "delphi",
        "--context-size",
        10,
        "--n-splits",
        2,
        "--hook-name",
        "layers.2");
    assertEquals(3, console.out().lines().count(), console.out());
    assertTrue(Files.exists(cache.resolve("layers.2/config.json")));
    run(2, "encode", "--sae", sae, "--activations", file, "--output", cache, "--n-splits", 2);
    assertTrue(console.err().contains("format: expected delphi"), console.err());
  }

  @Test
  void editedRowsDifferWhereLatentsDo() throws IOException {
    Path out = folder.resolve("edited");
    run(
        0,
        "edit",
        "--sae",
        sae,
        "--activations",
        file,
        "--set",
        "3=2.5",
        "--scale",
        "4=0",
        "--add",
        "5=-1",
        "--ablate",
        "6",
        "--output",
        out);
    assertTrue(console.out().contains("edited.safetensors"), console.out());
    // Edited rows are activations like any.
    run(0, "eval", "--sae", sae, "--activations", out.resolve("edited.safetensors"), "--json");
    assertEquals(300L, result().get("rows"));
  }

  @ParameterizedTest
  @CsvSource({
    "--set, 3, expected a latent and a number as 17=4.5",
    "--set, 3=x, expected a number after '='",
    "--scale, x=3, expected the number of a latent",
    "--ablate, 3.5, expected the number of a latent",
    "--ablate, 100000, 'edits: expected latents in [0,'",
    "--add, 3=NaN, value: expected a finite number",
  })
  void editsThatMakeNoSenseAreUsage(String option, String value, String message) {
    run(
        2,
        "edit",
        "--sae",
        sae,
        "--activations",
        file,
        option,
        value,
        "--output",
        folder.resolve("e"));
    assertTrue(console.err().contains(message), console.err());
    assertFalse(Files.exists(folder.resolve("e/edited.safetensors")));
  }

  @Test
  void editsAreNeededAndOnlyOneForALatent() {
    Path out = folder.resolve("e");
    run(2, "edit", "--sae", sae, "--activations", file, "--output", out);
    assertTrue(console.err().contains("expected --set, --scale, --add or --ablate"), console.err());
    run(
        2,
        "edit",
        "--sae",
        sae,
        "--activations",
        file,
        "--output",
        out,
        "--set",
        "1=2",
        "--ablate",
        "1");
    assertTrue(console.err().contains("one edit for each"), console.err());
  }

  @Test
  void badInputIsCode3() throws IOException {
    float[][] rows = Activations.rows(20, 40);
    rows[7][1] = Float.NaN;
    Path bad = Activations.write(folder.resolve("bad.safetensors"), rows, ElementType.F32);
    run(3, "encode", "--sae", sae, "--activations", bad, "--output", folder.resolve("o"));
    assertTrue(console.err().contains("row 7 holds NaN at column 1"), console.err());
    Path narrow = Activations.write(folder.resolve("narrow.safetensors"), 20, 41);
    run(3, "encode", "--sae", sae, "--activations", narrow, "--output", folder.resolve("o"));
    assertTrue(console.err().contains("encodes rows of width 40"), console.err());
    run(3, "decode", "--sae", sae, "--codes", narrow, "--output", folder.resolve("o"));
    assertTrue(console.err().contains("expected a tensor 'indices'"), console.err());
    run(
        2,
        "encode",
        "--sae",
        sae,
        "--activations",
        file,
        "--output",
        folder.resolve("o"),
        "--shard",
        "3/2");
    assertTrue(console.err().contains("shard: expected i/n"), console.err());
  }

  /** Rows that were encoded are needed where an SAE normalises them. */
  @Test
  void decodingOfNormalisedRows() {
    Path normalising = GOLDEN.resolve("saelens-topk-layernorm");
    Path codes = folder.resolve("codes");
    run(0, "encode", "--sae", normalising, "--activations", file, "--output", codes);
    Path out = folder.resolve("o");
    run(2, "decode", "--sae", normalising, "--codes", codes, "--output", out);
    assertTrue(console.err().contains("activations: expected the rows"), console.err());
    run(
        0,
        "decode",
        "--sae",
        normalising,
        "--codes",
        codes,
        "--activations",
        file,
        "--output",
        out);
  }

  /** Killed again and again, and asked to stop, a job ends with the bytes of one left alone. */
  @ParameterizedTest
  @ValueSource(strings = {"saelens-topk", "saelens-jumprelu"})
  void aJobThatIsKilledGoesOn(String name) throws Exception {
    Path big = Activations.write(folder.resolve("big.safetensors"), 6000, 40);
    for (String format : List.of("safetensors", "jsonl")) {
      Path alone = folder.resolve("alone-" + format);
      Path killed = folder.resolve("killed-" + format);
      run(
          0,
          "encode",
          "--sae",
          GOLDEN.resolve(name),
          "--activations",
          big,
          "--output",
          alone,
          "--format",
          format);
      List<Integer> signals = new ArrayList<>(); // exit codes of those that were hit
      for (int round = 0; !endsAfterSignals(name, format, big, killed, signals); round++) {
        assertTrue(round < 100, "it never ends: " + signals);
      }
      try (Stream<Path> files = Files.list(alone)) {
        for (Path each : files.toList()) {
          Path other = killed.resolve(each.getFileName());
          assertArrayEquals(Files.readAllBytes(each), Files.readAllBytes(other), each::toString);
        }
      }
      assertFalse(Files.exists(killed.resolve(".codes.partial")));
    }
  }

  /**
   * Runs the job in a process of its own, hit soon after it has got ahead: by SIGKILL twice, then
   * by SIGTERM, then no more.
   *
   * @return whether it is done; one that was done before the first signal is begun anew
   */
  private boolean endsAfterSignals(
      String sae, String format, Path rows, Path output, List<Integer> signals) throws Exception {
    Process child =
        start(
            List.of(
                "encode",
                "--sae=" + GOLDEN.resolve(sae),
                "--activations=" + rows,
                "--output=" + output,
                "--format=" + format,
                "--record-every=25",
                "--device=scalar",
                "--no-progress"));
    if (signals.size() < 3) {
      Path record = output.resolve(".codes.partial/progress.json");
      long before = rows(record);
      while (child.isAlive() && rows(record) <= before) {
        Thread.sleep(1);
      }
      Thread.sleep(new Random().nextInt(40));
      if (signals.size() == 2) {
        new ProcessBuilder("kill", "-TERM", Long.toString(child.pid())).start().waitFor();
      } else {
        child.destroyForcibly();
      }
    }
    assertTrue(child.waitFor(10, TimeUnit.MINUTES));
    if (child.exitValue() != 0) {
      assertEquals(signals.size() == 2 ? 143 : 137, child.exitValue(), this::log);
      signals.add(child.exitValue());
      return false;
    }
    if (signals.isEmpty()) {
      try (Stream<Path> files = Files.list(output)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      return false;
    }
    return true;
  }

  private String log() {
    try {
      return Files.readString(folder.resolve("log"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static long rows(Path record) throws IOException {
    if (!Files.exists(record)) {
      return -1;
    }
    try {
      return (Long) Json.readObject(record, 1 << 20).get("rows");
    } catch (IOException e) {
      return -1; // moved while it was opened
    }
  }

  private Process start(List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    if (Files.exists(Path.of("/proc/self/status"))) {
      // A shell's background jobs ignore SIGINT, and so would a child of ours.
      command.addAll(List.of("env", "--default-signal=INT,TERM"));
    }
    command.addAll(Program.command());
    command.addAll(arguments);
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
        .start();
  }
}
