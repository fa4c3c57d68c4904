package io.github.sae4j.parity;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;

/** Collects differences of two runs, raw bits against raw bits. */
final class Comparison {
  private long elements;
  private long different;
  private long maxUlp;
  private String first = "";

  Comparison() {}

  /** Compares two matrices of one shape. */
  Comparison matrices(String name, Matrix expected, Matrix actual) {
    for (int r = 0; r < expected.rows(); r++) {
      for (int c = 0; c < expected.cols(); c++) {
        numbers(name + "[" + r + ", " + c + "]", expected.get(r, c), actual.get(r, c));
      }
    }
    return this;
  }

  /** Compares codes: indices must agree, values bit by bit. */
  Comparison codes(SparseCodes expected, SparseCodes actual) {
    for (int r = 0; r < expected.rows(); r++) {
      integers("codes[" + r + "].length", expected.length(r), actual.length(r));
      for (int slot = 0; slot < Math.min(expected.length(r), actual.length(r)); slot++) {
        String at = "codes[" + r + ", " + slot + "]";
        integers(at + ".index", expected.index(r, slot), actual.index(r, slot));
        numbers(at + ".value", expected.value(r, slot), actual.value(r, slot));
      }
    }
    return this;
  }

  /** Compares whole numbers. */
  Comparison integers(String name, long expected, long actual) {
    elements++;
    if (expected != actual) {
      note(name, expected, actual, Long.MAX_VALUE);
    }
    return this;
  }

  /** Compares doubles by raw bits. */
  Comparison doubles(String name, double expected, double actual) {
    elements++;
    long a = Double.doubleToRawLongBits(expected);
    long b = Double.doubleToRawLongBits(actual);
    if (a != b && !(Double.isNaN(expected) && Double.isNaN(actual))) {
      note(name, expected, actual, ulps(expected, actual));
    }
    return this;
  }

  /** Compares the messages of kernels that returned no numbers. */
  Comparison texts(String name, String expected, String actual) {
    elements++;
    if (!expected.equals(actual)) {
      note(name, expected, actual, Long.MAX_VALUE);
    }
    return this;
  }

  private void numbers(String name, float expected, float actual) {
    elements++;
    // The bits of a NaN from a sum of infinities are not defined, so any NaN equals any other.
    if (Float.floatToRawIntBits(expected) != Float.floatToRawIntBits(actual)
        && !(Float.isNaN(expected) && Float.isNaN(actual))) {
      note(name, expected, actual, ulps(expected, actual));
    }
  }

  private void note(String name, Object expected, Object actual, long ulps) {
    different++;
    maxUlp = Math.max(maxUlp, ulps);
    if (first.isEmpty()) {
      first = name + ": oracle " + expected + ", device " + actual;
    }
  }

  boolean equal() {
    return different == 0;
  }

  /** Distance on the number line of floats; signed zeros are one apart. */
  static long ulps(float a, float b) {
    if (Float.isNaN(a) || Float.isNaN(b)) {
      return Long.MAX_VALUE;
    }
    return Math.abs(position(a) - position(b));
  }

  private static long position(float value) {
    int bits = Float.floatToRawIntBits(value);
    return bits >= 0 ? bits : -1L - (bits & 0x7fffffff);
  }

  /** The same for doubles; distances beyond a long are {@link Long#MAX_VALUE}. */
  static long ulps(double a, double b) {
    if (Double.isNaN(a) || Double.isNaN(b)) {
      return Long.MAX_VALUE;
    }
    long from = position(a);
    long to = position(b);
    long distance = from - to;
    boolean overflows = ((from ^ to) & (from ^ distance)) < 0;
    return overflows ? Long.MAX_VALUE : Math.abs(distance);
  }

  private static long position(double value) {
    long bits = Double.doubleToRawLongBits(value);
    return bits >= 0 ? bits : -1L - (bits & Long.MAX_VALUE);
  }

  ParityResult result(String kernel, String input) {
    return new ParityResult(kernel, input, elements, different, maxUlp, first);
  }
}
