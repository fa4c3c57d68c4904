package org.example.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of codes when the SAE or the files they are of change. */
class ShardsTest {
  private static final Path SAE =
      Path.of("../../engine/src/test/resources/golden/checkpoints/saelens-topk");

  @TempDir private Path folder;

  private Path copy() throws IOException {
    Path sae = Files.createDirectories(folder.resolve("sae"));
    try (Stream<Path> files = Files.list(SAE)) {
      for (Path file : files.toList()) {
        Files.copy(file, sae.resolve(file.getFileName()));
      }
    }
    return sae;
  }

  /** As if it had been trained further: the last weights are others. */
  private static void change(Path sae) throws IOException {
    Path weights = sae.resolve("sae_weights.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    for (int i = bytes.length / 2; i < bytes.length; i++) {
      bytes[i] = (byte) (bytes[i] ^ (i % 4 == 2 ? 0x40 : 0)); // a bit of each mantissa
    }
    Files.write(weights, bytes);
  }

  private static float[] values(SparseAutoencoder sae) {
    float[] row = new float[sae.config().dIn()];
    for (int j = 0; j < row.length; j++) {
      row[j] = (float) Math.sin(1 + j);
    }
    return sae.encode(row).values();
  }

  private static float[] values(Path sae) throws IOException {
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        SparseAutoencoder loaded = SaeCheckpoint.load(sae, device)) {
      return values(loaded);
    }
  }

  @Test
  void anSaeTrainedFurtherInItsFolderIsOpenedAnew() throws IOException {
    Path sae = copy();
    SaeVersion first = SaeVersion.of(sae);
    SparseAutoencoder opened = ExecutorSae.of(first);
    assertSame(opened, ExecutorSae.of(SaeVersion.of(sae)));
    float[] before = values(opened);
    assertArrayEquals(values(sae), before);
    change(sae);
    float[] after = values(ExecutorSae.of(SaeVersion.of(sae)));
    assertArrayEquals(values(sae), after);
    assertFalse(Arrays.equals(before, after), "the change changes codes");
    assertArrayEquals(before, values(ExecutorSae.of(first)), "tasks that use it go on");
  }

  @Test
  void anSaeThatIsNotWhatWasPromisedIsRefused() throws IOException {
    Path sae = copy();
    SaeVersion promised = new SaeVersion(sae.toString(), "0".repeat(64));
    assertThrows(IllegalStateException.class, () -> ExecutorSae.of(promised));
  }

  private void shard(String name) throws IOException {
    Path shard = Files.createDirectories(folder.resolve(name));
    Files.writeString(shard.resolve("part-00000.parquet"), name);
    Files.writeString(folder.resolve(name + ".manifest"), "column x\n");
  }

  @Test
  void shardsOfFilesThatAreGoneAreRemoved() throws IOException {
    for (String name : List.of("shard-a", "shard-b", "shard-00003")) {
      shard(name);
    }
    Files.createDirectories(folder.resolve("notes"));
    Files.writeString(folder.resolve("shard-gone.manifest"), "its folder is lost");
    EncodingJob.removeOthers(folder, Set.of("shard-a", "shard-c"));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(
          List.of("notes", "shard-a", "shard-a.manifest"),
          left.map(path -> path.getFileName().toString()).sorted().toList());
    }
    assertTrue(Files.exists(folder.resolve("shard-a/part-00000.parquet")));
  }

  /** A file in front of others does not shift them. */
  @Test
  void shardsAreNamedAfterTheirFiles() {
    assertEquals("shard-part-7.snappy", EncodingJob.shard(Path.of("x/part-7.snappy.parquet")));
  }
}
