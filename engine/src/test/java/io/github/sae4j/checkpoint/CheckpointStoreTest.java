package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointStoreTest {
  private static final int BYTES = 1000;

  private static final String ID = "0a1b2c3d-0000-4000-8000-0123456789ab";

  @TempDir Path run;
  @TempDir Path elsewhere;

  @Test
  void checkpointsAreFoundNewestFirst() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      assertEquals(Optional.empty(), CheckpointStore.newestValid(run).newest());
      // As numbers, not as text: 1000 is newer than 999.
      for (long samples : new long[] {8, 999, 1000}) {
        write(store, samples);
      }
    }
    assertEquals(
        List.of(checkpoint(8), checkpoint(999), checkpoint(1000)), CheckpointStore.list(run));
    assertEquals(Optional.of(checkpoint(1000)), CheckpointStore.newestValid(run).newest());
  }

  @Test
  void aDamagedCheckpointIsPassedOverWithTheReason() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      for (long samples = 1; samples <= 5; samples++) {
        write(store, samples);
      }
    }
    Path flipped = checkpoint(5).resolve("part1");
    byte[] bytes = Files.readAllBytes(flipped);
    bytes[500] ^= 4;
    Files.write(flipped, bytes);
    Files.write(checkpoint(4).resolve("part2"), new byte[10]);
    Files.delete(checkpoint(3).resolve("manifest.json"));
    Files.delete(checkpoint(2).resolve("part0"));
    CheckpointStore.Search search = CheckpointStore.newestValid(run);
    assertEquals(Optional.of(checkpoint(1)), search.newest());
    assertEquals(4, search.skipped().size());
    assertContains(search.skipped().get(0), "part1: damaged");
    assertContains(search.skipped().get(1), "expected 1000 bytes by manifest.json, got 10");
    assertContains(search.skipped().get(2), "manifest.json: no such file");
    assertContains(search.skipped().get(3), "part0: listed in manifest.json but missing");
  }

  @Test
  void onlyTheNewestAreKept() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      for (long samples = 1; samples <= 5; samples++) {
        write(store, samples);
        store.keepNewest(2);
      }
      assertEquals(List.of(checkpoint(4), checkpoint(5)), CheckpointStore.list(run));
      assertThrows(IllegalArgumentException.class, () -> store.keepNewest(0));
    }
  }

  @Test
  void theLastGoodCheckpointIsNeverRemoved() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      for (long samples = 1; samples <= 4; samples++) {
        write(store, samples);
      }
      Files.delete(checkpoint(4).resolve("part0"));
      Files.delete(checkpoint(3).resolve("part0"));
      store.keepNewest(1);
      assertEquals(List.of(checkpoint(2), checkpoint(4)), CheckpointStore.list(run));
      // If none is valid, nothing is removed: parts of them may be recoverable.
      Files.delete(checkpoint(2).resolve("part0"));
      store.keepNewest(1);
      assertEquals(2, CheckpointStore.list(run).size());
    }
  }

  @Test
  void aFailureLeavesWhatWasThere() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      write(store, 1);
      store.writeFinal(folder -> CheckpointWriter.fill(folder, 1, BYTES));
      for (boolean isFinal : new boolean[] {false, true}) {
        AtomicFolder.Content failing =
            folder -> {
              CheckpointWriter.fill(folder, 2, BYTES);
              throw new IOException("the disk is on fire");
            };
        CheckpointException e =
            assertThrows(
                CheckpointException.class,
                () -> {
                  if (isFinal) {
                    store.writeFinal(failing);
                  } else {
                    store.write(1, failing);
                  }
                });
        assertContains(e.getMessage(), "the disk is on fire");
        assertContains(e.getMessage(), checkpoint(1) + ", is intact");
      }
      assertTrue(CheckpointWriter.isWhole(checkpoint(1), 1, BYTES));
      assertTrue(CheckpointWriter.isWhole(run.resolve("final"), 1, BYTES));
      assertNothingLeft();
    }
  }

  @Test
  void aReplacedFolderHoldsTheNewFilesOnly() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      write(store, 1);
      store.writeFinal(folder -> Files.writeString(folder.resolve("former"), "x"));
      store.writeFinal(folder -> CheckpointWriter.fill(folder, 2, BYTES));
      assertTrue(CheckpointWriter.isWhole(run.resolve("final"), 2, BYTES));
      assertFalse(Files.exists(run.resolve("final/former")));
      Manifest.verify(run.resolve("final"));
      assertNothingLeft();
    }
  }

  @Test
  void whatADeadWriterLeftIsClearedUp() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      write(store, 1);
      store.writeFinal(folder -> CheckpointWriter.fill(folder, 1, BYTES));
    }
    // Died while writing a checkpoint, and between the two renames that replace final/.
    Path half = Files.createDirectories(run.resolve("checkpoints/.2.new-" + ID));
    Files.writeString(half.resolve("part0"), "half");
    Files.move(run.resolve("final"), run.resolve(".final.old-" + ID));
    Files.createDirectory(run.resolve(".final.new-" + ID));
    Files.createDirectory(run.resolve(".mine"));
    try (CheckpointStore store = CheckpointStore.open(run)) {
      assertEquals(List.of(checkpoint(1)), CheckpointStore.list(store.run()));
      assertTrue(CheckpointWriter.isWhole(run.resolve("final"), 1, BYTES));
      assertTrue(Files.exists(run.resolve(".mine")));
      Files.delete(run.resolve(".mine"));
      assertNothingLeft();
    }
  }

  /** Names similar to ours: with another suffix, or of another folder. */
  @Test
  void whatOthersPutIntoARunIsLetBe() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      write(store, 1);
      store.writeFinal(folder -> CheckpointWriter.fill(folder, 1, BYTES));
    }
    List<Path> theirs =
        Stream.of(".final.old-2024", ".final.new-x", ".x.new-" + ID, ".x.old-" + ID, "x")
            .map(run::resolve)
            .toList();
    for (Path path : theirs) {
      Files.writeString(Files.createDirectory(path).resolve("file"), "precious");
    }
    try (CheckpointStore store = CheckpointStore.open(run)) {
      write(store, 2);
      store.writeFinal(folder -> CheckpointWriter.fill(folder, 2, BYTES));
    }
    for (Path path : theirs) {
      assertEquals("precious", Files.readString(path.resolve("file")));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "metrics.jsonl",
        "evaluation.json",
        ".final.old-" + ID + "/file",
        ".x.new-y/file",
        "config.json",
        ".lock",
        "checkpoints/17/file",
        "final/cfg.json"
      })
  void aFolderOfSomebodyElseIsNotTaken(String theirs) throws IOException {
    Path file = run.resolve(theirs);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "{\"training\": \"precious\"}");
    String message = assertThrows(IOException.class, () -> CheckpointStore.open(run)).getMessage();
    assertContains(message, run + " is neither empty nor the folder of a run; it holds '");
    assertEquals("{\"training\": \"precious\"}", Files.readString(file));
    try (Stream<Path> entries = Files.list(run)) {
      assertEquals(1, entries.count());
    }
  }

  @Test
  void aFolderWithALockOfOursAndFilesOfSomebodyElseIsNotTaken() throws IOException {
    CheckpointStore.open(run).close();
    CheckpointStore.open(run).close();
    Path theirs = Files.writeString(run.resolve("metrics.jsonl"), "precious");
    assertThrows(IOException.class, () -> CheckpointStore.open(run));
    assertEquals("precious", Files.readString(theirs));
  }

  @Test
  void anSaeIsNotSavedOverAFolderOfSomebodyElse() throws IOException {
    Path theirs = Files.writeString(run.resolve("thesis.tex"), "precious");
    AtomicFolder.Content content = folder -> CheckpointWriter.fill(folder, 1, BYTES);
    String message =
        assertThrows(IOException.class, () -> AtomicFolder.write(run, content)).getMessage();
    assertContains(message, run + " holds files and no manifest.json of ours");
    assertEquals("precious", Files.readString(theirs));
    Files.delete(theirs);
    AtomicFolder.write(run, content);
    AtomicFolder.write(run, content);
    assertTrue(CheckpointWriter.isWhole(run, 1, BYTES));
  }

  @Test
  void aVanishedRunFolderIsSaid() throws IOException {
    Path inner = run.resolve("inner");
    try (CheckpointStore store = CheckpointStore.open(inner)) {
      store.write(1, folder -> CheckpointWriter.fill(folder, 1, BYTES));
      Durable.deleteTree(inner);
      String message =
          assertThrows(
                  CheckpointException.class,
                  () -> store.write(2, folder -> CheckpointWriter.fill(folder, 2, BYTES)))
              .getMessage();
      assertContains(message, "has vanished");
      assertFalse(Files.exists(inner));
    }
  }

  @Test
  void aRunFolderInThePlaceOfTheOneThatWasOpenedIsLeftAlone() throws IOException {
    Path inner = run.resolve("inner");
    try (CheckpointStore store = CheckpointStore.open(inner)) {
      store.write(1, folder -> CheckpointWriter.fill(folder, 1, BYTES));
      Files.move(inner, run.resolve("moved"));
      Files.createFile(Files.createDirectory(inner).resolve(".lock")); // somebody else's run
      String message =
          assertThrows(
                  CheckpointException.class,
                  () -> store.write(2, folder -> CheckpointWriter.fill(folder, 2, BYTES)))
              .getMessage();
      assertContains(message, "was replaced by another");
      assertEquals(List.of(), CheckpointStore.list(inner));
    }
  }

  @Test
  void aSecondStoreInThisProcessIsRefused() throws IOException {
    try (CheckpointStore store = CheckpointStore.open(run)) {
      for (int attempt = 0; attempt < 2; attempt++) {
        String message =
            assertThrows(IOException.class, () -> CheckpointStore.open(run)).getMessage();
        assertContains(message, "already writing to this run");
      }
      write(store, 1);
    }
    CheckpointStore.open(run).close();
  }

  @Test
  void aLockThatIsALinkIsNotFollowed() throws IOException {
    CheckpointStore.open(run).close();
    Path mine = Files.writeString(elsewhere.resolve("mine"), "precious");
    Files.delete(run.resolve(".lock"));
    Files.createSymbolicLink(run.resolve(".lock"), mine);
    assertThrows(IOException.class, () -> CheckpointStore.open(run));
    Files.createDirectories(run.resolve("final"));
    Files.writeString(run.resolve("final/manifest.json"), "{}"); // and now it looks like a run
    assertThrows(IOException.class, () -> CheckpointStore.open(run));
    assertEquals("precious", Files.readString(mine));
    Files.delete(run.resolve(".lock"));
    CheckpointStore.open(run).close();
  }

  @Test
  void linksThatADeadWriterCouldHaveLeftAreRemovedAndNotFollowed() throws IOException {
    CheckpointStore.open(run).close();
    Path mine = Files.createDirectories(elsewhere.resolve("mine"));
    Files.writeString(mine.resolve("file"), "precious");
    Files.createSymbolicLink(run.resolve(".final.new-" + ID), mine);
    Files.createSymbolicLink(run.resolve(".config.json.new"), mine.resolve("file"));
    CheckpointStore.open(run).close();
    Durable.write(run.resolve("config.json"), "{}");
    assertEquals("{}", Files.readString(run.resolve("config.json")));
    assertEquals("precious", Files.readString(mine.resolve("file")));
    assertNothingLeft();
  }

  @Test
  void aSmallFileThatCannotBeWrittenIsNamedAndStaysAsItWas() throws IOException {
    Path file = Files.createDirectories(run.resolve("config.json"));
    Files.writeString(file.resolve("inside"), "a folder in its place");
    String message = assertThrows(IOException.class, () -> Durable.write(file, "{}")).getMessage();
    assertContains(message, "cannot write " + file + ": ");
    assertTrue(Files.exists(file.resolve("inside")));
    assertNothingLeft();
  }

  @Test
  void aManifestCannotPointElsewhere() throws IOException {
    Path secret = Files.writeString(run.resolve("secret"), "x");
    for (String name : new String[] {"../secret", secret.toString(), "..", "", "."}) {
      Path folder = Files.createDirectories(run.resolve("sae"));
      Files.writeString(
          folder.resolve("manifest.json"),
          "{\"manifest_version\": 1, \"files\": {\""
              + name
              + "\": {\"bytes\": 1, \"sha256\": \""
              // of "x": the file that is pointed to would pass
              + "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}}}");
      assertThrows(BadFileException.class, () -> Manifest.verify(folder), name);
    }
  }

  @Test
  void aMalformedManifestIsRefused() throws IOException {
    for (String text :
        new String[] {
          "",
          "[]",
          "{}",
          "{\"manifest_version\": 2, \"files\": {}}",
          "{\"manifest_version\": 1}",
          "{\"manifest_version\": 1, \"files\": {}}",
          "{\"manifest_version\": 1, \"files\": []}",
          "{\"manifest_version\": 1, \"files\": {\"manifest.json\": 3}}",
          "{\"manifest_version\": 1, \"files\": {\"manifest.json\": {\"bytes\": -1}}}"
        }) {
      Files.writeString(run.resolve("manifest.json"), text);
      assertThrows(BadFileException.class, () -> Manifest.verify(run), text);
    }
  }

  private void write(CheckpointStore store, long samples) throws IOException {
    Path written = store.write(samples, folder -> CheckpointWriter.fill(folder, samples, BYTES));
    assertEquals(checkpoint(samples), written);
  }

  private Path checkpoint(long samples) {
    return run.resolve("checkpoints").resolve(Long.toString(samples));
  }

  private void assertNothingLeft() throws IOException {
    for (Path folder : new Path[] {run, run.resolve("checkpoints")}) {
      if (!Files.exists(folder)) {
        continue;
      }
      try (Stream<Path> entries = Files.list(folder)) {
        List<String> hidden =
            entries
                .map(entry -> entry.getFileName().toString())
                .filter(name -> name.startsWith(".") && !name.equals(".lock"))
                .toList();
        assertEquals(List.of(), hidden);
      }
    }
  }

  private static void assertContains(String text, String part) {
    assertTrue(text.contains(part), text);
  }
}
