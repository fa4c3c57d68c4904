package io.github.sae4j.internal.jobs;

import io.github.sae4j.internal.codes.CodeTensors;
import io.github.sae4j.memory.SparseCodes;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * Codes of rows that all hold k latents: {@code indices} I32 and {@code values} F32 {@code [rows,
 * k]}, which grow in place.
 */
final class EqualCodesSink implements Sink {
  private final String file;
  private final long firstRow;
  private final int k;
  private final SafetensorsPlan plan;

  /**
   * A file of codes.
   *
   * @param name of the file without suffix
   * @param firstRow number of the first row
   * @param rows how many rows there will be
   * @param k latents of a row
   * @param dSae number of all latents
   */
  EqualCodesSink(String name, long firstRow, long rows, int k, int dSae) {
    this.file = name + ".safetensors";
    this.firstRow = firstRow;
    this.k = k;
    List<Long> shape = List.of(rows, (long) k);
    plan =
        new SafetensorsPlan(
            CodeTensors.metadata(firstRow, dSae),
            List.of(
                new SafetensorsPlan.Part(CodeTensors.INDICES, "I32", Integer.BYTES, shape),
                new SafetensorsPlan.Part(CodeTensors.VALUES, "F32", Float.BYTES, shape)));
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
    SparseCodes codes = slot.codes();
    long at = (slot.first() - firstRow) * k * Integer.BYTES;
    shard.put(file, plan.position(CodeTensors.INDICES) + at, codes.indices());
    shard.put(file, plan.position(CodeTensors.VALUES) + at, codes.values());
  }

  @Override
  public void finish(ShardFile shard) {
    // The part is the file.
  }
}
