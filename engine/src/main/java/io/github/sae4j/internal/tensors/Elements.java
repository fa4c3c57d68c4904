package io.github.sae4j.internal.tensors;

import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Conversion between stored elements and the {@code f32} and {@code long} of the library. */
final class Elements {
  // One constant layout per type, so that the loops compile to plain loads; big-endian input is
  // swapped
  // in registers.
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt NATIVE_INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.nativeOrder());

  /** The value of each float8_e4m3fn: bias 7, all ones in exponent and mantissa is the only NaN. */
  private static final float[] E4M3 = new float[256];

  static {
    for (int bits = 0; bits < E4M3.length; bits++) {
      int exponent = bits >> 3 & 15;
      int mantissa = bits & 7;
      float size =
          exponent == 15 && mantissa == 7
              ? Float.NaN
              : exponent == 0
                  ? Math.scalb((float) mantissa, -9)
                  : Math.scalb((float) (8 + mantissa), exponent - 10);
      E4M3[bits] = bits < 128 ? size : -size;
    }
  }

  private Elements() {}

  /**
   * Decodes elements to {@code f32}, rounding to nearest even where the type is wider.
   *
   * @param type how they are stored
   * @param bigEndian whether their bytes are swapped
   * @param source the stored elements from byte 0
   * @param count number of elements
   * @param target receives native floats
   * @param targetByte where the first goes
   */
  static void toFloats(
      ElementType type,
      boolean bigEndian,
      MemorySegment source,
      long count,
      MemorySegment target,
      long targetByte) {
    switch (type) {
      case F64 -> {
        for (long i = 0; i < count; i++) {
          double value = Double.longBitsToDouble(longAt(source, i, bigEndian));
          target.set(Matrix.FLOAT, targetByte + i * 4, (float) value);
        }
      }
      case F32 -> {
        // As bits: a signalling NaN keeps its payload.
        for (long i = 0; i < count; i++) {
          target.set(NATIVE_INT, targetByte + i * 4, intAt(source, i, bigEndian));
        }
      }
      case F16 -> {
        for (long i = 0; i < count; i++) {
          float value = Float.float16ToFloat(shortAt(source, i, bigEndian));
          target.set(Matrix.FLOAT, targetByte + i * 4, value);
        }
      }
      case BF16 -> {
        for (long i = 0; i < count; i++) {
          target.set(NATIVE_INT, targetByte + i * 4, shortAt(source, i, bigEndian) << 16);
        }
      }
      case F8_E4M3 -> {
        for (long i = 0; i < count; i++) {
          float value = E4M3[source.get(ValueLayout.JAVA_BYTE, i) & 0xff];
          target.set(Matrix.FLOAT, targetByte + i * 4, value);
        }
      }
      case F8_E5M2 -> {
        for (long i = 0; i < count; i++) {
          short half = (short) (source.get(ValueLayout.JAVA_BYTE, i) << 8);
          target.set(Matrix.FLOAT, targetByte + i * 4, Float.float16ToFloat(half));
        }
      }
      case I64 -> {
        for (long i = 0; i < count; i++) {
          target.set(Matrix.FLOAT, targetByte + i * 4, (float) longAt(source, i, bigEndian));
        }
      }
      case I32 -> {
        for (long i = 0; i < count; i++) {
          target.set(Matrix.FLOAT, targetByte + i * 4, (float) intAt(source, i, bigEndian));
        }
      }
      case U8 -> {
        for (long i = 0; i < count; i++) {
          float value = source.get(ValueLayout.JAVA_BYTE, i) & 0xff;
          target.set(Matrix.FLOAT, targetByte + i * 4, value);
        }
      }
      case BOOL -> {
        for (long i = 0; i < count; i++) {
          float value = source.get(ValueLayout.JAVA_BYTE, i) != 0 ? 1 : 0;
          target.set(Matrix.FLOAT, targetByte + i * 4, value);
        }
      }
    }
  }

  /**
   * Decodes integers.
   *
   * @param type I64, I32, U8 or BOOL
   * @param bigEndian whether their bytes are swapped
   * @param source the stored elements from byte 0
   * @param count number of elements
   * @param target receives them
   * @param at where the first goes
   */
  static void toLongs(
      ElementType type, boolean bigEndian, MemorySegment source, int count, long[] target, int at) {
    for (int i = 0; i < count; i++) {
      target[at + i] =
          switch (type) {
            case I64 -> longAt(source, i, bigEndian);
            case I32 -> intAt(source, i, bigEndian);
            case U8 -> source.get(ValueLayout.JAVA_BYTE, i) & 0xff;
            case BOOL -> source.get(ValueLayout.JAVA_BYTE, i) != 0 ? 1 : 0;
            default -> throw new IllegalArgumentException("not an integer type: " + type);
          };
    }
  }

  /**
   * Encodes {@code f32} elements in little-endian order, rounding to nearest even.
   *
   * @param type F64, F32, F16 or BF16
   * @param source holds native floats
   * @param sourceByte where the first lies
   * @param count number of elements
   * @param target receives the stored elements
   * @param targetByte where the first goes
   */
  static void fromFloats(
      ElementType type,
      MemorySegment source,
      long sourceByte,
      long count,
      MemorySegment target,
      long targetByte) {
    switch (type) {
      case F64 -> {
        for (long i = 0; i < count; i++) {
          double value = source.get(Matrix.FLOAT, sourceByte + i * 4);
          target.set(LONG, targetByte + i * 8, Double.doubleToRawLongBits(value));
        }
      }
      case F32 -> {
        for (long i = 0; i < count; i++) {
          target.set(INT, targetByte + i * 4, source.get(NATIVE_INT, sourceByte + i * 4));
        }
      }
      case F16 -> {
        for (long i = 0; i < count; i++) {
          float value = source.get(Matrix.FLOAT, sourceByte + i * 4);
          target.set(SHORT, targetByte + i * 2, Float.floatToFloat16(value));
        }
      }
      case BF16 -> {
        for (long i = 0; i < count; i++) {
          int bits = source.get(NATIVE_INT, sourceByte + i * 4);
          target.set(SHORT, targetByte + i * 2, bfloat16(bits));
        }
      }
      default -> throw new IllegalArgumentException("type: expected a float type, got " + type);
    }
  }

  /** The bfloat16 nearest to a binary32, ties to even; a NaN stays one. */
  private static short bfloat16(int bits) {
    if ((bits & 0x7fffffff) > 0x7f800000) {
      // Rounding could carry a NaN into infinity: keep its upper payload and make it quiet.
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }

  private static short shortAt(MemorySegment source, long index, boolean swap) {
    short bits = source.get(SHORT, index * 2);
    return swap ? Short.reverseBytes(bits) : bits;
  }

  private static int intAt(MemorySegment source, long index, boolean swap) {
    int bits = source.get(INT, index * 4);
    return swap ? Integer.reverseBytes(bits) : bits;
  }

  private static long longAt(MemorySegment source, long index, boolean swap) {
    long bits = source.get(LONG, index * 8);
    return swap ? Long.reverseBytes(bits) : bits;
  }
}
