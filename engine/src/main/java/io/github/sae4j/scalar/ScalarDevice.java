package io.github.sae4j.scalar;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Selection;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.step.ComposedTrainingStep;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.Arrays;

/**
 * The oracle: every kernel as a plain loop, on one thread. It defines the order of operations of
 * each kernel and is the fall-back where nothing faster can run.
 */
public final class ScalarDevice implements Device {
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
  public void encodeTopK(EncoderWeights encoder, Matrix x, Selection selection, SparseCodes out) {
    checkOpen();
    int d = encoder.dIn();
    int n = encoder.dSae();
    expect("x", x, x.rows(), d);
    checkCodes(out, x.rows(), n);
    float[] input = new float[d];
    float[] bDec = encoder.bDec() == null ? null : encoder.bDec().toArray();
    float[] bEnc = encoder.bEnc().toArray();
    float[] scale = encoder.rankScale() == null ? null : encoder.rankScale().toArray();
    float[] weights = new float[d];
    float[] pre = new float[n];
    for (int row = 0; row < x.rows(); row++) {
      x.read(row, 1, input, 0);
      if (bDec != null) {
        for (int j = 0; j < d; j++) {
          input[j] -= bDec[j];
        }
      }
      for (int i = 0; i < n; i++) {
        encoder.wEnc().read(i, 1, weights, 0);
        pre[i] = chain(input, weights, d) + bEnc[i];
      }
      select(pre, scale, selection, row, out);
    }
  }

  @Override
  public void topK(Matrix values, Selection selection, Matrix rankScale, SparseCodes out) {
    checkOpen();
    checkCodes(out, values.rows(), values.cols());
    if (rankScale != null) {
      expect("rank scale", rankScale, 1, values.cols());
    }
    float[] scale = rankScale == null ? null : rankScale.toArray();
    float[] row = new float[values.cols()];
    for (int b = 0; b < values.rows(); b++) {
      values.read(b, 1, row, 0);
      select(row, scale, selection, b, out);
    }
  }

  /** Rule 10 by insertion into a sorted list: later latents must be strictly greater to pass. */
  private static void select(
      float[] values, float[] scale, Selection selection, int row, SparseCodes out) {
    int k = out.k();
    float[] bestRank = new float[k];
    int[] best = new int[k];
    int count = 0;
    for (int i = 0; i < values.length; i++) {
      float value = values[i];
      float ranked = selection == Selection.RELU_FIRST ? relu(value) : value;
      if (scale != null) {
        ranked *= scale[i];
      }
      if (!Float.isFinite(value) || !Float.isFinite(ranked)) {
        throw new NonFiniteException(row, i, Float.isFinite(value) ? ranked : value);
      }
      if (count == k && !(ranked > bestRank[k - 1])) {
        continue;
      }
      int at = count < k ? count++ : k - 1;
      while (at > 0 && ranked > bestRank[at - 1]) {
        bestRank[at] = bestRank[at - 1];
        best[at] = best[at - 1];
        at--;
      }
      bestRank[at] = ranked;
      best[at] = i;
    }
    Arrays.sort(best);
    for (int slot = 0; slot < k; slot++) {
      float value = values[best[slot]];
      out.set(row, slot, best[slot], selection == Selection.SIGNED ? value : relu(value));
    }
  }

  @Override
  public void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out) {
    checkOpen();
    int d = wDec.cols();
    expect("out", out, codes.rows(), d);
    if (bDec != null) {
      expect("b_dec", bDec, 1, d);
    }
    float[] bias = bDec == null ? null : bDec.toArray();
    float[] sums = new float[d];
    float[] weights = new float[d];
    for (int b = 0; b < codes.rows(); b++) {
      Arrays.fill(sums, 0f);
      for (int slot = 0; slot < codes.k(); slot++) {
        float value = codes.value(b, slot);
        wDec.read(checkIndex(codes, b, slot, wDec.rows()), 1, weights, 0);
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
    expect("out", out, codes.rows(), codes.k());
    float[] gradient = new float[d];
    float[] weights = new float[d];
    for (int b = 0; b < codes.rows(); b++) {
      g.read(b, 1, gradient, 0);
      for (int slot = 0; slot < codes.k(); slot++) {
        float delta = 0f;
        if (!gated || codes.value(b, slot) > 0) {
          wDec.read(checkIndex(codes, b, slot, wDec.rows()), 1, weights, 0);
          delta = OrderedSums.dot(gradient, 0, weights, 0, d);
        }
        out.set(b, slot, delta);
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
      expect("coefficients", coefficients, codes.rows(), codes.k());
    }
    out.fill(0f);
    float[] sample = new float[d];
    float[] sums = new float[d];
    for (int b = 0; b < codes.rows(); b++) {
      rows.read(b, 1, sample, 0);
      for (int slot = 0; slot < codes.k(); slot++) {
        int latent = checkIndex(codes, b, slot, out.rows());
        float c = coefficients == null ? codes.value(b, slot) : coefficients.get(b, slot);
        out.read(latent, 1, sums, 0);
        for (int j = 0; j < d; j++) {
          sums[j] = Math.fma(c, sample[j], sums[j]);
        }
        out.write(latent, 1, sums, 0);
      }
    }
  }

  @Override
  public void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    checkOpen();
    expect("coefficients", coefficients, codes.rows(), codes.k());
    expect("out", out, 1, out.cols());
    out.fill(0f);
    for (int b = 0; b < codes.rows(); b++) {
      for (int slot = 0; slot < codes.k(); slot++) {
        int latent = checkIndex(codes, b, slot, out.cols());
        out.set(0, latent, out.get(0, latent) + coefficients.get(b, slot));
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
  public TrainingStep compile(StepSpec spec, TrainingState state) {
    checkOpen();
    return new ComposedTrainingStep(this, spec, state);
  }

  @Override
  public void close() {
    closed = true;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("device scalar is closed");
    }
  }

  private static void checkCodes(SparseCodes out, int rows, int n) {
    expect(out.rows() == rows, "codes", rows + " rows", out);
    expect(out.k() <= n, "codes", "k at most " + n, out);
  }

  private static int checkIndex(SparseCodes codes, int row, int slot, int n) {
    int index = codes.index(row, slot);
    if (index < 0 || index >= n) {
      throw new IllegalArgumentException(
          "codes: expected indices in [0, " + n + "), got " + index + " in row " + row);
    }
    return index;
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

  private static float relu(float value) {
    return value > 0 ? value : 0f;
  }
}
