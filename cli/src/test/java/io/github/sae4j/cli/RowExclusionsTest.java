package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows left out by token, norm and position: what a mask of the same rows gives. */
class RowExclusionsTest {
  private static final int SEQUENCES = 25;
  private static final int CONTEXT = 8;
  private static final int WIDTH = 10;
  private static final int ROWS = SEQUENCES * CONTEXT;

  @TempDir Path folder;

  private final Console console = new Console();
  private final long[] tokens = new long[ROWS];
  private float[][] rows;
  private Path file;
  private Path plain;

  @BeforeEach
  void write() throws IOException {
    rows = Activations.rows(ROWS, WIDTH);
    for (int sequence = 0; sequence < SEQUENCES; sequence++) {
      for (int j = 0; j < WIDTH; j++) {
        rows[sequence * CONTEXT][j] *= 100; // a sink at the first position
      }
    }
    Arrays.setAll(tokens, row -> row % 13);
    float[] flat = new float[ROWS * WIDTH];
    for (int row = 0; row < ROWS; row++) {
      System.arraycopy(rows[row], 0, flat, row * WIDTH, WIDTH);
    }
    file = folder.resolve("dump.safetensors");
    new SafetensorsWriter()
        .floats("activations", flat, SEQUENCES, CONTEXT, WIDTH)
        .longs("token_ids", tokens, SEQUENCES, CONTEXT)
        .write(file);
    plain = Activations.write(folder.resolve("plain.safetensors"), rows, ElementType.F32);
  }

