package io.github.sae4j.formats;

import com.google.flatbuffers.Table;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TextCursor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;

/**
 * The messages of an Arrow file and where their columns' numbers lie. Only the descriptions are
 * kept; nothing in them is trusted before it was compared with the file's size.
 */
final class ArrowFile implements TensorColumns {
  private static final byte[] MAGIC = {'A', 'R', 'R', 'O', 'W', '1'};
  private static final int CONTINUATION = -1;

  /** Descriptions of batches are some kilobytes; a schema may carry metadata. */
  private static final int MOST_DESCRIPTION = 1 << 26;

  private final Path path;
  private final PositionedFile file;
  private final Map<Column, ArrowColumn> columns = new LinkedHashMap<>();
  private final Map<String, String> others = new LinkedHashMap<>();
  private final Map<String, ArrowTexts> texts = new LinkedHashMap<>();
  private final ArrowDictionaries dictionaries;

  private ArrowFile(Path path, PositionedFile file) throws IOException {
    this.path = path;
    this.file = file;
    dictionaries = new ArrowDictionaries(!startsWithMagic());
  }

  static ArrowFile open(Path path) throws IOException {
    PositionedFile file = new PositionedFile(path);
    try {
      ArrowFile arrow = new ArrowFile(path, file);
      arrow.readMessages();
      return arrow;
    } catch (IndexOutOfBoundsException
        | IllegalArgumentException
        | ArithmeticException
        | NegativeArraySizeException e) {
      // What flatbuffers' accessors throw for offsets that lead nowhere.
      file.close();
      throw new BadFileException(path, "expected an Arrow file, its descriptions are damaged", e);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private void readMessages() throws IOException {
    long at = startsWithMagic() ? 8 : 0; // the file format: a stream between two magic words
    List<ArrowColumn> found = null;
    boolean any = false;
    while (at + 4 <= file.size()) {
      int length = file.bytes(at, 4).getInt();
      at += 4;
      if (length == CONTINUATION) {
        if (at + 4 > file.size()) {
          throw new BadFileException(path, "ends within a message");
        }
        length = file.bytes(at, 4).getInt();
        at += 4;
      }
      if (length == 0) {
        break;
      }
      if (length < 0 || length > MOST_DESCRIPTION || length > file.size() - at) {
        throw new BadFileException(
            path,
            any
                ? "ends within a message, or is damaged: a description of "
                    + Integer.toUnsignedString(length)
                    + " bytes, "
                    + (file.size() - at)
                    + " are left"
                : "expected an Arrow file, got something else");
      }
      any = true;
      Message message = Message.getRootAsMessage(file.bytes(at, length));
      at += length;
      long body = message.bodyLength();
      if (body < 0 || body > file.size() - at) {
        throw new BadFileException(
            path, "ends within a message: " + body + " bytes should follow at " + at);
      }
      if (message.headerType() == MessageHeader.Schema) {
        if (found != null) {
          throw new BadFileException(path, "expected one schema, got another");
        }
        found = columns(header(message, new Schema()));
      } else if (message.headerType() == MessageHeader.RecordBatch) {
        if (found == null) {
          throw new BadFileException(path, "expected a schema before the first batch");
        }
        batch(header(message, new RecordBatch()), found, at, body);
      } else if (message.headerType() == MessageHeader.DictionaryBatch) {
        DictionaryBatch dictionary = header(message, new DictionaryBatch());
        RecordBatch values = dictionary.data();
        if (values == null) {
          throw new BadFileException(path, "expected a dictionary, got a message without one");
        }
        dictionaries.add(dictionary, values, buffers(values, at, body));
      }
      at += body;
    }
    if (found == null) {
      throw new BadFileException(path, "expected an Arrow file, got something else");
    }
    for (ArrowColumn column : found) {
      if (column.obstacle() == null) {
        Column tensor = column.tensor(path);
        if (columns.put(tensor, column) != null) {
          throw new BadFileException(path, "duplicate column '" + column.name() + "'");
        }
      } else {
        others.put(column.name(), column.obstacle());
        if (column.texts() != null) {
          texts.put(column.name(), column.texts());
        }
      }
    }
  }

  private boolean startsWithMagic() throws IOException {
    return file.size() >= 8 && Arrays.equals(MAGIC, file.bytes(0, MAGIC.length).array());
  }

  private static <T extends Table> T header(Message message, T table) {
    Table found = message.header(table);
    if (found == null) {
      throw new IllegalArgumentException("a message without a header");
    }
    return table;
  }

  private List<ArrowColumn> columns(Schema schema) throws BadFileException {
    if (schema.endianness() != Endianness.Little) {
      throw new BadFileException(path, "expected little-endian numbers, got big-endian ones");
    }
    List<ArrowColumn> found = new ArrayList<>();
    for (int i = 0; i < schema.fieldsLength(); i++) {
      found.add(new ArrowColumn(schema.fields(i), dictionaries));
    }
    return found;
  }

  private void batch(RecordBatch batch, List<ArrowColumn> found, long body, long length)
      throws IOException {
    ArrowBuffers buffers = buffers(batch, body, length);
    for (ArrowColumn column : found) {
      column.add(buffers, batch.length(), dictionaries);
    }
  }

  private ArrowBuffers buffers(RecordBatch batch, long body, long length) throws BadFileException {
    if (batch.compression() != null) {
      throw new BadFileException(
          path, "expected batches without compression, got LZ4 or Zstandard; save it without");
    }
    return new ArrowBuffers(path, file, batch, body, length);
  }

  @Override
  public List<Column> columns() {
    return List.copyOf(columns.keySet());
  }

  @Override
  public Map<String, String> others() {
    return Map.copyOf(others);
  }

  @Override
  public long held(Column column) {
    return 0;
  }

  @Override
  public void read(Column column, long position, MemorySegment target) throws IOException {
    columns.get(column).read(file, position, target);
  }

  @Override
  public List<String> texts() {
    return List.copyOf(texts.keySet());
  }

  @Override
  public TextCursor openTexts(String column) {
    return texts.get(column).cursor(path, file);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
