package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.internal.tensors.UnreadableTensor;
import io.github.sae4j.memory.ElementType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The tensor of a file that holds its activations.
 *
 * @param info its description, {@code [rows, d_in]} or {@code [seq, ctx, d_in]}
 * @param named whether the file names its tensors; npy and bare torch tensors have no name
 * @param rows rows with sequences flattened, possibly 0
 * @param width values in a row
 */
record ActivationTensor(TensorInfo info, boolean named, long rows, int width) {
  private static final String USUAL_NAME = "activations";

  /** Far above any model's width, and small enough for a few rows to fit into an array. */
  private static final int MOST_WIDTH = 1 << 24;

  /** How many tensors a message lists. */
  private static final int LISTED = 8;

  /**
   * Chooses: the tensor of the given name, else the one called {@code activations}, else the only
   * float tensor of rank 2 or 3. In a file that holds one tensor without a name, npy or a bare
   * torch tensor, the given name is not looked at.
   *
   * <p>A tensor that is named, by the user or by convention, and cannot be used is an error: what
   * lies beside it (scales, means, positions) is no substitute. For the same reason the only float
   * tensor is not taken where another could be meant: one of a type that cannot be read, or one of
   * another type or rank that is larger.
   */
  static ActivationTensor choose(TensorFile file, Optional<String> name) throws BadFileException {
    List<TensorInfo> tensors = file.tensors();
    if (name.isPresent() && file.named()) {
      return of(file, file.tensor(name.get()));
    }
    boolean usual =
        file.named()
            && (file.unreadable().containsKey(USUAL_NAME)
                || tensors.stream().anyMatch(tensor -> tensor.name().equals(USUAL_NAME)));
    if (usual) {
      return unscaled(file, of(file, file.tensor(USUAL_NAME)));
    }
    if (tensors.size() == 1 && others(file).isEmpty()) {
      return of(file, tensors.getFirst());
    }
    List<TensorInfo> candidates = tensors.stream().filter(t -> isFloat(t) && hasRows(t)).toList();
    if (candidates.isEmpty()) {
      throw new BadFileException(
          file.path(),
          "expected activations, a float tensor [rows, d_in] or [seq, ctx, d_in], got "
              + listAll(file));
    }
    if (candidates.size() > 1) {
      throw new BadFileException(
          file.path(),
          "which tensor holds the activations? Name one of " + list(candidates) + " (--tensor)");
    }
    TensorInfo only = candidates.getFirst();
    List<String> meant = new ArrayList<>(others(file));
    for (TensorInfo tensor : tensors) {
      // Tokens and attention masks are integers; activations may have been quantised to bytes.
      boolean values = isFloat(tensor) || tensor.type() == ElementType.U8;
      if (values && !tensor.equals(only) && tensor.elements() > only.elements()) {
        meant.add(layout(tensor) + " (expected a float tensor of rank 2 or 3)");
      }
    }
    if (!meant.isEmpty()) {
      throw new BadFileException(
          file.path(),
          "which tensor holds the activations? "
              + layout(only)
              + " can be read, but "
              + limited(meant)
              + " may be meant and cannot be read; name the tensor to read (--tensor)");
    }
    return unscaled(file, of(file, only));
  }

  /** Floats of a byte are mostly kept with a scale beside them, without which they mean nothing. */
  private static ActivationTensor unscaled(TensorFile file, ActivationTensor chosen)
      throws BadFileException {
    if (chosen.info.type().bytes() > 1 || chosen.rows == 0) {
      return chosen;
    }
    for (TensorInfo other : file.tensors()) {
      // One for all, for each row or group of a row's values, or for each column.
      boolean scale =
          other.elements() == 1
              || other.elements() % chosen.rows == 0
              || other.elements() == chosen.width;
      if (isFloat(other) && scale && !other.equals(chosen.info)) {
        throw new BadFileException(
            file.path(),
            layout(chosen.info)
                + " has "
                + layout(other)
                + " beside it, which may be its scale: multiply them before, or name the tensor to"
                + " read it as it is (--tensor)");
      }
    }
    return chosen;
  }

  /**
   * Tensors that accompany activations but are none: tokens, positions, masks. That is, integers of
   * one dimension, of any size, or of two dimensions in a type that activations are not stored in.
   *
   * @return its tensors in words; empty if there may be activations in the file
   */
  static Optional<String> labels(TensorFile file) {
    boolean onlyLabels =
        !(file.tensors().isEmpty() && file.unreadable().isEmpty())
            && file.tensors().stream().allMatch(ActivationTensor::isLabels)
            && file.unreadable().values().stream().allMatch(ActivationTensor::isLabels);
    return onlyLabels ? Optional.of(listAll(file)) : Optional.empty();
  }

  private static boolean isLabels(TensorInfo tensor) {
    return switch (tensor.type()) {
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> false;
      case U8 -> tensor.shape().size() < 2;
      case I64, I32, BOOL -> tensor.shape().size() < 3;
    };
  }

  /** An integer type as safetensors, numpy or torch spell it. */
  static boolean isLabels(UnreadableTensor tensor) {
    return tensor.shape().size() < 2
        && tensor.type().matches("[IU][0-9]+|[<>|=]?[iu][0-9]|(Char|Short)Storage|u?int[0-9]+");
  }

  /** Describes tensors of two or more dimensions that cannot be read. */
  private static List<String> others(TensorFile file) {
    return file.unreadable().values().stream()
        .filter(tensor -> tensor.shape().size() > 1)
        .map(UnreadableTensor::toString)
        .toList();
  }

  /** Describes everything in a file that is or should be a tensor. */
  static String listAll(TensorFile file) {
    List<String> all = new ArrayList<>();
    file.tensors().forEach(tensor -> all.add(layout(tensor)));
    file.unreadable().values().forEach(tensor -> all.add(tensor.toString()));
    return all.isEmpty() ? "no tensor at all" : limited(all);
  }

  /** Describes tensors, the first few of them. */
  static String list(List<TensorInfo> tensors) {
    return limited(tensors.stream().map(ActivationTensor::layout).toList());
  }

  private static String limited(List<String> words) {
    String first = words.stream().limit(LISTED).collect(Collectors.joining("; "));
    return words.size() <= LISTED ? first : first + "; and " + (words.size() - LISTED) + " more";
  }

  /** Describes a tensor, for instance as {@code 'activations' F16 [16384, 384]}. */
  static String layout(TensorInfo tensor) {
    return "'" + tensor.name() + "' " + tensor.type() + " " + tensor.shape();
  }

  private static ActivationTensor of(TensorFile file, TensorInfo tensor) throws BadFileException {
    if (!isFloat(tensor)) {
      throw new BadFileException(
          file.path(),
          "expected activations of type F64, F32, F16, BF16 or F8, got " + layout(tensor));
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
    return new ActivationTensor(tensor, file.named(), tensor.elements() / width, (int) width);
  }

  static boolean isFloat(TensorInfo tensor) {
    return switch (tensor.type()) {
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> true;
      case I64, I32, U8, BOOL -> false;
    };
  }

  private static boolean hasRows(TensorInfo tensor) {
    return tensor.shape().size() == 2 || tensor.shape().size() == 3;
  }
}
