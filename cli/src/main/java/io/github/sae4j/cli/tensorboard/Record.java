package io.github.sae4j.cli.tensorboard;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * The framing of TensorFlow's records: length, its checksum, the data, their checksum; little
 * endian. Checksums are CRC-32C, rotated and offset, so that a checksum of data that hold checksums
 * stays a good one.
 */
final class Record {
  private static final int MASK_DELTA = 0xA282EAD8;
  private static final int ROTATED = 15;

  private Record() {}

  /** The record of some data. */
  static ByteBuffer of(byte[] data) {
    ByteBuffer record =
        ByteBuffer.allocate(Long.BYTES + Integer.BYTES + data.length + Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(data.length);
    record.putInt(masked(record.array(), 0, Long.BYTES));
    record.put(data);
    record.putInt(masked(data, 0, data.length));
    return record.flip();
  }

  private static int masked(byte[] bytes, int from, int count) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, count);
    return Integer.rotateRight((int) crc.getValue(), ROTATED) + MASK_DELTA;
  }
}
