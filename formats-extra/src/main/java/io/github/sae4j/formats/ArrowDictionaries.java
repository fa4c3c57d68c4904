package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.RecordBatch;

/**
 * The dictionaries of texts of an Arrow file: as categories of pandas and polars are written. In a
 * stream a batch refers to what was before it, and a dictionary may be replaced after it. In a file
 * between magic words dictionaries lie anywhere, and are not replaced.
 */
final class ArrowDictionaries {
  private final boolean stream;
  private final Map<Long, StoredTexts.Kind> kinds = new HashMap<>();
  private final Map<Long, Words> words = new HashMap<>();

  /**
   * Dictionaries without any text yet.
   *
   * @param stream whether they are a stream's
   */
  ArrowDictionaries(boolean stream) {
    this.stream = stream;
  }

  /** The texts of a dictionary, those of each message beyond those of the messages before it. */
  static final class Words {
    private final List<StoredTexts> parts = new ArrayList<>();

    /** Number of each part's first text. */
    private final List<Long> firsts = new ArrayList<>();

    private long count;

    private void add(StoredTexts more) {
      if (more.rows() > 0) {
        parts.add(more);
        firsts.add(count);
        count = Math.addExact(count, more.rows());
      }
    }

    long count() {
      return count;
    }

    /** Adds the text of a number less than {@link #count} to a list, null where there is none. */
    void read(Path path, PositionedFile file, long number, List<String> texts) throws IOException {
      int found = Collections.binarySearch(firsts, number);
      int part = found >= 0 ? found : -found - 2;
      parts.get(part).read(path, file, number - firsts.get(part), 1, texts);
    }
  }

  /** A dictionary that columns refer to. */
  void expect(long id, StoredTexts.Kind kind) {
    kinds.put(id, kind);
  }

  /** What the numbers of a batch that comes now refer to. */
  Words words(long id) {
    return words.computeIfAbsent(id, _ -> new Words());
  }

  /** How many of them it may refer to. */
  long known(long id) {
    return stream ? words(id).count() : Long.MAX_VALUE;
  }

  /** Takes a message: texts in place of a dictionary's, or beyond them. */
  void add(DictionaryBatch message, RecordBatch values, ArrowBuffers buffers) throws IOException {
    long id = message.id();
    StoredTexts.Kind kind = kinds.get(id);
    if (kind == null) {
      return; // of other values than texts
    }
    if (!message.isDelta() && words(id).count() > 0) {
      if (!stream) {
        throw new BadFileException(
            buffers.path(),
            "dictionary " + id + ": expected one, and additions to it, got another");
      }
      words.remove(id);
    }
    words(id).add(StoredTexts.of("dictionary " + id, kind, buffers, values.length()));
  }
}
