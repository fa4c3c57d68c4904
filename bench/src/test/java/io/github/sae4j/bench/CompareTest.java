package io.github.sae4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.bench.CompareOptions.Subject;
import io.github.sae4j.bench.peers.Torch;
import io.github.sae4j.bench.results.AlternatingRuns;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.bench.scene.Reference;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareTest {
  @TempDir Path folder;

  @Test
  void everyPartRunsAtATinySizeAndIsWritten() throws IOException {
    Path json = folder.resolve("deep").resolve("compare.json");
    String words =
        "--no-peers --rounds 1 --pause 0 --sample 0 --warm 0 --threads 2 --shape 16x24x64 --k 4"
            + " --only probes,product,encode,step,phases,scaling,serve,fit,rows";
    Path page = folder.resolve("compare.md");
    String[] args = (words + " --json " + json + " --markdown " + page).split(" ");
    PrintStream unread = new PrintStream(OutputStream.nullOutputStream());
    assertTrue(Compare.run(CompareOptions.parse(args), unread), "every result was right");
    String text = Files.readString(json);
    for (String expected :
        List.of(
            "sae4j step eleuther",
            "\"cpu\"",
            "sae4j encode one vector",
            "R² of the line",
            "step saelens: update: time / floor",
            "step saelens: all beside the encode",
            "evaluation: serial share",
            "step eleuther predicted, memory as fast as here, 64 cores",
            "evaluation predicted, memory faster by the cores, 8 cores",
            "sae4j encode + top-k: 1 thread / all",
            "sae4j register tile alone",
            "ascending rows")) {
      assertTrue(text.contains(expected), () -> expected + " in " + text);
    }
    String tables = Files.readString(page);
    assertTrue(tables.contains("| sae4j step eleuther | 2 |"), tables);
  }

  @Test
  void theCommandForAllTablesRunsAllOfThem() throws IOException {
    List<String> small =
        List.of(
            ("--no-peers --rounds 1 --pause 0 --sample 0 --warm 0 --threads 2 --shape 16x24x64 --k"
                    + " 4")
                .split(" "));
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
      assertTrue(Everything.run(small, folder, out));
    }
    String text = printed.toString(StandardCharsets.UTF_8);
    for (Subject subject : Subject.values()) {
      String name = subject.name().toLowerCase(Locale.ROOT);
      assertTrue(
          Everything.RUNS.stream().anyMatch(run -> run.matches(".*[ ,]" + name + "[ ,].*")), name);
    }
    for (int i = 1; i <= Everything.RUNS.size(); i++) {
      assertTrue(Files.size(folder.resolve(i + ".json")) > 0);
      assertTrue(Files.readString(folder.resolve(i + ".md")).contains("- cpu: "));
    }
    assertTrue(text.contains("evaluation: serial share"), text);
  }

  /** Every ratio of two times has an interval, and holds in every round alone. */
  @Test
  void ratiosOfTimesHaveIntervals() {
    Timing slow = new Timing("slow", 1, new double[] {4, 6, 5});
    Timing fast = new Timing("fast", 1, new double[] {2, 2, 2});
    Ratio ratio = Ratio.of("gain", slow, fast);
    assertEquals(2.5, ratio.value());
    assertEquals(2, ratio.interval().orElseThrow().low());
    assertEquals(3, ratio.interval().orElseThrow().high());
    Ratio rates = ratio.times(10).atLeast(30);
    assertEquals(25, rates.value());
    assertEquals(20, rates.interval().orElseThrow().low());
    assertTrue(rates.missed());
    Ratio floor = Ratio.of("floor", slow, 0.5);
    assertEquals(10, floor.value());
    assertEquals(12, floor.interval().orElseThrow().high());
  }

  @Test
  void optionsAreReadAndWrongOnesNamed() {
    CompareOptions options =
        CompareOptions.parse(
            "--only step,fit --shape 8x4x32,4x4x16 --k 2,3 --torch-blas openblas".split(" "));
    assertEquals(Set.of(Subject.STEP, Subject.FIT), options.subjects());
    assertEquals(
        List.of(
            new Shape(8, 4, 32, 2),
            new Shape(8, 4, 32, 3),
            new Shape(4, 4, 16, 2),
            new Shape(4, 4, 16, 3)),
        options.shapes());
    assertEquals(Torch.Backend.OPENBLAS, options.torchBackend());
    for (String wrong :
        List.of("--only speed", "--shape 3x4", "--k", "--colour red", "--rounds 0")) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> CompareOptions.parse(wrong.split(" ")));
      assertTrue(e.getMessage().contains(wrong.split(" ")[0].substring(2)), e.getMessage());
    }
  }

  @Test
  void aWrongProductIsNoticed() {
    try (OffHeap memory = new OffHeap();
        Scene scene = new Scene(memory, new Shape(9, 16, 40, 4));
        var device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      Matrix out = memory.matrix(9, 40);
      device.product(scene.x(), false, scene.wEnc(), true, out);
      assertTrue(Reference.productError(scene.x(), scene.wEnc(), out) < 1e-6);
      out.set(8, 39, out.get(8, 39) + 0.01f);
      assertTrue(Reference.productError(scene.x(), scene.wEnc(), out) > 1e-4);
    }
  }

  @Test
  void aWrongSelectionIsNoticed() {
    try (OffHeap memory = new OffHeap();
        Scene scene = new Scene(memory, new Shape(9, 16, 40, 4));
        var device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      SparseCodes codes = memory.codes(9, 4);
      device.encode(scene.encoder(), scene.x(), Ranked.topK(4, Relu.BEFORE), codes);
      assertTrue(Reference.codesError(scene, codes) < 1e-6);
      codes.set(0, 1, codes.index(0, 0), codes.value(0, 0));
      assertEquals(Double.POSITIVE_INFINITY, Reference.codesError(scene, codes));
    }
  }

  @Test
  void aWrongChoiceAmongEqualsIsNoticed() {
    Shape shape = new Shape(4, 8, 40, 3);
    try (OffHeap memory = new OffHeap();
        var device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      Matrix wEnc = HardRows.weights(memory, shape);
      SparseCodes codes = memory.codes(4, 3);
      for (HardRows.Kind kind : HardRows.Kind.values()) {
        Matrix x = HardRows.rows(memory, shape, kind);
        device.encode(HardRows.encoder(memory, wEnc), x, Ranked.topK(3, Relu.AFTER), codes);
        assertEquals(0, HardRows.wrongRows(wEnc, kind, 3, codes), kind.name());
        codes.set(3, 2, codes.index(3, 2) == 39 ? 38 : 39, codes.value(3, 2));
        assertEquals(0.25, HardRows.wrongRows(wEnc, kind, 3, codes), kind.name());
        codes.set(1, 0, codes.index(1, 0), codes.value(1, 0) + 1);
        assertEquals(0.5, HardRows.wrongRows(wEnc, kind, 3, codes), kind.name());
      }
    }
  }

  @Test
  void medianAndRatiosSayWhatTheyShould() {
    assertEquals(2, new Timing("odd", 1, new double[] {5, 1, 2}).median());
    assertEquals(3, new Timing("even", 1, new double[] {4, 1, 2, 9}).median());
    assertTrue(Ratio.atMost("time", 1.01, 1).missed());
    assertFalse(Ratio.atLeast("rate", 1.01, 1).missed());
    assertTrue(Ratio.atMost("time", Double.NaN, 1).missed());
    assertFalse(Ratio.reported("time", 7).missed());
  }

  @Test
  void roundsAlternate() {
    StringBuilder order = new StringBuilder();
    Map<String, Timing> timings =
        new AlternatingRuns(3, 0, 0)
            .time(
                List.of(
                    new Contender("a", 1, 1, () -> order.append('a')),
                    new Contender("b", 1, 0, () -> order.append('b'))));
    assertEquals("aabbaab", order.toString());
    assertEquals(3, timings.get("b").seconds().length);
  }
}
