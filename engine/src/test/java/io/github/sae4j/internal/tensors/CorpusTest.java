package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every file of the corpus is malformed: each is refused with one line, in bounded memory. */
class CorpusTest {
  static List<Path> files() throws IOException, URISyntaxException {
    try (Stream<Path> files = Files.list(NpyFileTest.made("corpus"))) {
      return files.sorted().toList();
    }
  }

  static Attempt.Reader reader(Path file) {
    String name = file.getFileName().toString();
    return switch (name.substring(name.lastIndexOf('.') + 1)) {
      case "safetensors" -> Attempt.Reader.SAFETENSORS;
      case "npy" -> Attempt.Reader.NPY;
      case "npz" -> Attempt.Reader.NPZ;
      default -> Attempt.Reader.JSON;
    };
  }

  @ParameterizedTest
  @MethodSource("files")
  void isRefused(Path file) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      MemorySegment target = memory.block(Attempt.targetBytes());
      Attempt.read(reader(file), file, target); // loads classes, which the second try need not
      Attempt attempt = Attempt.read(reader(file), file, target);
      assertInstanceOf(BadFileException.class, attempt.thrown());
      assertTrue(attempt.thrown().getMessage().startsWith(file + ": "));
      assertNull(attempt.complaint(Files.size(file)));
    }
  }

  @Test
  void isThere() throws Exception {
    assertTrue(files().size() >= 140);
  }
}