  private Map<?, ?> trained(Path activations, Path run, Object... more) throws IOException {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--activations",
                activations,
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
                "--json"));
    arguments.addAll(List.of(more));
    assertEquals(ExitCode.DONE, console.run(arguments.toArray()), console::err);
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    return (Map<?, ?>) Json.parse(Path.of("stdout"), out);
  }

  /** Training on a file with rows left out is training on it with a mask of them. */
  private void expectAsMasked(boolean[] out, Object... exclusions) throws IOException {
    Path mask = Activations.writeMask(folder.resolve("mask.safetensors"), out);
    Path masked = folder.resolve("masked");
    Path excluded = folder.resolve("excluded");
    Map<?, ?> expected = trained(file, masked, "--mask", mask);
    Map<?, ?> got = trained(file, excluded, exclusions);
    assertEquals(expected.get("metrics"), got.get("metrics"));
    assertArrayEquals(weights(masked), weights(excluded));
    long kept = IntStream.range(0, ROWS).filter(row -> !out[row]).count();
    assertTrue(console.err().contains("leaves out " + (ROWS - kept) + " of " + ROWS), console::err);
  }

  private static byte[] weights(Path run) throws IOException {
    return Files.readAllBytes(run.resolve("final/sae_weights.safetensors"));
  }

  @Test
  void byToken() throws IOException {
    boolean[] out = new boolean[ROWS];
    for (int row = 0; row < ROWS; row++) {
      out[row] = tokens[row] == 3 || tokens[row] == 11;
    }
    expectAsMasked(out, "--exclude-tokens", "11,3,400");
  }

  @Test
  void byPosition() throws IOException {
    boolean[] out = new boolean[ROWS];
    for (int row = 0; row < ROWS; row++) {
      out[row] = row % CONTEXT == 0 || row % CONTEXT == 7;
    }
    expectAsMasked(out, "--exclude-positions", "0,7");
  }

  @Test
  void byNorm() throws IOException {
    boolean[] out = new boolean[ROWS];
    for (int row = 0; row < ROWS; row++) {
      out[row] = row % CONTEXT == 0;
    }
    expectAsMasked(out, "--max-norm-ratio", 10);
  }

  /** Most rows are padding: the median is that of the others. */
  @Test
  void byNormBesidePadding() throws IOException {
    float[][] padded = new float[ROWS][WIDTH];
    boolean[] out = new boolean[ROWS];
    for (int row = 0; row < ROWS; row += 3) {
      padded[row] = rows[row];
      out[row] = row % CONTEXT == 0;
    }
    file = Activations.write(folder.resolve("padded.safetensors"), padded, ElementType.F32);
    expectAsMasked(out, "--max-norm-ratio", 10);
    Path zeros =
        Activations.write(
            folder.resolve("zeros.safetensors"), new float[ROWS][WIDTH], ElementType.F32);
    expectRefusal(
        ExitCode.USAGE,
        "max_norm_ratio: expected rows that are finite and not zero, got none among the 200",
        "--activations",
        zeros,
        "--max-norm-ratio",
        10);
  }

  @Test
  void togetherAndWithAMask() throws IOException {
    boolean[] out = new boolean[ROWS];
    out[5] = true;
    Path some = Activations.writeMask(folder.resolve("some.safetensors"), out);
    for (int row = 0; row < ROWS; row++) {
      out[row] |= row % CONTEXT == 0 || tokens[row] == 2;
    }
    Path mask = Activations.writeMask(folder.resolve("mask.safetensors"), out);
    trained(file, folder.resolve("masked"), "--mask", mask);
    trained(
        file,
        folder.resolve("excluded"),
        "--mask",
        some,
        "--exclude-tokens",
        2,
        "--max-norm-ratio",
        10);
    assertArrayEquals(weights(folder.resolve("masked")), weights(folder.resolve("excluded")));
  }

  @Test
  void aResumedRunLeavesOutTheSame() throws IOException {
    Path ids = folder.resolve("ids.safetensors");
    new SafetensorsWriter().longs("ids", tokens, ROWS).write(ids);
    Object[] options = {
      "--exclude-tokens",
      "1,2",
      "--token-ids",
      ids,
      "--exclude-positions",
      3,
      "--sequence-length",
      CONTEXT,
      "--checkpoint-every",
      2,
      "--keep-checkpoints",
      9
    };
    Path run = folder.resolve("run");
    trained(plain, run, options);
    byte[] expected = weights(run);
    Path checkpoint;
    try (var all = Files.list(run.resolve("checkpoints"))) {
      checkpoint = all.filter(Files::isDirectory).sorted().findFirst().orElseThrow();
    }
    Path copy = Files.createDirectories(folder.resolve("copy/checkpoints"));
    Files.copy(run.resolve("config.json"), folder.resolve("copy/config.json"));
    Path begun = Files.createDirectories(copy.resolve(checkpoint.getFileName()));
    try (var files = Files.list(checkpoint)) {
      for (Path each : files.toList()) {
        Files.copy(each, begun.resolve(each.getFileName()));
      }
    }
    Path resumed = folder.resolve("copy");
    int code = console.run("train", "--resume-from-checkpoint", resumed, "--exclude-tokens", "1");
    assertEquals(ExitCode.USAGE, code, console::err);
    assertTrue(
        console.err().contains("exclude_tokens: expected what the run began with, [1, 2], got [1]"),
        console::err);
    code = console.run("train", "--resume-from-checkpoint", resumed, "--device", "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    assertArrayEquals(expected, weights(resumed));
  }

  @Test
  void evalLeavesOutTheSameRows() throws IOException {
    Path run = folder.resolve("run");
    trained(file, run, "--max-norm-ratio", 10);
    int code =
        console.run(
            "eval", "--sae", run, "--activations", file, "--exclude-positions", 0, "--json");
    assertEquals(ExitCode.DONE, code, console::err);
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    Map<?, ?> metrics = (Map<?, ?>) Json.parse(Path.of("stdout"), out);
    assertEquals((long) ROWS - SEQUENCES, metrics.get("rows"));
  }

  /** Options that can no longer affect a finished run are refused, not ignored. */
  @Test
  void aFinishedRunRefusesToLeaveOutOthers() throws IOException {
    Path run = folder.resolve("run");
    trained(file, run, "--exclude-tokens", "1,2");
    int code = console.run("train", "--resume-from-checkpoint", run);
    assertEquals(ExitCode.DONE, code, console::err);
    Object[][] others = {
      {"--exclude-tokens", "1", "exclude_tokens"},
      {"--exclude-positions", "0", "exclude_positions"},
      {"--max-norm-ratio", "5", "max_norm_ratio"},
      {"--token-ids", file, "token_ids"},
      {"--sequence-length", "4", "sequence_length"}
    };
    for (Object[] other : others) {
      code = console.run("train", "--resume-from-checkpoint", run, other[0], other[1]);
      assertEquals(ExitCode.USAGE, code, () -> other[0] + ": " + console.out());
      assertTrue(
          console.err().contains(other[2] + ": expected what the run began with"), console::err);
    }
    code = console.run("train", "--resume-from-checkpoint", run, "--dtype", "f16");
    assertEquals(ExitCode.USAGE, code, console::err);
    assertTrue(console.err().contains("dtype: expected bf16, got 'f16'"), console::err);
  }

  @Test
  void aReportRefusesToLeaveOutRows() throws IOException {
    Path run = folder.resolve("run");
    trained(file, run);
    assertEquals(0, console.run("report", "--help"), console::err);
    String help = console.out();
    assertTrue(help.contains("--activations"), help);
    Object[][] options = {
      {"--mask", file},
      {"--on-bad-rows", "skip"},
      {"--exclude-tokens", "1"},
      {"--exclude-positions", "0"},
      {"--max-norm-ratio", "5"},
      {"--token-ids", file},
      {"--sequence-length", "4"}
    };
    for (Object[] option : options) {
      assertFalse(help.contains(option[0].toString()), help);
      int code = console.run("report", run, option[0], option[1]);
      assertEquals(ExitCode.USAGE, code, () -> option[0] + ": " + console.err());
      String name = option[0].toString().substring(2).replace('-', '_');
      assertTrue(console.err().contains(name + ": is not known to report"), console::err);
    }
  }

  private void expectRefusal(int code, String problem, Object... exclusions) {
    List<Object> arguments =
        new ArrayList<>(List.of("train", "--steps", 4, "--k", 2, "--d-sae", 24));
    arguments.addAll(List.of(exclusions));
    assertEquals(code, console.run(arguments.toArray()), console::err);
    assertTrue(console.err().contains(problem), console::err);
  }

  @Test
  void whatCannotBeIsSaid() throws IOException {
    Object[] from = {"--activations", file};
    expectRefusal(
        ExitCode.USAGE,
        "exclude_positions: expected 0 to 7, got 8",
        with(from, "--exclude-positions", 8));
    expectRefusal(
        ExitCode.USAGE, "max_norm_ratio: expected above 1", with(from, "--max-norm-ratio", 1));
    expectRefusal(
        ExitCode.USAGE,
        "exclude_tokens: excludes all 200 rows",
        with(from, "--exclude-tokens", "0,1,2,3,4,5,6,7,8,9,10,11,12"));
    Object[] bare = {"--activations", plain};
    expectRefusal(
        ExitCode.USAGE, "sequence_length: expected rows", with(bare, "--exclude-positions", 0));
    expectRefusal(
        ExitCode.USAGE,
        "sequence_length: expected a divisor of the 200 rows, got 7",
        with(bare, "--exclude-positions", 0, "--sequence-length", 7));
    expectRefusal(ExitCode.BAD_INPUT, "expected token ids", with(bare, "--exclude-tokens", 1));
    Path ids = folder.resolve("ids.safetensors");
    new SafetensorsWriter().longs("token_ids", new long[7], 7).write(ids);
    expectRefusal(
        ExitCode.BAD_INPUT,
        "expected a token id for each of the 200 rows, got 7",
        with(bare, "--exclude-tokens", 1, "--token-ids", ids));
  }

  private static Object[] with(Object[] first, Object... more) {
    List<Object> all = new ArrayList<>(List.of(first));
    all.addAll(List.of(more));
    return all.toArray();
  }

  @Test
  void wordsAreBf16WhereTheUserSaysSo() throws IOException {
    byte[] header =
        "{'descr': '<u2', 'fortran_order': False, 'shape': (40, 4), }"
            .getBytes(StandardCharsets.US_ASCII);
    byte[] bytes = new byte[10 + header.length + 40 * 4 * 2];
    byte[] magic = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (byte) header.length, 0};
    System.arraycopy(magic, 0, bytes, 0, magic.length);
    System.arraycopy(header, 0, bytes, magic.length, header.length);
    for (int i = 0; i < 160; i++) {
      bytes[bytes.length - 320 + 2 * i] = (byte) (i * 37);
      bytes[bytes.length - 320 + 2 * i + 1] = 0x3f;
    }
    Path npy = Files.write(folder.resolve("bf16.npy"), bytes);
    expectRefusal(ExitCode.BAD_INPUT, "--dtype bf16", "--activations", npy);
    expectRefusal(
        ExitCode.USAGE, "dtype: expected bf16, got 'f16'", "--activations", npy, "--dtype", "f16");
    trained(npy, folder.resolve("run"), "--dtype", "bf16");
    assertTrue(console.err().contains("BF16 [40, 4]"), console::err);
  }
}
