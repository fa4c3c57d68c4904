package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code eval --labels}. */
class ProbingTest {
  private static final int ROWS = 600;

  @TempDir Path folder;

  private final Console console = new Console();
  private final long[] labels = new long[ROWS];
  private Path file;
  private Path run;

  @BeforeEach
  void train() throws IOException {
    float[][] rows = Activations.rows(ROWS, 10);
    for (int i = 0; i < ROWS; i++) {
      labels[i] = i % 3;
      rows[i][(int) labels[i]] += 6; // a direction for each class
    }
    file = Activations.write(folder.resolve("a.safetensors"), rows, ElementType.F32);
    run = folder.resolve("run");
    int code =
        console.run(
            "train",
            "--activations",
            file,
            "--output-path",
            run,
            "--steps",
            60,
            "--train-batch-size",
            64,
            "--k",
            2,
            "--d-sae",
            24,
            "--lr",
            0.01,
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
  }

  private Path write(long[] values) throws IOException {
    Path path = folder.resolve("labels.safetensors");
    new SafetensorsWriter().longs("labels", values, values.length).write(path);
    return path;
  }

  private int eval(Object... more) {
    List<Object> arguments =
        new ArrayList<>(List.of("eval", "--sae", run, "--activations", file, "--device", "scalar"));
    arguments.addAll(List.of(more));
    return console.run(arguments.toArray());
  }

  private List<?> probing(Object... more) throws IOException {
    List<Object> arguments = new ArrayList<>(List.of("--json"));
    arguments.addAll(List.of(more));
    assertEquals(ExitCode.DONE, eval(arguments.toArray()), console::err);
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    return (List<?>) ((Map<?, ?>) Json.parse(Path.of("stdout"), out)).get("sparse_probing");
  }

  @Test
  void classesThatAreThereAreTold() throws IOException {
    List<?> results = probing("--row-labels", write(labels));
    assertEquals(3, results.size());
    Map<?, ?> last = (Map<?, ?>) results.getLast();
    assertEquals(3L, last.get("classes"));
    assertEquals(16L, last.get("features"));
    assertTrue(((Number) last.get("balanced_accuracy")).doubleValue() > 0.9, results::toString);
    assertEquals(ExitCode.DONE, eval("--labels", write(labels), "--probe-features", 2));
    assertTrue(console.out().contains("3 classes told by 2 latents"), console::out);
  }

  @Test
  void labelsGoThroughTheSelectionOfRows() throws IOException {
    // Where the mask leaves a row out, its label is nonsense.
    boolean[] out = new boolean[ROWS];
    long[] some = labels.clone();
    for (int i = 0; i < ROWS; i += 2) {
      out[i] = true;
      some[i] = (i / 2 + 1) % 3;
    }
    Path mask = Activations.writeMask(folder.resolve("mask.safetensors"), out);
    Map<?, ?> masked = (Map<?, ?>) probing("--labels", write(some), "--mask", mask).getLast();
    assertTrue(((Number) masked.get("balanced_accuracy")).doubleValue() > 0.9, masked::toString);
  }

  @Test
  void whatDoesNotFitIsSaid() throws IOException {
    assertEquals(ExitCode.BAD_INPUT, eval("--labels", write(new long[7])));
    assertTrue(console.err().contains("expected the labels of 600 rows"), console::err);
    assertEquals(ExitCode.USAGE, eval("--probe-features", 2));
    assertTrue(console.err().contains("probe_features: expected with row_labels"), console::err);
    Path names = Files.writeString(folder.resolve("labels.json"), "{\"5\": \"fives\"}");
    assertEquals(ExitCode.BAD_INPUT, eval("--labels", names));
    assertTrue(console.err().contains("names of latents are for report --labels"), console::err);
    assertEquals(ExitCode.USAGE, eval("--labels", write(new long[ROWS])));
    assertTrue(console.err().contains("labels: expected 2 to 256 classes"), console::err);
  }
}
