package io.github.sae4j.internal.jobs;

import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/**
 * A hash of what an SAE computes: its configuration and all its weights as loaded, independent of
 * file formats and metadata.
 */
final class SaeFingerprint {
  private final MessageDigest digest = Sha256.digest();

  private SaeFingerprint() {}

  /** SHA-256 in hex. */
  static String of(SparseAutoencoder sae) {
    SaeFingerprint fingerprint = new SaeFingerprint();
    SaeConfig config = sae.config();
    SaeWeights weights = sae.weights();
    fingerprint.text(
        String.join(
            " ",
            Integer.toString(config.dIn()),
            Integer.toString(config.dOut()),
            Integer.toString(config.dSae()),
            config.activation().toString(),
            Boolean.toString(config.transcoder()),
            Boolean.toString(config.applyBDecToInput()),
            config.normalization().toString()));
    fingerprint.activation(config.activation());
    float[] row = new float[config.dIn()];
    ByteBuffer bytes = buffer(row.length);
    for (int i = 0; i < config.dSae(); i++) {
      weights.readEncoder(i, 1, row, 0);
      fingerprint.row(row, bytes);
    }
    fingerprint.matrix(weights.bEnc());
    fingerprint.matrix(weights.wDec());
    fingerprint.matrix(weights.bDec());
    if (weights.wSkip() != null) {
      fingerprint.matrix(weights.wSkip());
    }
    return Sha256.hex(fingerprint.digest);
  }

  private void text(String text) {
    digest.update((text + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private void activation(Activation activation) {
    if (activation instanceof Threshold threshold) {
      row(threshold.theta(), buffer(threshold.theta().length));
      threshold
          .magnitude()
          .ifPresent(
              magnitude -> {
                row(magnitude.gain(), buffer(magnitude.gain().length));
                row(magnitude.bias(), buffer(magnitude.bias().length));
              });
    }
  }

  private void matrix(Matrix matrix) {
    float[] row = new float[matrix.cols()];
    ByteBuffer bytes = buffer(row.length);
    for (int r = 0; r < matrix.rows(); r++) {
      matrix.read(r, 1, row, 0);
      row(row, bytes);
    }
  }

  private void row(float[] row, ByteBuffer bytes) {
    bytes.clear();
    bytes.asFloatBuffer().put(row);
    digest.update(bytes.limit(row.length * Float.BYTES));
  }

  private static ByteBuffer buffer(int floats) {
    return ByteBuffer.allocate(floats * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
  }
}
