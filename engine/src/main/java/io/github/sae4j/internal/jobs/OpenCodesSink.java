package io.github.sae4j.internal.jobs;

import io.github.sae4j.internal.codes.CodeTensors;
import io.github.sae4j.memory.SparseCodes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Codes of rows that hold any number of latents, in compressed rows: {@code indptr} I64 {@code
 * [rows + 1]}, {@code indices} I32 and {@code values} F32. Their number is only known at the end;
 * until then each tensor is a part of its own.
 */
final class OpenCodesSink implements Sink {
  private final String file;
  private final long firstRow;
  private final long rows;
  private final int dSae;
  private int[] starts = new int[0];

  /**
   * A file of codes.
   *
   * @param name of the file without suffix
   * @param firstRow number of the first row
   * @param rows how many rows there will be
   * @param dSae number of all latents
   */
  OpenCodesSink(String name, long firstRow, long rows, int dSae) {
    this.file = name + ".safetensors";
    this.firstRow = firstRow;
    this.rows = rows;
    this.dSae = dSae;
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
    shard.create(CodeTensors.INDPTR, new byte[Long.BYTES]);
    shard.create(CodeTensors.INDICES, new byte[0]);
    shard.create(CodeTensors.VALUES, new byte[0]);
  }

  @Override
  public void resume(ShardFile shard) {
    // Everything is appended.
  }

  @Override
  public void write(ShardFile shard, Slot slot) throws IOException {
    SparseCodes codes = slot.codes();
    if (starts.length <= codes.rows()) {
      starts = new int[codes.rows() + 1];
    }
    codes.readStarts(starts);
    long before = shard.size(CodeTensors.INDICES) / Integer.BYTES;
    ByteBuffer ends = ByteBuffer.allocate(codes.rows() * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int row = 1; row <= codes.rows(); row++) {
      ends.putLong(before + starts[row]);
    }
    shard.append(CodeTensors.INDPTR, MemorySegment.ofArray(ends.array()));
    shard.append(CodeTensors.INDICES, codes.indices());
    shard.append(CodeTensors.VALUES, codes.values());
  }

  @Override
  public void finish(ShardFile shard) throws IOException {
    List<Long> count = List.of(shard.size(CodeTensors.INDICES) / Integer.BYTES);
    SafetensorsPlan plan =
        new SafetensorsPlan(
            CodeTensors.metadata(firstRow, dSae),
            List.of(
                new SafetensorsPlan.Part(CodeTensors.INDPTR, "I64", Long.BYTES, List.of(rows + 1)),
                new SafetensorsPlan.Part(CodeTensors.INDICES, "I32", Integer.BYTES, count),
                new SafetensorsPlan.Part(CodeTensors.VALUES, "F32", Float.BYTES, count)));
    Map<String, String> tensors = new LinkedHashMap<>();
    for (String tensor : List.of(CodeTensors.INDPTR, CodeTensors.INDICES, CodeTensors.VALUES)) {
      tensors.put(tensor, tensor);
    }
    shard.assemble(file, plan, tensors);
  }
}
