package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TextCursor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.arrow.flatbuf.DictionaryEncoding;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Int;

/** Where the texts of a column lie: themselves, or in a dictionary that numbers point into. */
final class ArrowTexts {
  /** Rows read at a time. */
  private static final int STEP = 1 << 13;

  private static final int BYTE_BITS = 8;

  /**
   * The rows of one batch.
   *
   * @param rows how many
   * @param texts of these rows; null where they are in a dictionary
   * @param coded how they are in a dictionary; null where they lie themselves
   */
  private record Run(long rows, StoredTexts texts, Coded coded) {}

  /**
   * Numbers of texts.
   *
   * @param missing bits, 0 where there is none
   * @param numbers places in the dictionary
   * @param words the dictionary
   * @param known how many of its texts the numbers may refer to
   */
  private record Coded(
      ArrowBuffers.Part missing,
      ArrowBuffers.Part numbers,
      ArrowDictionaries.Words words,
      long known) {}

  private final String name;
  private final StoredTexts.Kind kind;
  private final DictionaryEncoding dictionary;

  /** Bytes of a number of the dictionary, and whether it has a sign. */
  private final int numberBytes;

  private final boolean signed;
  private final List<Run> runs = new ArrayList<>();

  private ArrowTexts(
      String name,
      StoredTexts.Kind kind,
      DictionaryEncoding dictionary,
      int numberBytes,
      boolean signed) {
    this.name = name;
    this.kind = kind;
    this.dictionary = dictionary;
    this.numberBytes = numberBytes;
    this.signed = signed;
  }

  /** The texts of a column without any batch yet; empty if it holds others. */
  static Optional<ArrowTexts> of(String name, Field field, ArrowDictionaries dictionaries) {
    Optional<StoredTexts.Kind> kind = StoredTexts.Kind.of(field);
    DictionaryEncoding dictionary = field.dictionary();
    if (kind.isEmpty() || dictionary == null) {
      return kind.map(own -> new ArrowTexts(name, own, null, 0, false));
    }
    Int type = dictionary.indexType();
    int bits = type == null ? Integer.SIZE : type.bitWidth();
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64) {
      return Optional.empty();
    }
    dictionaries.expect(dictionary.id(), kind.get());
    return Optional.of(
        new ArrowTexts(
            name, kind.get(), dictionary, bits / BYTE_BITS, type == null || type.isSigned()));
  }

  /** Takes this column's buffers of a batch. */
  void add(ArrowBuffers buffers, long rows, ArrowDictionaries dictionaries) throws IOException {
    if (dictionary == null) {
      StoredTexts texts = StoredTexts.of(name, kind, buffers, rows);
      if (rows > 0) {
        runs.add(new Run(rows, texts, null));
      }
      return;
    }
    long length = buffers.nextNode().length();
    ArrowBuffers.Part missing = buffers.nextBuffer();
    ArrowBuffers.Part numbers = buffers.nextBuffer();
    if (rows < 0
        || length < rows
        || rows > numbers.length() / numberBytes
        || StoredTexts.tooFew(missing, rows)) {
      throw bad(buffers.path(), "expected " + rows + " texts in a batch, its buffers have fewer");
    }
    if (rows > 0) {
      long id = dictionary.id();
      Coded coded = new Coded(missing, numbers, dictionaries.words(id), dictionaries.known(id));
      runs.add(new Run(rows, null, coded));
    }
  }

  private BadFileException bad(Path path, String problem) {
    return new BadFileException(path, "column '" + name + "': " + problem);
  }

  TextCursor cursor(Path path, PositionedFile file) {
    return new Cursor(path, file);
  }

  private final class Cursor implements TextCursor {
    private final Path path;
    private final PositionedFile file;
    private int run;
    private long done;

    Cursor(Path path, PositionedFile file) {
      this.path = path;
      this.file = file;
    }

    @Override
    public long skip(long rows) {
      long passed = 0;
      while (passed < rows && run < runs.size()) {
        long now = Math.min(rows - passed, runs.get(run).rows - done);
        passed += now;
        pass(now);
      }
      return passed;
    }

    private void pass(long rows) {
      done += rows;
      if (done == runs.get(run).rows) {
        run++;
        done = 0;
      }
    }

    @Override
    public List<String> next(int most) throws IOException {
      List<String> texts = new ArrayList<>();
      while (texts.size() < most && run < runs.size()) {
        Run here = runs.get(run);
        int count = (int) Math.min(Math.min(STEP, most - texts.size()), here.rows - done);
        if (here.coded == null) {
          here.texts.read(path, file, done, count, texts);
        } else {
          readByNumber(here.coded, count, texts);
        }
        pass(count);
      }
      return texts;
    }

    private void readByNumber(Coded here, int count, List<String> texts) throws IOException {
      long known = Math.min(here.known, here.words.count());
      ByteBuffer numbers =
          file.bytes(here.numbers.position() + done * numberBytes, count * numberBytes);
      ByteBuffer there = StoredTexts.there(file, here.missing, done, count);
      for (int i = 0; i < count; i++) {
        if (!StoredTexts.isThere(there, done, i)) {
          texts.add(null);
          continue;
        }
        long number = number(numbers, i);
        if (number < 0 || number >= known) {
          throw bad(path, "a text is number " + number + " of a dictionary that has " + known);
        }
        here.words.read(path, file, number, texts);
      }
    }

    private long number(ByteBuffer numbers, int i) {
      return switch (numberBytes) {
        case Byte.BYTES -> signed ? numbers.get(i) : Byte.toUnsignedLong(numbers.get(i));
        case Short.BYTES ->
            signed
                ? numbers.getShort(i * Short.BYTES)
                : Short.toUnsignedLong(numbers.getShort(i * Short.BYTES));
        case Integer.BYTES ->
            signed
                ? numbers.getInt(i * Integer.BYTES)
                : Integer.toUnsignedLong(numbers.getInt(i * Integer.BYTES));
        default -> numbers.getLong(i * Long.BYTES);
      };
    }

    @Override
    public void close() {
      // The file is open as long as its columns are.
    }
  }
}
