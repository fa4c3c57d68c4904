package io.github.sae4j.report.tokens;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts of rows in all their forms. */
class TextFilesTest {
  @TempDir private Path folder;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static String[] read(Texts texts, long first, int count) throws IOException {
    return texts.read(first, count);
  }

  private static Texts open(Path path, long rows) throws IOException {
    return open(path, Optional.empty(), rows);
  }

  private static Texts open(Path path, Optional<Path> vocabulary, long rows) throws IOException {
    return TextFiles.open(List.of(Shard.all(path)), vocabulary, rows);
  }

  private static Optional<Path> beside(Path path, long rows) {
    return TextFiles.beside(List.of(new Shard(path, 0, rows)), rows).stream()
        .map(Shard::file)
        .findFirst();
  }

  @Test
  void sequencesOfTokensInJsonLines() throws IOException {
    Path path =
        file(
            "x.tokens.jsonl",
            "{\"row0\":0,\"source\":\"a\",\"tokens\":[\"pl\",\"##under\",\".\"]}\n"
                + "{\"tokens\":[\"so\"]}\n\n"
                + "{\"row0\":6,\"source\":\"a\",\"tokens\":[\"let\",\"all\"]}");
    try (Texts texts = open(path, 8)) {
      assertTrue(texts.tokens());
      assertEquals(8, texts.rows());
      assertEquals(new Texts.Sequence(0, 3, "a"), texts.sequence(2));
      assertEquals(new Texts.Sequence(3, 1, ""), texts.sequence(3));
      assertEquals(new Texts.Sequence(6, 2, "a"), texts.sequence(7));
      assertArrayEquals(new String[] {" pl", "under", "."}, read(texts, 0, 3));
      assertArrayEquals(new String[] {" all"}, read(texts, 7, 1));
      // Rows between lines have no text.
      assertEquals(new Texts.Sequence(5, 1, ""), texts.sequence(5));
      assertArrayEquals(new String[] {" ?"}, read(texts, 5, 1));
    }
  }

  @Test
  void oneTextARow() throws IOException {
    for (Path path :
        new Path[] {
          file("a.jsonl", "{\"text\":\"first one\"}\n{\"text\":\"\"}\n\"third\"\n"),
          file("b.txt", "first one\n\nthird\n")
        }) {
      try (Texts texts = open(path, 3)) {
        assertFalse(texts.tokens());
        assertEquals(3, texts.rows());
        assertEquals(new Texts.Sequence(1, 1, ""), texts.sequence(1));
        assertArrayEquals(new String[] {"first one"}, read(texts, 0, 1));
        assertArrayEquals(new String[] {"third"}, read(texts, 2, 1));
      }
    }
  }

  @Test
  void numbersOfTokensWithAVocabulary() throws IOException {
    Path vocabulary =
        file(
            "tokenizer.json",
            "{\"model\":{\"vocab\":{\"the\":0,\"Ġcat\":1,\"Ã©\":2,\"Ã\":3,\"Ċ\":4}},"
                + "\"added_tokens\":[{\"id\":9,\"content\":\"<|end|>\"}]}");
    Path path = file("x.jsonl", "{\"tokens\":[0,1,2,3,4,9,77]}\n");
    try (Texts texts = open(path, Optional.of(vocabulary), 7)) {
      assertArrayEquals(
          new String[] {"the", " cat", "é", "\\xc3", "\n", "<|end|>", " #77"}, read(texts, 0, 7));
    }
    try (Texts texts = open(path, 1)) {
      assertArrayEquals(new String[] {" #0", " #1"}, read(texts, 0, 2));
    }
  }

