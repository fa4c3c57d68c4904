package io.github.sae4j.internal.scalar;

import static io.github.sae4j.kernels.Shapes.expect;
import static io.github.sae4j.kernels.Shapes.expectVector;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.ComposedEncoding;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.HostActivation;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.numerics.OrderedSums;
import java.util.Arrays;

/**
 * The oracle: every kernel as a plain loop, on one thread. It defines the order of operations of
 * each kernel and is the fall-back where nothing faster can run.
 */
public final class ScalarDevice implements Device {
  private final ComposedEncoding encoding = new ComposedEncoding(this);
  private volatile boolean closed;

  /** Opens the device. */
  public ScalarDevice() {}

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public String description() {
    return "plain loops, 1 thread";
  }

  @Override
  public Guarantee guarantee() {
    return Guarantee.EXACT;
  }

  @Override
  public OffHeap openMemory() {
    checkOpen();
    return new OffHeap();
  }

  @Override
  public void product(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    checkOpen();
    int m = transposeA ? a.cols() : a.rows();
    int inner = transposeA ? a.rows() : a.cols();
    int q = transposeB ? b.rows() : b.cols();
    expect(inner == (transposeB ? b.cols() : b.rows()), "b", "inner size " + inner, b.shape());
    expect("out", out, m, q);
    float[] left = new float[inner];
    float[] sums = new float[q];
    float[] right = new float[b.cols()];
    for (int i = 0; i < m; i++) {
      if (transposeA) {
        for (int p = 0; p < inner; p++) {
          left[p] = a.get(p, i);
        }
      } else {
        a.read(i, 1, left, 0);
      }
      if (transposeB) {
        for (int j = 0; j < q; j++) {
          b.read(j, 1, right, 0);
          sums[j] = chain(left, right, inner);
        }
      } else {
        Arrays.fill(sums, 0f);
        for (int p = 0; p < inner; p++) {
          b.read(p, 1, right, 0);
          for (int j = 0; j < q; j++) {
            sums[j] = Math.fma(left[p], right[j], sums[j]);
          }
        }
      }
      out.write(i, 1, sums, 0);
    }
  }

  @Override
  public void encode(EncoderWeights encoder, Matrix x, Activation activation, SparseCodes out) {
    checkOpen();
    encoding.encode(encoder, x, activation, out);
  }

  @Override
  public void activate(
      Matrix products, Matrix bias, Activation activation, Matrix rankScale, SparseCodes out) {
    checkOpen();
    HostActivation.apply(products, bias, activation, rankScale, out);
  }

