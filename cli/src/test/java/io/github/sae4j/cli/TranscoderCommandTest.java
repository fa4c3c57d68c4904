package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Transcoders on the command line, from pairs of rows to what is done with the result. */
class TranscoderCommandTest {
  private static final int ROWS = 200;
  private static final int D_IN = 10;
  private static final int D_OUT = 7;

  @TempDir private Path folder;
  private final Console console = new Console();
  private Path inputs;
  private Path targets;

  @BeforeEach
  void writePairs() throws IOException {
    float[][] x = Activations.rows(ROWS, D_IN);
    inputs = Activations.write(folder.resolve("x.safetensors"), x, ElementType.F32);
    targets = Activations.write(folder.resolve("y.safetensors"), targetsOf(x), ElementType.F32);
  }

  /** What a layer might make of the inputs. */
  private static float[][] targetsOf(float[][] x) {
    float[][] y = new float[x.length][D_OUT];
    for (int b = 0; b < x.length; b++) {
      for (int j = 0; j < D_OUT; j++) {
        y[b][j] = Math.max(0, x[b][j] - x[b][j + 2]) + 0.5f * x[b][j + 1];
      }
    }
    return y;
  }

  private int train(Path run, Object... more) {
    List<Object> line =
        new ArrayList<>(
            List.of(
                "train",
                "--activations",
                inputs,
                "--output-path",
                run,
                "--json",
                "--device",
                "scalar",
                "--train-batch-size",
                16,
                "--k",
                3,
                "--d-sae",
                40,
                "--recipe",
                "eleuther",
                "--lr",
                5e-3));
    line.addAll(List.of(more));
    return console.run(line.toArray());
  }

  /** The bits of bfloat16 as unsigned integers, as numpy has them without ml_dtypes. */
  private Path words(float[][] rows) throws IOException {
    String header =
        "{'descr': '<u2', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(rows.length, rows[0].length);
    ByteBuffer out =
        ByteBuffer.allocate(10 + header.length() + rows.length * rows[0].length * Short.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    out.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    out.putShort((short) header.length());
    out.put(header.getBytes(StandardCharsets.US_ASCII));
    for (float[] row : rows) {
      for (float value : row) {
        out.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
      }
    }
    return Files.write(folder.resolve("words.npy"), out.array());
  }

  /** What can be trained on can be evaluated and edited with. */
  @Test
  void targetsAreOfTheTypeThatTheUserSays() throws IOException {
    float[][] y = targetsOf(Activations.rows(ROWS, D_IN));
    for (float[] row : y) {
      for (int j = 0; j < row.length; j++) {
        row[j] = Float.intBitsToFloat(Float.floatToRawIntBits(row[j]) & 0xffff0000);
      }
    }
    Path plain = Activations.write(folder.resolve("plain.safetensors"), y, ElementType.F32);
    Path words = words(y);
    Path run = folder.resolve("run");
    Object[] typed = {"--targets", words, "--dtype", "bf16", "--steps", 20};
    assertEquals(ExitCode.DONE, train(run, typed), console::err);
    Object[] eval = {"eval", "--sae", run, "--activations", inputs, "--json", "--targets"};
    assertEquals(ExitCode.DONE, console.run(with(eval, plain)), console::err);
    String expected = console.out();
    assertEquals(ExitCode.DONE, console.run(with(eval, words, "--dtype", "bf16")), console::err);
    assertEquals(expected, console.out());
    assertEquals(ExitCode.BAD_INPUT, console.run(with(eval, words)), console::err);
    Object[] edit = {"edit", "--sae", run, "--activations", inputs, "--ablate", 1, "--output"};
    Path one = folder.resolve("one");
    Path other = folder.resolve("other");
    int code = console.run(with(edit, one, "--targets", plain));
    assertEquals(ExitCode.DONE, code, console::err);
    code = console.run(with(edit, other, "--targets", words, "--dtype", "bf16"));
    assertEquals(ExitCode.DONE, code, console::err);
    try (Stream<Path> files = Files.list(one)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
        assertEquals(-1, Files.mismatch(file, other.resolve(file.getFileName())), file::toString);
      }
    }
  }

  private static Object[] with(Object[] first, Object... more) {
    List<Object> all = new ArrayList<>(List.of(first));
    all.addAll(List.of(more));
    return all.toArray();
  }

  private Map<?, ?> printed() throws IOException {
    return (Map<?, ?>) Json.parse(Path.of("stdout"), console.out().getBytes());
  }

  private static double fvu(Map<?, ?> metrics) {
    return ((Number) metrics.get("fvu")).doubleValue();
  }

