package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.folders.Manifest;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Faults that a checkpoint must survive, with real processes and a real file system. */
class FaultTest {
  /** Large enough that most kills hit the writing itself. */
  private static final int BYTES = 400_000;

  @TempDir Path temp;

  @Test
  void aKilledWriterLosesNothingThatItHadWritten() throws Exception {
    killWriters(3);
  }

  @Test
  @Tag("long")
  void manyKilledWritersLoseNothingThatTheyHadWritten() throws Exception {
    killWriters(60);
  }

  private void killWriters(int kills) throws Exception {
    long seed = new Random().nextLong();
    System.out.println("kill -9 of a writing process, " + kills + " times, seed " + seed);
    Random random = new Random(seed);
    Path run = temp.resolve("run");
    long last = 0;
    long found = 0;
    for (int kill = 0; kill < kills; kill++) {
      Process writer = writer(List.of(), run, BYTES, 1_000_000, 2);
      BufferedReader lines = writer.inputReader(StandardCharsets.UTF_8);
      try {
        assertEquals("open", lines.readLine());
        for (int wait = kill % 3; wait > 0; wait--) {
          last = written(lines.readLine());
        }
        long soon = System.nanoTime() + random.nextInt(300_000_000);
        while (System.nanoTime() < soon) {
          Thread.onSpinWait();
        }
      } finally {
        kill(writer);
      }
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        last = written(line);
      }
      found = assertIntact(run, last, found, seed);
    }
    assertTrue(found > 0, "seed " + seed);
    System.out.println(kills + " kills survived, " + found + " checkpoints written");
  }

  private static long written(String line) {
    assertTrue(line != null && line.startsWith("wrote "), line);
    return Long.parseLong(line.substring("wrote ".length()));
  }

  /** SIGKILL; through the handle, because the process's own method closes its output unread. */
  private static void kill(Process process) throws InterruptedException {
    process.toHandle().destroyForcibly();
    process.waitFor();
  }

  /**
   * Nothing is half written, nothing that was reported written is missing, and the run can resume.
   *
   * @param last the last that was reported, with its final folder
   * @param before the newest that was found before
   * @return the newest that is there
   */
  private static long assertIntact(Path run, long last, long before, long seed) throws IOException {
    CheckpointStore.Search search = CheckpointStore.newestValid(run);
    assertEquals(List.of(), search.skipped(), "seed " + seed);
    long found = search.newest().map(FaultTest::samples).orElse(0L);
    long least = Math.max(last, before);
    assertTrue(
        found == least || found == least + 1,
        least + " written, " + found + " found, seed " + seed);
    for (Path checkpoint : CheckpointStore.list(run)) {
      assertTrue(CheckpointWriter.isWhole(checkpoint, samples(checkpoint), BYTES));
    }
    CheckpointStore.open(run).close(); // takes the dead one's lock, clears up after it
    if (last > 0) {
      Path trained = run.resolve("final");
      Manifest.verify(trained);
      boolean whole = false;
      for (long samples = last; samples <= found; samples++) {
        whole |= CheckpointWriter.isWhole(trained, samples, BYTES);
      }
      assertTrue(whole, "seed " + seed);
    }
    return found;
  }

  private static long samples(Path checkpoint) {
    return Long.parseLong(checkpoint.getFileName().toString());
  }

  /**
   * A disk of 6 MiB where this process may make one (a tmpfs in a mount namespace of its own, gone
   * with the process), else a limit on the size of files.
   */
  @Test
  void aFullDiskStopsTheWriterAndLeavesTheLastCheckpoint() throws Exception {
    Path run = temp.resolve("small/run");
    Files.createDirectories(run.getParent());
    Path kept = Files.createDirectories(temp.resolve("kept"));
    String mount = "mount -t tmpfs -o size=6m tmpfs " + run.getParent();
    boolean canMount = exitCode(List.of("unshare", "-m", "sh", "-c", mount)) == 0;
    List<String> wrapper =
        canMount
            // Copied out before the namespace and its disk are gone.
            ? List.of(
                "unshare", "-m", "sh", "-c", mount + " && \"$@\"; cp -r " + run + " " + kept, "sh")
            : List.of("sh", "-c", "ulimit -f 2000; \"$@\"", "sh");
    System.out.println(
        "full disk: "
            + (canMount ? "a tmpfs of 6 MiB" : "a file size limit, no tmpfs permitted here"));
    // On the small disk the third or so fails; under the limit the first large one does.
    if (!canMount) {
      assertEquals("wrote 1", last(run(writer(List.of(), run, BYTES, 1, 9))));
    }
    List<String> lines = run(writer(wrapper, run, canMount ? BYTES : 4 * BYTES, 50, 50));
    String failure = last(lines);
    assertTrue(failure.startsWith("failed "), failure);
    assertTrue(failure.contains(canMount ? "No space left on device" : "File too large"), failure);
    assertTrue(failure.contains(", is intact"), failure);
    long written = Long.parseLong(failure.split(" ")[1]) - 1;
    assertNotEquals(0, written);
    assertIntact(canMount ? kept.resolve("run") : run, written, 0, 0);
  }

  /**
   * A folder without write permission; for the superuser, who may write anyway, a file in its
   * place.
   */
  @Test
  void aFolderThatMayNotBeWrittenIsSaid() throws Exception {
    Path run = temp.resolve("run");
    try (CheckpointStore store = CheckpointStore.open(run)) {
      store.write(1, folder -> CheckpointWriter.fill(folder, 1, BYTES));
      Path checkpoints = run.resolve("checkpoints");
      Files.setPosixFilePermissions(checkpoints, PosixFilePermissions.fromString("r-xr-xr-x"));
      try {
        boolean powerless = !Files.isWritable(checkpoints);
        System.out.println(
            "no permission: "
                + (powerless ? "a folder without write permission" : "as root, a file in the way"));
        if (!powerless) {
          Files.writeString(checkpoints.resolve("2"), "in the way");
        }
        String message =
            assertThrows(
                    CheckpointException.class,
                    () -> store.write(2, folder -> CheckpointWriter.fill(folder, 2, BYTES)))
                .getMessage();
        assertTrue(
            message.contains(powerless ? "no permission to write" : "found a file"), message);
        assertTrue(message.contains(checkpoints.resolve("1") + ", is intact"), message);
      } finally {
        Files.setPosixFilePermissions(checkpoints, PosixFilePermissions.fromString("rwxr-xr-x"));
      }
    }
    assertTrue(CheckpointWriter.isWhole(run.resolve("checkpoints/1"), 1, BYTES));
  }

  @Test
  void aSecondProcessIsRefusedUntilTheFirstIsGone() throws Exception {
    Path run = temp.resolve("run");
    Process writer = writer(List.of(), run, 1000, 1_000_000, 1);
    try {
      assertEquals("open", writer.inputReader(StandardCharsets.UTF_8).readLine());
      String message =
          assertThrows(IOException.class, () -> CheckpointStore.open(run)).getMessage();
      assertTrue(
          message.contains("another process (pid " + writer.pid() + ") is writing to this run"),
          message);
    } finally {
      kill(writer);
    }
    CheckpointStore.open(run).close();
  }

  private Process writer(List<String> wrapper, Path run, int bytes, long count, int keep)
      throws IOException {
    List<String> command = new ArrayList<>(wrapper);
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-cp",
            System.getProperty("java.class.path"),
            CheckpointWriter.class.getName(),
            run.toString(),
            Integer.toString(bytes),
            Long.toString(count),
            Integer.toString(keep)));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  private static List<String> run(Process process) throws Exception {
    List<String> lines = process.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertTrue(process.waitFor(10, TimeUnit.MINUTES));
    assertFalse(lines.isEmpty(), "exit code " + process.exitValue());
    return lines;
  }

  private static String last(List<String> lines) {
    return lines.getLast();
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
