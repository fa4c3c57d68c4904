package io.github.sae4j.sae;

import io.github.sae4j.memory.ElementType;
import java.util.List;

/**
 * An SAE read from files, with a description of those files.
 *
 * @param sae the SAE
 * @param family the name of the layout it was read from, for messages
 * @param type how the encoder's weights are stored
 * @param warnings warnings for the user, one line each
 */
public record LoadedSae(
    SparseAutoencoder sae, String family, ElementType type, List<String> warnings)
    implements AutoCloseable {
  /** Copies the warnings. */
  public LoadedSae {
    warnings = List.copyOf(warnings);
  }

  /** Closes the SAE. */
  @Override
  public void close() {
    sae.close();
  }
}
