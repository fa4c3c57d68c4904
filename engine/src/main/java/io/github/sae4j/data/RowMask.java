package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.internal.tensors.UnreadableTensor;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.LongPredicate;

/**
 * Excludes rows, which are then neither trained on nor held out. In a mask, <b>1 (true)
 * excludes</b> the row and 0 (false) keeps it; beware that attention masks mean the opposite.
 *
 * <p>One bit per row, plus one count per 512 rows, so that the i-th kept row is found by a binary
 * search and a few bit counts.
 */
public final class RowMask {
  private static final int WORDS_PER_BLOCK = 8;
  private static final int READ_ROWS = 1 << 16;
  private static final long MOST_ROWS = (long) (Integer.MAX_VALUE - 8) * Long.SIZE;

  private static final String USUAL_NAME = "mask";

  private final String tensor;
  private final Path file;
  private final long rows;

  /** Bit {@code r} is set if row {@code r} is kept. */
  private final long[] kept;

  /** Kept rows before each block of 512. */
  private final long[] keptBefore;

  private final long keptRows;

  private RowMask(long rows, long[] kept, String tensor, Path file) {
    this.tensor = tensor;
    this.file = file;
    this.rows = rows;
    this.kept = kept;
    keptBefore = new long[(kept.length + WORDS_PER_BLOCK - 1) / WORDS_PER_BLOCK];
    long count = 0;
    for (int word = 0; word < kept.length; word++) {
      if (word % WORDS_PER_BLOCK == 0) {
        keptBefore[word / WORDS_PER_BLOCK] = count;
      }
      count += Long.bitCount(kept[word]);
    }
    keptRows = count;
  }

  /**
   * A mask from memory.
   *
   * @param excluded one value per row, true to exclude it
   * @return the mask
   * @throws IllegalArgumentException if no row is kept
   */
  public static RowMask of(boolean[] excluded) {
    long[] kept = words(excluded.length);
    for (int row = 0; row < excluded.length; row++) {
      if (!excluded[row]) {
        keep(kept, row);
      }
    }
    return someKept(new RowMask(excluded.length, kept, "", null));
  }

  /**
   * A mask of the rows that are something.
   *
   * @param rows number of rows, at least 1
   * @param excluded whether to exclude a row; asked once for each, in order
   * @return the mask
   * @throws IllegalArgumentException if no row is kept, or there are too many for a mask
   */
  public static RowMask where(long rows, LongPredicate excluded) {
    expectRows(rows);
    long[] kept = words(rows);
    for (long row = 0; row < rows; row++) {
      if (!excluded.test(row)) {
        keep(kept, row);
      }
    }
    return someKept(new RowMask(rows, kept, "", null));
  }

  /**
   * What this mask or another excludes.
   *
   * @param other a mask of as many rows
   * @return the mask, which is of no file
   * @throws IllegalArgumentException if the numbers of rows differ or no row is kept by both
   */
  public RowMask and(RowMask other) {
    if (other.rows != rows) {
      throw new IllegalArgumentException(
          "other: expected a mask of " + rows + " rows, got one of " + other.rows);
    }
    long[] both = kept.clone();
    for (int word = 0; word < both.length; word++) {
      both[word] &= other.kept[word];
    }
    return someKept(new RowMask(rows, both, "", null));
  }

  private static RowMask someKept(RowMask mask) {
    if (mask.keptRows == 0) {
      throw new IllegalArgumentException("excluded: expected at least one row to keep, got none");
    }
    return mask;
  }

  private static void expectRows(long rows) {
    if (rows < 1 || rows > MOST_ROWS) {
      throw new IllegalArgumentException("rows: expected 1 to " + MOST_ROWS + ", got " + rows);
    }
  }

  /** A mask that leaves out the given rows, some but not all. */
  static RowMask without(long rows, Iterable<Long> excluded) {
    long[] kept = words(rows);
    for (long row = 0; row < rows; row++) {
      keep(kept, row);
    }
    for (long row : excluded) {
      kept[(int) (row >>> 6)] &= ~(1L << row);
    }
    return new RowMask(rows, kept, "", null);
  }

  /** The rows of a source that this mask keeps. */
  ActivationSource keptOf(ActivationSource source) {
    return RowViews.selected(source, keptRows, this::keptRow);
  }

