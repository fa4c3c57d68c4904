package io.github.sae4j.sae;

import io.github.sae4j.kernels.Shapes;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the caller specifies for formats that leave it to the repository's name or to the code that
 * loads them. A value that contradicts the files is an error.
 *
 * @param k latents per row
 * @param activation the activation
 */
public record ReadOptions(OptionalInt k, Optional<Choice> activation) {
  /** Everything is taken from the files. */
  public static final ReadOptions NONE = new ReadOptions(OptionalInt.empty(), Optional.empty());

  /** Activations that a format may leave open. */
  public enum Choice {
    /** All positive pre-activations. */
    RELU,
    /** The k largest pre-activations of each row. */
    TOPK,
    /** Pre-activations above the thresholds in the file. */
    JUMPRELU
  }

  /** Checks the range. */
  public ReadOptions {
    Shapes.expect(k.isEmpty() || k.getAsInt() >= 1, "k", "at least 1", k);
  }
}
