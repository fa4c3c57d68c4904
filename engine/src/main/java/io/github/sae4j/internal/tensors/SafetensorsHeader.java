package io.github.sae4j.internal.tensors;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FileSource;
import io.github.sae4j.internal.files.RangeStream;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.json.ParseBudget;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The checked header of a safetensors file, with the rules of the reference implementation: at most
 * 100 MB of JSON, tensors laid end to end from the first byte after the header to the last byte of
 * the file, neither hole nor overlap, sizes equal to shape times element size. The text is parsed
 * as it is read; what it describes must fit a {@link ParseBudget}.
 */
final class SafetensorsHeader {
  static final int MAX_HEADER = 100_000_000;

  /** Far above any real tensor; bounds a header that lists sizes without data. */
  private static final int MAX_DIMENSIONS = 64;

  private static final Map<String, ElementType> TYPES = new HashMap<>();

  static {
    for (ElementType type : ElementType.values()) {
      TYPES.put(type.name(), type);
    }
  }

  private record Entry(String name, String dtype, List<Long> shape, long begin, long end) {}

  private final FileSource file;
  private final Path path;
  private final ParseBudget budget;
  private final List<StoredTensor> tensors = new ArrayList<>();
  private final List<UnreadableTensor> unreadable = new ArrayList<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final List<Entry> entries = new ArrayList<>();
  private final Set<String> names = new HashSet<>();

  private final boolean wordsAreBf16;

  private SafetensorsHeader(FileSource file, boolean wordsAreBf16) {
    this.file = file;
    this.wordsAreBf16 = wordsAreBf16;
    this.path = file.path();
    this.budget = new ParseBudget(path);
  }

  static SafetensorsHeader read(FileSource file, boolean wordsAreBf16) throws IOException {
    SafetensorsHeader header = new SafetensorsHeader(file, wordsAreBf16);
    header.read();
    return header;
  }

  List<StoredTensor> tensors() {
    return tensors;
  }

