package io.github.sae4j.tornado.graph;

import io.github.sae4j.tornado.kernels.ProductKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The tasks that encode a batch and select its codes. Pre-activations are formed for a tile of rows
 * at a time, so that they never take more than {@link #TILE_ELEMENTS} floats, and every selection
 * is made from a tile before the next one overwrites it.
 */
public final class EncodeTasks {
  /** Most pre-activations at a time: 256 MiB of them. */
  public static final int TILE_ELEMENTS = 1 << 26;

  private EncodeTasks() {}

  /**
   * Rows of a tile.
   *
   * @param rows rows of the batch
   * @param n number of latents
   * @return at least 1
   */
  public static int tileRows(int rows, int n) {
    int most = Math.clamp(TILE_ELEMENTS / n, 1, Math.max(1, rows));
    // All tiles alike but the last one, which has whole tiles of the product too if they fit.
    int tiles = Math.max(1, (rows + most - 1) / most);
    int even = Math.max(1, (rows + tiles - 1) / tiles);
    int whole = (even + ProductKernels.TILE - 1) / ProductKernels.TILE * ProductKernels.TILE;
    return whole <= most ? whole : even;
  }

  /**
   * Elements of a tile's maxima.
   *
   * @param rows rows of the batch
   * @param n number of latents
   * @return rows of a tile times the product's tiles of a row
   */
  public static long maxima(int rows, int n) {
    return (long) tileRows(rows, n) * ProductKernels.tiles(n);
  }

  /**
   * What to encode, and from what.
   *
   * @param control steering integers
   * @param x {@code [rows, d]}, b_dec subtracted already if the recipe does
   * @param wEnc {@code [n, d]}
   * @param bEnc {@code [n]}
   * @param scale what ranks are multiplied by {@code [n]}, or null
   * @param map the latents to encode, or null for all
   * @param columns slot of the number of latents to encode
   * @param pre scratch {@code [tileRows, n]}
   * @param maxima scratch {@code [tileRows, ProductKernels.tiles(n)]}, or null if nothing but
   *     {@code pre} is at hand
   * @param rows most rows of a batch
   * @param n number of latents
   * @param d width of the input
   */
  public record Encoder(
      IntArray control,
      FloatArray x,
      FloatArray wEnc,
      FloatArray bEnc,
      FloatArray scale,
      IntArray map,
      int columns,
      FloatArray pre,
      FloatArray maxima,
      int rows,
      int n,
      int d) {}

  /**
   * One selection.
   *
   * @param indices receives {@code [rows, capacity]}
   * @param values receives {@code [rows, capacity]}
   * @param badIndex receives {@code [rows]}, see {@link SelectionKernels#topK}
   * @param badValue receives {@code [rows]}
   * @param capacity most codes of a row
   * @param mode a mode of {@link SelectionKernels}
   * @param codes slot of the number of codes of a row
   */
  public record Choice(
      IntArray indices,
      FloatArray values,
      IntArray badIndex,
      FloatArray badValue,
      int capacity,
      int mode,
      int codes) {}

  /**
   * Adds the tasks.
   *
   * @param graph where
   * @param encoder what to encode
   * @param choices the selections to make from the same pre-activations
   */
  public static void add(KernelGraph graph, Encoder encoder, Choice... choices) {
    int tileRows = tileRows(encoder.rows(), encoder.n());
    int mapped = encoder.map() == null ? 0 : 1;
    IntArray map = mapped == 1 ? encoder.map() : encoder.control();
    int mode = choices[0].mode();
    if (List.of(choices).stream().anyMatch(choice -> choice.mode() != mode)) {
      throw new IllegalArgumentException("selections from the same values rank them alike");
    }
    int flags =
        ProductKernels.BIASED
            | ProductKernels.RANKED
            | (mapped == 1 ? ProductKernels.MAPPED : 0)
            | (encoder.scale() == null ? 0 : ProductKernels.SCALED)
            | (mode == SelectionKernels.RELU_BEFORE ? ProductKernels.RELU_BEFORE : 0);
    ProductTasks product =
        new ProductTasks(
            encoder.control(),
            encoder.x(),
            encoder.wEnc(),
            encoder.bEnc(),
            map,
            encoder.scale() == null ? encoder.bEnc() : encoder.scale(),
            encoder.pre(),
            encoder.maxima(),
            encoder.d(),
            encoder.d(),
            1,
            1,
            encoder.d(),
            encoder.columns(),
            flags);
    for (int from = 0; from < encoder.rows(); from += tileRows) {
      product.add(graph, from, tileRows, encoder.n());
      for (Choice choice : choices) {
        select(graph, encoder, choice, from, tileRows);
      }
    }
  }

  /**
   * Adds one selection from the values in {@code encoder.pre()}.
   *
   * @param graph where
   * @param encoder where the values come from
   * @param choice the selection
   * @param from first row of the tile
   * @param tileRows rows of the tile
   */
  public static void select(
      KernelGraph graph, Encoder encoder, Choice choice, int from, int tileRows) {
    int mapped = encoder.map() == null ? 0 : 1;
    int scaled = encoder.scale() == null ? 0 : 1;
    graph
        .tasks()
        .task(
            graph.groups("topK", tileRows, SelectionKernels.GROUP),
            SelectionKernels::topK,
            graph.context(),
            encoder.control(),
            encoder.pre(),
            encoder.maxima() == null ? encoder.pre() : encoder.maxima(),
            scaled == 1 ? encoder.scale() : encoder.pre(),
            mapped == 1 ? encoder.map() : encoder.control(),
            choice.indices(),
            choice.values(),
            choice.badIndex(),
            choice.badValue(),
            encoder.n(),
            choice.capacity(),
            from,
            tileRows,
            choice.mode(),
            encoder.columns(),
            choice.codes(),
            scaled,
            mapped,
            encoder.maxima() == null ? 0 : 1);
  }
}
