package io.github.sae4j.bench.scene;

/**
 * The size of one comparison.
 *
 * @param batch rows of a batch, B
 * @param dIn width of a row, d_in
 * @param dSae number of latents, d_sae
 * @param k latents per row
 */
public record Shape(int batch, int dIn, int dSae, int k) {
  /** The shape to which the project's limits apply; elsewhere ratios are only reported. */
  public static final Shape HELD = new Shape(4096, 768, 24576, 32);

  /** Checks the ranges. */
  public Shape {
    if (batch < 1 || dIn < 1 || dSae < 1 || k < 1 || k > dSae) {
      throw new IllegalArgumentException(
          "shape: expected sizes of at least 1 and k of at most d_sae, got B="
              + batch
              + " d_in="
              + dIn
              + " d_sae="
              + dSae
              + " k="
              + k);
    }
  }

  /**
   * Reads a shape.
   *
   * @param text {@code BxDxN}, for instance {@code 4096x768x24576}
   * @param k latents per row
   * @return the shape
   */
  public static Shape parse(String text, int k) {
    String[] sizes = text.split("x");
    if (sizes.length != 3) {
      throw new IllegalArgumentException("shape: expected BxDxN, got '" + text + "'");
    }
    return new Shape(
        Integer.parseInt(sizes[0]), Integer.parseInt(sizes[1]), Integer.parseInt(sizes[2]), k);
  }

  /** Floating-point operations of the product {@code [B, d_in] x [d_in, d_sae]}. */
  public double productFlops() {
    return 2.0 * batch * dIn * dSae;
  }

  /** Bytes of one weight matrix. */
  public double weightBytes() {
    return 4.0 * dIn * dSae;
  }

  @Override
  public String toString() {
    return "B=" + batch + " d=" + dIn + " n=" + dSae + " k=" + k;
  }
}
