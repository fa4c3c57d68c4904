package io.github.sae4j.internal.records;

import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.List;

/** Hashes by which a run recognises its inputs and its own log. */
public final class RecordHashes {
  private static final int BUFFER = 1 << 16;

  private RecordHashes() {}

  /** SHA-256 in hex of an SAE's configuration and the bits of all its weights. */
  public static String of(SparseAutoencoder sae) {
    MessageDigest digest = Sha256.digest();
    SaeConfig config = sae.config();
    digest.update(
        (config.dIn()
                + " "
                + config.dOut()
                + " "
                + config.dSae()
                + " "
                + config.activation()
                + " "
                + config.transcoder()
                + " "
                + config.applyBDecToInput()
                + " "
                + config.normalization())
            .getBytes(StandardCharsets.UTF_8));
    float[] row = new float[config.dIn()];
    for (int i = 0; i < config.dSae(); i++) {
      // A served SAE may not keep its encoder as a matrix.
      sae.weights().readEncoder(i, 1, row, 0);
      update(digest, row);
    }
    for (Matrix matrix :
        List.of(sae.weights().bEnc(), sae.weights().wDec(), sae.weights().bDec())) {
      float[] values = new float[matrix.cols()];
      for (int i = 0; i < matrix.rows(); i++) {
        matrix.read(i, 1, values, 0);
        update(digest, values);
      }
    }
    return Sha256.hex(digest);
  }

  private static void update(MessageDigest digest, float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    digest.update(bytes);
  }

  /**
   * SHA-256 in hex of a file's first bytes.
   *
   * @return the hash; empty if the file is missing or shorter
   */
  public static String of(Path file, long bytes) throws IOException {
    MessageDigest digest = Sha256.digest();
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
      return Sha256.hex(digest);
    } catch (NoSuchFileException e) {
      return "";
    }
  }
}
