package io.github.sae4j.internal.start;

import io.github.sae4j.config.WeightInit;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.CounterRandom;
import io.github.sae4j.numerics.RandomPurpose;
import java.util.Arrays;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Initial weights of encoder and decoder, a function of the seed and the shape alone (numerics
 * rules 9 and 12): element {@code (i, j)} is drawn with index {@code i d_in + j}, in double, scaled
 * in double and rounded once to f32.
 */
public final class InitialWeights {
  /** Random inputs by which {@link WeightInit#CALIBRATED_ENCODER_CLONE} measures the encoder. */
  static final int PROBES = 256;

  /** Probes encoded together, which bounds the scratch to 16 doubles per latent. */
  private static final int PROBE_BLOCK = 16;

  private InitialWeights() {}

  /**
   * Draws weights.
   *
   * @param init how
   * @param decoderNorm norm of every decoder row; empty to leave rows as drawn
   * @param k latents per row, used by {@link WeightInit#CALIBRATED_ENCODER_CLONE}
   * @param seed the run's seed
   * @param wEnc receives the encoder {@code [d_sae, d_in]}
   * @param wDec receives the decoder {@code [d_sae, d_in]}; of any width where it is not formed
   *     from the encoder
   * @throws IllegalArgumentException if the shapes differ, the norm is not positive or k is not in
   *     {@code [1, d_sae]}
   */
  public static void draw(
      WeightInit init, OptionalDouble decoderNorm, int k, long seed, Matrix wEnc, Matrix wDec) {
    boolean apart = init == WeightInit.INDEPENDENT || init == WeightInit.ZERO_DECODER;
    if (wEnc.rows() != wDec.rows() || (!apart && wEnc.cols() != wDec.cols())) {
      throw new IllegalArgumentException(
          "W_dec: expected the shape of W_enc, " + wEnc.shape() + ", got " + wDec.shape());
    }
    if (decoderNorm.isPresent() && !(decoderNorm.getAsDouble() > 0)) {
      throw new IllegalArgumentException(
          "decoder_init_norm: expected more than 0, got " + decoderNorm.getAsDouble());
    }
    if (k < 1 || k > wEnc.rows()) {
      throw new IllegalArgumentException(
          "k: expected 1 to " + wEnc.rows() + ", the rows of W_enc, got " + k);
    }
    int dIn = wEnc.cols();
    CounterRandom decoder = new CounterRandom(seed, RandomPurpose.DECODER_WEIGHTS);
    CounterRandom encoder = new CounterRandom(seed, RandomPurpose.ENCODER_WEIGHTS);
    double kaiming = Math.sqrt(6.0 / dIn);
    double linear = 1 / Math.sqrt(dIn);
    switch (init) {
      case DECODER_TRANSPOSE -> {
        fill(wDec, decoder, kaiming, decoderNorm);
        wEnc.copyFrom(wDec);
      }
      case INDEPENDENT -> {
        fill(wDec, decoder, kaiming, decoderNorm);
        fill(wEnc, encoder, Math.sqrt(6.0 / wEnc.rows()), OptionalDouble.empty());
      }
      case ENCODER_CLONE -> {
        fill(wEnc, encoder, linear, OptionalDouble.empty());
        fill(wDec, encoder, linear, decoderNorm);
      }
      case CALIBRATED_ENCODER_CLONE -> {
        fill(wEnc, encoder, linear, OptionalDouble.empty());
        fill(wDec, encoder, linear, decoderNorm);
        divide(wEnc, meanReconstructionNorm(wEnc, wDec, k, seed));
      }
      case ZERO_DECODER -> {
        fill(wEnc, encoder, linear, OptionalDouble.empty());
        wDec.fill(0f);
      }
    }
  }

  private static void fill(Matrix w, CounterRandom random, double bound, OptionalDouble norm) {
    int dIn = w.cols();
    double[] drawn = new double[dIn];
    float[] row = new float[dIn];
    for (int i = 0; i < w.rows(); i++) {
      double square = 0;
      for (int j = 0; j < dIn; j++) {
        drawn[j] = bound * (2 * random.uniform((long) i * dIn + j) - 1);
        square += drawn[j] * drawn[j];
      }
      // A row drawn as all zeros has no direction to scale; it stays as it is.
      double factor = norm.isPresent() && square > 0 ? norm.getAsDouble() / Math.sqrt(square) : 1;
      for (int j = 0; j < dIn; j++) {
        row[j] = (float) (drawn[j] * factor);
      }
      w.write(i, 1, row, 0);
    }
  }

