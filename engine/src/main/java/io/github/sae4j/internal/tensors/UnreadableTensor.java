package io.github.sae4j.internal.tensors;

import java.util.List;
import java.util.Objects;

/**
 * A tensor, or what should be one, that a file holds and this library cannot read.
 *
 * @param name name in the file
 * @param type element type as the file spells it; empty if the entry is not a tensor
 * @param shape sizes, outermost first; empty for a scalar or if the entry is not a tensor
 * @param reason what was expected and what came
 */
public record UnreadableTensor(String name, String type, List<Long> shape, String reason) {
  /** Copies the shape. */
  public UnreadableTensor {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(reason, "reason");
    shape = List.copyOf(shape);
  }

  /**
   * Describes the tensor without its name.
   *
   * @return for instance {@code I8 [512, 16]: expected dtype F64, ...}
   */
  public String description() {
    return type.isEmpty() ? reason : type + " " + shape + ": " + reason;
  }

  @Override
  public String toString() {
    return "'"
        + name
        + "' "
        + (type.isEmpty() ? "" : type + " " + shape + " ")
        + "("
        + reason
        + ")";
  }
}
