package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertNull;

import io.github.sae4j.memory.OffHeap;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Large headers that describe next to nothing: heap use stays a small multiple of their size. */
class BoundedMemoryTest {
  private static final int MANY = 20_000;

  @TempDir Path folder;

  private void check(Attempt.Reader reader, byte[] content) throws IOException {
    Path file = HandMade.file(folder, "large", content);
    try (OffHeap memory = new OffHeap()) {
      MemorySegment target = memory.block(Attempt.targetBytes());
      Attempt.read(reader, file, target); // loads classes
      Attempt attempt = Attempt.read(reader, file, target);
      assertNull(attempt.thrown());
      assertNull(attempt.complaint(content.length));
    }
  }

  private static String many(String separator, String each) {
    return IntStream.range(0, MANY)
        .mapToObj(i -> each.replace("#", Integer.toString(i, 36)))
        .collect(Collectors.joining(separator));
  }

  @Test
  void ofEmptyTensors() throws IOException {
    String each = "\"#\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
    check(Attempt.Reader.SAFETENSORS, HandMade.safetensors("{" + many(",", each) + "}"));
  }

  @Test
  void ofMetadata() throws IOException {
    String metadata = "{\"__metadata__\":{" + many(",", "\"#\":\"\"") + "}}";
    check(Attempt.Reader.SAFETENSORS, HandMade.safetensors(metadata));
  }

  @Test
  void ofJson() throws IOException {
    for (String text :
        new String[] {
          "[" + many(",", "[]") + "]",
          "[" + many(",", "[1]") + "]",
          "[" + many(",", "{\"\":1}") + "]",
          "{" + many(",", "\"#\":[]") + "}",
          "\"" + many("", "\\u0041") + "\""
        }) {
      check(Attempt.Reader.JSON, text.getBytes(StandardCharsets.UTF_8));
    }
  }

  @Test
  void ofZipMembers() throws IOException {
    byte[] array = HandMade.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0,)}");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (int i = 0; i < 2000; i++) {
        zip.putNextEntry(new ZipEntry(i + ".npy"));
        zip.write(array);
      }
    }
    check(Attempt.Reader.NPZ, bytes.toByteArray());
  }
}
