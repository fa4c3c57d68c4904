package io.github.sae4j.memory;

/** How numbers are stored in a tensor file, by the name that safetensors gives each. */
public enum ElementType {
  /** IEEE binary64. */
  F64(8),
  /** IEEE binary32. */
  F32(4),
  /** IEEE binary16. */
  F16(2),
  /** bfloat16: the upper half of a binary32. */
  BF16(2),
  /** float8_e4m3fn: 4 bits of exponent, 3 of mantissa, no infinity. */
  F8_E4M3(1),
  /** float8_e5m2: the upper half of a binary16. */
  F8_E5M2(1),
  /** Signed 64-bit integer. */
  I64(8),
  /** Signed 32-bit integer. */
  I32(4),
  /** Unsigned byte. */
  U8(1),
  /** A byte that is 0 or 1. */
  BOOL(1);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /** {@return the size of one element in bytes} */
  public int bytes() {
    return bytes;
  }
}
