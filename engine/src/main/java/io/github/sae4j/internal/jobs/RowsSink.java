package io.github.sae4j.internal.jobs;

import io.github.sae4j.memory.Matrix;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Output rows as a tensor {@code activations} F32 {@code [rows, d_out]}, which grows in place. */
final class RowsSink implements Sink {
  private static final String TENSOR = "activations";

  private final String file;
  private final long firstRow;
  private final int width;
  private final SafetensorsPlan plan;

  /**
   * A tensor.
   *
   * @param name of the file without suffix
   * @param firstRow number of the first row
   * @param rows how many rows there will be
   * @param width of a row
   */
  RowsSink(String name, long firstRow, long rows, int width) {
    this.file = name + ".safetensors";
    this.firstRow = firstRow;
    this.width = width;
    plan =
        new SafetensorsPlan(
            Map.of("first_row", Long.toString(firstRow)),
            List.of(
                new SafetensorsPlan.Part(TENSOR, "F32", Float.BYTES, List.of(rows, (long) width))));
  }

  @Override
  public Map<String, Object> describe() {
    return Map.of("format", "safetensors");
  }

  @Override
  public List<String> files() {
    return List.of(file);
  }

  @Override
  public void begin(ShardFile shard) throws IOException {
    shard.create(file, plan.header());
  }

  @Override
  public void resume(ShardFile shard) {
    // The position of a row follows from its number.
  }

  @Override
  public void write(ShardFile shard, Slot slot) throws IOException {
    Matrix out = slot.out();
    long at = plan.position(TENSOR) + (slot.first() - firstRow) * width * Float.BYTES;
    shard.put(file, at, out.segment().asSlice(0, out.size() * Float.BYTES));
  }

  @Override
  public void finish(ShardFile shard) {
    // The part is the file.
  }
}
