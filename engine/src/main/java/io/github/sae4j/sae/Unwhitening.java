package io.github.sae4j.sae;

import io.github.sae4j.device.Device;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.Whitening;

/**
 * Folds a {@link Whitening} into the weights of an SAE that was trained on whitened rows, so that
 * it takes rows as they are. With W the map and V its inverse, for every latent i:
 *
 * <ol>
 *   <li>decoder norms, if activations are rescaled by them ({@link Folding}), which are those of
 *       the whitened space;
 *   <li>{@code W_enc[i] W} and {@code V W_dec[i]}, each element one chain (numerics rule 1);
 *   <li>b_dec becomes {@code μ + V b_dec} ({@link Whitening#back}); where b_dec is not subtracted
 *       from the input, ⟨W_enc[i] W, μ⟩, a sum in double over ascending columns, is taken from
 *       b_enc in one rounding.
 * </ol>
 */
public final class Unwhitening {
  /** Latents folded at a time: their rows and the results take a few megabytes. */
  private static final int MOST_LATENTS = 1024;

  private Unwhitening() {}

  /**
   * Folds into a copy.
   *
   * @param device where products are formed and the copy lies
   * @param weights of an autoencoder of whitened rows; not changed
   * @param folding what is folded first; its input factor is 1
   * @param whitening the map
   * @param subtracts whether b_dec is subtracted from the input
   * @return weights for rows as they are; the caller closes them
   */
  public static SaeWeights of(
      Device device, SaeWeights weights, Folding folding, Whitening whitening, boolean subtracts) {
    int d = weights.dIn();
    int n = weights.dSae();
    SaeWeights folded = SaeWeights.allocate(device, d, n);
    try (OffHeap memory = device.openMemory()) {
      Matrix forward = whitening.forward(memory);
      Matrix inverse = whitening.inverse(memory);
      int most = Math.min(n, MOST_LATENTS);
      Matrix block = memory.matrix(most, d);
      float[] row = new float[d];
      for (int first = 0; first < n; first += most) {
        int count = Math.min(most, n - first);
        Matrix rows = block.firstRows(count);
        for (int i = 0; i < count; i++) {
          weights.readEncoder(first + i, 1, row, 0);
          folding.encoder(first + i, row, 0, d);
          rows.write(i, 1, row, 0);
        }
        device.product(rows, false, forward, false, folded.wEnc().rows(first, count));
        for (int i = 0; i < count; i++) {
          weights.wDec().read(first + i, 1, row, 0);
          folding.decoder(first + i, row, 0, d);
          rows.write(i, 1, row, 0);
        }
        device.product(rows, false, inverse, true, folded.wDec().rows(first, count));
      }
      folded.bDec().write(0, 1, whitening.back(weights.bDec().toArray()), 0);
      float[] bEnc = weights.bEnc().toArray();
      folding.encoderBias(bEnc);
      if (!subtracts) {
        float[] mean = whitening.mean(memory).toArray();
        for (int i = 0; i < n; i++) {
          folded.wEnc().read(i, 1, row, 0);
          double sum = 0;
          for (int j = 0; j < d; j++) {
            sum += (double) row[j] * mean[j];
          }
          bEnc[i] = (float) (bEnc[i] - sum);
        }
      }
      folded.bEnc().write(0, 1, bEnc, 0);
      return folded;
    } catch (Throwable e) {
      folded.close();
      throw e;
    }
  }
}
