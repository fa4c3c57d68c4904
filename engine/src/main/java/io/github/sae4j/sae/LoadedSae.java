package io.github.sae4j.sae;

import io.github.sae4j.memory.ElementType;
import java.util.List;

/**
 * An SAE that was read, and what its files say of themselves.
 *
 * @param sae the SAE
 * @param family the name of the layout it was read from, for people
 * @param type how the encoder's weights are stored
 * @param warnings what a user should know, one line each
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
