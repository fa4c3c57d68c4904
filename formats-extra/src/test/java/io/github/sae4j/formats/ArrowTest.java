package io.github.sae4j.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TextCursor;
import io.github.sae4j.internal.tensors.TensorFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float2Vector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.ArrowWriter;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files that arrow-java wrote, laid out as Hugging Face's data sets and SAELens's cached
 * activations are: a sequence a row, a list of lists for each hook, token ids beside it.
 */
class ArrowTest {
  private static final String HOOK = "blocks.8.hook_resid_pre";
  private static final int CONTEXT = 3;
  private static final int WIDTH = 5;

  /** Rows of the batches; one has none. */
  private static final int[] BATCHES = {4, 0, 7, 1};

  @TempDir Path temp;

  private static Field field(String name, ArrowType type, Field... children) {
    return new Field(name, FieldType.nullable(type), List.of(children));
  }

  private static final ArrowType SINGLE =
      new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);

  private static final Schema SCHEMA =
      new Schema(
          List.of(
              field("text", new ArrowType.Utf8()),
              field("title", new ArrowType.LargeUtf8()),
              field(
                  HOOK,
                  new ArrowType.List(),
                  field("item", new ArrowType.List(), field("item", SINGLE))),
              field("token_ids", new ArrowType.List(), field("item", new ArrowType.Int(32, true))),
              field("fixed", new ArrowType.FixedSizeList(WIDTH), field("item", SINGLE)),
              field(
                  "half",
                  new ArrowType.FixedSizeList(2),
                  field("item", new ArrowType.FloatingPoint(FloatingPointPrecision.HALF))),
              field(
                  "large",
                  new ArrowType.LargeList(),
                  field("item", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE))),
              field("uneven", new ArrowType.List(), field("item", SINGLE)),
              field("nulls", new ArrowType.List(), field("item", SINGLE)),
              field("label", new ArrowType.Int(64, true))),
          Map.of("huggingface", "{\"info\": {}}"));

  private static float value(int row, int column) {
    return (float) Math.sin(row * 1.7 + column);
  }

  private Path write(String name, boolean fileFormat) throws IOException {
    Path file = temp.resolve(name);
    try (BufferAllocator memory = new RootAllocator();
        VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, memory);
        OutputStream out = Files.newOutputStream(file);
        WritableByteChannel channel = Channels.newChannel(out);
        ArrowWriter writer =
            fileFormat
                ? new ArrowFileWriter(root, null, channel)
                : new ArrowStreamWriter(root, null, channel)) {
      writer.start();
      int first = 0;
      for (int rows : BATCHES) {
        fill(root, first, rows);
        writer.writeBatch();
        first += rows;
      }
      writer.end();
    }
    return file;
  }

  private static void fill(VectorSchemaRoot root, int first, int rows) {
    root.clear();
    for (FieldVector vector : root.getFieldVectors()) {
      vector.allocateNew();
    }
    ListVector hook = (ListVector) root.getVector(HOOK);
    ListVector inner = (ListVector) hook.getDataVector();
    Float4Vector values = (Float4Vector) inner.getDataVector();
    ListVector tokens = (ListVector) root.getVector("token_ids");
    FixedSizeListVector fixed = (FixedSizeListVector) root.getVector("fixed");
    FixedSizeListVector half = (FixedSizeListVector) root.getVector("half");
    LargeListVector large = (LargeListVector) root.getVector("large");
    ListVector uneven = (ListVector) root.getVector("uneven");
    ListVector nulls = (ListVector) root.getVector("nulls");
    int token = 0;
    for (int r = 0; r < rows; r++) {
      int row = first + r;
      if (row != 5) {
        ((VarCharVector) root.getVector("text"))
            .setSafe(r, ("téxt " + row).getBytes(StandardCharsets.UTF_8));
      }
      ((LargeVarCharVector) root.getVector("title"))
          .setSafe(r, ("title " + row).getBytes(StandardCharsets.UTF_8));
      ((BigIntVector) root.getVector("label")).setSafe(r, row % 2);
      hook.startNewValue(r);
      for (int t = 0; t < CONTEXT; t++, token++) {
        inner.startNewValue(token);
        for (int j = 0; j < WIDTH; j++) {
          values.setSafe(token * WIDTH + j, value(row * CONTEXT + t, j));
        }
        inner.endValue(token, WIDTH);
      }
      hook.endValue(r, CONTEXT);
      tokens.startNewValue(r);
      for (int t = 0; t < CONTEXT; t++) {
        ((IntVector) tokens.getDataVector()).setSafe(r * CONTEXT + t, 100 * row + t);
      }
      tokens.endValue(r, CONTEXT);
      fixed.startNewValue(r);
      half.startNewValue(r);
      for (int j = 0; j < WIDTH; j++) {
        ((Float4Vector) fixed.getDataVector()).setSafe(r * WIDTH + j, value(row, j));
      }
      for (int j = 0; j < 2; j++) {
        ((Float2Vector) half.getDataVector())
            .setSafe(r * 2 + j, Float.floatToFloat16(value(row, j)));
      }
      large.startNewValue(r);
      for (int j = 0; j < 2; j++) {
        ((Float8Vector) large.getDataVector()).setSafe(r * 2 + j, Math.cos(row + j));
      }
      large.endValue(r, 2);
      int start = uneven.startNewValue(r);
      for (int j = 0; j <= row % 2; j++) {
        ((Float4Vector) uneven.getDataVector()).setSafe(start + j, j);
      }
      uneven.endValue(r, 1 + row % 2);
      if (row == 2) {
        nulls.setNull(r);
      } else {
        int at = nulls.startNewValue(r);
        ((Float4Vector) nulls.getDataVector()).setSafe(at, row);
        nulls.endValue(r, 1);
      }
    }
    inner.setValueCount(token);
    root.setRowCount(rows);
  }

  private static float[][] expected(int rows, int width) {
    float[][] expected = new float[rows][width];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < width; j++) {
        expected[i][j] = value(i, j);
      }
    }
    return expected;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void columnsOfListsAreTensors(boolean fileFormat) throws IOException {
    Path file = write("data-00000-of-00001.arrow", fileFormat);
    Path sequences = Rows.npy(temp.resolve("a.npy"), expected(12 * CONTEXT, WIDTH));
    Rows.expectSame(sequences, file, HOOK);
    Rows.expectSame(Rows.npy(temp.resolve("b.npy"), expected(12, WIDTH)), file, "fixed");
    float[][] halves = Rows.read(file, "half");
    float[][] large = Rows.read(file, "large");
    for (int row = 0; row < 12; row++) {
      for (int j = 0; j < 2; j++) {
        short half = Float.floatToFloat16(value(row, j));
        assertEquals(Float.float16ToFloat(half), halves[row][j]);
        assertEquals((float) Math.cos(row + j), large[row][j]);
      }
    }
    try (ActivationFiles files =
        ActivationFiles.open(List.of(file.toString()), Optional.of(HOOK))) {
      assertEquals(CONTEXT, files.contextSize().orElseThrow());
    }
    try (TensorFile tensors = TensorFile.open(file)) {
      long[] tokens = tensors.readLongs(tensors.tensor("token_ids"), 0, 12 * CONTEXT);
      assertEquals(List.of(12L, (long) CONTEXT), tensors.tensor("token_ids").shape());
      assertEquals(1102, tokens[11 * CONTEXT + 2]);
      assertArrayEquals(
          new long[] {1}, tensors.readLongs(tensors.tensor("label"), 11, 1), "labels");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void textsAreReadInTheOrderOfTheRows(boolean fileFormat) throws IOException {
    try (TensorColumns columns = new ArrowFormat().open(write("data.arrow", fileFormat))) {
      assertEquals(List.of("text", "title"), columns.texts());
      for (int skipped : new int[] {0, 1, 3, 7, 12, 20}) {
        for (int rows : new int[] {0, 3, 12, 20}) {
          List<String> texts = Rows.texts(columns, "text", skipped, rows);
          List<String> titles = Rows.texts(columns, "title", skipped, rows);
          assertEquals(Math.clamp(12 - skipped, 0, rows), texts.size());
          for (int i = 0; i < texts.size(); i++) {
            int row = skipped + i;
            assertEquals(row == 5 ? null : "téxt " + row, texts.get(i));
            assertEquals("title " + row, titles.get(i));
          }
        }
      }
      try (TextCursor all = columns.openTexts("text")) {
        assertEquals(5, all.skip(5));
        assertEquals(7, all.skip(8));
      }
    }
  }

  private static final int CODED = 20_000;

  private static String word(int number) {
    return number == 3 ? "a word of more than twelve bytes" : "wörd " + number;
  }

  /** Which word a row of the coded columns has; -1 for none. */
  private static int wordOf(int row) {
    return row % 11 == 7 ? -1 : row % 5;
  }

  /**
   * Categories of pandas and polars are numbers of a dictionary, and polars writes views: short
   * texts in the view itself, longer ones in buffers beside it.
   */
  private Path writeCoded(String name, boolean fileFormat) throws IOException {
    Path file = temp.resolve(name);
    try (BufferAllocator memory = new RootAllocator();
        VarCharVector plain = new VarCharVector("words", memory);
        ViewVarCharVector views = new ViewVarCharVector("words", memory);
        OutputStream out = Files.newOutputStream(file);
        WritableByteChannel channel = Channels.newChannel(out)) {
      for (int i = 0; i < 5; i++) {
        plain.setSafe(i, word(i).getBytes(StandardCharsets.UTF_8));
        views.setSafe(i, word(i).getBytes(StandardCharsets.UTF_8));
      }
      plain.setValueCount(5);
      views.setValueCount(5);
      MapDictionaryProvider provider = new MapDictionaryProvider();
      List<Field> fields = new ArrayList<>();
      fields.add(field("view", new ArrowType.Utf8View()));
      int id = 0;
      for (int bits : new int[] {8, 16, 32, 64}) {
        for (boolean signed : new boolean[] {true, false}) {
          DictionaryEncoding encoding =
              new DictionaryEncoding(++id, false, new ArrowType.Int(bits, signed));
          provider.put(new Dictionary(signed ? plain : views, encoding));
          fields.add(
              new Field(
                  (signed ? "i" : "u") + bits,
                  new FieldType(true, encoding.getIndexType(), encoding),
                  List.of()));
        }
      }
      fields.add(field("id", new ArrowType.Int(64, true)));
      try (VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(fields), memory);
          ArrowWriter writer =
              fileFormat
                  ? new ArrowFileWriter(root, provider, channel)
                  : new ArrowStreamWriter(root, provider, channel)) {
        writer.start();
        int half = CODED / 2 + 3;
        for (int first = 0; first < CODED; first += half) {
          fillCoded(root, first, Math.min(half, CODED - first));
          writer.writeBatch();
        }
        writer.end();
      }
    }
    return file;
  }

  private static void fillCoded(VectorSchemaRoot root, int first, int rows) {
    root.clear();
    for (FieldVector vector : root.getFieldVectors()) {
      vector.allocateNew();
      for (int r = 0; r < rows; r++) {
        int word = wordOf(first + r);
        if (vector.getName().equals("id")) {
          ((BigIntVector) vector).setSafe(r, first + r);
        } else if (word < 0) {
          vector.setNull(r);
        } else if (vector instanceof ViewVarCharVector views) {
          views.setSafe(r, word(word).getBytes(StandardCharsets.UTF_8));
        } else {
          ((BaseIntVector) vector).setWithPossibleTruncate(r, word);
        }
      }
    }
    root.setRowCount(rows);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void dictionariesAndViewsAreTexts(boolean fileFormat) throws IOException {
    Path file = writeCoded("coded.arrow", fileFormat);
    try (TensorColumns columns = new ArrowFormat().open(file)) {
      assertEquals(
          List.of("view", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"), columns.texts());
      List<String> expected = new ArrayList<>();
      for (int row = 0; row < CODED; row++) {
        expected.add(wordOf(row) < 0 ? null : word(wordOf(row)));
      }
      for (String column : columns.texts()) {
        assertEquals(expected, Rows.texts(columns, column, 0, CODED + 1), column);
        assertEquals(
            expected.subList(9_999, 10_030), Rows.texts(columns, column, 9_999, 31), column);
      }
    }
    // What lies beside them is read as it is.
    try (TensorFile tensors = TensorFile.open(file)) {
      assertArrayEquals(
          new long[] {CODED - 1}, tensors.readLongs(tensors.tensor("id"), CODED - 1, 1));
    }
  }

  @Test
  void damagedDictionariesAreRefusedInOneLine() throws IOException {
    Rows.damage(writeCoded("sound.arrow", false), temp, ".arrow", "id", 60);
    // Damage to the descriptions at its beginning rather than to rows.
    byte[] bytes = Files.readAllBytes(temp.resolve("sound.arrow"));
    Path start = Files.write(temp.resolve("start.arrow"), Arrays.copyOf(bytes, 6000));
    Rows.damage(start, temp, ".arrow", "id", 600);
  }

  @Test
  void aFolderOfADataSetIsItsFilesInOrder() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("dataset"));
    for (int i = 0; i < 2; i++) {
      Files.move(write("data.arrow", false), folder.resolve("data-0000" + i + "-of-00002.arrow"));
    }
    Files.writeString(folder.resolve("state.json"), "{\"_data_files\": []}");
    Files.writeString(folder.resolve("dataset_info.json"), "{}");
    float[][] rows = Rows.read(folder, "fixed");
    assertEquals(24, rows.length);
    assertArrayEquals(expected(12, WIDTH)[3], rows[15]);
  }

  @Test
  void whatAreNoRowsIsSaid() throws IOException {
    Path file = write("data.arrow", false);
    String several = Rows.refusal(file, null);
    assertTrue(several.contains("which tensor") && several.contains(HOOK), several);
    String uneven = Rows.refusal(file, "uneven");
    assertTrue(uneven.contains("lists of one length, got lists of several"), uneven);
    String nulls = Rows.refusal(file, "nulls");
    assertTrue(nulls.contains("expected no nulls, got 1"), nulls);
    String text = Rows.refusal(file, "text");
    assertTrue(text.contains("got Utf8"), text);
  }

  @Test
  void damagedFilesAreRefusedInOneLine() throws IOException {
    Path file = write("sound.arrow", false);
    Rows.damage(file, temp, ".arrow", HOOK, 1500);
    Rows.damage(write("file.arrow", true), temp, ".arrow", "fixed", 500);
    Path text = Files.writeString(temp.resolve("text.arrow"), "this is no Arrow file, not at all");
    assertTrue(Rows.refusal(text, null).contains("expected an Arrow file, got something else"));
    Rows.refusal(Files.createFile(temp.resolve("empty.arrow")), null);
    Path cut = temp.resolve("cut.arrow");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(cut, Arrays.copyOf(bytes, bytes.length - 300));
    assertTrue(Rows.refusal(cut, HOOK).contains("ends within a message"));
  }
}
