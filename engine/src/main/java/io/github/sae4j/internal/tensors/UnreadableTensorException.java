package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;

/** A file that is sound and is one array of a kind that this library cannot read. */
public final class UnreadableTensorException extends BadFileException {
  private static final long serialVersionUID = 1L;

  private final transient UnreadableTensor tensor;

  UnreadableTensorException(Path file, UnreadableTensor tensor) {
    super(file, tensor.reason() + ", shape " + tensor.shape());
    this.tensor = tensor;
  }

  /**
   * The array.
   *
   * @return its type, its shape and what stands in the way
   */
  public UnreadableTensor tensor() {
    return tensor;
  }
}
