package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.json.Json;
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

/** {@code train --sweep} and {@code --eval-every} as a user meets them. */
class SweepCommandTest {
  @TempDir private Path folder;
  private final Console console = new Console();

  @BeforeEach
  void writeActivations() throws IOException {
    Activations.write(folder.resolve("a.safetensors"), 300, 16);
  }

  private List<String> arguments(String output, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "train",
                "--activations",
                folder.resolve("a.safetensors").toString(),
                "--output-path",
                folder.resolve(output).toString(),
                "--d-sae=32",
                "--train-batch-size=16",
                "--steps=12",
                "--device=scalar",
                "--no-progress"));
    all.addAll(List.of(more));
    if (all.stream().noneMatch(option -> option.contains("k=2"))) {
      all.add("--k=4");
    }
    return all;
  }

  private CliRun run(List<String> arguments) {
    int exit = console.run(arguments.toArray());
    return new CliRun(exit, console.out(), console.err());
  }

  private CliRun resume(String run) {
    return run(List.of("train", "--resume-from-checkpoint", folder.resolve(run).toString()));
  }

  private record CliRun(int exit, String out, String err) {}

  private byte[] weights(String run) throws IOException {
    return Files.readAllBytes(folder.resolve(run).resolve("final/sae_weights.safetensors"));
  }

  @Test
  void oneTableForAllRuns() throws IOException {
    CliRun done = run(arguments("sweep", "--sweep", "k=2,4", "--sweep=lr=1e-3,1e-2"));
    assertEquals(0, done.exit(), done::toString);
    for (String name : List.of("k-2_lr-1e-3", "k-2_lr-1e-2", "k-4_lr-1e-3", "k-4_lr-1e-2")) {
      assertTrue(done.out().contains("\n" + name + " "), done::toString);
    }
    assertTrue(done.out().contains("Pareto"), done::toString);
    String page = Files.readString(folder.resolve("sweep/report.html"));
    assertTrue(page.contains("k-2_lr-1e-2") && page.contains("k-4_lr-1e-3"));
    assertEquals(0, run(arguments("alone", "--lr=1e-2")).exit());
    assertArrayEquals(weights("alone"), weights("sweep/k-4_lr-1e-2"));
  }

  @Test
  void asJson() throws IOException {
    CliRun done = run(arguments("sweep", "--sweep=k=2,4", "--json"));
    assertEquals(0, done.exit(), done::toString);
    Map<?, ?> printed =
        (Map<?, ?>) Json.parse(folder, done.out().strip().getBytes(StandardCharsets.UTF_8));
    List<?> runs = (List<?>) printed.get("runs");
    assertEquals(2, runs.size());
    Map<?, ?> first = (Map<?, ?>) runs.getFirst();
    assertEquals("k-2", first.get("run"));
    assertEquals(Map.of("k", "2"), first.get("options"));
    assertEquals("finished", first.get("outcome"));
    Map<?, ?> metrics = (Map<?, ?>) first.get("metrics");
    Map<?, ?> evaluation =
        (Map<?, ?>)
            Json.parse(folder, Files.readAllBytes(folder.resolve("sweep/k-2/evaluation.json")));
    assertEquals(evaluation.get("fvu"), metrics.get("fvu"));
  }

  /** Everything but the sweep's folder comes from its record, also for runs that had not begun. */
  @Test
  void resumedByItsFolderAlone() throws IOException {
    run(arguments("whole", "--sweep=k=2,4", "--eval-every=5", "--keep-best"));
    run(arguments("parts", "--sweep=k=2,4", "--eval-every=5", "--keep-best"));
    CutBack.delete(folder.resolve("parts/k-4"));
    CliRun done = resume("parts");
    assertEquals(0, done.exit(), done::toString);
    assertTrue(done.out().contains("\nk-4 "), done::toString);
    assertArrayEquals(weights("whole/k-4"), weights("parts/k-4"));
    assertTrue(Files.exists(folder.resolve("parts/k-4/best/cfg.json")));
  }

  /** The line's --steps replaces the file's epochs, as without a sweep. */
  @Test
  void theCommandLineReplacesWhatAFileSays() throws IOException {
    Path file = folder.resolve("options.json");
    Files.writeString(file, "{\"epochs\": 3}");
    CliRun done = run(arguments("sweep", "--sweep=k=2,4", "--config=" + file));
    assertEquals(0, done.exit(), done::toString);
    assertEquals(12 * 16, samples("sweep/k-2"));
  }

  private long samples(String run) throws IOException {
    Map<?, ?> config =
        (Map<?, ?>)
            Json.parse(folder, Files.readAllBytes(folder.resolve(run).resolve("final/cfg.json")));
    return (long) ((Map<?, ?>) config.get("metadata")).get("n_training_samples");
  }

  @Test
  void anAxisIsNotAlsoAnOption() {
    CliRun refused = run(arguments("refused", "--sweep=lr=1e-3,1e-2", "--lr=1e-4"));
    assertEquals(2, refused.exit(), refused::toString);
    assertTrue(refused.err().contains("lr"), refused::toString);
    run(arguments("sweep", "--sweep=lr=1e-3,1e-2"));
    for (String more : List.of("--sweep=lr=1e-3", "--lr=1e-4")) {
      CliRun other =
          run(
              List.of(
                  "train", "--resume-from-checkpoint", folder.resolve("sweep").toString(), more));
      assertEquals(2, other.exit(), other::toString);
    }
  }

  @Test
  void aDryRunSaysWhatItTakes() {
    CliRun done = run(arguments("sweep", "--sweep=k=2,4", "--dry-run"));
    assertEquals(0, done.exit(), done::toString);
    assertTrue(done.out().contains("2 runs, "), done::toString);
    assertFalse(Files.exists(folder.resolve("sweep")));
  }

  @Test
  void mistakesAreNamed() {
    for (String[] mistake :
        new String[][] {
          {"--sweep=nonsense=1", "nonsense"},
          {"--sweep=k", "OPTION=VALUE"},
          {"--sweep=train_batch_size=8,16", "train_batch_size"},
          {"--sweep=k=2,400", "400"},
          {"--keep-best", "eval_every"},
          {"--early-stop=2", "eval_every"},
          {"--eval-every=-1", "at least 0"},
        }) {
      CliRun refused = run(arguments("refused", mistake[0]));
      assertEquals(2, refused.exit(), refused::toString);
      assertTrue(refused.err().contains(mistake[1]), refused::toString);
      assertFalse(Files.exists(folder.resolve("refused")), mistake[0]);
    }
  }

  @Test
  void evaluationsAreInTheLog() throws IOException {
    CliRun done = run(arguments("run", "--eval-every=5", "--keep-best", "--early-stop=100"));
    assertEquals(0, done.exit(), done::toString);
    List<String> lines = Files.readAllLines(folder.resolve("run/metrics.jsonl"));
    assertEquals(3, lines.stream().filter(line -> line.contains("\"eval/fvu\":")).count());
    assertTrue(Files.exists(folder.resolve("run/best/sae_weights.safetensors")));
    CliRun again = resume("run");
    assertEquals(0, again.exit(), again::toString);
  }
}