  @Override
  public void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out) {
    checkOpen();
    int d = wDec.cols();
    expect("out", out, codes.rows(), d);
    if (bDec != null) {
      expect("b_dec", bDec, 1, d);
    }
    codes.expectIndices(wDec.rows());
    float[] bias = bDec == null ? null : bDec.toArray();
    float[] sums = new float[d];
    float[] weights = new float[d];
    for (int b = 0; b < codes.rows(); b++) {
      Arrays.fill(sums, 0f);
      for (int slot = 0; slot < codes.length(b); slot++) {
        float value = codes.value(b, slot);
        wDec.read(codes.index(b, slot), 1, weights, 0);
        for (int j = 0; j < d; j++) {
          sums[j] = Math.fma(value, weights[j], sums[j]);
        }
      }
      if (bias != null) {
        for (int j = 0; j < d; j++) {
          sums[j] += bias[j];
        }
      }
      out.write(b, 1, sums, 0);
    }
  }

  @Override
  public void codeGradients(Matrix g, Matrix wDec, SparseCodes codes, boolean gated, Matrix out) {
    checkOpen();
    int d = wDec.cols();
    expect("g", g, codes.rows(), d);
    expectVector("out", out, codes.size());
    codes.expectIndices(wDec.rows());
    float[] gradient = new float[d];
    float[] weights = new float[d];
    for (int b = 0; b < codes.rows(); b++) {
      g.read(b, 1, gradient, 0);
      for (int slot = 0; slot < codes.length(b); slot++) {
        float delta = 0f;
        if (!gated || codes.value(b, slot) > 0) {
          wDec.read(codes.index(b, slot), 1, weights, 0);
          delta = OrderedSums.dot(gradient, 0, weights, 0, d);
        }
        out.set(0, codes.start(b) + slot, delta);
      }
    }
  }

  @Override
  public void accumulateByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    checkOpen();
    int d = rows.cols();
    expect("rows", rows, codes.rows(), d);
    expect("out", out, out.rows(), d);
    if (coefficients != null) {
      expectVector("coefficients", coefficients, codes.size());
    }
    codes.expectIndices(out.rows());
    out.fill(0f);
    continueByLatent(codes, coefficients, rows, out);
  }

  @Override
  public void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    checkOpen();
    expectVector("coefficients", coefficients, codes.size());
    expect("out", out, 1, out.cols());
    codes.expectIndices(out.cols());
    out.fill(0f);
    for (int b = 0; b < codes.rows(); b++) {
      for (int slot = 0; slot < codes.length(b); slot++) {
        int latent = codes.index(b, slot);
        out.set(0, latent, out.get(0, latent) + coefficients.get(0, codes.start(b) + slot));
      }
    }
  }

  @Override
  public void rowDots(Matrix a, Matrix b, Matrix out) {
    checkOpen();
    expect("b", b, a.rows(), a.cols());
    expect("out", out, 1, a.rows());
    float[] left = new float[a.cols()];
    float[] right = new float[a.cols()];
    for (int row = 0; row < a.rows(); row++) {
      a.read(row, 1, left, 0);
      b.read(row, 1, right, 0);
      out.set(0, row, OrderedSums.dot(left, 0, right, 0, left.length));
    }
  }

  @Override
  public void rowSquaredDistances(Matrix a, Matrix center, Matrix out) {
    checkOpen();
    expect("center", center, 1, a.cols());
    expect("out", out, 1, a.rows());
    float[] middle = center.toArray();
    float[] row = new float[a.cols()];
    for (int b = 0; b < a.rows(); b++) {
      a.read(b, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        row[j] -= middle[j];
      }
      out.set(0, b, OrderedSums.dot(row, 0, row, 0, row.length));
    }
  }

  @Override
  public void rowNorms(Matrix a, Matrix out) {
    rowDots(a, a, out);
    for (int row = 0; row < a.rows(); row++) {
      out.set(0, row, (float) Math.sqrt(out.get(0, row)));
    }
  }

  @Override
  public void columnSums(Matrix a, Matrix out) {
    checkOpen();
    expect("out", out, 1, a.cols());
    float[] total = new float[a.cols()];
    float[] block = new float[a.cols()];
    float[] row = new float[a.cols()];
    for (int b = 0; b < a.rows(); b++) {
      a.read(b, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        block[j] += row[j];
      }
      if ((b + 1) % OrderedSums.BLOCK == 0 || b + 1 == a.rows()) {
        for (int j = 0; j < row.length; j++) {
          total[j] += block[j];
          block[j] = 0f;
        }
      }
    }
    out.write(0, 1, total, 0);
  }

  @Override
  public void columnMeans(Matrix a, Matrix out) {
    checkOpen();
    expect(a.rows() >= 1, "a", "at least one row", a.shape());
    expect("out", out, 1, a.cols());
    double[] total = new double[a.cols()];
    double[] block = new double[a.cols()];
    float[] row = new float[a.cols()];
    for (int b = 0; b < a.rows(); b++) {
      a.read(b, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        block[j] += row[j];
      }
      if ((b + 1) % OrderedSums.BLOCK == 0 || b + 1 == a.rows()) {
        for (int j = 0; j < row.length; j++) {
          total[j] += block[j];
          block[j] = 0;
        }
      }
    }
    for (int j = 0; j < total.length; j++) {
      out.set(0, j, (float) (total[j] / a.rows()));
    }
  }

  @Override
  public void subtractRow(Matrix a, Matrix row, Matrix out) {
    checkOpen();
    expect("row", row, 1, a.cols());
    expect("out", out, a.rows(), a.cols());
    float[] subtrahend = row.toArray();
    float[] values = new float[a.cols()];
    for (int b = 0; b < a.rows(); b++) {
      a.read(b, 1, values, 0);
      for (int j = 0; j < values.length; j++) {
        values[j] -= subtrahend[j];
      }
      out.write(b, 1, values, 0);
    }
  }

  @Override
  public void subtract(Matrix a, Matrix b, Matrix out) {
    checkOpen();
    expect("b", b, a.rows(), a.cols());
    expect("out", out, a.rows(), a.cols());
    float[] left = new float[a.cols()];
    float[] right = new float[a.cols()];
    for (int row = 0; row < a.rows(); row++) {
      a.read(row, 1, left, 0);
      b.read(row, 1, right, 0);
      for (int j = 0; j < left.length; j++) {
        left[j] -= right[j];
      }
      out.write(row, 1, left, 0);
    }
  }

  @Override
  public void add(Matrix target, Matrix addend) {
    checkOpen();
    expect("addend", addend, target.rows(), target.cols());
    float[] left = new float[target.cols()];
    float[] right = new float[target.cols()];
    for (int row = 0; row < target.rows(); row++) {
      target.read(row, 1, left, 0);
      addend.read(row, 1, right, 0);
      for (int j = 0; j < left.length; j++) {
        left[j] += right[j];
      }
      target.write(row, 1, left, 0);
    }
  }

  @Override
  public void scale(Matrix a, float factor) {
    checkOpen();
    float[] values = new float[a.cols()];
    for (int row = 0; row < a.rows(); row++) {
      a.read(row, 1, values, 0);
      for (int j = 0; j < values.length; j++) {
        values[j] *= factor;
      }
      a.write(row, 1, values, 0);
    }
  }

  @Override
  public void scaleRows(Matrix a, Matrix factors, Matrix shifts) {
    checkOpen();
    expect("factors", factors, 1, a.rows());
    if (shifts != null) {
      expect("shifts", shifts, 1, a.rows());
    }
    float[] values = new float[a.cols()];
    for (int row = 0; row < a.rows(); row++) {
      a.read(row, 1, values, 0);
      float factor = factors.get(0, row);
      for (int j = 0; j < values.length; j++) {
        values[j] =
            shifts == null ? values[j] * factor : Math.fma(values[j], factor, shifts.get(0, row));
      }
      a.write(row, 1, values, 0);
    }
  }

  @Override
  public void normalizeRows(Matrix w, float epsilon) {
    checkOpen();
    float[] row = new float[w.cols()];
    for (int i = 0; i < w.rows(); i++) {
      w.read(i, 1, row, 0);
      float divisor = norm(row) + epsilon;
      if (divisor > 0) {
        for (int j = 0; j < row.length; j++) {
          row[j] /= divisor;
        }
        w.write(i, 1, row, 0);
      }
    }
  }

  @Override
  public void projectRows(Matrix gradient, Matrix w, float epsilon) {
    checkOpen();
    expect("w", w, gradient.rows(), gradient.cols());
    float[] g = new float[w.cols()];
    float[] unit = new float[w.cols()];
    for (int i = 0; i < w.rows(); i++) {
      gradient.read(i, 1, g, 0);
      w.read(i, 1, unit, 0);
      if (epsilon > 0) {
        float divisor = norm(unit) + epsilon;
        for (int j = 0; j < unit.length; j++) {
          unit[j] /= divisor;
        }
      }
      float negated = -OrderedSums.dot(g, 0, unit, 0, g.length);
      for (int j = 0; j < g.length; j++) {
        g[j] = Math.fma(unit[j], negated, g[j]);
      }
      gradient.write(i, 1, g, 0);
    }
  }

  @Override
  public void adam(Matrix weights, Matrix gradient, Matrix m, Matrix v, Adam adam) {
    checkOpen();
    int d = weights.cols();
    expect("gradient", gradient, weights.rows(), d);
    expect("m", m, weights.rows(), d);
    expect("v", v, weights.rows(), d);
    float[] w = new float[d];
    float[] g = new float[d];
    float[] first = new float[d];
    float[] second = new float[d];
    for (int i = 0; i < weights.rows(); i++) {
      weights.read(i, 1, w, 0);
      gradient.read(i, 1, g, 0);
      m.read(i, 1, first, 0);
      v.read(i, 1, second, 0);
      for (int j = 0; j < d; j++) {
        float gj = adam.clipped() ? g[j] * adam.clip() : g[j];
        float square = gj * gj;
        float mj =
            Math.fma(gj, adam.oneMinusBeta1(), Math.fma(first[j], -adam.oneMinusBeta1(), first[j]));
        float vj =
            Math.fma(
                square,
                adam.oneMinusBeta2(),
                Math.fma(second[j], -adam.oneMinusBeta2(), second[j]));
        mj = Math.abs(mj) < Adam.SMALLEST_MOMENT ? 0f : mj;
        vj = Math.abs(vj) < Adam.SMALLEST_MOMENT ? 0f : vj;
        float s = Math.fma((float) Math.sqrt(vj), adam.inverseRootCorrection2(), adam.epsilon());
        first[j] = mj;
        second[j] = vj;
        w[j] = Math.fma(mj / s, adam.negativeStepSize(), w[j]);
      }
      weights.write(i, 1, w, 0);
      m.write(i, 1, first, 0);
      v.write(i, 1, second, 0);
    }
  }

  @Override
  public void close() {
    closed = true;
    encoding.close();
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("device scalar is closed");
    }
  }

  private static float chain(float[] a, float[] b, int length) {
    float sum = 0f;
    for (int j = 0; j < length; j++) {
      sum = Math.fma(a[j], b[j], sum);
    }
    return sum;
  }

  private static float norm(float[] row) {
    return (float) Math.sqrt(OrderedSums.dot(row, 0, row, 0, row.length));
  }
}
