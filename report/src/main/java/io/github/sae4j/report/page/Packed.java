package io.github.sae4j.report.page;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

/**
 * Columns of numbers for the page: little-endian typed arrays one after the other, each starting at
 * a multiple of 8 bytes, deflated and written in base64. A browser inflates them at once and reads
 * the arrays in place.
 */
public final class Packed {
  private static final int ALIGNMENT = 8;

  private final List<Object> columns = new ArrayList<>();
  private final ByteArrayOutputStream deflated = new ByteArrayOutputStream();
  private final DeflaterOutputStream out =
      new DeflaterOutputStream(deflated, new Deflater(Deflater.BEST_COMPRESSION), 1 << 16);
  private long size;

  /** No columns yet. */
  public Packed() {}

  /** Adds whole numbers from 0 on, in as few bytes as the largest needs. */
  public Packed whole(String name, long[] values) {
    long most = 0;
    for (long value : values) {
      most = Math.max(most, value);
    }
    int bytes = most < 1 << 8 ? 1 : most < 1 << 16 ? 2 : 4;
    if (most > 0xffffffffL) {
      double[] wide = new double[values.length];
      for (int i = 0; i < wide.length; i++) {
        wide[i] = values[i];
      }
      return doubles(name, wide);
    }
    ByteBuffer buffer = buffer(values.length, bytes);
    for (long value : values) {
      switch (bytes) {
        case 1 -> buffer.put((byte) value);
        case 2 -> buffer.putShort((short) value);
        default -> buffer.putInt((int) value);
      }
    }
    return add(name, bytes == 1 ? "u1" : bytes == 2 ? "u2" : "u4", values.length, buffer);
  }

  /** Adds whole numbers from 0 on. */
  public Packed whole(String name, int[] values) {
    long[] wide = new long[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return whole(name, wide);
  }

  /** Adds bytes, read as numbers from 0 to 255. */
  public Packed bytes(String name, byte[] values) {
    return add(name, "u1", values.length, ByteBuffer.wrap(values));
  }

  /** Adds floats. */
  public Packed floats(String name, float[] values) {
    ByteBuffer buffer = buffer(values.length, Float.BYTES);
    for (float value : values) {
      buffer.putFloat(value);
    }
    return add(name, "f4", values.length, buffer);
  }

  private Packed doubles(String name, double[] values) {
    ByteBuffer buffer = buffer(values.length, Double.BYTES);
    for (double value : values) {
      buffer.putDouble(value);
    }
    return add(name, "f8", values.length, buffer);
  }

  private static ByteBuffer buffer(int length, int bytes) {
    return ByteBuffer.allocate(Math.multiplyExact(length, bytes)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private Packed add(String name, String type, int length, ByteBuffer buffer) {
    Map<String, Object> column = new LinkedHashMap<>();
    column.put("name", name);
    column.put("type", type);
    column.put("length", length);
    column.put("at", size);
    columns.add(column);
    int pad = -buffer.capacity() & ALIGNMENT - 1;
    try {
      out.write(buffer.array());
      out.write(new byte[pad]);
    } catch (IOException e) {
      throw new UncheckedIOException("memory cannot fail to be written", e);
    }
    size += buffer.capacity() + pad;
    return this;
  }

  /** What the columns are called and where they lie, for the page's JSON. */
  public Map<String, Object> header() {
    Map<String, Object> header = new LinkedHashMap<>();
    header.put("bytes", size);
    header.put("columns", columns);
    return header;
  }

  /** Writes all columns; none can be added afterwards. */
  void writeBase64(OutputStream target) throws IOException {
    out.finish();
    try (OutputStream encoded = Base64.getEncoder().wrap(new Unclosed(target))) {
      deflated.writeTo(encoded);
    }
  }

  /** Base64's stream writes its end when it is closed, and would close the page with it. */
  private static final class Unclosed extends OutputStream {
    private final OutputStream target;

    Unclosed(OutputStream target) {
      this.target = target;
    }

    @Override
    public void write(int one) throws IOException {
      target.write(one);
    }

    @Override
    public void write(byte[] some, int from, int count) throws IOException {
      target.write(some, from, count);
    }
  }
}
