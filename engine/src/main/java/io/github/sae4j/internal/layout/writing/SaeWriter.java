package io.github.sae4j.internal.layout.writing;

import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.WriteOptions;
import io.github.sae4j.sae.WriteOptions.Layout;
import java.io.IOException;
import java.nio.file.Path;

/** Writes an SAE in any layout that has a writer. */
public final class SaeWriter {
  private SaeWriter() {}

  /**
   * Writes an SAE into a folder that exists. Nothing of the weights' size is allocated.
   *
   * @param folder receives the layout's files
   * @param sae the SAE
   * @param options the layout and the weights' type
   * @throws IllegalArgumentException if the layout cannot express it; says what
   * @throws IOException if writing fails, or a weight does not fit the type; names its tensor
   */
  public static void write(Path folder, SparseAutoencoder sae, WriteOptions options)
      throws IOException {
    SaeConfig config = sae.config();
    SaeWeights weights = sae.weights();
    if (options.sparsity().isPresent() && options.layout() != Layout.SAELENS) {
      throw new IllegalArgumentException(
          "sparsity: expected none, " + options.layout() + " has no place for it");
    }
    switch (options.layout()) {
      case SAELENS -> SaeLensWriter.write(folder, config, weights, options);
      case SPARSIFY -> SparsifyWriter.write(folder, config, weights, options);
      case SENTENCE_TRANSFORMERS ->
          SentenceTransformersWriter.write(folder, config, weights, options);
    }
  }
}
