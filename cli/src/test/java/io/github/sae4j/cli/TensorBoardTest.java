package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TensorBoard's event files beside {@code metrics.jsonl}. */
class TensorBoardTest {
  @TempDir private Path folder;
  private final Console console = new Console();
  private Path run;
  private Path file;

  @BeforeEach
  void rows() throws IOException {
    run = folder.resolve("run");
    file = folder.resolve("rows.safetensors");
    Activations.write(file, Activations.rows(200, 10), ElementType.F32);
  }

  private int train(String... more) {
    List<Object> args =
        new ArrayList<>(
            List.of("train", "--activations", file, "--output-path", run, "--tensorboard"));
    args.addAll(List.of("--k", 2, "--d-sae", 24, "--device", "scalar", "--train-batch-size", 8));
    args.addAll(List.of("--steps", 8, "--log-every", 1, "--checkpoint-every", 3));
    args.addAll(List.of(more));
    return console.run(args.toArray());
  }

  /** Every line of metrics.jsonl, every number of it, in f32, and nothing else. */
  private void expectAsInTheLog(Map<String, TreeMap<Long, Object>> shown) throws IOException {
    int numbers = 0;
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      Map<?, ?> members = (Map<?, ?>) Json.parse(run, line.getBytes(StandardCharsets.UTF_8));
      long step = (Long) members.get("step");
      for (Map.Entry<?, ?> member : members.entrySet()) {
        if (!member.getKey().equals("step") && member.getValue() instanceof Number number) {
          assertEquals(
              number.floatValue(), shown.get(member.getKey()).get(step), member + " at " + step);
          numbers++;
        }
      }
    }
    int all =
        shown.entrySet().stream()
            .filter(tag -> !tag.getKey().startsWith("eval/"))
            .mapToInt(tag -> tag.getValue().size())
            .sum();
    assertEquals(numbers, all);
  }

  @Test
  void theDecoderOfThisTestKnowsTheChecksum() {
    // The check value of CRC-32C.
    assertEquals(0xE3069283, EventFiles.crc32c("123456789".getBytes(StandardCharsets.US_ASCII)));
  }

  @Test
  void whatTheLogHasIsInTheEventFile() throws IOException {
    assertEquals(ExitCode.DONE, train(), console::err);
    assertEquals(1, EventFiles.in(run).size());
    String name = EventFiles.in(run).getFirst().getFileName().toString();
    assertTrue(name.matches("events\\.out\\.tfevents\\.\\d{10}\\..+"), name);
    // As every event file begins: 24 bytes, their checksum, wall time, then the version.
    byte[] bytes = Files.readAllBytes(EventFiles.in(run).getFirst());
    assertEquals("1800000000000000a37f4b2209", HexFormat.of().formatHex(bytes, 0, 13));
    assertEquals("1a0d", HexFormat.of().formatHex(bytes, 21, 23));
    assertEquals("brain.Event:2", new String(bytes, 23, 13, StandardCharsets.US_ASCII));
    Map<String, TreeMap<Long, Object>> shown = EventFiles.shown(run);
    expectAsInTheLog(shown);
    assertTrue(shown.containsKey("losses/mse_loss"), () -> shown.keySet().toString());
    Map<?, ?> evaluation = Json.readObject(run.resolve("evaluation.json"), 1 << 20);
    assertEquals(((Number) evaluation.get("fvu")).floatValue(), shown.get("eval/fvu").get(8L));
  }

  @Test
  void theHistogramHoldsEveryLatent() throws IOException {
    assertEquals(ExitCode.DONE, train(), console::err);
    List<?> histogram = (List<?>) EventFiles.shown(run).get("eval/log10_feature_density").get(8L);
    Map<Integer, Object> fields = new TreeMap<>();
    histogram.forEach(
        field ->
            fields.put(((EventFiles.Field) field).number(), ((EventFiles.Field) field).value()));
    assertEquals(24.0, fields.get(3), "num");
    double[] limits = doubles(fields.get(6));
    double[] counts = doubles(fields.get(7));
    assertEquals(limits.length, counts.length);
    double sum = 0;
    for (int i = 0; i < counts.length; i++) {
      sum += counts[i];
      assertTrue(i == 0 || limits[i] > limits[i - 1]);
    }
    assertEquals(24.0, sum);
    Map<?, ?> density =
        (Map<?, ?>) Json.readObject(run.resolve("evaluation.json"), 1 << 20).get("feature_density");
    List<?> expected = (List<?>) density.get("counts");
    for (int i = 0; i < counts.length; i++) {
      assertEquals(((Number) expected.get(i)).doubleValue(), counts[i]);
    }
    assertTrue((Double) fields.get(1) <= (Double) fields.get(2), "min, max");
  }

  private static double[] doubles(Object packed) {
    ByteBuffer bytes = (ByteBuffer) packed;
    double[] values = new double[bytes.remaining() / Double.BYTES];
    bytes.asReadOnlyBuffer().order(bytes.order()).asDoubleBuffer().get(values);
    return values;
  }

  /** After a kill between steps 6 and 8 the option need not be given again. */
  @Test
  void aRunThatIsKilledAndGoesOnShowsNoStepTwice() throws IOException {
    assertEquals(ExitCode.DONE, train(), console::err);
    CutBack.delete(run.resolve("final"));
    CutBack.delete(run.resolve("checkpoints").resolve("64"));
    Files.delete(run.resolve("evaluation.json"));
    assertEquals(
        ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run), console::err);
    List<Path> files = EventFiles.in(run);
    assertEquals(2, files.size());
    List<EventFiles.Event> second = EventFiles.read(files.get(1));
    assertEquals(7, second.get(1).step(), "the session starts after the checkpoint's step");
    assertEquals(List.of(7L, 8L), logged(second));
    Map<String, TreeMap<Long, Object>> shown = EventFiles.shown(run);
    assertEquals(8, shown.get("losses/mse_loss").size());
    expectAsInTheLog(shown);
  }

  private static List<Long> logged(List<EventFiles.Event> events) {
    return events.stream()
        .filter(event -> event.get(5) != null)
        .map(EventFiles.Event::step)
        .distinct()
        .toList();
  }

  @Test
  void aRunThatIsExtendedGoesOn() throws IOException {
    assertEquals(ExitCode.DONE, train(), console::err);
    assertEquals(
        ExitCode.DONE,
        console.run("train", "--resume-from-checkpoint", run, "--extend", "--steps", 11),
        console::err);
    Map<String, TreeMap<Long, Object>> shown = EventFiles.shown(run);
    assertEquals(11, shown.get("losses/mse_loss").size());
    expectAsInTheLog(shown);
    assertEquals(List.of(8L, 11L), List.copyOf(shown.get("eval/fvu").keySet()));
  }

  @Test
  void everyRunOfASweepHasItsOwn() throws IOException {
    assertEquals(ExitCode.DONE, train("--sweep", "lr=1e-3,2e-3"), console::err);
    List<Path> runs;
    try (Stream<Path> entries = Files.list(run)) {
      runs = entries.filter(entry -> Files.exists(entry.resolve("metrics.jsonl"))).toList();
    }
    assertEquals(2, runs.size());
    for (Path each : runs) {
      Map<String, TreeMap<Long, Object>> shown = EventFiles.shown(each);
      assertEquals(8, shown.get("losses/mse_loss").size());
      assertEquals(1, shown.get("eval/log10_feature_density").size());
    }
  }

  @Test
  void withoutTheOptionThereIsNone() throws IOException {
    console.run(
        "train",
        "--activations",
        file,
        "--output-path",
        run,
        "--steps",
        2,
        "--device",
        "scalar",
        "--k",
        2,
        "--d-sae",
        24,
        "--train-batch-size",
        8);
    assertEquals(List.of(), EventFiles.in(run));
  }
}
