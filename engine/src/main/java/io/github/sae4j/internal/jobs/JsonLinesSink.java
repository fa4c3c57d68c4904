package io.github.sae4j.internal.jobs;

import io.github.sae4j.internal.json.CodeLine;
import io.github.sae4j.memory.SparseCodes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * Codes as JSON lines, {@code {"row": 0, "features": {"17": 0.42}}}, with all digits that a float
 * needs. Latents of value 0, as TopK with ReLU may hold, are not active and are left out.
 */
final class JsonLinesSink implements Sink {
  /** Characters that are buffered before they are written. */
  private static final int PIECE = 1 << 18;

  private final String file;
  private final StringBuilder text = new StringBuilder();

  /**
   * A file of codes.
   *
   * @param name of the file without suffix
   */
  JsonLinesSink(String name) {
    this.file = name + ".jsonl";
  }

  @Override
  public Map<String, Object> describe() {
    return Map.of("format", "jsonl");
  }

  @Override
  public List<String> files() {
    return List.of(file);
  }

  @Override
  public void begin(ShardFile shard) throws IOException {
    shard.create(file, new byte[0]);
  }

  @Override
  public void resume(ShardFile shard) {
    // Everything is appended.
  }

  @Override
  public void write(ShardFile shard, Slot slot) throws IOException {
    SparseCodes codes = slot.codes();
    for (int row = 0; row < codes.rows(); row++) {
      CodeLine.begin(slot.first() + row, text);
      boolean first = true;
      for (int i = 0; i < codes.length(row); i++) {
        float value = codes.value(row, i);
        if (value != 0) {
          CodeLine.feature(first, codes.index(row, i), value, text);
          first = false;
        }
      }
      CodeLine.end(text);
      if (text.length() >= PIECE || row == codes.rows() - 1) {
        byte[] utf8 = text.toString().getBytes(StandardCharsets.US_ASCII);
        shard.append(file, MemorySegment.ofArray(utf8));
        text.setLength(0);
      }
    }
  }

  @Override
  public void finish(ShardFile shard) {
    // The part is the file.
  }
}
