package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorFile;
import io.github.sae4j.format.TensorInfo;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The tensor of a file that holds its activations.
 *
 * @param info its description, {@code [rows, d_in]} or {@code [seq, ctx, d_in]}
 * @param rows rows with sequences flattened, possibly 0
 * @param width values in a row
 */
record ActivationTensor(TensorInfo info, long rows, int width) {
  private static final String USUAL_NAME = "activations";

  /** Far above any model's, and low enough that a few rows fit into an array. */
  private static final int MOST_WIDTH = 1 << 24;

  /**
   * Chooses: the tensor of the given name, else the only float tensor of rank 2 or 3, else the one
   * of those called {@code activations}. An npy file holds one tensor without a name: there the
   * given name is not looked at.
   */
  static ActivationTensor choose(TensorFile file, Optional<String> name) throws BadFileException {
    List<TensorInfo> tensors = file.tensors();
    if (name.isPresent() && !file.path().toString().endsWith(".npy")) {
      return of(file, file.tensor(name.get()));
    }
    if (tensors.size() == 1) {
      return of(file, tensors.getFirst());
    }
    List<TensorInfo> candidates = tensors.stream().filter(t -> isFloat(t) && hasRows(t)).toList();
    if (candidates.size() == 1) {
      return of(file, candidates.getFirst());
    }
    for (TensorInfo candidate : candidates) {
      if (candidate.name().equals(USUAL_NAME)) {
        return of(file, candidate);
      }
    }
    throw new BadFileException(
        file.path(),
        candidates.isEmpty()
            ? "expected activations, a float tensor [rows, d_in] or [seq, ctx, d_in], got "
                + (tensors.isEmpty() ? "no tensor at all" : list(tensors))
            : "which tensor holds the activations? Name one of " + list(candidates));
  }

  /** Tensors in words, the first few of them. */
  static String list(List<TensorInfo> tensors) {
    int most = 8;
    String names =
        tensors.stream()
            .limit(most)
            .map(ActivationTensor::layout)
            .collect(Collectors.joining("; "));
    return tensors.size() <= most ? names : names + "; and " + (tensors.size() - most) + " more";
  }

  /** A tensor in words, such as {@code 'activations' F16 [16384, 384]}. */
  private static String layout(TensorInfo tensor) {
    return "'" + tensor.name() + "' " + tensor.type() + " " + tensor.shape();
  }

  private static ActivationTensor of(TensorFile file, TensorInfo tensor) throws BadFileException {
    if (!isFloat(tensor)) {
      throw new BadFileException(
          file.path(), "expected activations of type F64, F32, F16 or BF16, got " + layout(tensor));
    }
    if (!hasRows(tensor)) {
      throw new BadFileException(
          file.path(),
          "expected activations [rows, d_in] or [seq, ctx, d_in], got " + layout(tensor));
    }
    long width = tensor.shape().getLast();
    if (width < 1 || width > MOST_WIDTH) {
      throw new BadFileException(
          file.path(), "expected rows of 1 to 2^24 values, got " + layout(tensor));
    }
    return new ActivationTensor(tensor, tensor.elements() / width, (int) width);
  }

  private static boolean isFloat(TensorInfo tensor) {
    return switch (tensor.type()) {
      case F64, F32, F16, BF16 -> true;
      case I64, I32, U8, BOOL -> false;
    };
  }

  private static boolean hasRows(TensorInfo tensor) {
    return tensor.shape().size() == 2 || tensor.shape().size() == 3;
  }
}