  @Test
  void tensorsOfTokensWithTheirSequences() throws IOException {
    String header =
        "{\"activations\":{\"dtype\":\"F32\",\"shape\":[2,3,1],\"data_offsets\":[0,24]},"
            + "\"token_ids\":{\"dtype\":\"I32\",\"shape\":[2,3],\"data_offsets\":[24,48]}}";
    ByteBuffer bytes = ByteBuffer.allocate(8 + header.length() + 48).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
    bytes.position(bytes.position() + 24);
    for (int number : new int[] {2, 0, 1, 1, 1, 0}) {
      bytes.putInt(number);
    }
    Path path = Files.write(folder.resolve("acts.safetensors"), bytes.array());
    assertEquals(Optional.of(path), beside(path, 6));
    assertEquals(Optional.empty(), beside(path, 2), "of others than its rows");
    Path words = file("vocab.txt", "▁a\nb\n▁c\n");
    assertEquals(Optional.of(words), TextFiles.vocabularyBeside(path));
    try (Texts texts = open(path, Optional.of(words), 6)) {
      assertEquals(6, texts.rows());
      assertEquals(new Texts.Sequence(3, 3, ""), texts.sequence(4));
      assertArrayEquals(new String[] {" c", " a", "b"}, read(texts, 0, 3));
    }
    Path sidecar = file("acts.tokens.jsonl", "{\"tokens\":[\"x\"]}\n");
    assertEquals(Optional.of(sidecar), beside(path, 6));
  }

