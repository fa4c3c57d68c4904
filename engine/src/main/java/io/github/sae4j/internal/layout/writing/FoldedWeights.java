package io.github.sae4j.internal.layout.writing;

import io.github.sae4j.internal.tensors.SafetensorsOutput;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeWeights;
import java.io.IOException;

/**
 * Writes folded weights block by block; the trainer's own weights are not modified. Every value is
 * checked to be finite in the type that it is written as.
 */
final class FoldedWeights {
  /** Values of a block: 8 MiB. */
  private static final int BLOCK = 2 << 20;

  private final SaeWeights weights;
  private final Folding folding;
  private final ElementType type;
  private final SafetensorsOutput output;
  private final int dIn;
  private final int dOut;
  private final int dSae;

  /**
   * Weights on their way into a file.
   *
   * @param weights before folding
   * @param folding what to fold into them
   * @param type of the file's tensors
   * @param output the file
   */
  FoldedWeights(SaeWeights weights, Folding folding, ElementType type, SafetensorsOutput output) {
    this.weights = weights;
    this.folding = folding;
    this.type = type;
    this.output = output;
    dIn = weights.dIn();
    dOut = weights.dOut();
    dSae = weights.dSae();
  }

  /** Writes the encoder as {@code [d_in, d_sae]}: some columns of all latents become rows. */
  void encoderColumns(String name) throws IOException {
    int most = Math.clamp(BLOCK / dSae, 1, dIn);
    float[][] columns = new float[most][dSae];
    float[] row = new float[dIn];
    try (OffHeap memory = new OffHeap()) {
      Matrix block = memory.matrix(most, dSae);
      for (int first = 0; first < dIn; first += most) {
        int count = Math.min(most, dIn - first);
        for (int i = 0; i < dSae; i++) {
          weights.readEncoder(i, 1, row, 0);
          folding.encoder(i, row, first, count);
          expectFinite(name, row, first, first + count);
          for (int j = 0; j < count; j++) {
            columns[j][i] = row[first + j];
          }
        }
        for (int j = 0; j < count; j++) {
          block.write(j, 1, columns[j], 0);
        }
        output.writeRows(name, first, block.firstRows(count));
      }
    }
  }

  /** A row of a matrix, folded. */
  private interface Row {
    void read(int latent, float[] target);
  }

  /** Writes the encoder as {@code [d_sae, d_in]}. */
  void encoder(String name) throws IOException {
    rows(
        name,
        dSae,
        dIn,
        (latent, row) -> {
          weights.readEncoder(latent, 1, row, 0);
          folding.encoder(latent, row, 0, dIn);
        });
  }

  /** Writes the decoder {@code [d_sae, d_out]}. */
  void decoder(String name) throws IOException {
    rows(
        name,
        dSae,
        dOut,
        (latent, row) -> {
          weights.wDec().read(latent, 1, row, 0);
          folding.decoder(latent, row, 0, dOut);
        });
  }

  /** Writes the skip connection {@code [d_out, d_in]}, if there is one. */
  void skip(String name) throws IOException {
    if (weights.wSkip() != null) {
      rows(name, dOut, dIn, (r, row) -> weights.wSkip().read(r, 1, row, 0));
    }
  }

  private void rows(String name, int count, int width, Row source) throws IOException {
    int most = Math.clamp(BLOCK / width, 1, count);
    float[] row = new float[width];
    try (OffHeap memory = new OffHeap()) {
      Matrix block = memory.matrix(most, width);
      for (int first = 0; first < count; first += most) {
        int some = Math.min(most, count - first);
        for (int i = 0; i < some; i++) {
          source.read(first + i, row);
          expectFinite(name, row, 0, width);
          block.write(i, 1, row, 0);
        }
        output.writeRows(name, first, block.firstRows(some));
      }
    }
  }

  /** Writes the encoder's bias. */
  void encoderBias(String name) throws IOException {
    float[] bEnc = weights.bEnc().toArray();
    folding.encoderBias(bEnc);
    vector(name, bEnc);
  }

  /** Writes the decoder's bias. */
  void decoderBias(String name) throws IOException {
    float[] bDec = weights.bDec().toArray();
    folding.decoderBias(bDec);
    vector(name, bDec);
  }

  /** Writes a vector that needs no folding. */
  void vector(String name, float[] values) throws IOException {
    expectFinite(name, values, 0, values.length);
    try (OffHeap memory = new OffHeap()) {
      Matrix vector = memory.vector(values.length);
      vector.write(0, 1, values, 0);
      output.writeFloats(name, 0, vector.segment(), 0, values.length);
    }
  }

  /**
   * Finite weights may overflow once norms and the factor are folded in, or in a narrower type; no
   * reader accepts those.
   */
  private void expectFinite(String name, float[] values, int from, int to) throws IOException {
    for (int i = from; i < to; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IOException(
            name
                + " holds "
                + values[i]
                + " once the normalisation factor and decoder norms are folded in");
      }
      if (type != ElementType.F32 && !isFiniteAs(type, values[i])) {
        throw new IOException(name + " holds " + values[i] + ", which does not fit " + type);
      }
    }
  }

  private static boolean isFiniteAs(ElementType type, float value) {
    return switch (type) {
      case F16 -> Float.isFinite(Float.float16ToFloat(Float.floatToFloat16(value)));
      // Half a unit above the largest bfloat16, 0x7f7f, is rounded to infinity.
      case BF16 -> (Float.floatToRawIntBits(value) & 0x7fffffff) < 0x7f7f8000;
      default -> true;
    };
  }
}