  @ParameterizedTest
  @CsvSource({"false,topk,eleuther", "true,topk,eleuther", "true,batchtopk,saelens"})
  void aTranscoderIsTrainedAndServed(boolean skip, String architecture, String recipe)
      throws IOException {
    Path run = folder.resolve("run");
    Object[] options = {
      "--targets",
      targets,
      "--skip-connection",
      skip,
      "--architecture",
      architecture,
      "--recipe",
      recipe,
      "--steps",
      150,
      "--topk-threshold-lr",
      0.2,
      "--lr-warm-up-steps",
      0,
      "--lr-scheduler",
      "constant"
    };
    List<Object> line =
        new ArrayList<>(
            List.of(
                "train",
                "--activations",
                inputs,
                "--output-path",
                run,
                "--json",
                "--device",
                "scalar",
                "--train-batch-size",
                16,
                "--k",
                3,
                "--d-sae",
                40,
                "--lr",
                5e-3,
                "--eval-fraction",
                0.1));
    line.addAll(List.of(options));
    assertEquals(ExitCode.DONE, console.run(line.toArray()), console::err);
    Map<?, ?> metrics = (Map<?, ?>) printed().get("metrics");
    assertTrue(fvu(metrics) < 0.6, metrics::toString);

    int code =
        console.run(
            "eval",
            "--sae",
            run,
            "--activations",
            inputs,
            "--targets",
            targets,
            "--held-out",
            0.1,
            "--json",
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(metrics, printed());

    code = console.run("inspect", run.resolve("final"), "--json");
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(console.out().contains("transcoder"), console::out);
    assertTrue(console.out().contains("\"d_out\":" + D_OUT), console::out);

    Path codes = folder.resolve("codes.safetensors");
    code =
        console.run(
            "encode",
            "--sae",
            run,
            "--activations",
            inputs,
            "--output",
            codes,
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(Files.exists(codes));

    String layout = architecture.equals("topk") ? "sparsify" : "saelens";
    Path copy = folder.resolve("copy");
    code = console.run("convert", "--from", run, "--to", copy, "--format", layout);
    assertEquals(ExitCode.DONE, code, console::err);
    code =
        console.run(
            "eval",
            "--sae",
            copy,
            "--activations",
            inputs,
            "--targets",
            targets,
            "--held-out",
            0.1,
            "--json",
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(metrics, printed());
  }

  @Test
  void aRunIsResumedWithItsTargets() throws IOException {
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    Object[] more = {
      "--targets", targets, "--skip-connection", true, "--checkpoint-every", 4, "--steps", 11
    };
    assertEquals(ExitCode.DONE, train(whole, more), console::err);
    assertEquals(ExitCode.DONE, train(parts, more), console::err);
    CutBack.to(parts, 64);
    int code = console.run("train", "--resume-from-checkpoint", parts, "--json");
    assertEquals(ExitCode.DONE, code, console::err);
    assertArrayEquals(
        Files.readAllBytes(whole.resolve("final/sae.safetensors")),
        Files.readAllBytes(parts.resolve("final/sae.safetensors")));
  }

  @Test
  void badRowsOfEitherFileAreNamedOrLeftOut() throws IOException {
    float[][] x = Activations.rows(ROWS, D_IN);
    float[][] y = targetsOf(x);
    y[12][5] = Float.NaN;
    Activations.write(targets, y, ElementType.F32);
    Object[] all = {"--targets", targets, "--epochs", 1, "--eval-fraction", 0};
    assertEquals(ExitCode.BAD_INPUT, train(folder.resolve("stops"), all));
    assertTrue(console.err().contains("y.safetensors: row 12 holds NaN at column 5"), console::err);
    Object[] skip = {
      "--targets", targets, "--epochs", 1, "--eval-fraction", 0, "--on-bad-rows", "skip"
    };
    assertEquals(ExitCode.DONE, train(folder.resolve("skips"), skip), console::err);
    assertTrue(console.err().contains("left out: "), console::err);
    int code =
        console.run(
            "eval",
            "--sae",
            folder.resolve("skips"),
            "--activations",
            inputs,
            "--targets",
            targets,
            "--on-bad-rows",
            "skip",
            "--json",
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals((long) ROWS - 1, printed().get("rows"));
  }

  @Test
  void whatDoesNotFitIsRefused() throws IOException {
    Path fewer = Activations.write(folder.resolve("fewer.safetensors"), ROWS - 1, D_OUT);
    assertEquals(ExitCode.USAGE, train(folder.resolve("a"), "--targets", fewer));
    assertTrue(
        console.err().contains("targets: expected as many rows as the 200 activations"),
        console::err);
    assertEquals(ExitCode.USAGE, train(folder.resolve("b"), "--pairs", "targets"));
    assertTrue(console.err().contains("pairs: is targets: expected --targets"), console::err);
    assertEquals(ExitCode.USAGE, train(folder.resolve("c"), "--skip-connection", true));
    assertTrue(console.err().contains("false without targets"), console::err);
    assertEquals(
        ExitCode.USAGE,
        train(folder.resolve("d"), "--targets", targets, "--apply-b-dec-to-input", true));
    assertTrue(console.err().contains("b_dec belongs to the output"), console::err);
    assertFalse(Files.exists(folder.resolve("a")));
  }

  @Test
  void theDryRunNamesTheTargets() throws IOException {
    Object[] more = {"--targets", targets, "--skip-connection", true, "--dry-run"};
    assertEquals(ExitCode.DONE, train(folder.resolve("dry"), more), console::err);
    assertEquals((long) D_OUT, printed().get("d_out"));
    assertTrue(console.out().contains("skip connection"), console::out);
  }
}