  private Path tokens(String name, int... shape) throws IOException {
    int elements = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    String header =
        "{\"input_ids\":{\"dtype\":\"I32\",\"shape\":"
            + Arrays.toString(shape)
            + ",\"data_offsets\":[0,"
            + 4 * elements
            + "]}}";
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + header.length() + 4 * elements).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
    for (int i = 0; i < elements; i++) {
      bytes.putInt(i);
    }
    return Files.write(folder.resolve(name), bytes.array());
  }

  /** Flattened, a list of tokens for each row would give row 1 the second token of row 0's text. */
  @Test
  void listsOfTokensForEachRowAreNotItsToken() throws IOException {
    Path lists = tokens("lists.safetensors", 6, 4);
    assertEquals(
        lists + ": tensor 'input_ids': expected one token for each of 6 rows, got lists of 4",
        assertThrows(
                BadFileException.class,
                () -> TextFiles.open(List.of(new Shard(lists, 0, 6)), Optional.empty(), 6))
            .getMessage());
    // Sequences whose tokens are the rows, or more rows than there are activations of.
    for (Shard fits :
        List.of(
            new Shard(lists, 0, 24),
            new Shard(lists, 0, 20),
            new Shard(tokens("column.safetensors", 6, 1), 0, 6),
            new Shard(tokens("plain.safetensors", 6), 0, 6))) {
      try (Texts texts = TextFiles.open(List.of(fits), Optional.empty(), 6)) {
        assertArrayEquals(new String[] {" #1"}, texts.read(1, 1));
      }
    }
  }

  /** Data of thousands of shards would need more files than a process may open. */
  @Test
  void ofManyFilesOneIsOpenAtATime() throws IOException {
    int[] open = {0, 0};
    final class Opening implements Texts {
      private boolean mine;

      @Override
      public long rows() {
        return 2;
      }

      @Override
      public Sequence sequence(long row) {
        return new Sequence(row, 1, "");
      }

      @Override
      public String[] read(long first, int count) {
        open[0] += mine ? 0 : 1;
        open[1] = Math.max(open[0], open[1]);
        mine = true;
        return new String[] {first + ""};
      }

      @Override
      public boolean tokens() {
        return false;
      }

      @Override
      public void rest() {
        open[0] -= mine ? 1 : 0;
        mine = false;
      }

      @Override
      public void close() {
        rest();
      }
    }

    int parts = 50;
    List<Texts> all = new ArrayList<>();
    long[] starts = new long[parts + 1];
    for (int i = 0; i < parts; i++) {
      all.add(new Opening());
      starts[i + 1] = 2 * (i + 1);
    }
    try (Texts joined = new JoinedTexts(all, starts)) {
      for (int row : new int[] {0, 1, 2, 99, 98, 3, 50}) {
        assertArrayEquals(new String[] {row % 2 + ""}, joined.read(row, 1));
      }
      assertEquals(1, open[0]);
      joined.rest();
      assertEquals(0, open[0]);
      joined.read(50, 1);
    }
    assertEquals(0, open[0]);
    assertEquals(1, open[1]);
  }

  /** Lines and tensors are read again after they were closed in between. */
  @Test
  void textsThatRestAreReadAgain() throws IOException {
    Path lines = file("a.txt", "first\nsecond\n");
    try (Texts texts = open(lines, 2);
        Texts numbers = open(tokens("b.safetensors", 2), 2)) {
      for (int i = 0; i < 2; i++) {
        assertArrayEquals(new String[] {i == 0 ? "first" : "second"}, texts.read(i, 1));
        assertArrayEquals(new String[] {" #" + i}, numbers.read(i, 1));
        texts.rest();
        numbers.rest();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "not json\n",
        "{\"row0\":0}\n",
        "{\"tokens\":3}\n",
        "7\n",
        "{\"row0\":5,\"tokens\":[\"a\"]}\n{\"row0\":3,\"tokens\":[\"b\"]}\n"
      })
  void othersAreRefused(String text) throws IOException {
    Path path = file("bad.jsonl", text);
    assertThrows(BadFileException.class, () -> open(path, 8));
    assertThrows(BadFileException.class, () -> open(folder.resolve("none.txt"), 1));
  }

  /** Shards of activations have their texts beside each of them. */
  @Test
  void textsOfSeveralFilesFollowEachOther() throws IOException {
    Path one = file("1.jsonl", "{\"source\":\"a\",\"tokens\":[\"pl\",\"##under\",\".\"]}\n");
    Path two = file("2.jsonl", "{\"source\":\"b\",\"tokens\":[\"so\",\"it\"]}\n");
    Path three = file("3.jsonl", "{\"tokens\":[\"is\"]}\n{\"tokens\":[\"done\"]}\n");
    // The second file has a text more than its shard has rows.
    List<Shard> files = List.of(new Shard(one, 0, 3), new Shard(two, 3, 1), new Shard(three, 4, 2));
    try (Texts texts = TextFiles.open(files, Optional.empty(), 6)) {
      assertTrue(texts.tokens());
      assertEquals(6, texts.rows());
      assertEquals(new Texts.Sequence(0, 3, "a"), texts.sequence(2));
      assertEquals(new Texts.Sequence(3, 1, "b"), texts.sequence(3));
      assertEquals(new Texts.Sequence(5, 1, ""), texts.sequence(5));
      assertArrayEquals(new String[] {"under", "."}, texts.read(1, 2));
      assertArrayEquals(new String[] {" so"}, texts.read(3, 1));
      assertArrayEquals(new String[] {" done"}, texts.read(5, 1));
    }
    // Of what is not wanted nothing is read.
    Files.delete(three);
    try (Texts texts = TextFiles.open(files, Optional.empty(), 4)) {
      assertArrayEquals(new String[] {" so"}, texts.read(3, 1));
    }
  }

  @Test
  void aShardWithTextsOfFewerRowsIsRefused() throws IOException {
    Path one = file("1.txt", "a\nb\n");
    Path two = file("2.txt", "c\n");
    List<Shard> files = List.of(new Shard(one, 0, 3), new Shard(two, 3, 1));
    assertEquals(
        one + ": expected tokens or texts of 3 rows, got 2",
        assertThrows(BadFileException.class, () -> TextFiles.open(files, Optional.empty(), 4))
            .getMessage());
    assertEquals(
        one + ": expected tokens or texts of 3 rows, got 2",
        assertThrows(BadFileException.class, () -> open(one, 3)).getMessage());
  }

  /** As of a file that was split: its rows go on where the shard before ends. */
  @Test
  void rowsMayBeCountedOverAllShards() throws IOException {
    Path one = file("1.jsonl", "{\"row0\":0,\"tokens\":[\"a\",\"b\"]}\n");
    Path two =
        file("2.jsonl", "{\"row0\":2,\"tokens\":[\"c\"]}\n{\"row0\":4,\"tokens\":[\"d\"]}\n");
    List<Shard> files = List.of(new Shard(one, 0, 2), new Shard(two, 2, 3));
    try (Texts texts = TextFiles.open(files, Optional.empty(), 5)) {
      assertArrayEquals(new String[] {" c"}, texts.read(2, 1));
      assertArrayEquals(new String[] {" ?"}, texts.read(3, 1));
      assertArrayEquals(new String[] {" d"}, texts.read(4, 1));
    }
    Files.writeString(two, "{\"row0\":7,\"tokens\":[\"c\"]}\n");
    assertEquals(
        two + ": line 1: row0: expected less than 3, or 2, got 7",
        assertThrows(BadFileException.class, () -> TextFiles.open(files, Optional.empty(), 5))
            .getMessage());
  }

  /** Pages show some thousand rows of data that may have any number. */
  @Test
  void noMoreLinesAreReadThanRowsAreWanted() throws IOException {
    Path path = file("x.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}\nnot json\n");
    try (Texts texts = open(path, 2)) {
      assertEquals(2, texts.rows());
      assertArrayEquals(new String[] {"b"}, texts.read(1, 1));
    }
    assertThrows(BadFileException.class, () -> open(path, 3));
  }

  @Test
  void aVocabularyWithoutTokensIsRefused() throws IOException {
    Path path = file("empty.json", "{\"version\":\"1.0\"}");
    assertThrows(BadFileException.class, () -> Vocabulary.read(path));
  }

  @ParameterizedTest
  @CsvSource({
    "WORDPIECE, ##ing, 'ing'",
    "WORDPIECE, go, ' go'",
    "WORDPIECE, '##', ' ##'",
    "WORDPIECE, '.', '.'",
    "BYTE_LEVEL, Ġgo, ' go'",
    "METASPACE, ▁go, ' go'",
    "SPACED, ' go', ' go'",
    "WORDS, go, ' go'",
  })
  void spacesAreWhereTokenizersPutThem(TokenStyle style, String token, String shown) {
    assertEquals(shown, style.shown(token));
  }

  /** Marks of headings are tokens of other tokenizers too; a stray mark does not decide. */
  @ParameterizedTest
  @CsvSource({
    "BYTE_LEVEL, '#### ĠTitle Ġof'",
    "BYTE_LEVEL, '### ĠTitle ##a Ġof'",
    "METASPACE, '#### ▁Title'",
    "METASPACE, 'Ġ ▁the ▁of'",
    "WORDPIECE, 'pl ##under ####'",
    "WORDPIECE, 'Ġ ▁ ##ing ##ed ##s'",
    "WORDPIECE, 'x ##é'",
    "WORDS, '#### Title ###'",
  })
  void theStyleIsThatOfMostMarks(TokenStyle style, String tokens) {
    assertEquals(style, TokenStyle.of(List.of(tokens.split(" "))));
  }

  @Test
  void damagedVocabulariesAreRefusedByName() throws IOException {
    Path empty = file("tokenizer.json", "{\"model\":{\"vocab\":[[]]}}");
    assertThrows(BadFileException.class, () -> Vocabulary.read(empty));
    Path unigram = file("unigram.json", "{\"model\":{\"vocab\":[[],[\"▁a\",-1.5]]}}");
    assertEquals(" a", Vocabulary.read(unigram).shown(1));
    Path latin = Files.write(folder.resolve("vocab.txt"), new byte[] {'a', '\n', (byte) 0xe9});
    BadFileException e = assertThrows(BadFileException.class, () -> Vocabulary.read(latin));
    assertTrue(e.getMessage().contains("vocab.txt") && e.getMessage().contains("UTF-8"));
  }

  /** A file without line ends is refused, not held. */
  @Test
  void aLineHasABound() throws IOException {
    Path path = folder.resolve("endless.txt");
    try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
      sparse.setLength((1L << 24) + 1);
    }
    BadFileException e = assertThrows(BadFileException.class, () -> open(path, 1));
    assertTrue(e.getMessage().contains("line 1: expected at most 16777216 bytes"), e.getMessage());
    try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
      sparse.setLength(1L << 24);
    }
    open(path, 1).close();
  }

  @Test
  void aLongTextIsCutBetweenCharacters() {
    String faces = "\ud83d\ude00".repeat(50_000);
    String cut = TokenStyle.clipped("x" + faces);
    assertTrue(cut.length() < 400);
    assertTrue(cut.endsWith("… (100,001 characters)"), cut);
    assertFalse(Character.isHighSurrogate(cut.charAt(cut.indexOf('…') - 1)));
  }
}
