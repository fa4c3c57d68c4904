package io.github.sae4j.training;

import io.github.sae4j.format.DiskFile;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** Hashes by which a run knows its inputs and its own log again. */
final class RecordHashes {
  private static final int BUFFER = 1 << 16;

  private RecordHashes() {}

  /** SHA-256 in hex of what an SAE computes and of all its weights' bits. */
  static String of(TopKSae sae) {
    MessageDigest digest = sha256();
    digest.update(
        (sae.config().dIn()
                + " "
                + sae.config().dSae()
                + " "
                + sae.config().k()
                + " "
                + sae.config().applyBDecToInput()
                + " "
                + sae.config().normalization())
            .getBytes(StandardCharsets.UTF_8));
    for (Matrix matrix :
        List.of(
            sae.weights().wEnc(),
            sae.weights().bEnc(),
            sae.weights().wDec(),
            sae.weights().bDec())) {
      float[] row = new float[matrix.cols()];
      ByteBuffer bytes =
          ByteBuffer.allocate(row.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < matrix.rows(); i++) {
        matrix.read(i, 1, row, 0);
        bytes.clear();
        bytes.asFloatBuffer().put(row);
        digest.update(bytes);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * SHA-256 in hex of a file's first bytes.
   *
   * @return the hash; empty if the file is missing or shorter
   */
  static String of(Path file, long bytes) throws IOException {
    MessageDigest digest = sha256();
    try (DiskFile in = DiskFile.open(file, StandardOpenOption.READ)) {
      ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
      long done = 0;
      while (done < bytes) {
        buffer.clear().limit((int) Math.min(BUFFER, bytes - done));
        int got = in.read(buffer, done);
        if (got < 0) {
          return "";
        }
        digest.update(buffer.flip());
        done += got;
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }
}
