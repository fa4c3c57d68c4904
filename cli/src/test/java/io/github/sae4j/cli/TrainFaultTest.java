package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** External faults during training: each ends with one line and an exit code. */
class TrainFaultTest {
  @TempDir private Path folder;
  private final List<Process> children = new ArrayList<>();
  private Path activations;
  private Path run;

  @BeforeEach
  void writeActivations() throws IOException {
    activations = folder.resolve("a.safetensors");
    Activations.write(activations, 4000, 24);
    run = folder.resolve("run");
  }

  @AfterEach
  void endChildren() {
    children.forEach(child -> child.toHandle().destroyForcibly());
  }

  /** Reading a mapping of the file with the Vector API would crash the VM. */
  @Test
  void activationsThatAnotherProcessTruncatesAreBadInput() throws Exception {
    Process child = start(List.of(), run, 1);
    awaitCheckpoint(child);
    Process other =
        new ProcessBuilder("truncate", "-s", "5000", activations.toString()).inheritIO().start();
    assertEquals(0, other.waitFor());
    assertEnds(child, ExitCode.BAD_INPUT, activations + ": ");
    Manifest.verify(CheckpointStore.newestValid(run).newest().orElseThrow());
  }

  @Test
  void activationsThatTurnIntoGarbageAreBadInput() throws Exception {
    Process child = start(List.of(), run, 1);
    awaitCheckpoint(child);
    float[][] rows = Activations.rows(4000, 24);
    for (float[] row : rows) {
      row[7] = Float.NaN;
    }
    Path other = Activations.write(folder.resolve("b.safetensors"), rows, ElementType.F32);
    try (FileChannel from = FileChannel.open(other);
        FileChannel to = FileChannel.open(activations, StandardOpenOption.WRITE)) {
      from.transferTo(0, from.size(), to); // over the open file, not beside it
    }
    assertEnds(child, ExitCode.BAD_INPUT, "column 7");
  }

  @Test
  void aVanishedFolderEndsTheRun() throws Exception {
    Process child = start(List.of(), run, 1);
    awaitCheckpoint(child);
    Files.move(run, folder.resolve("moved"));
    assertEnds(child, ExitCode.FAILURE, run.toString());
    assertTrue(CheckpointStore.newestValid(folder.resolve("moved")).newest().isPresent());
  }

  @Test
  void aFullDiskEndsTheRunAndLeavesTheLastCheckpoint() throws Exception {
    Path small = Files.createDirectories(folder.resolve("small"));
    Path kept = Files.createDirectories(folder.resolve("kept"));
    String mount = "mount -t tmpfs -o size=256k tmpfs " + small;
    boolean canMount = exitCode(List.of("unshare", "-m", "sh", "-c", mount)) == 0;
    // Without the right to mount: metrics.jsonl grows until the limit on the size of files.
    List<String> wrapper =
        canMount
            ? List.of(
                "unshare",
                "-m",
                "sh",
                "-c",
                mount + " && \"$@\"; code=$?; cp -r " + small + "/run " + kept + "; exit $code",
                "sh")
            : List.of("sh", "-c", "ulimit -f 200; exec \"$@\"", "sh");
    System.out.println(
        "training on a full disk: "
            + (canMount ? "a tmpfs of 256 KiB" : "a file size limit, no tmpfs permitted here"));
    Path full = small.resolve("run");
    Process child = start(wrapper, full, 1);
    assertEnds(child, ExitCode.FAILURE, canMount ? "No space left on device" : "File too large");
    Path found = canMount ? kept.resolve("run") : full;
    Manifest.verify(CheckpointStore.newestValid(found).newest().orElseThrow());
  }

  /** 600 lines of metrics are beyond the limit; all else that the run writes is below it. */
  private static final List<String> SMALL_FILES =
      List.of("sh", "-c", "ulimit -f 200; exec \"$@\"", "sh");

  @Test
  void aLogThatCannotGrowEndsTheRun() throws Exception {
    Process child = start(SMALL_FILES, run, 100, "--steps=600");
    assertEnds(child, ExitCode.FAILURE, "cannot write " + run.resolve("metrics.jsonl"));
    Manifest.verify(CheckpointStore.newestValid(run).newest().orElseThrow());
  }

  @Test
  void orIsAWarningWhereThatIsAskedFor() throws Exception {
    Process child = start(SMALL_FILES, run, 100, "--steps=600", "--go-on-without-checkpoints");
    assertTrue(child.waitFor(10, TimeUnit.MINUTES), this::text);
    assertEquals(ExitCode.DONE, child.exitValue(), this::text);
    String warning = "sae4j: warning: cannot write " + run.resolve("metrics.jsonl");
    assertEquals(1, text().lines().filter(line -> line.startsWith(warning)).count(), this::text);
    Manifest.verify(run.resolve("final"));
    assertTrue(Files.exists(run.resolve("evaluation.json")));
    byte[] log = Files.readAllBytes(run.resolve("metrics.jsonl"));
    assertEquals('\n', log[log.length - 1], "half a line was left");
  }

  @Test
  void aSecondProcessOnTheSameRunIsRefused() throws Exception {
    Process first = start(List.of(), run, 1);
    awaitCheckpoint(first);
    Console console = new Console();
    assertEquals(
        ExitCode.FAILURE, console.run("train", "--resume-from-checkpoint", run), console::err);
    assertTrue(
        console.err().contains("another process (pid " + first.pid() + ") is writing to this run"),
        console::err);
    assertTrue(first.isAlive(), this::text);
  }

  @Test
  void aDivergedRunEndsWithOneLineThatNamesStepAndCheckpoint() throws Exception {
    Process child = start(List.of(), run, 1, "--lr=1e20", "--lr-warm-up-steps=50");
    assertEnds(child, ExitCode.FAILURE, "step ");
    Path last = CheckpointStore.newestValid(run).newest().orElseThrow();
    assertTrue(text().contains("the last checkpoint is " + last), this::text);
    Manifest.verify(last);
  }

  private void assertEnds(Process child, int code, String said) throws Exception {
    assertTrue(child.waitFor(10, TimeUnit.MINUTES), this::text);
    assertEquals(code, child.exitValue(), this::text);
    List<String> complaints =
        text()
            .lines()
            .filter(line -> line.startsWith("sae4j: ") && !line.contains("device "))
            .toList();
    assertTrue(complaints.getLast().contains(said), this::text);
    assertFalse(text().contains("\tat "), this::text);
  }

  private void awaitCheckpoint(Process child) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(10);
    while (CheckpointStore.list(run).isEmpty()) {
      assertTrue(child.isAlive() && System.nanoTime() < deadline, this::text);
      Thread.sleep(10);
    }
  }

  private Process start(List<String> wrapper, Path to, int checkpointEvery, String... more)
      throws IOException {
    List<String> command = new ArrayList<>(wrapper);
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
            Main.class.getName(),
            "train",
            "--activations=" + activations,
            "--output-path=" + to,
            "--train-batch-size=64",
            "--d-sae=48",
            "--k=4",
            "--device=cpu",
            "--threads=2",
            "--log-every=1",
            "--no-progress",
            "--keep-checkpoints=9",
            "--checkpoint-every=" + checkpointEvery));
    command.addAll(List.of(more));
    if (command.stream().noneMatch(argument -> argument.startsWith("--steps="))) {
      command.add("--steps=1000000"); // practically endless
    }
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
      return Files.readString(folder.resolve("log"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static int exitCode(List<String> command) throws InterruptedException {
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start()
          .waitFor();
    } catch (IOException e) {
      return -1; // no such command
    }
  }
}
