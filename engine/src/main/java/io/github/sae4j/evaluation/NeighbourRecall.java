package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;

/**
 * How well codes keep neighbours: for each row of a sample, the share of its {@value #NEIGHBOURS}
 * nearest rows in the sample by cosine of the rows that are also among its {@value #NEIGHBOURS}
 * nearest by cosine of their codes; the mean over the sample. A row is not its own neighbour; equal
 * cosines go to the earlier row. A row or code without length has cosine 0 with all others.
 *
 * @param rows rows of the sample, spread evenly over the source
 * @param recall the mean share, 0 to 1
 */
public record NeighbourRecall(int rows, double recall) {
  /** Neighbours that are compared. */
  public static final int NEIGHBOURS = 10;

  /** A sample that takes a second or two; the time grows with its square. */
  public static final int USUAL_ROWS = 1000;

  /** Rows whose cosines are formed together. */
  private static final int BLOCK = 128;

  /**
   * Measures it. Cosines of rows are products of rows of unit norm in f32 (numerics rule 1); those
   * of codes are formed in double over ascending latents.
   *
   * @param sae an autoencoder or transcoder
   * @param source rows of width {@code d_in}
   * @param most rows of the sample at most
   * @return the recall; empty for fewer rows than a row has neighbours, itself included
   * @throws IllegalArgumentException if the width is not the SAE's {@code d_in}
   * @throws io.github.sae4j.data.BadRowException if a row of the sample holds NaN or an infinity
   * @throws IOException if reading fails
   */
  public static Optional<NeighbourRecall> of(
      SparseAutoencoder sae, ActivationSource source, int most) throws IOException {
    int d = sae.config().dIn();
    Shapes.expect(source.width() == d, "activations", "rows of width d_in = " + d, source.width());
    Shapes.expect(
        most > NEIGHBOURS, "recall rows", "more than the " + NEIGHBOURS + " neighbours", most);
    int count = (int) Math.min(most, source.rows());
    if (count <= NEIGHBOURS) {
      return Optional.empty();
    }
    long[] sample = new long[count];
    long step = source.rows() / count;
    long rest = source.rows() % count;
    for (int i = 0; i < count; i++) {
      sample[i] = i * step + i * rest / count;
    }
    try (OffHeap memory = sae.device().openMemory()) {
      Matrix x = memory.matrix(count, d);
      source.read(sample, count, x);
      float[] row = new float[d];
      for (int i = 0; i < count; i++) {
        x.read(i, 1, row, 0);
        FiniteRows.expect(row, source, sample[i]);
      }
      SparseCodes codes = memory.codes(count, Math.min(128, sae.config().mostLatents()));
      sae.encode(x, codes);
      sae.device().normalizeRows(x, 0f);
      Cosines ofCodes = new Cosines(codes, sae.config().dSae());
      Matrix products = memory.matrix(Math.min(BLOCK, count), count);
      float[] ofRows = new float[count];
      long shared = 0;
      for (int from = 0; from < count; from += BLOCK) {
        int block = Math.min(BLOCK, count - from);
        sae.device().product(x.rows(from, block), false, x, true, products.firstRows(block));
        for (int i = 0; i < block; i++) {
          products.read(i, 1, ofRows, 0);
          double[] dense = new double[count];
          for (int j = 0; j < count; j++) {
            dense[j] = ofRows[j];
          }
          shared += shared(nearest(dense, from + i), nearest(ofCodes.of(from + i), from + i));
        }
      }
      return Optional.of(new NeighbourRecall(count, (double) shared / NEIGHBOURS / count));
    }
  }

  /** The nearest rows other than the row itself, ascending. */
  private static int[] nearest(double[] cosines, int self) {
    int[] best = new int[NEIGHBOURS];
    int found = 0;
    for (int j = 0; j < cosines.length; j++) {
      if (j == self || (found == NEIGHBOURS && !(cosines[j] > cosines[best[found - 1]]))) {
        continue;
      }
      int at = found < NEIGHBOURS ? found++ : NEIGHBOURS - 1;
      while (at > 0 && cosines[j] > cosines[best[at - 1]]) {
        best[at] = best[at - 1];
        at--;
      }
      best[at] = j;
    }
    Arrays.sort(best);
    return best;
  }

  private static int shared(int[] a, int[] b) {
    int count = 0;
    for (int one : a) {
      count += Arrays.binarySearch(b, one) >= 0 ? 1 : 0;
    }
    return count;
  }

  /** Cosines of codes with all others, by what latents they share. */
  private static final class Cosines {
    private final int[] starts;
    private final int[] latents;
    private final float[] values;
    private final double[] norms;
    private final int[] latentStarts;
    private final int[] byLatent;
    private final int[] rowOf;

    Cosines(SparseCodes codes, int dSae) {
      int rows = codes.rows();
      starts = new int[rows + 1];
      codes.readStarts(starts);
      latents = new int[codes.size()];
      values = new float[codes.size()];
      rowOf = new int[codes.size()];
      norms = new double[rows];
      latentStarts = new int[dSae + 1];
      for (int b = 0; b < rows; b++) {
        double square = 0;
        for (int at = starts[b]; at < starts[b + 1]; at++) {
          latents[at] = codes.index(b, at - starts[b]);
          values[at] = codes.value(b, at - starts[b]);
          rowOf[at] = b;
          latentStarts[latents[at] + 1]++;
          square += (double) values[at] * values[at];
        }
        norms[b] = Math.sqrt(square);
      }
      for (int i = 0; i < dSae; i++) {
        latentStarts[i + 1] += latentStarts[i];
      }
      byLatent = new int[latents.length];
      int[] next = latentStarts.clone();
      for (int at = 0; at < latents.length; at++) {
        byLatent[next[latents[at]]++] = at;
      }
    }

    double[] of(int row) {
      double[] cosines = new double[norms.length];
      for (int at = starts[row]; at < starts[row + 1]; at++) {
        for (int k = latentStarts[latents[at]]; k < latentStarts[latents[at] + 1]; k++) {
          int with = byLatent[k];
          cosines[rowOf[with]] += (double) values[at] * values[with];
        }
      }
      for (int j = 0; j < cosines.length; j++) {
        double norm = norms[row] * norms[j];
        cosines[j] = norm > 0 ? cosines[j] / norm : 0;
      }
      return cosines;
    }
  }
}
