package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.RecordBatch;

/** The dictionaries of texts of an Arrow file: as categories of pandas and polars are written. */
final class ArrowDictionaries {
  private final Map<Long, StoredTexts.Kind> kinds = new HashMap<>();

  /** Lists are replaced, never changed: columns keep those of their batches. */
  private final Map<Long, List<StoredTexts>> texts = new HashMap<>();

  /** A dictionary that columns refer to. */
  void expect(long id, StoredTexts.Kind kind) {
    kinds.put(id, kind);
  }

  /** What a dictionary holds after the messages so far. */
  List<StoredTexts> texts(long id) {
    return texts.getOrDefault(id, List.of());
  }

  /** Takes a message: texts in place of a dictionary's, or beyond them. */
  void add(DictionaryBatch message, RecordBatch values, ArrowBuffers buffers) throws IOException {
    StoredTexts.Kind kind = kinds.get(message.id());
    if (kind == null) {
      return; // of other values than texts
    }
    if (values.length() < 0) {
      throw new BadFileException(
          buffers.path(), "dictionary " + message.id() + " has " + values.length() + " texts");
    }
    List<StoredTexts> all = new ArrayList<>();
    if (message.isDelta()) {
      all.addAll(texts(message.id()));
    }
    all.add(StoredTexts.of("dictionary " + message.id(), kind, buffers, values.length()));
    texts.put(message.id(), List.copyOf(all));
  }
}
