package io.github.sae4j.sae;

import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.kernels.Shapes;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the caller specifies for formats that leave it to the repository's name or to the code that
 * loads them, and how the SAE will be served. A value that contradicts the files is an error.
 *
 * @param k latents per row
 * @param activation the activation
 * @param serving what encoding reads, see {@link SparseAutoencoder#servingPrecision}
 */
public record ReadOptions(OptionalInt k, Optional<Choice> activation, ServingPrecision serving) {
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
    Objects.requireNonNull(serving, "serving");
  }

  /**
   * Options of an SAE that is served in f32.
   *
   * @param k latents per row
   * @param activation the activation
   */
  public ReadOptions(OptionalInt k, Optional<Choice> activation) {
    this(k, activation, ServingPrecision.F32);
  }

  /**
   * The same with another precision to serve in.
   *
   * @param precision what encoding reads
   * @return the changed options
   */
  public ReadOptions with(ServingPrecision precision) {
    return new ReadOptions(k, activation, precision);
  }
}
