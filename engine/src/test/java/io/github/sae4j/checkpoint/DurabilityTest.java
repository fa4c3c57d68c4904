package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is synced to disk, and in which order. A kill cannot show this, since the system keeps what
 * a dead process wrote, so a file system records all operations.
 */
class DurabilityTest {
  private static final int BYTES = 1000;

  private final RecordingFileSystem disk = new RecordingFileSystem();
  private Path run;

  @BeforeEach
  void wrap(@TempDir Path temp) {
    run = disk.of(temp.resolve("run"));
  }

  private static void fill(Path folder, long samples) throws IOException {
    CheckpointWriter.fill(folder, samples, BYTES);
  }

  /** Events with the random part of temporary names cut off and paths from the run on. */
  private List<String> events() {
    return disk.events().stream()
        .map(event -> event.replaceAll(Pattern.quote(run.getParent().toString()) + "/?", ""))
        .map(event -> event.replaceAll("\\.(new|old)-[-0-9a-f]+", ".$1"))
        .toList();
  }

  private static void assertOrder(List<String> events, String... expected) {
    int at = -1;
    for (String each : expected) {
      int next = events.subList(at + 1, events.size()).indexOf(each);
      assertTrue(next >= 0, each + " is missing, or too early, in " + String.join("\n", events));
      at += next + 1;
    }
  }

