package io.github.sae4j.internal.layout;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Reads a published SAE or transcoder of any known layout, recognised by what its files hold.
 * Nothing in them is trusted: shapes, types and values are checked, and anything that a reader does
 * not understand is an error that names it, never a default.
 */
public final class SaeReader {
  private static final System.Logger LOG = System.getLogger("io.github.sae4j.checkpoint");

  private SaeReader() {}

  /**
   * Reads an SAE into a device's memory. Warnings are also logged.
   *
   * @param path an SAE's folder, or the file of its weights
   * @param device runs it; must stay open as long as the SAE
   * @param options what the files may leave open
   * @return the SAE
   * @throws BadFileException if no known layout is found, or it is damaged or of a kind that cannot
   *     be read
   * @throws IOException if reading fails
   */
  public static LoadedSae read(Path path, Device device, ReadOptions options) throws IOException {
    try (Blueprint blueprint = Layouts.read(new SaeFiles(path), options)) {
      for (String warning : blueprint.warnings()) {
        LOG.log(System.Logger.Level.WARNING, "{0}: {1}", path, warning);
      }
      SaeWeights weights = blueprint.load(device);
      try {
        SparseAutoencoder sae =
            new SparseAutoencoder(device, blueprint.config(), weights, options.serving());
        return new LoadedSae(sae, blueprint.family(), blueprint.type(), blueprint.warnings());
      } catch (Throwable e) {
        weights.close();
        throw e;
      }
    }
  }

  /**
   * Reads what an SAE's files say about it, without its weights.
   *
   * @param path an SAE's folder, or the file of its weights
   * @return the metadata; none if it has none
   * @throws BadFileException if no known layout is found, or it is damaged
   * @throws IOException if reading fails
   */
  public static SaeMetadata metadata(Path path) throws IOException {
    try (Blueprint blueprint = Layouts.read(new SaeFiles(path), ReadOptions.NONE)) {
      return blueprint.config().metadata();
    }
  }

  /**
   * Whether a path holds an SAE in a known layout.
   *
   * @param path a folder or a file
   * @return true if {@link #read} would find an SAE, sound or not
   * @throws IOException if looking fails
   */
  public static boolean isAt(Path path) throws IOException {
    try {
      var found = Layouts.find(new SaeFiles(path), ReadOptions.NONE);
      if (found.isPresent()) {
        found.get().close();
      }
      return found.isPresent();
    } catch (BadFileException e) {
      return true; // recognised, though damaged
    }
  }
}
