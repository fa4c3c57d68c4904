package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.files.DiskFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskFileTest {
  @TempDir Path folder;
  private Path path;

  @BeforeEach
  void create() throws IOException {
    path = Files.write(folder.resolve("a"), new byte[] {1, 2, 3, 4});
  }

  @AfterEach
  void clear() {
    Thread.interrupted();
  }

  @Test
  void everyOperationGoesOnWithTheFlagSetAndKeepsIt() throws IOException {
    Thread.currentThread().interrupt();
    try (DiskFile file = DiskFile.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      file.writeFully(ByteBuffer.wrap(new byte[] {9, 8}), 3);
      assertEquals(5, file.size());
      file.truncate(4);
      file.force();
      ByteBuffer read = ByteBuffer.allocate(4);
      assertEquals(4, file.read(read, 0));
      assertArrayEquals(new byte[] {1, 2, 3, 9}, read.array());
    }
    DiskFile.write(folder.resolve("b"), "text");
    DiskFile.force(path);
    DiskFile.forceFolder(folder);
    assertTrue(Thread.interrupted());
    assertEquals("text", Files.readString(folder.resolve("b")));
  }
}
