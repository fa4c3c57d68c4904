package io.github.sae4j.checkpoint;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.layout.SaeReader;
import io.github.sae4j.internal.layout.writing.SaeWriter;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.WriteOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A trained SAE on disk. Reads every published layout that is known and the folders of runs; writes
 * SAELens's, sparsify's and sentence-transformers'.
 */
public final class SaeCheckpoint {
  private SaeCheckpoint() {}

  /**
   * Loads an SAE into a device's memory. Nothing in the files is trusted: shapes, types and values
   * are checked, and so are the checksums where the folder has a {@link Manifest}.
   *
   * @param path an SAE's folder or file, or a run's folder that has one in {@code final}
   * @param device runs it; must stay open as long as the SAE
   * @return the SAE; the caller closes it
   * @throws BadFileException if a file is missing, damaged or of a kind that cannot be read
   * @throws IOException if reading fails
   */
  public static SparseAutoencoder load(Path path, Device device) throws IOException {
    return read(path, device, ReadOptions.NONE).sae();
  }

  /**
   * Loads an SAE into a device's memory, with a description of its files.
   *
   * @param path an SAE's folder or file, or a run's folder that has one in {@code final}
   * @param device runs it; must stay open as long as the SAE
   * @param options what the files may leave open
   * @return the SAE, which the caller closes, and its description
   * @throws BadFileException if a file is missing, damaged or of a kind that cannot be read
   * @throws IOException if reading fails
   */
  public static LoadedSae read(Path path, Device device, ReadOptions options) throws IOException {
    if (!Files.exists(path)) {
      throw new BadFileException(path, "expected an SAE's folder or file, found nothing");
    }
    Path trained = path.resolve(CheckpointStore.FINAL);
    Path inner = Files.isDirectory(trained) && !SaeReader.isAt(path) ? trained : path;
    if (Manifest.isIn(inner)) {
      Manifest.verify(inner);
    }
    return SaeReader.read(inner, device, options);
  }

  /**
   * Saves an SAE in SAELens's layout, as F32. The folder appears complete or not at all; one that
   * is there is replaced, and stays if writing fails.
   *
   * @param folder where; its parent is created if missing
   * @param sae the SAE
   * @throws IllegalArgumentException if SAELens has no architecture for it; says what it lacks
   * @throws IOException if writing fails
   */
  public static void save(Path folder, SparseAutoencoder sae) throws IOException {
    save(folder, sae, WriteOptions.DEFAULT);
  }

  /**
   * Saves an SAE in the layout of another library. The folder appears complete or not at all; one
   * that was written so is replaced, and stays if writing fails.
   *
   * @param folder where; its parent is created if missing
   * @param sae the SAE
   * @param options which layout, and how
   * @throws IllegalArgumentException if the layout cannot express the SAE; says what
   * @throws IOException if writing fails, the folder holds files of somebody else, or a weight does
   *     not fit the type; names its tensor
   */
  public static void save(Path folder, SparseAutoencoder sae, WriteOptions options)
      throws IOException {
    AtomicFolder.write(folder, inner -> SaeWriter.write(inner, sae, options));
  }
}