  /**
   * Reads a mask file: npy, npz or safetensors with one BOOL or U8 value per row, 1 to exclude it.
   * Any shape of that many elements is accepted, so {@code [seq, ctx]} fits activations of {@code
   * [seq, ctx, d_in]}. A tensor named {@code mask} is the mask, whatever else the file holds;
   * without one the only BOOL or U8 tensor is, if no other tensor has as many elements.
   *
   * @param file the file
   * @param rows rows of the activations it belongs to
   * @return the mask
   * @throws BadFileException if the file has no such tensor or the one named {@code mask} is of
   *     another type, its length is not {@code rows}, a value is neither 0 nor 1, or no row is kept
   * @throws IOException if reading fails
   */
  public static RowMask read(Path file, long rows) throws IOException {
    expectRows(rows);
    try (TensorFile tensors = TensorFile.open(file)) {
      TensorInfo tensor = choose(tensors, rows);
      if (tensor.elements() != rows) {
        throw new BadFileException(
            file,
            "expected a mask of "
                + rows
                + " values, one for each row of the activations, got "
                + tensor.shape());
      }
      long[] kept = words(rows);
      for (long first = 0; first < rows; first += READ_ROWS) {
        int count = (int) Math.min(READ_ROWS, rows - first);
        long[] values = tensors.readLongs(tensor, first, count);
        for (int i = 0; i < count; i++) {
          if (values[i] == 0) {
            keep(kept, first + i);
          } else if (values[i] != 1) {
            throw new BadFileException(
                file,
                "expected 0 (keep) or 1 (exclude), got " + values[i] + " at row " + (first + i));
          }
        }
      }
      RowMask mask = new RowMask(rows, kept, ActivationTensor.layout(tensor), file);
      if (mask.keptRows == 0) {
        throw new BadFileException(
            file, "excludes all " + rows + " rows (1 excludes a row, 0 keeps it)");
      }
      return mask;
    }
  }

  /**
   * The tensor that this mask was read from.
   *
   * @return for instance {@code 'mask' BOOL [512]}; empty for a mask from memory
   */
  public String tensor() {
    return tensor;
  }

  /**
   * The file that this mask was read from.
   *
   * @return its path; empty for a mask from memory
   */
  public Optional<Path> file() {
    return Optional.ofNullable(file);
  }

  /** {@return the number of rows, kept or not} */
  public long rows() {
    return rows;
  }

  /** {@return the number of rows that are kept, at least 1} */
  public long keptRows() {
    return keptRows;
  }

  /**
   * Whether a row is left out.
   *
   * @param row in {@code [0, rows)}
   * @return true if it is excluded
   * @throws IllegalArgumentException if the row is out of range
   */
  public boolean excluded(long row) {
    RowChecks.row(row, rows);
    return (kept[(int) (row >>> 6)] >>> row & 1) == 0;
  }

  /**
   * The i-th kept row.
   *
   * @param i in {@code [0, keptRows)}
   * @return its number among all rows
   * @throws IllegalArgumentException if {@code i} is out of range
   */
  public long keptRow(long i) {
    RowChecks.row(i, keptRows);
    int block = Arrays.binarySearch(keptBefore, i);
    // Blocks without kept rows repeat a count: any of them will do, the loop over words skips them.
    block = block < 0 ? -block - 2 : block;
    long left = i - keptBefore[block];
    int word = block * WORDS_PER_BLOCK;
    for (int count = Long.bitCount(kept[word]); left >= count; count = Long.bitCount(kept[word])) {
      left -= count;
      word++;
    }
    long bits = kept[word];
    for (; left > 0; left--) {
      bits &= bits - 1;
    }
    return (long) word * Long.SIZE + Long.numberOfTrailingZeros(bits);
  }

  /**
   * Identifies this mask in a run's records.
   *
   * @return SHA-256 in hex of its length and bits
   */
  public String sha256() {
    MessageDigest digest = Sha256.digest();
    digest.update((rows + "\n").getBytes(StandardCharsets.US_ASCII));
    byte[] bytes = new byte[Long.BYTES];
    for (long word : kept) {
      for (int i = 0; i < Long.BYTES; i++) {
        bytes[i] = (byte) (word >>> 8 * i);
      }
      digest.update(bytes);
    }
    return Sha256.hex(digest);
  }

  private static TensorInfo choose(TensorFile file, long rows) throws IOException {
    boolean usual =
        file.unreadable().containsKey(USUAL_NAME)
            || file.tensors().stream().anyMatch(tensor -> tensor.name().equals(USUAL_NAME));
    if (usual && file.named()) {
      TensorInfo named = file.tensor(USUAL_NAME);
      if (!isMask(named)) {
        throw new BadFileException(
            file.path(),
            "expected a mask of type BOOL or U8, got " + ActivationTensor.list(List.of(named)));
      }
      return named;
    }
    List<TensorInfo> candidates = file.tensors().stream().filter(RowMask::isMask).toList();
    if (candidates.isEmpty()) {
      throw new BadFileException(
          file.path(), "expected a mask of type BOOL or U8, got " + ActivationTensor.listAll(file));
    }
    boolean another =
        file.tensors().stream().anyMatch(tensor -> !isMask(tensor) && tensor.elements() == rows)
            || file.unreadable().values().stream().anyMatch(tensor -> count(tensor) == rows);
    if (candidates.size() > 1 || another) {
      throw new BadFileException(
          file.path(),
          "which tensor is the mask? Expected one named '"
              + USUAL_NAME
              + "', got "
              + ActivationTensor.listAll(file));
    }
    return candidates.getFirst();
  }

  private static boolean isMask(TensorInfo tensor) {
    return tensor.type() == ElementType.BOOL || tensor.type() == ElementType.U8;
  }

  private static double count(UnreadableTensor tensor) {
    return tensor.shape().stream().mapToDouble(Long::doubleValue).reduce(1, (a, b) -> a * b);
  }

  private static long[] words(long rows) {
    return new long[(int) ((rows + Long.SIZE - 1) / Long.SIZE)];
  }

  private static void keep(long[] kept, long row) {
    kept[(int) (row >>> 6)] |= 1L << row;
  }
}
