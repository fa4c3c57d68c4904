package io.github.sae4j.internal.tensors;

import static io.github.sae4j.internal.tensors.HandMade.file;
import static io.github.sae4j.internal.tensors.HandMade.floats;
import static io.github.sae4j.internal.tensors.HandMade.npy;
import static io.github.sae4j.internal.tensors.HandMade.read;
import static io.github.sae4j.internal.tensors.HandMade.safetensors;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorFileTest {
  private static final byte[] NPY =
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", floats(1, 2));

  @TempDir Path folder;

  @Test
  void tellsFormatsByTheirFirstBytes() throws IOException {
    byte[] safe =
        safetensors(
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", floats(1, 2));
    byte[] npz = NpzFileTest.zip(ZipEntry.STORED, "t.npy", NPY);
    for (byte[] content : List.of(safe, npz, NPY)) {
      try (TensorFile t = TensorFile.open(file(folder, "t", content))) {
        assertArrayEquals(new float[] {1, 2}, read(t, "t"));
      }
    }
    try (TensorFile t = TensorFile.open(file(folder, "empty", safetensors("{}")))) {
      assertEquals(List.of(), t.tensors());
    }
    try (TensorFile t = TensorFile.open(file(folder, "empty", NpzFileTest.zip(0)))) {
      assertEquals(List.of(), t.tensors());
    }
  }

  private String refusal(String name, byte... content) throws IOException {
    Path path = file(folder, name, content);
    return assertThrows(BadFileException.class, () -> TensorFile.open(path).close()).getMessage();
  }

  @Test
  void complainsInTheWordsOfTheSuffix() throws IOException {
    assertTrue(
        refusal("a.npy", new byte[20]).endsWith("expected an npy array, got something else"));
    assertTrue(refusal("a.npz", new byte[20]).contains("expected a zip file"));
    assertTrue(refusal("a.safetensors", new byte[20]).contains("starts with '{'"));
    assertTrue(refusal("a.bin", new byte[20]).endsWith("got something else"));
    assertTrue(refusal("a.npy").endsWith("got an empty one"));
  }

  @Test
  void filesOfTorchAreToldByTheirContent() throws IOException {
    byte[] pickle = {(byte) 0x80, 2, '}', 'q', 0, '.'};
    byte[] zip = NpzFileTest.zip(ZipEntry.STORED, "acts/data.pkl", pickle, "acts/data/0", NPY);
    for (String name : List.of("a.pt", "a.bin", "a", "a.pth")) {
      assertTrue(refusal(name, pickle).contains("got a plain pickle"));
      try (TensorFile t = TensorFile.open(file(folder, name, zip))) {
        assertEquals(List.of(), t.tensors());
      }
    }
  }

  @Test
  void aDescriptionKnowsItsSize() {
    assertEquals(24, new TensorInfo("a", ElementType.F64, List.of(3L, 1L)).bytes());
    assertEquals(1, new TensorInfo("a", ElementType.F64, List.of()).elements());
    for (List<Long> shape : List.of(List.of(-1L), List.of(1L << 60, 1L << 60))) {
      assertThrows(
          IllegalArgumentException.class, () -> new TensorInfo("a", ElementType.F64, shape));
    }
  }
}
