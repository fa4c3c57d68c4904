package io.github.sae4j.internal.layout.writing;

import io.github.sae4j.internal.tensors.SafetensorsOutput;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeWeights;
import java.io.IOException;
import java.util.Map;

/** Writes folded weights block by block; the trainer's own weights are not modified. */
public final class FoldedWeights {
  /** Values of a block: 8 MiB. */
  private static final int BLOCK = 2 << 20;

  private final SaeWeights weights;
  private final Folding folding;
  private final int dIn;
  private final int dOut;
  private final int dSae;

  public FoldedWeights(SaeWeights weights, Folding folding) {
    this.weights = weights;
    this.folding = folding;
    dIn = weights.dIn();
    dOut = weights.dOut();
    dSae = weights.dSae();
  }

  /** Writes {@code W_enc [d_in, d_sae]}, its bias, {@code W_dec}, {@code b_dec} and vectors. */
  public void write(SafetensorsOutput output, String biasName, Map<String, float[]> extras)
      throws IOException {
    try (OffHeap memory = new OffHeap()) {
      writeEncoder(output, memory);
      writeDecoder(output, memory);
      float[] bEnc = weights.bEnc().toArray();
      folding.encoderBias(bEnc);
      expectFinite(biasName, bEnc, 0, dSae);
      writeVector(output, biasName, memory.vector(dSae), bEnc);
      float[] bDec = weights.bDec().toArray();
      folding.decoderBias(bDec);
      expectFinite("b_dec", bDec, 0, dOut);
      writeVector(output, "b_dec", memory.vector(dOut), bDec);
      for (Map.Entry<String, float[]> extra : extras.entrySet()) {
        writeVector(output, extra.getKey(), memory.vector(dSae), extra.getValue());
      }
    }
  }

  /** Some columns of all latents at a time become rows of the file. */
  private void writeEncoder(SafetensorsOutput output, OffHeap memory) throws IOException {
    int most = Math.clamp(BLOCK / dSae, 1, dIn);
    Matrix block = memory.matrix(most, dSae);
    float[][] columns = new float[most][dSae];
    float[] row = new float[dIn];
    for (int first = 0; first < dIn; first += most) {
      int count = Math.min(most, dIn - first);
      for (int i = 0; i < dSae; i++) {
        weights.readEncoder(i, 1, row, 0);
        folding.encoder(i, row, first, count);
        expectFinite("W_enc", row, first, first + count);
        for (int j = 0; j < count; j++) {
          columns[j][i] = row[first + j];
        }
      }
      for (int j = 0; j < count; j++) {
        block.write(j, 1, columns[j], 0);
      }
      output.writeRows("W_enc", first, block.firstRows(count));
    }
  }

  private void writeDecoder(SafetensorsOutput output, OffHeap memory) throws IOException {
    int most = Math.clamp(BLOCK / dOut, 1, dSae);
    Matrix block = memory.matrix(most, dOut);
    float[] row = new float[dOut];
    for (int first = 0; first < dSae; first += most) {
      int count = Math.min(most, dSae - first);
      for (int i = 0; i < count; i++) {
        weights.wDec().read(first + i, 1, row, 0);
        folding.decoder(first + i, row, 0, dOut);
        expectFinite("W_dec", row, 0, dOut);
        block.write(i, 1, row, 0);
      }
      output.writeRows("W_dec", first, block.firstRows(count));
    }
  }

  /**
   * Finite weights may overflow once norms and the factor are folded in; no reader accepts those.
   */
  private static void expectFinite(String name, float[] values, int from, int to)
      throws IOException {
    for (int i = from; i < to; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IOException(
            name
                + " holds "
                + values[i]
                + " once the normalisation factor and decoder norms are folded in");
      }
    }
  }

  private static void writeVector(
      SafetensorsOutput output, String name, Matrix memory, float[] values) throws IOException {
    memory.write(0, 1, values, 0);
    output.writeFloats(name, 0, memory.segment(), 0, values.length);
  }
}
