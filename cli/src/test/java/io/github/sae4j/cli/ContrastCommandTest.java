package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Contrastive codes on the command line, with and without positives. */
class ContrastCommandTest {
  private static final int ROWS = 200;
  private static final int D_IN = 10;

  @TempDir private Path folder;
  private final Console console = new Console();
  private Path rows;
  private Path positives;

  @BeforeEach
  void writePairs() throws IOException {
    float[][] x = Activations.rows(ROWS, D_IN);
    rows = Activations.write(folder.resolve("x.safetensors"), x, ElementType.F32);
    Random random = new Random(7);
    float[][] near = new float[ROWS][];
    for (int b = 0; b < ROWS; b++) {
      near[b] = x[b].clone();
      for (int j = 0; j < D_IN; j++) {
        near[b][j] += 0.1f * (float) random.nextGaussian();
      }
    }
    positives = Activations.write(folder.resolve("p.safetensors"), near, ElementType.F32);
  }

  private int train(Path run, Object... more) {
    List<Object> line =
        new ArrayList<>(
            List.of(
                "train",
                "--activations",
                rows,
                "--output-path",
                run,
                "--json",
                "--device",
                "scalar",
                "--train-batch-size",
                32,
                "--k",
                3,
                "--d-sae",
                40,
                "--lr",
                5e-3,
                "--recipe",
                "sentence-transformers"));
    line.addAll(List.of(more));
    return console.run(line.toArray());
  }

  private Map<?, ?> printed() throws IOException {
    return (Map<?, ?>) Json.parse(Path.of("stdout"), console.out().getBytes());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void codesAreTrainedAndServedInThePeersLayout(boolean paired) throws IOException {
    Path run = folder.resolve("run");
    List<Object> more = new ArrayList<>(List.of("--steps", 150, "--eval-fraction", 0.1));
    if (paired) {
      more.addAll(List.of("--positives", positives));
    }
    assertEquals(ExitCode.DONE, train(run, more.toArray()), console::err);
    Map<?, ?> metrics = (Map<?, ?>) printed().get("metrics");
    assertTrue(((Number) metrics.get("fvu")).doubleValue() < 0.7, metrics::toString);
    assertTrue((Double) metrics.get("recall_at_10") > 0.5, metrics::toString);
    assertEquals(20L, metrics.get("recall_rows"));
    assertTrue(Files.readString(run.resolve("metrics.jsonl")).contains("losses/contrastive_loss"));

    int code = console.run("inspect", run.resolve("final"), "--json");
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(console.out().contains("sentence-transformers"), console::out);

    code =
        console.run(
            "eval",
            "--sae",
            run,
            "--activations",
            rows,
            "--recall-rows",
            1000,
            "--held-out",
            0.1,
            "--json",
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(metrics, printed());
  }

  @Test
  void aRunIsResumedWithItsPositives() throws IOException {
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    Object[] more = {"--positives", positives, "--checkpoint-every", 3, "--steps", 8};
    assertEquals(ExitCode.DONE, train(whole, more), console::err);
    assertEquals(ExitCode.DONE, train(parts, more), console::err);
    CutBack.to(parts, 96);
    int code = console.run("train", "--resume-from-checkpoint", parts, "--json");
    assertEquals(ExitCode.DONE, code, console::err);
    try (var files = Files.walk(whole.resolve("final"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".safetensors")).toList()) {
        assertArrayEquals(
            Files.readAllBytes(file),
            Files.readAllBytes(parts.resolve(whole.relativize(file))),
            file.toString());
      }
    }
  }

  @Test
  void whatHasNoMeaningIsRefused() throws IOException {
    assertEquals(
        ExitCode.USAGE, train(folder.resolve("a"), "--gradient-accumulation", 2), console::err);
    assertTrue(
        console.err().contains("gradient_accumulation: expected 1 with recipe sentence"),
        console::err);
    assertEquals(
        ExitCode.USAGE,
        console.run("train", "--activations", rows, "--positives", positives, "--steps", 2));
    assertTrue(
        console.err().contains("no positives but with recipe sentence-transformers"), console::err);
    assertEquals(
        ExitCode.USAGE,
        train(folder.resolve("b"), "--positives", positives, "--targets", positives));
    assertTrue(console.err().contains("cannot be given with targets"), console::err);
    Path wide = Activations.write(folder.resolve("wide.safetensors"), ROWS, D_IN + 1);
    assertEquals(ExitCode.USAGE, train(folder.resolve("c"), "--positives", wide), console::err);
    assertTrue(console.err().contains("positives: expected rows of width 10"), console::err);
  }
}
