package io.github.sae4j.internal.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256. */
public final class Sha256 {
  private static final int BUFFER = 1 << 20;

  private Sha256() {}

  /** A digest, which every Java runtime has. */
  public static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java runtime has SHA-256", e);
    }
  }

  /**
   * The value of a digest.
   *
   * @param digest reset by this
   * @return in hex
   */
  public static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * The digest of a file's content.
   *
   * @param file the file
   * @return in hex
   * @throws IOException if reading fails
   */
  public static String of(Path file) throws IOException {
    MessageDigest digest = digest();
    try (DiskFile open = DiskFile.open(file, StandardOpenOption.READ)) {
      ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
      long done = 0;
      for (int got = open.read(buffer, 0); got >= 0; got = open.read(buffer, done)) {
        done += got;
        digest.update(buffer.flip());
        buffer.clear();
      }
    }
    return hex(digest);
  }
}
