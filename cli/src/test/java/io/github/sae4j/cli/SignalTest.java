package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.TrainerState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Signals to a process of its own. */
class SignalTest {
  /** Far more than a test waits for; a run that never stops would end by itself. */
  private static final int STEPS = 2_000_000;

  @TempDir private Path folder;
  private final List<Process> children = new ArrayList<>();
  private Path run;

  @BeforeEach
  void writeActivations() throws IOException {
    Activations.write(folder.resolve("a.safetensors"), 200, 10);
    run = folder.resolve("run");
  }

  @AfterEach
  void endChildren() {
    children.forEach(Process::destroyForcibly);
  }

  private Process start(List<String> arguments, String... wrapper) throws IOException {
    List<String> command = new ArrayList<>();
    if (Files.exists(Path.of("/proc/self/status"))) {
      // A shell's background jobs ignore SIGINT, and so would a child of ours.
      command.addAll(List.of("env", "--default-signal=INT,TERM,HUP"));
    }
    command.addAll(List.of(wrapper));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(Main.class.getName());
    command.addAll(arguments);
    Process child =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()))
            .start();
    children.add(child);
    return child;
  }

  private Path log() {
    return folder.resolve("log");
  }

  private Process startRun(String... wrapper) throws IOException {
    return start(
        List.of(
            "train",
            "--activations=" + folder.resolve("a.safetensors"),
            "--output-path=" + run,
            "--steps=" + STEPS,
            "--train-batch-size=8",
            "--d-sae=24",
            "--k=2",
            "--device=scalar",
            "--log-every=1",
            "--checkpoint-every=" + STEPS),
        wrapper);
  }

  /** Waits until the child has logged something on top of, or in place of, what was there. */
  private void awaitMetrics(Process child, long before) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(10);
    while (logged() == 0 || logged() == before) {
      assertTrue(child.isAlive(), () -> "ended early: " + text());
      assertTrue(System.nanoTime() < deadline, () -> "no metrics: " + text());
      Thread.sleep(20);
    }
  }

  private long logged() throws IOException {
    Path metrics = run.resolve("metrics.jsonl");
    return Files.exists(metrics) ? Files.size(metrics) : 0;
  }

  private String text() {
    try {
      return Files.readString(log());
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static void send(String signal, Process child) throws IOException, InterruptedException {
    String pid = Long.toString(child.pid());
    assertEquals(0, new ProcessBuilder("kill", "-" + signal, pid).start().waitFor());
  }

  private long checkpointedStep() throws IOException {
    return TrainerState.read(CheckpointStore.newestValid(run).newest().orElseThrow()).step();
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143", "HUP, 129"})
  void aSignalEndsTheRunAfterACheckpointFromWhichItGoesOn(String signal, int code)
      throws IOException, InterruptedException {
    Process first = startRun();
    awaitMetrics(first, 0);
    send(signal, first);
    assertTrue(first.waitFor(10, TimeUnit.MINUTES), this::text);
    assertEquals(code, first.exitValue(), this::text);
    long step = checkpointedStep();
    assertTrue(step > 0);
    assertEquals(step, Files.readAllLines(run.resolve("metrics.jsonl")).size());
    assertTrue(text().contains("to continue: sae4j train --resume-from-checkpoint"), this::text);

    long before = logged();
    Process second = start(List.of("train", "--resume-from-checkpoint", run.toString()));
    awaitMetrics(second, before);
    send(signal, second);
    assertTrue(second.waitFor(10, TimeUnit.MINUTES), this::text);
    assertEquals(code, second.exitValue(), this::text);
    assertTrue(checkpointedStep() > step);
  }

  /** As when a terminal closes: the kernel sends one, the shell another, and systemd its own. */
  @Test
  void furtherHangUpsAndTheFirstTermDoNotCostTheCheckpoint() throws Exception {
    Process child = startRun();
    awaitMetrics(child, 0);
    for (String signal : List.of("STOP", "HUP", "HUP", "TERM", "HUP", "CONT")) {
      send(signal, child); // all at once: stopped, it sees none of them before the last
    }
    assertTrue(child.waitFor(10, TimeUnit.MINUTES), this::text);
    assertTrue(List.of(129, 143).contains(child.exitValue()), this::text);
    assertTrue(checkpointedStep() > 0);
  }

  @Test
  void nohupKeepsItsPromise() throws Exception {
    Process child = startRun("nohup");
    awaitMetrics(child, 0);
    send("HUP", child);
    awaitMetrics(child, logged());
    awaitMetrics(child, logged());
    assertTrue(child.isAlive(), this::text);
    send("TERM", child);
    assertTrue(child.waitFor(10, TimeUnit.MINUTES), this::text);
    assertEquals(143, child.exitValue(), this::text);
  }

  @Test
  void aKilledRunGoesOn() throws IOException, InterruptedException {
    Process first = startRun();
    awaitMetrics(first, 0);
    first.destroyForcibly().waitFor();
    long before = logged();
    Process second = start(List.of("train", "--resume-from-checkpoint", run.toString()));
    // Without a checkpoint it begins anew, and the log with it.
    awaitMetrics(second, before);
    send("TERM", second);
    assertTrue(second.waitFor(10, TimeUnit.MINUTES), this::text);
    assertEquals(143, second.exitValue(), this::text);
    assertTrue(checkpointedStep() > 0);
  }
}