  private static void divide(Matrix w, double divisor) {
    if (divisor == 0) {
      return;
    }
    float[] row = new float[w.cols()];
    for (int i = 0; i < w.rows(); i++) {
      w.read(i, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        row[j] = (float) (row[j] / divisor);
      }
      w.write(i, 1, row, 0);
    }
  }

  /**
   * Mean over the probes u, normal vectors brought to unit norm, of ‖Σ relu(W_enc u)_i W_dec[i]‖
   * over the k largest products; all in double, sums over ascending columns and latents.
   */
  private static double meanReconstructionNorm(Matrix wEnc, Matrix wDec, int k, long seed) {
    double[] norms = new double[PROBES];
    IntStream.range(0, PROBES / PROBE_BLOCK)
        .parallel()
        .forEach(block -> measure(wEnc, wDec, k, seed, block * PROBE_BLOCK, norms));
    double sum = 0;
    for (double norm : norms) {
      sum += norm;
    }
    return sum / PROBES;
  }

  private static void measure(
      Matrix wEnc, Matrix wDec, int k, long seed, int first, double[] norms) {
    int dIn = wEnc.cols();
    int dSae = wEnc.rows();
    double[][] columns = new double[dIn][PROBE_BLOCK];
    for (int p = 0; p < PROBE_BLOCK; p++) {
      double[] probe = unitVector(dIn, seed, first + p);
      for (int j = 0; j < dIn; j++) {
        columns[j][p] = probe[j];
      }
    }
    double[][] products = new double[PROBE_BLOCK][dSae];
    float[] row = new float[dIn];
    double[] sums = new double[PROBE_BLOCK];
    for (int i = 0; i < dSae; i++) {
      wEnc.read(i, 1, row, 0);
      Arrays.fill(sums, 0);
      for (int j = 0; j < dIn; j++) {
        double weight = row[j];
        double[] column = columns[j];
        for (int p = 0; p < PROBE_BLOCK; p++) {
          sums[p] += weight * column[p];
        }
      }
      for (int p = 0; p < PROBE_BLOCK; p++) {
        products[p][i] = sums[p];
      }
    }
    for (int p = 0; p < PROBE_BLOCK; p++) {
      norms[first + p] = reconstructionNorm(products[p], wDec, k);
    }
  }

  private static double reconstructionNorm(double[] products, Matrix wDec, int k) {
    double[] sorted = products.clone();
    Arrays.sort(sorted);
    double smallest = sorted[sorted.length - k];
    double[] sum = new double[wDec.cols()];
    float[] row = new float[wDec.cols()];
    // Ties are practically impossible; an extra latent is harmless.
    for (int i = 0; i < products.length; i++) {
      if (products[i] >= smallest && products[i] > 0) {
        wDec.read(i, 1, row, 0);
        for (int j = 0; j < sum.length; j++) {
          sum[j] += products[i] * row[j];
        }
      }
    }
    return norm(sum);
  }

  /** Normal by Box and Muller, from two uniform numbers each, then scaled to unit norm. */
  private static double[] unitVector(int dIn, long seed, int probe) {
    CounterRandom random = new CounterRandom(seed, RandomPurpose.STATISTICS);
    double[] vector = new double[dIn];
    for (int j = 0; j < dIn; j++) {
      long index = 2 * ((long) probe * dIn + j);
      double radius = Math.sqrt(-2 * StrictMath.log(1 - random.uniform(index)));
      vector[j] = radius * StrictMath.cos(2 * Math.PI * random.uniform(index + 1));
    }
    double norm = norm(vector);
    if (norm > 0) {
      for (int j = 0; j < dIn; j++) {
        vector[j] /= norm;
      }
    }
    return vector;
  }

  private static double norm(double[] vector) {
    double square = 0;
    for (double value : vector) {
      square += value * value;
    }
    return Math.sqrt(square);
  }
}
