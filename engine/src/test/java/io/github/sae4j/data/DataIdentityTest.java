package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataIdentityTest {
  @TempDir Path folder;

  private static DataIdentity identity(Path path) throws IOException {
    try (ActivationFiles files = ActivationFiles.open(List.of(path.toString()), Optional.empty())) {
      return files.identity();
    }
  }

  private void onlyDifference(String expected, DataIdentity before, DataIdentity now) {
    assertEquals(List.of(expected), before.differences(now));
  }

  @Test
  void doesNotDependOnThePath() throws IOException {
    Path one = Dump.safetensors(folder.resolve("one.safetensors"), 0, 1000, 3);
    Path other = folder.resolve("elsewhere").resolve("other.safetensors");
    Files.createDirectory(other.getParent());
    Files.copy(one, other);
    DataIdentity identity = identity(one);
    assertEquals(identity, identity(other));
    assertEquals(List.of(), identity.differences(identity(other)));
    assertEquals(1000, identity.rows());
    assertEquals("F32", identity.types());
  }

  /** Runs of earlier versions must recognise their data. */
  @Test
  void hashesTheSameBytesForEver() throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix wide = memory.matrix(1000, 5000);
      for (int row = 0; row < wide.rows(); row++) {
        for (int col = 0; col < wide.cols(); col++) {
          wide.set(row, col, row - col / 8f);
        }
      }
      assertEquals(
          "676744df746fdcd15df88ccdf50148cdd949cb22bebc9e08676fb3b8fea82829",
          new MatrixSource(wide, "wide").identity().content());
    }
  }

  @Test
  void saysWhatDiffers() throws IOException {
    Path file = folder.resolve("a").resolve("0.safetensors");
    DataIdentity before = identity(Dump.safetensors(file, 0, 10, 3));
    onlyDifference("rows were 10, are now 11", before, identity(Dump.safetensors(file, 0, 11, 3)));
    onlyDifference("row width was 3, is now 4", before, identity(Dump.safetensors(file, 0, 10, 4)));
    onlyDifference(
        "element type was F32, is now F16",
        before,
        identity(new Dump().add("x", ElementType.F16, 0, 10, 3).write(file)));
    onlyDifference(
        "the rows are divided among the files in another way or order",
        before,
        identity(new Dump().add("x", ElementType.F32, 0, 5, 2, 3).write(file)));
    onlyDifference(
        "shapes are equal but sampled rows hold other values",
        before,
        identity(Dump.safetensors(file, 1, 10, 3)));
    Dump.safetensors(file, 0, 6, 3);
    Dump.safetensors(file.resolveSibling("1.safetensors"), 6, 4, 3);
    onlyDifference("number of files was 1, is now 2", before, identity(file.getParent()));
  }

  @Test
  void seesAFilesLastRow() throws IOException {
    Path first = Dump.safetensors(folder.resolve("d/0.safetensors"), 0, 50_000, 2);
    Dump.safetensors(folder.resolve("d/1.safetensors"), 0, 70_001, 2);
    DataIdentity before = identity(first.getParent());
    try (RandomAccessFile file = new RandomAccessFile(first.toFile(), "rw")) {
      file.seek(file.length() - 1);
      file.write(0x11);
    }
    assertEquals(1, before.differences(identity(first.getParent())).size());
  }

  @Test
  void includesTheMask() throws IOException {
    DataIdentity plain = identity(Dump.safetensors(folder.resolve("a.safetensors"), 0, 3, 2));
    DataIdentity masked =
        plain.withMask(Optional.of(RowMask.of(new boolean[] {true, false, false})));
    DataIdentity other =
        plain.withMask(Optional.of(RowMask.of(new boolean[] {false, true, false})));
    onlyDifference("a mask is now given, there was none", plain, masked);
    onlyDifference("the mask is now missing", masked, plain);
    onlyDifference("the mask is another", masked, other);
    assertEquals(plain, masked.withMask(Optional.empty()));
  }

  @Test
  void survivesJson() throws IOException {
    DataIdentity identity = identity(Dump.safetensors(folder.resolve("a.safetensors"), 0, 3, 2));
    Map<String, Object> map = new HashMap<>(identity.toMap());
    // A JSON reader may choose other number types than were written.
    map.put("rows", 3);
    map.put("width", 2L);
    assertEquals(identity, DataIdentity.fromMap(map));
    map.remove("content");
    var e = assertThrows(IllegalArgumentException.class, () -> DataIdentity.fromMap(map));
    assertTrue(e.getMessage().contains("'content'"), e.getMessage());
    map.put("content", 7);
    assertThrows(IllegalArgumentException.class, () -> DataIdentity.fromMap(map));
  }
}
