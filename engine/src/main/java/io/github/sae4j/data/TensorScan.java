package io.github.sae4j.data;

import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * A scan of a float tensor for rows that are not finite in {@code f32}. A row is what the last
 * dimension runs over. Memory does not depend on the size of the tensor.
 *
 * @param rows rows of the tensor
 * @param badRows rows with a value that is not finite
 * @param first the first of them and what is wrong, at most {@value LeftOut#NAMED}
 */
public record TensorScan(long rows, long badRows, List<String> first) {
  /** Values read at a time. */
  private static final int PIECE = 1 << 18;

  /** Copies the list. */
  public TensorScan {
    first = List.copyOf(first);
  }

  /**
   * Scans a tensor.
   *
   * @param file the open file
   * @param tensor one of its tensors
   * @param progress told how many values were read, after each piece
   * @return what was found; empty for integers, which are always finite, and for empty tensors
   * @throws IOException if reading fails
   */
  @SuppressWarnings(
      "exports") // For the command line, to which the package of tensor files is exported.
  public static Optional<TensorScan> of(TensorFile file, TensorInfo tensor, LongConsumer progress)
      throws IOException {
    if (!ActivationTensor.isFloat(tensor) || tensor.elements() == 0) {
      return Optional.empty();
    }
    long width = tensor.shape().isEmpty() ? 1 : tensor.shape().getLast();
    long badRows = 0;
    long lastBad = -1;
    List<String> first = new ArrayList<>();
    try (OffHeap memory = new OffHeap()) {
      Matrix piece = memory.vector((int) Math.min(PIECE, tensor.elements()));
      float[] values = new float[piece.cols()];
      for (long at = 0; at < tensor.elements(); at += values.length) {
        int count = (int) Math.min(values.length, tensor.elements() - at);
        file.readFloats(tensor, at, count, piece.segment(), 0);
        progress.accept(at + count);
        piece.read(0, 1, values, 0);
        for (int i = 0; i < count; i++) {
          long row = (at + i) / width;
          if (Float.isFinite(values[i]) || row == lastBad) {
            continue;
          }
          lastBad = row;
          badRows++;
          if (first.size() < LeftOut.NAMED) {
            RowOrigin origin = new RowOrigin(tensor.name(), row);
            double stored = file.readDouble(tensor, at + i);
            first.add(
                "row "
                    + row
                    + " "
                    + new BadRow(origin, (int) ((at + i) % width), stored).problem());
          }
        }
      }
    }
    return Optional.of(new TensorScan(tensor.elements() / width, badRows, first));
  }

  /**
   * This for a JSON file.
   *
   * @return numbers and texts by component name
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("rows", rows);
    map.put("bad_rows", badRows);
    map.put("first", new ArrayList<Object>(first));
    return map;
  }
}
