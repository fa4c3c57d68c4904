package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;

/** A sound file whose one array is of a kind that this library cannot read. */
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
   * @return its type, its shape and why it cannot be read
   */
  public UnreadableTensor tensor() {
    return tensor;
  }
}
