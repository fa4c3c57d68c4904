package io.github.sae4j.internal.tensors;

import io.github.sae4j.memory.ElementType;
import java.util.List;
import java.util.Objects;

/**
 * Describes a tensor of a file; checked against the file's size.
 *
 * @param name name in the file; the file's own name without suffix for npy
 * @param type element type as stored
 * @param shape sizes, outermost first; empty for a scalar
 */
public record TensorInfo(String name, ElementType type, List<Long> shape) {
  /** Copies the shape; sizes are at least 0 and their product fits a {@code long}. */
  public TensorInfo {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(type, "type");
    shape = List.copyOf(shape);
    long bytes = type.bytes();
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException("shape: expected sizes of at least 0, got " + shape);
      }
      try {
        bytes = Math.multiplyExact(bytes, size);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException("shape: " + shape + " is too large", e);
      }
    }
  }

  /** {@return the number of elements, 1 for a scalar} */
  public long elements() {
    long product = 1;
    for (long size : shape) {
      product = Math.multiplyExact(product, size);
    }
    return product;
  }

  /** {@return the size of the elements as stored, in bytes} */
  public long bytes() {
    return elements() * type.bytes();
  }
}
