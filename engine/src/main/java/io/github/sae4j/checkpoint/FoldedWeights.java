package io.github.sae4j.checkpoint;

import io.github.sae4j.format.SafetensorsOutput;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeWeights;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Writes weights block by block, folded on the way: training's own weights stay untouched. */
final class FoldedWeights {
  /** Values of a block: 8 MiB. */
  private static final int BLOCK = 2 << 20;

  private final SaeWeights weights;
  private final Folding folding;
  private final int dIn;
  private final int dSae;

  FoldedWeights(SaeWeights weights, Folding folding) {
    this.weights = weights;
    this.folding = folding;
    dIn = weights.dIn();
    dSae = weights.dSae();
  }

  /** Writes {@code W_enc [d_in, d_sae]}, {@code b_enc}, {@code W_dec} and {@code b_dec}. */
  void write(SafetensorsOutput output) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      writeEncoder(output, memory);
      writeDecoder(output, memory);
      float[] bEnc = weights.bEnc().toArray();
      folding.encoderBias(bEnc);
      expectFinite("b_enc", bEnc, dSae);
      writeVector(output, "b_enc", memory.vector(dSae), bEnc);
      float[] bDec = weights.bDec().toArray();
      folding.decoderBias(bDec);
      expectFinite("b_dec", bDec, dIn);
      writeVector(output, "b_dec", memory.vector(dIn), bDec);
    }
  }

  /** Some columns of all latents at a time become rows of the file. */
  private void writeEncoder(SafetensorsOutput output, OffHeap memory) throws IOException {
    int most = Math.clamp(BLOCK / dSae, 1, dIn);
    Matrix block = memory.matrix(most, dSae);
    float[][] columns = new float[most][dSae];
    float[] part = new float[most];
    MemorySegment from = weights.wEnc().segment();
    for (int first = 0; first < dIn; first += most) {
      int count = Math.min(most, dIn - first);
      for (int i = 0; i < dSae; i++) {
        long at = weights.wEnc().rowOffset(i) + (long) first * Float.BYTES;
        MemorySegment.copy(from, Matrix.FLOAT, at, part, 0, count);
        folding.encoder(i, part, 0, count);
        expectFinite("W_enc", part, count);
        for (int j = 0; j < count; j++) {
          columns[j][i] = part[j];
        }
      }
      for (int j = 0; j < count; j++) {
        block.write(j, 1, columns[j], 0);
      }
      output.writeRows("W_enc", first, block.firstRows(count));
    }
  }

  private void writeDecoder(SafetensorsOutput output, OffHeap memory) throws IOException {
    int most = Math.clamp(BLOCK / dIn, 1, dSae);
    Matrix block = memory.matrix(most, dIn);
    float[] row = new float[dIn];
    for (int first = 0; first < dSae; first += most) {
      int count = Math.min(most, dSae - first);
      for (int i = 0; i < count; i++) {
        weights.wDec().read(first + i, 1, row, 0);
        folding.decoder(first + i, row, 0, dIn);
        expectFinite("W_dec", row, dIn);
        block.write(i, 1, row, 0);
      }
      output.writeRows("W_dec", first, block.firstRows(count));
    }
  }

  /** Finite weights may overflow once norms and the factor are in them; nobody could load those. */
  private static void expectFinite(String name, float[] values, int count) throws IOException {
    for (int i = 0; i < count; i++) {
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
