package io.github.sae4j.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TextCursor;
import io.github.sae4j.internal.tensors.TensorFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files that Spark 4.2.0 wrote: 37 rows of id, text, embedding [8], doubles [5], sequence [3, 4],
 * token_ids [3], lists of several lengths and lists that are missing.
 */
class ParquetTest {
  private static final int ROWS = 37;

  @TempDir Path temp;

  private static Path made(String codec) {
    return Path.of("src/test/resources/parquet/spark-" + codec + ".parquet");
  }

  private static float[] row(int i, int width) {
    float[] row = new float[width];
    for (int j = 0; j < width; j++) {
      row[j] = (float) Math.sin(1 + i * 31.0 + j);
    }
    return row;
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "snappy", "gzip", "zstd"})
  void listsAreRows(String codec) throws IOException {
    float[][] rows = new float[ROWS][];
    for (int i = 0; i < ROWS; i++) {
      rows[i] = row(i, 8);
    }
    Rows.expectSame(Rows.npy(temp.resolve("rows.npy"), rows), made(codec), "embedding");
    float[][] sequences = new float[3 * ROWS][];
    for (int i = 0; i < sequences.length; i++) {
      sequences[i] = row(i, 4);
    }
    Path npy = Rows.npy(temp.resolve("sequences.npy"), sequences);
    Rows.expectSame(npy, made(codec), "sequence");
    assertEquals((float) Math.cos(36 + 0.4), Rows.read(made(codec), "doubles")[36][4]);
  }

  @Test
  void listsOfListsAreSequencesAndTokensAreIntegers() throws IOException {
    try (ActivationFiles files =
        ActivationFiles.open(List.of(made("none").toString()), Optional.of("sequence"))) {
      assertEquals(3, files.contextSize().orElseThrow());
    }
    try (TensorFile file = TensorFile.open(made("none"))) {
      long[] tokens = file.readLongs(file.tensor("token_ids"), 0, 3 * ROWS);
      assertArrayEquals(new long[] {1, 2, 7}, new long[] {tokens[3], tokens[4], tokens[5]});
      long[] ids = file.readLongs(file.tensor("id"), 0, ROWS);
      assertEquals(36, ids[36]);
      assertTrue(file.unreadable().get("text").reason().contains("BYTE_ARRAY"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "snappy", "gzip", "zstd"})
  void textsAreReadInTheOrderOfTheRows(String codec) throws IOException {
    try (TensorColumns columns = new ParquetFormat().open(made(codec))) {
      assertEquals(List.of("text"), columns.texts());
      List<String> texts = Rows.texts(columns, "text", 0, ROWS + 1);
      assertEquals(ROWS, texts.size());
      assertEquals("text 0", texts.getFirst());
      assertEquals("text 36", texts.getLast());
      for (int skipped : new int[] {0, 1, 30, 37}) {
        int most = Math.min(5, ROWS - skipped);
        assertEquals(
            texts.subList(skipped, skipped + most), Rows.texts(columns, "text", skipped, 5));
      }
      try (TextCursor all = columns.openTexts("text")) {
        assertEquals(ROWS, all.skip(ROWS + 1));
        assertEquals(0, all.skip(1));
      }
    }
  }

  /** Documents may be gigabytes: how many there are says the file's footer. */
  @Test
  void textsAreNotDecodedToBeCounted() throws IOException {
    byte[] bytes = Files.readAllBytes(made("none"));
    String latin = new String(bytes, StandardCharsets.ISO_8859_1);
    int text = latin.indexOf("text 0");
    Arrays.fill(bytes, text - 40, text, (byte) -1); // the column's page begins with its header
    Path damaged = Files.write(temp.resolve("damaged.parquet"), bytes);
    try (TensorColumns columns = new ParquetFormat().open(damaged);
        TextCursor all = columns.openTexts("text")) {
      assertEquals(ROWS - 1, all.skip(ROWS - 1));
      assertThrows(BadFileException.class, () -> all.next(1));
    }
  }

  @Test
  void whatAreNoRowsIsSaid() {
    assertTrue(Rows.refusal(made("none"), null).contains("which tensor"), "several");
    String uneven = Rows.refusal(made("none"), "uneven");
    assertTrue(uneven.contains("lists of one length, got 1 and 2"), uneven);
    String nulls = Rows.refusal(made("none"), "nulls");
    assertTrue(nulls.contains("expected no nulls"), nulls);
    assertTrue(Rows.refusal(made("none"), "text").contains("cannot read tensor 'text'"), "text");
  }

  @Test
  void aFolderOfPartsIsOneDataSet() throws IOException {
    for (int part = 0; part < 3; part++) {
      Files.copy(made("snappy"), temp.resolve("part-0000" + part + ".snappy.parquet"));
    }
    Files.createFile(temp.resolve("_SUCCESS"));
    float[][] rows = Rows.read(temp, "embedding");
    assertEquals(3 * ROWS, rows.length);
    assertArrayEquals(row(1, 8), rows[2 * ROWS + 1]);
  }

  @Test
  void damagedFilesAreRefusedInOneLine() throws IOException {
    Rows.damage(made("none"), temp, ".parquet", "embedding", 300);
    Rows.damage(made("zstd"), temp, ".parquet", "sequence", 200);
    Path text = Files.writeString(temp.resolve("text.parquet"), "PAR1 this is no Parquet file");
    Rows.refusal(text, null);
    Rows.refusal(Files.createFile(temp.resolve("empty.parquet")), null);
  }
}
