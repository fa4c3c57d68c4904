package io.github.sae4j.sae;

import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.ElementType;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;

/**
 * Layout and types of the files of an SAE.
 *
 * @param layout the layout of the files
 * @param type of the weights: F32, BF16 or F16, rounded to nearest even; a finite weight that would
 *     become infinite is an error
 * @param sparsity log10 of how often each latent fires, 1e-10 added, {@code [d_sae]}: SAELens's
 *     {@code sparsity.safetensors}. Not to be changed; other layouts have no place for it
 */
public record WriteOptions(Layout layout, ElementType type, Optional<float[]> sparsity) {
  /** SAELens's layout in F32. */
  public static final WriteOptions DEFAULT =
      new WriteOptions(Layout.SAELENS, ElementType.F32, Optional.empty());

  /** Layouts that can be written. */
  public enum Layout {
    /** SAELens 6: {@code cfg.json} and {@code sae_weights.safetensors}. */
    SAELENS,
    /** EleutherAI's sparsify: {@code cfg.json} and {@code sae.safetensors}. */
    SPARSIFY,
    /**
     * The folder of sentence-transformers' {@code SparseAutoEncoder} module: {@code config.json}
     * and {@code model.safetensors}. Its encoder and decoder are one matrix.
     */
    SENTENCE_TRANSFORMERS
  }

  /** Checks the type. */
  public WriteOptions {
    Objects.requireNonNull(layout, "layout");
    Objects.requireNonNull(sparsity, "sparsity");
    Shapes.expect(
        type == ElementType.F32 || type == ElementType.BF16 || type == ElementType.F16,
        "type",
        "F32, BF16 or F16",
        type);
  }

  /**
   * The same in another layout.
   *
   * @param changed the layout of the files
   * @return the changed options
   */
  public WriteOptions with(Layout changed) {
    return new WriteOptions(changed, type, sparsity);
  }

  /**
   * The same with another type.
   *
   * @param changed F32, BF16 or F16
   * @return the changed options
   */
  public WriteOptions with(ElementType changed) {
    return new WriteOptions(layout, changed, sparsity);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof WriteOptions that
        && layout == that.layout
        && type == that.type
        && Arrays.equals(sparsity.orElse(null), that.sparsity.orElse(null));
  }

  @Override
  public int hashCode() {
    return Objects.hash(layout, type, Arrays.hashCode(sparsity.orElse(null)));
  }
}
