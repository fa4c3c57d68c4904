package io.github.sae4j.cli.tensorboard;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** A message in the wire format of protocol buffers, field by field. */
final class ProtoWriter {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int LENGTH = 2;
  private static final int FIXED32 = 5;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  ProtoWriter int64(int field, long value) {
    tag(field, VARINT);
    varint(value);
    return this;
  }

  ProtoWriter float64(int field, double value) {
    tag(field, FIXED64);
    bytes.writeBytes(little(Double.BYTES).putDouble(value).array());
    return this;
  }

  ProtoWriter float32(int field, float value) {
    tag(field, FIXED32);
    bytes.writeBytes(little(Float.BYTES).putFloat(value).array());
    return this;
  }

  ProtoWriter text(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  ProtoWriter message(int field, ProtoWriter value) {
    return bytes(field, value.toBytes());
  }

  /** A repeated field of doubles, packed. */
  ProtoWriter float64s(int field, double[] values) {
    ByteBuffer packed = little(values.length * Double.BYTES);
    for (double value : values) {
      packed.putDouble(value);
    }
    return bytes(field, packed.array());
  }

  private ProtoWriter bytes(int field, byte[] value) {
    tag(field, LENGTH);
    varint(value.length);
    bytes.writeBytes(value);
    return this;
  }

  private void tag(int field, int type) {
    varint((long) field << 3 | type);
  }

  private void varint(long value) {
    long rest = value;
    while ((rest & ~0x7FL) != 0) {
      bytes.write((int) (rest & 0x7F | 0x80));
      rest >>>= 7;
    }
    bytes.write((int) rest);
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  byte[] toBytes() {
    return bytes.toByteArray();
  }
}
