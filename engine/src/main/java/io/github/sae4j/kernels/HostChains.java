package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;

/** Chains by latent as a plain loop on the host: their definition, and what devices may use. */
final class HostChains {
  private HostChains() {}

  /** See {@link Kernels#continueByLatent}. */
  static void continueByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    int d = rows.cols();
    Shapes.expect("rows", rows, codes.rows(), d);
    Shapes.expect("out", out, out.rows(), d);
    if (coefficients != null) {
      Shapes.expectVector("coefficients", coefficients, codes.size());
    }
    codes.expectIndices(out.rows());
    float[] sample = new float[d];
    float[] sums = new float[d];
    for (int b = 0; b < codes.rows(); b++) {
      rows.read(b, 1, sample, 0);
      for (int slot = 0; slot < codes.length(b); slot++) {
        int latent = codes.index(b, slot);
        float c =
            coefficients == null
                ? codes.value(b, slot)
                : coefficients.get(0, codes.start(b) + slot);
        out.read(latent, 1, sums, 0);
        for (int j = 0; j < d; j++) {
          sums[j] = Math.fma(c, sample[j], sums[j]);
        }
        out.write(latent, 1, sums, 0);
      }
    }
  }
}