  @Test
  void everyFileItsFolderAndItsNameAreForcedInThatOrder() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      assertOrder(events(), "create run", "force ");
      store.write(1, folder -> fill(folder, 1));
      List<String> events = events();
      String fresh = "run/checkpoints/.1.new";
      assertOrder(events, "create run/checkpoints", "force run", "create " + fresh);
      for (String part : List.of("part0", "part1", "part2", "manifest.json")) {
        assertOrder(
            events,
            "write " + fresh + "/" + part,
            "force " + fresh + "/" + part,
            "force " + fresh,
            "move " + fresh + " run/checkpoints/1",
            "force run/checkpoints");
      }
    }
  }

  @Test
  void aReplacedFolderIsRemovedOnlyWhenTheNewOneIsOnTheDisk() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      store.writeFinal(folder -> fill(folder, 1));
      events();
      store.writeFinal(folder -> fill(folder, 2));
      assertOrder(
          events(),
          "force run/.final.new/part2",
          "force run/.final.new/manifest.json",
          "force run/.final.new",
          "move run/final run/.final.old",
          "move run/.final.new run/final",
          "force run",
          "delete run/.final.old/part0",
          "delete run/.final.old");
    }
  }

  @Test
  void aSmallFileIsForcedBeforeItTakesItsNameAndTheNameAfter() throws IOException {
    Files.createDirectories(run);
    events();
    Durable.write(run.resolve("config.json"), "{}");
    assertEquals(
        List.of(
            "write run/.config.json.new",
            "force run/.config.json.new",
            "move run/.config.json.new run/config.json",
            "force run"),
        events());
  }

  /** Files that lie in no checkpoint are durable by themselves. */
  @Test
  void aTensorFileIsForcedByItsWriter() throws IOException {
    Files.createDirectories(run);
    events();
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(2, 3);
      new SafetensorsWriter().matrix("w", matrix).write(run.resolve("w.safetensors"));
    }
    List<String> events = events();
    assertEquals("force run/w.safetensors", events.getLast(), events::toString);
  }

  @Test
  void theOldFolderIsPutBackWhereTheNewOneCannotTakeItsPlace() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      store.writeFinal(folder -> fill(folder, 1));
      disk.fail(event -> event.startsWith("move ") && event.contains(".final.new-"));
      CheckpointException e =
          assertThrows(
              CheckpointException.class, () -> store.writeFinal(folder -> fill(folder, 2)));
      assertTrue(e.getMessage().contains("no luck with move"), e.getMessage());
      assertTrue(CheckpointWriter.isWhole(run.resolve("final"), 1, BYTES));
      Manifest.verify(run.resolve("final"));
      assertNothingLeft();
    }
  }

  @Test
  void aFolderLeftAsideIsPutBackForGoodAndOneThatWasReplacedIsRemoved() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      store.writeFinal(folder -> fill(folder, 1));
    }
    Durable.write(run.resolve("config.json"), "{\"training\": {}}"); // as every run begins with
    Files.move(
        run.resolve("final"),
        run.resolve(".final.old-" + UUID.randomUUID())); // died between two renames
    events();
    CheckpointStore.open(run).close();
    assertOrder(events(), "move run/.final.old run/final", "force run");
    assertTrue(CheckpointWriter.isWhole(run.resolve("final"), 1, BYTES));
    fill(
        Files.createDirectory(run.resolve(".final.old-" + UUID.randomUUID())),
        0); // died before it was removed
    CheckpointStore.open(run).close();
    assertTrue(CheckpointWriter.isWhole(run.resolve("final"), 1, BYTES));
    assertNothingLeft();
  }

  @Test
  void aFailureNamesTheCheckpointBeforeItAndNotTheOneThatFailed() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      store.write(1, folder -> fill(folder, 1));
      disk.fail(event -> event.equals("force " + run.resolve("checkpoints")));
      // The new folder already has its name, but might not survive a power cut.
      CheckpointException e =
          assertThrows(CheckpointException.class, () -> store.write(2, folder -> fill(folder, 2)));
      String intact = "; the previous one, " + run.resolve("checkpoints/1") + ", is intact";
      assertTrue(e.getMessage().endsWith(intact), e.getMessage());
      disk.fail(event -> event.contains("part1"));
      e = assertThrows(CheckpointException.class, () -> store.write(3, folder -> fill(folder, 3)));
      assertTrue(e.getMessage().contains(", is intact"), e.getMessage());
    }
  }

  @Test
  void aFirstCheckpointThatFailsNamesNoOther() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      disk.fail(event -> event.equals("force " + run.resolve("checkpoints")));
      CheckpointException e =
          assertThrows(CheckpointException.class, () -> store.write(1, folder -> fill(folder, 1)));
      assertFalse(e.getMessage().contains("intact"), e.getMessage());
    }
  }

  @Test
  void aRemovedLockIsNoVanishedFolder() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      Files.delete(run.resolve(".lock"));
      String message =
          assertThrows(CheckpointException.class, () -> store.write(1, folder -> fill(folder, 1)))
              .getMessage();
      assertTrue(message.contains(run.resolve(".lock") + " was removed"), message);
      assertFalse(message.contains("vanished"), message);
    }
  }

  /** An interrupt before every write and force: each closes the channel that it finds. */
  @Test
  void interruptsAtEveryInstantLoseNothing() throws IOException {
    Set<String> seen = new HashSet<>();
    disk.before(
        event -> {
          if (seen.add(event)) {
            Thread.currentThread().interrupt();
          }
        });
    try (CheckpointStore store = CheckpointStore.open(run)) {
      for (long samples = 1; samples <= 3; samples++) {
        long each = samples;
        store.write(each, folder -> CheckpointWriter.fillUninterrupted(folder, each, BYTES));
        store.keepNewest(2);
      }
      store.writeFinal(folder -> CheckpointWriter.fillUninterrupted(folder, 3, BYTES));
      Durable.write(run.resolve("config.json"), "{}");
    }
    disk.before(event -> {});
    assertTrue(seen.size() > 40, seen::toString);
    assertEquals(
        Optional.of(run.resolve("checkpoints/3")), CheckpointStore.newestValid(run).newest());
    Manifest.verify(run.resolve("final"));
    assertTrue(Thread.interrupted(), "the flag stays set");
    assertTrue(CheckpointWriter.isWhole(run.resolve("checkpoints/3"), 3, BYTES));
    assertNothingLeft();
  }

  /** Of the same size and name, so that nothing but the file's identity tells it apart. */
  @Test
  void aFileThatWasReplacedWhileAnInterruptHadItClosedIsNotGoneOnWith() throws IOException {
    Files.createDirectories(run);
    Path path = run.resolve("a");
    Files.writeString(path, "one");
    try (DiskFile file = DiskFile.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      disk.before(
          event -> {
            disk.before(next -> {});
            try {
              Files.writeString(run.resolve("b"), "two");
              Files.move(run.resolve("b"), path, StandardCopyOption.REPLACE_EXISTING);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
            Thread.currentThread().interrupt();
          });
      BadFileException e = assertThrows(BadFileException.class, file::force);
      assertTrue(e.getMessage().contains("a: was replaced"), e.getMessage());
      e =
          assertThrows(
              BadFileException.class, () -> file.writeFully(ByteBuffer.wrap(new byte[] {'x'}), 0));
      assertTrue(e.getMessage().contains("was replaced"), e.getMessage());
    }
    assertTrue(Thread.interrupted(), "the flag stays set");
    assertEquals("two", Files.readString(path), "and nobody else's file is written to");
  }

  private void assertNothingLeft() throws IOException {
    try (var entries = Files.list(run)) {
      List<String> hidden =
          entries
              .map(entry -> entry.getFileName().toString())
              .filter(name -> name.startsWith(".") && !name.equals(".lock"))
              .toList();
      assertEquals(List.of(), hidden);
    }
  }
}
