package io.github.sae4j.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import java.io.Closeable;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.ipc.message.ArrowDictionaryBatch;
import org.apache.arrow.vector.ipc.message.ArrowFooter;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Columns of texts, written message by message as arrow-java's writers would not. */
class ArrowTextsTest {
  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);

  @TempDir private Path temp;

  /** A file with one column of texts. */
  private static final class Messages implements Closeable {
    private final BufferAllocator memory = new RootAllocator();
    private final WriteChannel out;
    private final ArrowType type;
    private final ArrowType.Int numbers;
    private final Schema schema;
    private final boolean file;
    private final List<ArrowBlock> dictionaries = new ArrayList<>();
    private final List<ArrowBlock> batches = new ArrayList<>();

    /**
     * Begins one.
     *
     * @param numbers of a dictionary; null for texts themselves
     * @param file whether it is between magic words
     */
    Messages(Path path, ArrowType type, ArrowType.Int numbers, boolean file) throws IOException {
      this.type = type;
      this.numbers = numbers;
      this.file = file;
      DictionaryEncoding encoding =
          numbers == null ? null : new DictionaryEncoding(1, false, numbers);
      schema =
          new Schema(List.of(new Field("text", new FieldType(true, type, encoding), List.of())));
      out = new WriteChannel(Channels.newChannel(Files.newOutputStream(path)));
      if (file) {
        out.write(MAGIC);
        out.align();
      }
      MessageSerializer.serialize(out, schema);
    }

    private static FieldVector vector(ArrowType type, BufferAllocator memory) {
      return new Field("text", FieldType.nullable(type), List.of()).createVector(memory);
    }

    private FieldVector vector(String... texts) {
      FieldVector vector = vector(type, memory);
      vector.allocateNew();
      for (int i = 0; i < texts.length; i++) {
        byte[] bytes = texts[i] == null ? null : texts[i].getBytes(StandardCharsets.UTF_8);
        if (bytes == null) {
          vector.setNull(i);
          continue;
        }
        switch (vector) {
          case VarCharVector plain -> plain.setSafe(i, bytes);
          case LargeVarCharVector large -> large.setSafe(i, bytes);
          case ViewVarCharVector views -> views.setSafe(i, bytes);
          default -> throw new IllegalArgumentException(type.toString());
        }
      }
      vector.setValueCount(texts.length);
      return vector;
    }

    Messages dictionary(String... words) throws IOException {
      return words(false, words);
    }

    Messages further(String... words) throws IOException {
      return words(true, words);
    }

    private Messages words(boolean delta, String... words) throws IOException {
      try (VectorSchemaRoot root = VectorSchemaRoot.of(vector(words));
          ArrowDictionaryBatch batch =
              new ArrowDictionaryBatch(1, new VectorUnloader(root).getRecordBatch(), delta)) {
        dictionaries.add(MessageSerializer.serialize(out, batch));
      }
      return this;
    }

    Messages rows(String... texts) throws IOException {
      return batch(vector(texts));
    }

    Messages rows(int... words) throws IOException {
      FieldVector vector = vector(numbers, memory);
      vector.allocateNew();
      for (int i = 0; i < words.length; i++) {
        ((BaseIntVector) vector).setWithPossibleTruncate(i, words[i]);
      }
      vector.setValueCount(words.length);
      return batch(vector);
    }

    private Messages batch(FieldVector vector) throws IOException {
      try (VectorSchemaRoot root = VectorSchemaRoot.of(vector);
          ArrowRecordBatch batch = new VectorUnloader(root).getRecordBatch()) {
        batches.add(MessageSerializer.serialize(out, batch));
      }
      return this;
    }

    @Override
    public void close() throws IOException {
      out.writeIntLittleEndian(-1);
      out.writeIntLittleEndian(0);
      if (file) {
        long at = out.getCurrentPosition();
        out.write(new ArrowFooter(schema, dictionaries, batches), false);
        out.writeIntLittleEndian((int) (out.getCurrentPosition() - at));
        out.write(MAGIC);
      }
      out.close();
      memory.close();
    }
  }

  private static final ArrowType PLAIN = new ArrowType.Utf8();
  private static final ArrowType.Int INT = new ArrowType.Int(32, true);

  private Path path() {
    return temp.resolve("texts.arrow");
  }

  private Messages coded(boolean file) throws IOException {
    return new Messages(path(), PLAIN, INT, file);
  }

  private List<String> read(int skipped, int most) throws IOException {
    try (TensorColumns columns = new ArrowFormat().open(path())) {
      return Rows.texts(columns, "text", skipped, most);
    }
  }

  private String refusal() {
    BadFileException refused = assertThrows(BadFileException.class, () -> read(0, 100_000));
    assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
    return refused.getMessage();
  }

  /** Numbers beyond those that the type has with a sign, and a word that is none. */
  @ParameterizedTest
  @CsvSource({
    "8, true, 128, false",
    "8, false, 256, false",
    "16, true, 32768, true",
    "16, false, 65536, false",
    "32, true, 70000, false",
    "32, false, 70000, true",
    "64, true, 300, false",
    "64, false, 300, true",
  })
  void numbersOfWordsAreThoseOfTheirType(int bits, boolean signed, int count, boolean large)
      throws IOException {
    String[] words = new String[count];
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      words[i] = i == 5 ? null : "wörd " + i;
      rows[i] = (int) (i * 7919L % count);
    }
    rows[1] = count - 1;
    ArrowType type = large ? new ArrowType.LargeUtf8() : PLAIN;
    try (Messages out = new Messages(path(), type, new ArrowType.Int(bits, signed), false)) {
      out.dictionary(words).rows(rows);
    }
    List<String> expected = Arrays.stream(rows).mapToObj(i -> words[i]).toList();
    assertEquals(expected, read(0, count + 1));
  }

  /** Each batch has the words of its time. */
  @Test
  void aStreamAddsToItsDictionaryAndReplacesIt() throws IOException {
    try (Messages out = coded(false)) {
      out.dictionary("a", "b").rows(0, 1);
      out.further("c").rows(2, 0);
      out.further().further("d", "e").rows(4, 3, 2, 1, 0);
      out.dictionary("x", "y", "z").rows(2, 0);
      out.further("w").rows(3);
    }
    List<String> expected = List.of("a", "b", "c", "a", "e", "d", "c", "b", "a", "z", "x", "w");
    for (int skipped = 0; skipped <= 12; skipped++) {
      assertEquals(expected.subList(skipped, 12), read(skipped, 13));
    }
  }

  @Test
  void wordsThatComeLaterAreNotABatchsOwn() throws IOException {
    try (Messages out = coded(false)) {
      out.dictionary("a", "b").rows(0, 2).further("c").rows(2);
    }
    assertTrue(refusal().endsWith("number 2 of a dictionary that has 2"), refusal());
    assertEquals(List.of("c"), read(2, 1));
    try (Messages out = coded(false)) {
      out.rows(0).dictionary("a");
    }
    assertTrue(refusal().endsWith("number 0 of a dictionary that has 0"), refusal());
  }

  @ParameterizedTest
  @CsvSource({"true, -1", "false, 4294967295"})
  void numbersBeyondTheWordsAreRefused(boolean signed, String number) throws IOException {
    try (Messages out = new Messages(path(), PLAIN, new ArrowType.Int(32, signed), false)) {
      out.dictionary("a").rows(-1);
    }
    assertTrue(refusal().endsWith("number " + number + " of a dictionary that has 1"), refusal());
  }

  /** There the footer says where dictionaries are, which is anywhere. */
  @Test
  void dictionariesOfAFileMayLieBehindItsBatches() throws IOException {
    try (Messages out = coded(true)) {
      out.rows(0, 1, 2).dictionary("a", "b").rows(1).further("c");
    }
    assertEquals(List.of("a", "b", "c", "b"), read(0, 5));
    try (Messages out = coded(true)) {
      out.dictionary("a", "b").rows(0, 1).dictionary("c", "d").rows(1);
    }
    assertTrue(refusal().endsWith("expected one, and additions to it, got another"), refusal());
  }

  /** As of data that was written with new words in every batch. */
  @Test
  void whatManyAdditionsTakeGrowsWithTheirNumber() throws IOException {
    opened(100);
    long some = opened(3000);
    long twice = opened(6000);
    assertTrue(twice < 2.5 * some, some + " bytes, then " + twice);
  }

  private long opened(int batches) throws IOException {
    try (Messages out = coded(false)) {
      for (int i = 0; i < batches; i++) {
        out.further("word " + i).rows(i);
      }
    }
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try (TensorColumns columns = new ArrowFormat().open(path())) {
      long taken = threads.getCurrentThreadAllocatedBytes() - before;
      List<String> last = Rows.texts(columns, "text", batches - 1L, 2);
      assertEquals(List.of("word " + (batches - 1)), last);
      return taken;
    }
  }

  /** Up to 12 bytes lie in the view itself; others in one of several buffers. */
  @Test
  void viewsOfAllLengths() throws IOException {
    List<String> texts = new ArrayList<>();
    for (int bytes : new int[] {0, 1, 11, 12, 13, 14, 31}) {
      texts.add("é".repeat(bytes / 2) + "x".repeat(bytes % 2));
    }
    texts.add(null);
    for (int i = 0; i < 60; i++) {
      texts.add((i + " ").repeat(1000));
    }
    try (Messages out = new Messages(path(), new ArrowType.Utf8View(), null, false)) {
      String[] all = texts.toArray(String[]::new);
      try (ViewVarCharVector views = (ViewVarCharVector) out.vector(all)) {
        assertTrue(views.getDataBuffers().size() > 1, "several buffers");
      }
      out.rows(all).rows("last");
    }
    texts.add("last");
    assertEquals(texts, read(0, 100));
    assertEquals(texts.subList(3, 9), read(3, 6));
  }

  /** One more than the largest number is a negative one, which no buffer is too small for. */
  @ParameterizedTest
  @ValueSource(longs = {Long.MAX_VALUE, Long.MAX_VALUE - 7, 1L << 61, 4951 + 64})
  void lengthsBeyondTheBuffersAreRefused(long length) throws IOException {
    int count = 4951;
    String[] words = new String[count];
    Arrays.fill(words, "ab"); // none of whose offsets is 4951
    String fewer = "expected " + length + " texts in a batch, its buffers have fewer";
    for (ArrowType type : List.of(PLAIN, new ArrowType.LargeUtf8(), new ArrowType.Utf8View())) {
      for (ArrowType.Int numbers : new ArrowType.Int[] {null, INT}) {
        try (Messages out = new Messages(path(), type, numbers, false)) {
          if (numbers == null) {
            out.rows(words);
          } else {
            out.dictionary(words).rows(0, 1);
          }
        }
        ByteBuffer bytes =
            ByteBuffer.wrap(Files.readAllBytes(path())).order(ByteOrder.LITTLE_ENDIAN);
        int found = 0;
        for (int at = 0; at + 8 <= bytes.limit(); at += 8) {
          if (bytes.getLong(at) == count) {
            bytes.putLong(at, length);
            found++;
          }
        }
        assertEquals(2, found, "lengths of the batch and of its column");
        Files.write(path(), bytes.array());
        assertTrue(refusal().endsWith(fewer), refusal());
      }
    }
  }
}
