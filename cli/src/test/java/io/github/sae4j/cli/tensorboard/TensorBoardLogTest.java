package io.github.sae4j.cli.tensorboard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardLogTest {
  @TempDir private Path folder;

  @Test
  void aFolderThatIsNotThereIsOneWarning() {
    List<String> warnings = new ArrayList<>();
    try (TensorBoardLog log = new TensorBoardLog(folder.resolve("gone"), warnings::add)) {
      log.started(0, 10);
      log.logged(Map.of("step", 1L, "losses/mse_loss", 2.0));
      log.checkpoint(folder);
      log.finished(Optional.empty());
    }
    assertEquals(1, warnings.size());
    assertTrue(warnings.getFirst().contains("metrics.jsonl goes on"), warnings::toString);
  }

  @Test
  void undefinedNumbersAreLeftOut() throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", 3L);
    line.put("metrics/fvu", null);
    line.put("sparsity/dead_features", 5);
    List<String> warnings = new ArrayList<>();
    try (TensorBoardLog log = new TensorBoardLog(folder, warnings::add)) {
      log.started(0, 10);
      log.logged(line);
    }
    assertEquals(List.of(), warnings);
    try (var files = Files.list(folder)) {
      String text = new String(Files.readAllBytes(files.findFirst().orElseThrow()), "ISO-8859-1");
      assertTrue(text.contains("sparsity/dead_features"));
      assertTrue(!text.contains("metrics/fvu"));
    }
  }

  @Test
  void filesOfOneSecondAreInOrder() throws IOException {
    for (int i = 0; i < 3; i++) {
      EventFile.create(folder, i).close();
    }
    List<String> names;
    try (var files = Files.list(folder)) {
      names = files.map(file -> file.getFileName().toString()).sorted().toList();
    }
    assertEquals(3, names.size());
    assertEquals(
        3, names.stream().map(name -> name.substring(0, 30)).distinct().count(), names::toString);
    // The first has no session, the others begin at steps 2 and 3.
    assertEquals(40, Files.size(folder.resolve(names.get(0))));
    byte[] last = Files.readAllBytes(folder.resolve(names.get(2)));
    assertArrayEquals(
        HexFormat.of().parseHex("10033a020801"),
        Arrays.copyOfRange(last, last.length - 10, last.length - 4));
  }

  @Test
  void numbersOfTheWireFormat() {
    // From the documentation of protocol buffers: 150 in field 1, "testing" in field 2.
    assertEquals("089601", HexFormat.of().formatHex(new ProtoWriter().int64(1, 150).toBytes()));
    assertEquals(
        "120774657374696e67",
        HexFormat.of().formatHex(new ProtoWriter().text(2, "testing").toBytes()));
    assertEquals(
        "08ffffffffffffffffff01",
        HexFormat.of().formatHex(new ProtoWriter().int64(1, -1).toBytes()));
  }
}
