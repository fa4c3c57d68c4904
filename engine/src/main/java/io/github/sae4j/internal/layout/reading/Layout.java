package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.sae.ReadOptions;
import java.io.IOException;
import java.util.Optional;

/** A published layout of SAEs: one family of files. */
public interface Layout {
  /**
   * Recognises this layout by the content of the files, and reads all but the large matrices.
   *
   * @param files where
   * @param options what the files may leave open
   * @return what it is, with its tensors open; empty if it is another layout
   * @throws BadFileException if it is this layout and damaged, or of a kind that cannot be read
   * @throws IOException if reading fails
   */
  Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException;
}
