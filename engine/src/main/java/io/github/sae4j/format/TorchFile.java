package io.github.sae4j.format;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.ZipFile;

/** Knows files of torch.save, which are not read: they are pickled Python, code and all. */
final class TorchFile {
  static final String ADVICE =
      "is a file of torch.save, which is not read; save its tensors with"
          + " safetensors.torch.save_file({\"activations\": tensor}, path)";

  private TorchFile() {}

  /**
   * Tells such a file by what is in it: a zip with a member {@code data.pkl}, or a bare pickle.
   *
   * @param path the file
   * @param start its first bytes
   */
  static boolean looksLike(Path path, byte[] start) {
    String name = path.toString().toLowerCase(Locale.ROOT);
    boolean pickle = start.length > 1 && (start[0] & 0xff) == 0x80 && start[1] > 1 && start[1] < 6;
    if (pickle && !name.endsWith(".safetensors")) {
      return true;
    }
    boolean zip = start.length > 3 && start[0] == 'P' && start[1] == 'K' && start[2] == 3;
    if (!zip || name.endsWith(".npz")) {
      return false;
    }
    try (ZipFile file = new ZipFile(path.toFile())) {
      return file.stream().limit(100).anyMatch(entry -> entry.getName().endsWith("data.pkl"));
    } catch (IOException e) {
      return false; // whoever reads it will complain
    }
  }
}
