package io.github.sae4j.data;

import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Identifies a run's activations by sizes, types and a hash of sampled content. Two sources of
 * equal identity are taken to hold the same rows in the same order; paths do not matter.
 *
 * <p>The content hash is SHA-256 over row numbers and the {@code f32} bits (little-endian) of
 * {@value #BLOCKS} blocks of {@value #BLOCK_ROWS} rows spread evenly from the first row to the
 * last, then of the first and last row of up to {@value #EDGE_FILES} files. A change between the
 * samples goes unnoticed: this tells data sets apart, it is no integrity check.
 *
 * @param rows number of rows
 * @param width values in a row, {@code d_in}
 * @param files number of files, 1 for data in memory
 * @param types element types as stored, sorted, joined by commas
 * @param shapes SHA-256 in hex of the files' types and shapes in order
 * @param content SHA-256 in hex of sampled rows
 * @param mask SHA-256 in hex of the mask that excludes rows, empty without one
 */
public record DataIdentity(
    long rows, int width, int files, String types, String shapes, String content, String mask) {
  private static final int BLOCKS = 64;
  private static final int BLOCK_ROWS = 8;

  /** Values hashed at a time. */
  private static final int PIECE = 1 << 12;

  /** Bounds the reads when there are thousands of shards. */
  static final int EDGE_FILES = 128;

  /** Refuses missing parts. */
  public DataIdentity {
    Objects.requireNonNull(types, "types");
    Objects.requireNonNull(shapes, "shapes");
    Objects.requireNonNull(content, "content");
    Objects.requireNonNull(mask, "mask");
  }

  /**
   * This data with rows excluded.
   *
   * @param excluded the mask, if there is one
   * @return the same identity with the mask's hash in it
   */
  public DataIdentity withMask(Optional<RowMask> excluded) {
    String hash = excluded.map(RowMask::sha256).orElse("");
    return new DataIdentity(rows, width, files, types, shapes, content, hash);
  }

  /**
   * Lists the differences between this data and other data.
   *
   * @param now the other data
   * @return one clause per difference, such as {@code rows were 4096, are now 8192}; empty if equal
   */
  public List<String> differences(DataIdentity now) {
    List<String> found = new ArrayList<>();
    compare(found, "rows were", rows, "are now", now.rows);
    compare(found, "row width was", width, "is now", now.width);
    compare(found, "number of files was", files, "is now", now.files);
    compare(found, "element type was", types, "is now", now.types);
    if (found.isEmpty() && !shapes.equals(now.shapes)) {
      found.add("the rows are divided among the files in another way or order");
    }
    if (found.isEmpty() && !content.equals(now.content)) {
      found.add("shapes are equal but sampled rows hold other values");
    }
    if (!mask.equals(now.mask)) {
      found.add(
          mask.isEmpty()
              ? "a mask is now given, there was none"
              : now.mask.isEmpty() ? "the mask is now missing" : "the mask is another");
    }
    return found;
  }

  /**
   * This identity for a JSON file.
   *
   * @return numbers and strings by component name, in order
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("rows", rows);
    map.put("width", width);
    map.put("files", files);
    map.put("types", types);
    map.put("shapes", shapes);
    map.put("content", content);
    map.put("mask", mask);
    return map;
  }

  /**
   * Reads back what {@link #toMap} gave.
   *
   * @param map numbers and strings by component name
   * @return the identity
   * @throws IllegalArgumentException if a component is missing or of the wrong type
   */
  public static DataIdentity fromMap(Map<String, ?> map) {
    return new DataIdentity(
        part(map, "rows", Number.class).longValue(),
        part(map, "width", Number.class).intValue(),
        part(map, "files", Number.class).intValue(),
        part(map, "types", String.class),
        part(map, "shapes", String.class),
        part(map, "content", String.class),
        part(map, "mask", String.class));
  }

  /**
   * Samples a source.
   *
   * @param source the rows
   * @param layouts type and shape of each file, such as {@code F16 [16384, 384]}
   * @param edges further rows to sample: the files' first and last, bounded by the caller
   */
  static DataIdentity sample(
      ActivationSource source, String types, List<String> layouts, long[] edges)
      throws IOException {
    MessageDigest shapes = Sha256.digest();
    for (String layout : layouts) {
      shapes.update((layout + "\n").getBytes(StandardCharsets.UTF_8));
    }
    MessageDigest content = Sha256.digest();
    int blockRows = (int) Math.min(BLOCK_ROWS, source.rows());
    try (OffHeap memory = new OffHeap()) {
      Matrix block = memory.matrix(blockRows, source.width());
      for (long first : new TreeSet<>(blockStarts(source.rows() - blockRows))) {
        source.readRange(first, blockRows, block);
        update(content, first, blockRows, block);
      }
      for (long row : edges) {
        source.readRange(row, 1, block);
        update(content, row, 1, block);
      }
    }
    return new DataIdentity(
        source.rows(),
        source.width(),
        layouts.size(),
        types,
        Sha256.hex(shapes),
        Sha256.hex(content),
        "");
  }

  private static List<Long> blockStarts(long last) {
    List<Long> starts = new ArrayList<>();
    long step = last / (BLOCKS - 1);
    long rest = last % (BLOCKS - 1);
    for (int i = 0; i < BLOCKS; i++) {
      starts.add(i * step + i * rest / (BLOCKS - 1));
    }
    return starts;
  }

  private static void update(MessageDigest digest, long first, int rows, Matrix block) {
    ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    digest.update(bytes.putLong(first).flip());
    float[] piece = new float[PIECE];
    long end = (long) rows * block.cols();
    for (long at = 0; at < end; at += PIECE) {
      int count = (int) Math.min(PIECE, end - at);
      MemorySegment.copy(block.segment(), Matrix.FLOAT, at * Float.BYTES, piece, 0, count);
      bytes.clear();
      bytes.asFloatBuffer().put(piece, 0, count);
      digest.update(bytes.limit(count * Float.BYTES));
    }
  }

  private static void compare(
      List<String> found, String before, Object then, String after, Object now) {
    if (!then.equals(now)) {
      found.add(before + " " + then + ", " + after + " " + now);
    }
  }

  private static <T> T part(Map<String, ?> map, String name, Class<T> type) {
    Object value = map.get(name);
    if (!type.isInstance(value)) {
      throw new IllegalArgumentException(
          "data identity: expected a "
              + type.getSimpleName().toLowerCase(Locale.ROOT)
              + " named '"
              + name
              + "', got "
              + value);
    }
    return type.cast(value);
  }
}
