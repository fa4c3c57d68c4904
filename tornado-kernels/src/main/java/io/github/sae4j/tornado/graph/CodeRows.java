package io.github.sae4j.tornado.graph;

import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.tornado.kernels.StepControl;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The rows of codes that a single kernel gets: of any length, row after row without gaps. Kernels
 * are compiled for a number of codes that is rounded up ({@link Room}).
 */
public final class CodeRows {
  private final int rows;
  private final int room;
  private final int[] starts;
  private final int[] rowOf;

  private CodeRows(int rows, int room, int[] starts, int[] rowOf) {
    this.rows = rows;
    this.room = room;
    this.starts = starts;
    this.rowOf = rowOf;
  }

  /**
   * The rows of codes.
   *
   * @param codes the codes
   * @return where their rows begin, and which row each of them is in
   */
  public static CodeRows of(SparseCodes codes) {
    int[] starts = new int[codes.rows() + 1];
    codes.readStarts(starts);
    int room = Room.of(codes.size());
    int[] rowOf = new int[room];
    for (int row = 0; row < codes.rows(); row++) {
      Arrays.fill(rowOf, starts[row], starts[row + 1], row);
    }
    Arrays.fill(rowOf, codes.size(), room, -1);
    return new CodeRows(codes.rows(), room, starts, rowOf);
  }

  /**
   * Codes that there is room for.
   *
   * @return length of the arrays of codes
   */
  public int room() {
    return room;
  }

  /**
   * Declares the codes as arguments, in the order: indices, values, {@link #startsSegment}, {@link
   * #rowOfSegment}.
   *
   * @param kernel the kernel
   * @return its arrays; slot K of its control must be {@link #room()}
   */
  public TransposeTasks.Codes declare(CompiledKernel kernel) {
    IntArray indices = kernel.inputIndices("indices", room);
    FloatArray values = kernel.input("values", room);
    IntArray rowStarts = kernel.inputIndices("starts of rows", rows + 1L);
    return new TransposeTasks.Codes(
        indices, values, 0, StepControl.K, rowStarts, kernel.inputIndices("rows of codes", room));
  }

  /**
   * Where each row begins, and the last one ends.
   *
   * @return {@code rows + 1} ints
   */
  public MemorySegment startsSegment() {
    return MemorySegment.ofArray(starts);
  }

  /**
   * The row of each code.
   *
   * @return {@code room} ints; -1 beyond the last code
   */
  public MemorySegment rowOfSegment() {
    return MemorySegment.ofArray(rowOf);
  }
}
