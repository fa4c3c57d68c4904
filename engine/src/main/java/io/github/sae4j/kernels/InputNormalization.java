package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;

/**
 * What is done to each input row before encoding and undone on the output (SAELens's {@code
 * normalize_activations} at run time). The row factors are computed on the host in double, by this
 * one implementation for all devices (numerics rule 9).
 */
public enum InputNormalization {
  /** Rows are left unchanged. */
  NONE,
  /**
   * {@code constant_norm_rescale}: rows brought to norm √d. Squared norm summed in double over
   * ascending columns; factor √d/‖x‖ and its inverse rounded to f32; one product each. A zero row
   * keeps factor 1.
   */
  CONSTANT_NORM,
  /**
   * {@code layer_norm}: (x − μ)/(s + 1e-5) with s the unbiased standard deviation, both in double
   * over ascending columns and rounded to f32; undone as fma(out, s, μ), without the 1e-5, as
   * SAELens does. With d = 1, s is 0.
   */
  LAYER_NORM;

  /** Added to the standard deviation by layer_norm. */
  public static final double LAYER_NORM_EPSILON = 1e-5;

  /**
   * Normalises rows and returns per row how to undo it: {@code out · scale + shift}.
   *
   * @param x {@code [rows, d]}
   * @param out receives the normalised rows {@code [rows, d]}; may be {@code x}
   * @param scales receives {@code [1, rows]}; may be longer
   * @param shifts receives {@code [1, rows]}; may be longer
   */
  public void apply(Matrix x, Matrix out, Matrix scales, Matrix shifts) {
    int d = x.cols();
    Shapes.expect("out", out, x.rows(), d);
    Shapes.expect(scales.cols() >= x.rows(), "scales", "at least " + x.rows(), scales.shape());
    Shapes.expect(shifts.cols() >= x.rows(), "shifts", "at least " + x.rows(), shifts.shape());
    float[] row = new float[d];
    for (int b = 0; b < x.rows(); b++) {
      x.read(b, 1, row, 0);
      float scale = 1f;
      float shift = 0f;
      switch (this) {
        case NONE -> {}
        case CONSTANT_NORM -> {
          double square = 0;
          for (float value : row) {
            square += (double) value * value;
          }
          if (square > 0) {
            double norm = Math.sqrt(square);
            double root = Math.sqrt(d);
            float factor = (float) (root / norm);
            scale = (float) (norm / root);
            for (int j = 0; j < d; j++) {
              row[j] *= factor;
            }
          }
        }
        case LAYER_NORM -> {
          double sum = 0;
          for (float value : row) {
            sum += value;
          }
          double mean = sum / d;
          double square = 0;
          for (float value : row) {
            double centered = value - mean;
            square += centered * centered;
          }
          double deviation = d > 1 ? Math.sqrt(square / (d - 1)) : 0;
          shift = (float) mean;
          scale = (float) deviation;
          float divisor = (float) (deviation + LAYER_NORM_EPSILON);
          for (int j = 0; j < d; j++) {
            float centered = row[j] - shift;
            row[j] = centered / divisor;
          }
        }
      }
      out.write(b, 1, row, 0);
      scales.set(0, b, scale);
      shifts.set(0, b, shift);
    }
  }
}