  List<UnreadableTensor> unreadable() {
    return unreadable;
  }

  Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  private void read() throws IOException {
    if (file.size() < 8) {
      throw new BadFileException(
          path, "expected a safetensors file of at least 8 bytes, got " + file.size());
    }
    byte[] lengthBytes = new byte[8];
    file.read(0, MemorySegment.ofArray(lengthBytes));
    long length = ByteBuffer.wrap(lengthBytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (length < 0 || length > MAX_HEADER) {
      throw new BadFileException(
          path,
          "expected a safetensors header of at most "
              + MAX_HEADER
              + " bytes, got "
              + Long.toUnsignedString(length));
    }
    if (length > file.size() - 8) {
      throw new BadFileException(
          path,
          "is cut short: its header should have "
              + length
              + " bytes, there are "
              + (file.size() - 8));
    }
    if (length > 0) {
      file.read(8, MemorySegment.ofArray(lengthBytes).asSlice(0, 1));
    }
    if (length == 0 || lengthBytes[0] != '{') {
      throw new BadFileException(path, "expected a safetensors header that starts with '{'");
    }
    try {
      parse(new RangeStream(file, 8, length));
    } catch (CharacterCodingException e) {
      throw new BadFileException(path, "expected JSON in UTF-8, got bytes that are not", e);
    }
    place(8 + length);
  }

  private void parse(InputStream text) throws IOException {
    try (JsonParser parser = Json.parser(text)) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String name = Json.text(path, parser);
        budget.spend(ParseBudget.TENSOR);
        budget.spendText(name);
        if (!names.add(name)) {
          throw Json.bad(path, parser, "duplicate tensor '" + name + "'");
        }
        parser.nextToken();
        if (name.equals("__metadata__")) {
          parseMetadata(parser);
        } else {
          entries.add(parseEntry(parser, name));
        }
      }
      if (parser.nextToken() != null) {
        throw Json.bad(path, parser, "expected the end of the header after the closing brace");
      }
    } catch (JacksonException e) {
      throw Json.bad(path, e);
    }
  }

  private void parseMetadata(JsonParser parser) throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_NULL) {
      return;
    }
    expect(parser, JsonToken.START_OBJECT, "__metadata__: expected an object");
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = Json.text(path, parser);
      budget.spendText(key);
      parser.nextToken();
      expect(parser, JsonToken.VALUE_STRING, "__metadata__: expected strings");
      String value = Json.text(path, parser);
      budget.spendText(value);
      if (metadata.putIfAbsent(key, value) != null) {
        throw Json.bad(path, parser, "__metadata__: duplicate key '" + key + "'");
      }
    }
  }

  private Entry parseEntry(JsonParser parser, String name) throws IOException {
    String tensor = "tensor '" + name + "': ";
    expect(parser, JsonToken.START_OBJECT, tensor + "expected an object");
    String dtype = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = Json.text(path, parser);
      parser.nextToken();
      boolean again;
      switch (key) {
        case "dtype" -> {
          again = dtype != null;
          expect(parser, JsonToken.VALUE_STRING, tensor + "expected dtype to be a string");
          dtype = Json.text(path, parser);
        }
        case "shape" -> {
          again = shape != null;
          shape = integers(parser, tensor + "shape", MAX_DIMENSIONS);
        }
        case "data_offsets" -> {
          again = offsets != null;
          offsets = integers(parser, tensor + "data_offsets", 2);
        }
        default -> {
          again = false;
          // The reference implementation ignores other members.
          parser.skipChildren();
        }
      }
      if (again) {
        throw Json.bad(path, parser, tensor + "duplicate key '" + key + "'");
      }
    }
    if (dtype == null || shape == null || offsets == null) {
      throw Json.bad(path, parser, tensor + "expected dtype, shape and data_offsets");
    }
    if (offsets.size() != 2) {
      throw Json.bad(path, parser, tensor + "expected two data_offsets, got " + offsets);
    }
    ElementType known = TYPES.get(dtype);
    return new Entry(
        name, known == null ? dtype : known.name(), shape, offsets.get(0), offsets.get(1));
  }

  private List<Long> integers(JsonParser parser, String what, int most) throws IOException {
    expect(parser, JsonToken.START_ARRAY, what + ": expected an array");
    List<Long> values = new ArrayList<>(4);
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      long value = Json.integer(path, parser);
      if (value < 0) {
        throw Json.bad(path, parser, what + ": expected integers of at least 0, got " + value);
      }
      if (values.size() == most) {
        throw Json.bad(path, parser, what + ": expected at most " + most + " values");
      }
      budget.spend(Long.BYTES * 4);
      values.add(value);
    }
    return values;
  }

  private void expect(JsonParser parser, JsonToken token, String problem) throws BadFileException {
    if (parser.currentToken() != token) {
      throw Json.bad(path, parser, problem + ", got " + parser.currentToken());
    }
  }

  private void place(long start) throws BadFileException {
    long available = file.size() - start;
    checkLayout(available);
    for (Entry entry : entries) {
      ElementType type =
          wordsAreBf16 && entry.dtype().equals("U16") ? ElementType.BF16 : TYPES.get(entry.dtype());
      if (type == null) {
        unreadable.add(
            new UnreadableTensor(
                entry.name(),
                entry.dtype(),
                entry.shape(),
                "expected dtype F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, U8 or BOOL, got "
                    + entry.dtype()));
        continue;
      }
      TensorInfo info;
      try {
        info = new TensorInfo(entry.name(), type, entry.shape());
      } catch (IllegalArgumentException e) {
        throw new BadFileException(path, "tensor '" + entry.name() + "': " + e.getMessage(), e);
      }
      long declared = entry.end() - entry.begin();
      if (info.bytes() != declared) {
        throw new BadFileException(
            path,
            "tensor '"
                + entry.name()
                + "': expected "
                + info.bytes()
                + " bytes for "
                + type
                + " "
                + entry.shape()
                + ", got "
                + declared);
      }
      tensors.add(new StoredTensor(info, file, start + entry.begin(), false));
    }
  }

  private void checkLayout(long available) throws BadFileException {
    List<Entry> order = new ArrayList<>(entries);
    order.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long end = 0;
    for (Entry entry : order) {
      String tensor = "tensor '" + entry.name() + "': ";
      if (entry.end() < entry.begin()) {
        throw new BadFileException(
            path,
            tensor + "data_offsets are reversed: [" + entry.begin() + ", " + entry.end() + "]");
      }
      if (entry.begin() != end) {
        throw new BadFileException(
            path,
            tensor
                + (entry.begin() < end ? "overlaps another" : "has a hole in front")
                + ": expected it to start at byte "
                + end
                + " of the data, got "
                + entry.begin());
      }
      if (entry.end() > available) {
        throw new BadFileException(
            path,
            "is cut short: tensor '"
                + entry.name()
                + "' ends at byte "
                + entry.end()
                + " of the data, there are "
                + available);
      }
      end = entry.end();
    }
    if (end != available) {
      throw new BadFileException(
          path,
          "expected the file to end after the last tensor, got "
              + (available - end)
              + " bytes more");
    }
  }
}
