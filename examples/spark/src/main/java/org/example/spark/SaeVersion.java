package org.example.spark;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;

/**
 * An SAE as it is now: what is shipped to executors. Trained further in the same folder it is
 * another one.
 *
 * @param folder readable on every executor, in any layout that sae4j reads
 * @param sha256 of its files
 */
record SaeVersion(String folder, String sha256) implements Serializable {
  /**
   * What a folder holds now.
   *
   * @param folder the SAE's folder
   * @return its version
   */
  static SaeVersion of(Path folder) throws IOException {
    return new SaeVersion(folder.toString(), Digests.ofAll(folder));
  }
}
