package io.github.sae4j.checkpoint;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A trained SAE on disk. Reads the layouts of SAELens ({@link SaeLensLayout}) and of EleutherAI's
 * sparsify, writes the former.
 */
public final class SaeCheckpoint {
  private SaeCheckpoint() {}

  /**
   * Loads an SAE into a device's memory. Nothing in the folder is trusted: shapes, types and values
   * are checked, and so are the checksums where the folder has a {@link Manifest}.
   *
   * @param folder an SAE's folder, or a run's folder that has one in {@code final}
   * @param device will run it, and must stay open as long
   * @return the SAE; the caller closes it
   * @throws BadFileException if a file is missing, damaged or not of a TopK SAE
   * @throws IOException if reading fails
   */
  public static TopKSae load(Path folder, Device device) throws IOException {
    Path inner = locate(folder);
    if (Manifest.isIn(inner)) {
      Manifest.verify(inner);
    }
    return SaeLensLayout.isIn(inner)
        ? SaeLensLayout.read(inner, device)
        : SparsifyLayout.read(inner, device);
  }

  /**
   * Saves an SAE in SAELens's layout. The folder appears complete or not at all; one that is there
   * is replaced, and stays if writing fails.
   *
   * @param folder where; its parent is created if missing
   * @param sae the SAE
   * @throws IOException if writing fails
   */
  public static void save(Path folder, TopKSae sae) throws IOException {
    Folding nothing = Folding.of(sae.weights().wDec(), 1f, false);
    AtomicFolder.write(
        folder, inner -> SaeLensLayout.write(inner, sae.config(), sae.weights(), nothing));
  }

  private static Path locate(Path folder) throws BadFileException {
    if (!Files.isDirectory(folder)) {
      throw new BadFileException(
          folder,
          Files.exists(folder)
              ? "expected an SAE's folder, got a file"
              : "expected an SAE's folder, found nothing");
    }
    for (Path candidate : new Path[] {folder, folder.resolve(CheckpointStore.FINAL)}) {
      if (SaeLensLayout.isIn(candidate) || SparsifyLayout.isIn(candidate)) {
        return candidate;
      }
    }
    throw new BadFileException(
        folder,
        "expected cfg.json with "
            + SaeLensLayout.WEIGHTS
            + " (SAELens) or "
            + SparsifyLayout.WEIGHTS
            + " (sparsify), found neither");
  }
}
