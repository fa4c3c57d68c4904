package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.config.Architecture;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Training that is killed again and again, by SIGKILL at random instants (from the start of the
 * process to its last line) or by a signal that lets it write a checkpoint, resumed each time with
 * another number of threads and another vector width, and compared bit for bit with an undisturbed
 * run. Checkpoints are written after every step, so that most kills hit the writing.
 */
class KillTest {
  private static final int STEPS = 100;
  private static final String NORM = "--normalize-activations=";
  private static final Map<String, Integer> EXIT_CODES =
      Map.of("KILL", 137, "TERM", 143, "INT", 130);

  @TempDir private Path folder;
  private final List<Process> children = new ArrayList<>();
  private final long seed = Long.getLong("kill.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private Path whole;
  private int inside;

  /** The options of what is trained. */
  private List<String> trained = List.of();

  /** Where its runs lie: in the folder itself or, for a sweep, below it. */
  private List<String> members = List.of("");

  @BeforeEach
  void writeActivations() throws IOException {
    Activations.write(folder.resolve("a.safetensors"), 400, 24);
  }

  private void trainWithoutInterruption(List<String> trained) throws Exception {
    this.trained = trained;
    members =
        trained.stream().anyMatch(option -> option.startsWith("--sweep"))
            ? List.of("k-3", "k-4")
            : List.of("");
    whole = folder.resolve("whole" + name());
    Process child = start(fresh(whole, STEPS));
    assertTrue(child.waitFor(10, TimeUnit.MINUTES), this::text);
    assertEquals(0, child.exitValue(), this::text);
  }

  @AfterEach
  void endChildren() {
    children.forEach(child -> child.toHandle().destroyForcibly());
  }

  @Test
  void killedThreeTimesAndStoppedTwiceARunEndsWithTheSameBits() throws Exception {
    trainWithoutInterruption(of(Recipe.SAELENS));
    survive(List.of("KILL", "TERM", "KILL", "INT", "KILL"));
  }

  @Test
  @Tag("long")
  void killedManyTimesRunsEndWithTheSameBits() throws Exception {
    List<List<String>> all = new ArrayList<>();
    for (Recipe recipe : Recipe.values()) {
      all.add(of(recipe));
    }
    for (Architecture architecture : Architecture.values()) {
      if (architecture != Architecture.TOPK) {
        all.add(List.of("--architecture=" + architecture, "--k=4"));
      }
    }
    all.add(List.of("--architecture=batchtopk", "--k=4", NORM + "covariance_whitening"));
    all.add(List.of("--sweep=k=3,4", "--eval-every=5", "--keep-best"));
    int kills = Math.ceilDiv(Integer.getInteger("kills", 54), all.size());
    for (List<String> each : all) {
      List<String> signals = new ArrayList<>(Collections.nCopies(kills, "KILL"));
      signals.addAll(List.of("TERM", "INT"));
      Collections.shuffle(signals, random);
      trainWithoutInterruption(each);
      survive(signals);
    }
  }

  private static List<String> of(Recipe recipe) {
    return recipe == Recipe.SENTENCE_TRANSFORMERS // it compares whole batches, and measures nothing
        ? List.of("--recipe=" + recipe, NORM + "layer_norm", "--k=4")
        : List.of("--recipe=" + recipe, "--gradient-accumulation=2", "--k=4");
  }

  private String name() {
    return String.join("", trained).replaceAll("[^A-Za-z0-9]+", "-");
  }

  /** Runs as many runs as it takes; each must end with the bits of the undisturbed one. */
  private void survive(List<String> signals) throws Exception {
    System.out.println("killing training runs of " + trained + ", seed " + seed);
    inside = 0;
    int sent = 0;
    int runs = 0;
    while (sent < signals.size()) {
      Path run = folder.resolve("run" + name() + runs++);
      Process child = start(fresh(run, 1));
      while (sent < signals.size() && disturb(child, run, signals.get(sent))) {
        sent++;
        boolean begun = Files.exists(run.resolve("config.json"));
        child =
            start(
                begun
                    ? anywhere(List.of("train", "--resume-from-checkpoint", run.toString()))
                    : fresh(run, 1));
      }
      assertTrue(child.waitFor(10, TimeUnit.MINUTES), this::text);
      assertEquals(0, child.exitValue(), this::text);
      assertSameBits(run);
    }
    long kills = signals.stream().filter("KILL"::equals).count();
    System.out.printf(
        "kills survived=%d of %d final bits equal (SIGKILL; %d inside checkpoint writing; beside"
            + " %d SIGTERM and SIGINT; %d runs of %s, at 1 to 3 threads and %s bits)%n",
        kills, kills, inside, signals.size() - kills, runs, trained, widths());
  }

  /**
   * Sends a signal: mostly some time after the child has made progress, sometimes a SIGKILL at any
   * point.
   *
   * @return false if the run ended first
   */
  private boolean disturb(Process child, Path run, String signal) throws Exception {
    boolean anywhere = signal.equals("KILL") && random.nextInt(4) == 0;
    long before = newest(run);
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(10);
    while (!anywhere && child.isAlive() && newest(run) <= before) {
      assertTrue(System.nanoTime() < deadline, this::text);
      Thread.sleep(1);
    }
    long soon = System.nanoTime() + random.nextInt(anywhere ? 1_200_000_000 : 120_000_000);
    while (System.nanoTime() < soon && child.isAlive()) {
      Thread.onSpinWait();
    }
    if (!child.isAlive()) {
      return false;
    }
    if (signal.equals("KILL")) {
      child.toHandle().destroyForcibly();
    } else {
      new ProcessBuilder("kill", "-" + signal, Long.toString(child.pid())).start().waitFor();
    }
    assertTrue(child.waitFor(10, TimeUnit.MINUTES), this::text);
    if (child.exitValue() == 0) {
      return false; // it had done its last step
    }
    assertEquals(EXIT_CODES.get(signal), child.exitValue(), this::text);
    inside += signal.equals("KILL") && halfWritten(run) ? 1 : 0;
    return true;
  }

  /** The newest checkpoint's name, which is its number of rows; 0 for none; of all runs, summed. */
  private long newest(Path run) throws IOException {
    try {
      long sum = 0;
      for (String member : members) {
        List<Path> all = CheckpointStore.list(run.resolve(member));
        sum += all.isEmpty() ? 0 : Long.parseLong(all.getLast().getFileName().toString());
      }
      return sum;
    } catch (UncheckedIOException e) {
      return 0; // a folder was removed while it was listed
    }
  }

  /** Whether there is a folder that was being written when the process died. */
  private static boolean halfWritten(Path run) throws IOException {
    if (Files.notExists(run)) {
      return false; // killed before it had begun
    }
    try (Stream<Path> entries = Files.walk(run, 3)) {
      return entries.anyMatch(entry -> entry.getFileName().toString().contains(".new-"));
    }
  }

  private void assertSameBits(Path run) throws IOException {
    for (String member : members) {
      Path expected = whole.resolve(member);
      Path got = run.resolve(member);
      assertFalse(weights(expected.resolve("final")).isEmpty(), "no weights to compare");
      for (String sae : List.of("final", "best")) {
        assertEquals(weights(expected.resolve(sae)), weights(got.resolve(sae)));
        for (String file : weights(expected.resolve(sae))) {
          assertArrayEquals(
              Files.readAllBytes(expected.resolve(sae).resolve(file)),
              Files.readAllBytes(got.resolve(sae).resolve(file)),
              () -> "weights differ, seed " + seed + "\n" + text());
        }
      }
      assertEquals(metrics(expected), metrics(got), () -> "seed " + seed);
      assertEquals(
          Files.readString(expected.resolve("evaluation.json")),
          Files.readString(got.resolve("evaluation.json")));
    }
  }

  /** Names of an SAE's files of weights, whatever its layout; none if there is no SAE. */
  private static List<String> weights(Path sae) throws IOException {
    if (Files.notExists(sae)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(sae)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".safetensors"))
          .sorted()
          .toList();
    }
  }

  /** The loss curve, without times. */
  private static List<Map<?, ?>> metrics(Path run) throws IOException {
    List<Map<?, ?>> lines = new ArrayList<>();
    Path file = run.resolve("metrics.jsonl");
    for (String line : Files.readAllLines(file)) {
      Map<?, ?> values =
          new HashMap<>((Map<?, ?>) Json.parse(file, line.getBytes(StandardCharsets.UTF_8)));
      values.keySet().removeIf(name -> name.toString().endsWith("_seconds"));
      lines.add(values);
    }
    assertEquals(STEPS, lines.size());
    return lines;
  }

  /** With another number of threads and another width: neither changes a bit. */
  private List<String> anywhere(List<String> arguments) {
    List<String> all = new ArrayList<>(arguments);
    all.add("--threads=" + (1 + random.nextInt(3)));
    all.add("--vector-bits=" + widths().get(random.nextInt(widths().size())));
    return all;
  }

  /** Those that this machine has. */
  private static List<Integer> widths() {
    int widest = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    return Stream.of(128, 256, 512).filter(bits -> bits <= widest).toList();
  }

  private List<String> fresh(Path run, int checkpointEvery) {
    List<String> arguments = new ArrayList<>(trained);
    arguments.addFirst("train");
    arguments.addAll(
        List.of(
            "--activations=" + folder.resolve("a.safetensors"),
            "--output-path=" + run,
            "--steps=" + STEPS,
            "--train-batch-size=16",
            "--dead-feature-window=3",
            "--d-sae=80",
            "--device=cpu",
            "--log-every=1",
            "--no-progress",
            "--keep-checkpoints=2",
            "--checkpoint-every=" + checkpointEvery));
    if (trained.stream().noneMatch(option -> option.startsWith(NORM))) {
      arguments.add(NORM + "expected_average_only_in"); // measured before the first step
    }
    return anywhere(arguments);
  }

  private Process start(List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    if (Files.exists(Path.of("/proc/self/status"))) {
      // A shell's background jobs ignore SIGINT, and so would a child of ours.
      command.addAll(List.of("env", "--default-signal=INT,TERM"));
    }
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx128m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "--add-modules=jdk.incubator.vector",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName()));
    command.addAll(arguments);
    Process child =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
            .start();
    children.add(child);
    return child;
  }

  private String text() {
    try {
      return "seed " + seed + "\n" + Files.readString(folder.resolve("log"));
    } catch (IOException e) {
      return e.toString();
    }
  }
}
