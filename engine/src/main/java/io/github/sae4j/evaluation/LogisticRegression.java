package io.github.sae4j.evaluation;

/**
 * Logistic regression on a few features, by Newton's method: Σ c_i log(1 + exp(−y_i z_i)) + ½ ‖w‖²
 * is minimised, z = ⟨w, x⟩ + b, with weights c that give both classes the same sum and have mean 1.
 * The penalty is that of scikit-learn's C = 1. Sums are over rows in order, in double.
 */
final class LogisticRegression {
  private static final int MOST_STEPS = 100;
  private static final int MOST_HALVINGS = 40;

  /** Relative decrease of the objective below which nothing is gained. */
  private static final double ENOUGH = 1e-12;

  private final double[] weights;

  private LogisticRegression(double[] weights) {
    this.weights = weights;
  }

  /**
   * Fits.
   *
   * @param x features {@code [rows, features]}
   * @param positive which rows are of the class; at least one is and one is not
   * @param features number of features
   */
  static LogisticRegression fit(double[] x, boolean[] positive, int features) {
    int rows = positive.length;
    int of = 0;
    for (boolean one : positive) {
      of += one ? 1 : 0;
    }
    double in = rows / (2.0 * of);
    double out = rows / (2.0 * (rows - of));
    LogisticRegression model = new LogisticRegression(new double[features + 1]);
    double objective = model.objective(x, positive, in, out);
    for (int step = 0; step < MOST_STEPS; step++) {
      double[] direction = model.newton(x, positive, in, out);
      double length = 1;
      LogisticRegression next = model.moved(direction, length);
      double then = next.objective(x, positive, in, out);
      for (int halved = 0; !(then <= objective) && halved < MOST_HALVINGS; halved++) {
        length /= 2;
        next = model.moved(direction, length);
        then = next.objective(x, positive, in, out);
      }
      if (!(then < objective)) {
        break;
      }
      boolean done = objective - then <= ENOUGH * objective;
      model = next;
      objective = then;
      if (done) {
        break;
      }
    }
    return model;
  }

  /** The weights of the features, then the offset. */
  double[] weights() {
    return weights.clone();
  }

  /** z of a row; positive where the class is more likely. */
  double score(double[] x, int row) {
    int features = weights.length - 1;
    double z = weights[features];
    for (int j = 0; j < features; j++) {
      z += weights[j] * x[row * features + j];
    }
    return z;
  }

  private LogisticRegression moved(double[] direction, double length) {
    double[] moved = weights.clone();
    for (int j = 0; j < moved.length; j++) {
      moved[j] -= length * direction[j];
    }
    return new LogisticRegression(moved);
  }

  private double objective(double[] x, boolean[] positive, double in, double out) {
    double sum = 0;
    for (int j = 0; j < weights.length - 1; j++) {
      sum += weights[j] * weights[j] / 2;
    }
    for (int row = 0; row < positive.length; row++) {
      double z = score(x, row);
      double margin = positive[row] ? z : -z;
      double loss = Math.max(0, -margin) + StrictMath.log1p(StrictMath.exp(-Math.abs(margin)));
      sum += (positive[row] ? in : out) * loss;
    }
    return sum;
  }

  /** The inverse of the second derivatives times the first ones. */
  private double[] newton(double[] x, boolean[] positive, double in, double out) {
    int size = weights.length;
    int features = size - 1;
    double[] gradient = new double[size];
    double[][] curvature = new double[size][size];
    for (int j = 0; j < features; j++) {
      gradient[j] = weights[j];
      curvature[j][j] = 1;
    }
    curvature[features][features] = 1e-9; // the offset has no penalty; a saturated fit no curvature
    double[] one = new double[size];
    one[features] = 1;
    for (int row = 0; row < positive.length; row++) {
      System.arraycopy(x, row * features, one, 0, features);
      double p = 1 / (1 + StrictMath.exp(-score(x, row)));
      double c = positive[row] ? in : out;
      double slope = c * (p - (positive[row] ? 1 : 0));
      double bend = c * p * (1 - p);
      for (int j = 0; j < size; j++) {
        gradient[j] += slope * one[j];
        for (int i = 0; i <= j; i++) {
          curvature[j][i] += bend * one[j] * one[i];
        }
      }
    }
    return solve(curvature, gradient);
  }

  /** Cholesky, in place; the lower half of a positive definite matrix. */
  private static double[] solve(double[][] a, double[] b) {
    int size = b.length;
    for (int j = 0; j < size; j++) {
      for (int i = j; i < size; i++) {
        double sum = a[i][j];
        for (int k = 0; k < j; k++) {
          sum -= a[i][k] * a[j][k];
        }
        a[i][j] = i == j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / a[j][j];
      }
    }
    double[] y = new double[size];
    for (int i = 0; i < size; i++) {
      double sum = b[i];
      for (int k = 0; k < i; k++) {
        sum -= a[i][k] * y[k];
      }
      y[i] = sum / a[i][i];
    }
    for (int i = size - 1; i >= 0; i--) {
      double sum = y[i];
      for (int k = i + 1; k < size; k++) {
        sum -= a[k][i] * y[k];
      }
      y[i] = sum / a[i][i];
    }
    return y;
  }
}
