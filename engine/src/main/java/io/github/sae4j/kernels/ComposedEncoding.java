package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;

/**
 * Encoding composed of a device's product and {@link HostActivation}: what devices do for
 * activations without a kernel of their own, with the same bits everywhere. Rows are processed in
 * tiles, so that the products of a batch take at most {@value #TILE_BYTES} bytes (or those of one
 * row); BatchTopK also holds up to twice its places.
 *
 * <p>The scratch is kept between calls; an instance belongs to a device and is closed with it.
 * Concurrent calls are serialised.
 */
public final class ComposedEncoding implements AutoCloseable {
  /** Most bytes of a tile of products and inputs. */
  static final int TILE_BYTES = 32 << 20;

  private final Kernels kernels;
  private final HostActivation.Scratch arrays = new HostActivation.Scratch();
  private OffHeap memory;
  private Matrix products;
  private Matrix input;

  /**
   * Creates an encoding on a device; allocates nothing yet.
   *
   * @param kernels computes the products
   */
  public ComposedEncoding(Kernels kernels) {
    this.kernels = kernels;
  }

  /**
   * Encodes a batch, see {@link Kernels#encode}.
   *
   * @param encoder weights
   * @param x {@code [rows, d_in]}
   * @param activation how latents become active
   * @param out receives the codes of {@code rows} rows
   * @throws NonFiniteException if a pre-activation, a rank or a stored value is not finite
   */
  public synchronized void encode(
      EncoderWeights encoder, Matrix x, Activation activation, SparseCodes out) {
    int d = encoder.dIn();
    int n = encoder.dSae();
    Shapes.expect("x", x, x.rows(), d);
    Shapes.expect(out.rows() == x.rows(), "codes", x.rows() + " rows", out);
    HostActivation loop =
        new HostActivation(activation, encoder.bEnc(), encoder.rankScale(), n, out, arrays);
    long rowBytes = 4L * (n + (encoder.bDec() == null ? 0 : d));
    int tile = Math.clamp(TILE_BYTES / rowBytes, 1, Math.max(1, x.rows()));
    reserve(tile, n, encoder.bDec() == null ? 0 : d);
    for (int from = 0; from < x.rows(); from += tile) {
      int count = Math.min(tile, x.rows() - from);
      Matrix rows = x.rows(from, count);
      if (encoder.bDec() != null) {
        Matrix centered = input.firstRows(count);
        kernels.subtractRow(rows, encoder.bDec(), centered);
        rows = centered;
      }
      Matrix some = products.firstRows(count);
      kernels.product(rows, false, encoder.wEnc(), true, some);
      loop.rows(some);
    }
    loop.finish();
  }

  private void reserve(int rows, int n, int d) {
    if (memory != null
        && products.rows() >= rows
        && products.cols() == n
        && (d == 0 || (input != null && input.rows() >= rows && input.cols() == d))) {
      return;
    }
    close();
    memory = kernels.openMemory();
    products = memory.matrix(rows, n);
    input = d == 0 ? null : memory.matrix(rows, d);
  }

  /** Frees the scratch. */
  @Override
  public synchronized void close() {
    if (memory != null) {
      memory.close();
      memory = null;
      products = null;
      input = null;
    }
  }
}
