package io.github.sae4j.report.features;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.sae.SparseAutoencoder;

/**
 * The directions of a dictionary, for looking up those that are nearest to others by cosine. That
 * is what a TopK encoder of unit rows computes, so a device's own encoder does it.
 */
final class Directions implements AutoCloseable {
  private static final int BATCH_ROWS = 1024;

  private final SparseAutoencoder sae;
  private final OffHeap memory;
  private final Encoder encoder;
  private final int nearest;

  /** The nearest directions of one, the nearest first. */
  record Nearest(int[] latents, float[] cosines) {}

  /** Receives results. */
  interface Sink {
    void nearest(int place, Nearest found);
  }

  Directions(SparseAutoencoder sae, int nearest) {
    this.sae = sae;
    Device device = sae.device();
    this.nearest = Math.min(nearest, sae.config().dSae());
    memory = device.openMemory();
    Matrix unit = memory.matrix(sae.config().dSae(), sae.config().dOut());
    float[] row = new float[sae.config().dOut()];
    for (int i = 0; i < sae.config().dSae(); i++) {
      unit(sae, i, row);
      unit.write(i, 1, row, 0);
    }
    encoder =
        device.encoder(
            new EncoderWeights(unit, memory.vector(sae.config().dSae()), null, null),
            Activation.Ranked.topK(this.nearest, Activation.Ranked.Relu.NONE));
  }

  /**
   * Looks up directions of one dictionary in another, or in itself.
   *
   * @param in where
   * @param nearest how many of each
   * @param of whose latents
   * @param latents which of them; for none nothing is prepared
   * @param sink receives for each place of {@code latents} what is nearest
   */
  static void find(
      SparseAutoencoder in, int nearest, SparseAutoencoder of, int[] latents, Sink sink) {
    if (latents.length > 0) {
      try (Directions directions = new Directions(in, nearest)) {
        directions.find(of, latents, sink);
      }
    }
  }

  private static void unit(SparseAutoencoder sae, int latent, float[] row) {
    sae.decoderDirection(latent, row);
    double norm = Math.sqrt(OrderedSums.dot(row, 0, row, 0, row.length));
    for (int j = 0; j < row.length; j++) {
      row[j] = norm == 0 ? 0 : (float) (row[j] / norm);
    }
  }

  /**
   * Looks up the directions of latents, of this dictionary or of another.
   *
   * @param of whose latents
   * @param latents which of them
   * @param sink receives for each place of {@code latents} what is nearest
   */
  void find(SparseAutoencoder of, int[] latents, Sink sink) {
    float[] row = new float[of.config().dOut()];
    int most = Math.min(BATCH_ROWS, latents.length);
    try (OffHeap scratch = sae.device().openMemory()) {
      Matrix x = scratch.matrix(most, row.length);
      SparseCodes codes = scratch.codes(most, nearest);
      for (int from = 0; from < latents.length; from += most) {
        int count = Math.min(most, latents.length - from);
        for (int i = 0; i < count; i++) {
          unit(of, latents[from + i], row);
          x.write(i, 1, row, 0);
        }
        encoder.encode(x.firstRows(count), codes.firstRows(count));
        for (int i = 0; i < count; i++) {
          sink.nearest(from + i, sorted(codes, i));
        }
      }
    }
  }

  private static Nearest sorted(SparseCodes codes, int row) {
    int count = codes.length(row);
    int[] latents = new int[count];
    float[] cosines = new float[count];
    for (int slot = 0; slot < count; slot++) {
      float cosine = codes.value(row, slot);
      int place = slot;
      while (place > 0 && cosines[place - 1] < cosine) {
        cosines[place] = cosines[place - 1];
        latents[place] = latents[place - 1];
        place--;
      }
      cosines[place] = cosine;
      latents[place] = codes.index(row, slot);
    }
    return new Nearest(latents, cosines);
  }

  @Override
  public void close() {
    encoder.close();
    memory.close();
  }
}
