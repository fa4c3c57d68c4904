package io.github.sae4j.tornado.graph;

import io.github.sae4j.tornado.kernels.ApartProductKernels;
import io.github.sae4j.tornado.kernels.ProductKernels;
import io.github.sae4j.tornado.runtime.Schedule;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A dense product, by the kernel that suits the device: {@link ProductKernels#product}, which says
 * what the components mean, or {@link ApartProductKernels#product}.
 */
public record ProductTasks(
    IntArray control,
    FloatArray a,
    FloatArray b,
    FloatArray bias,
    IntArray map,
    FloatArray scale,
    FloatArray out,
    FloatArray maxima,
    int inner,
    int aRow,
    int aStep,
    int bStep,
    int bCol,
    int columns,
    int flags) {

  /**
   * Adds the task.
   *
   * @param graph where
   * @param from first row of {@code a}
   * @param most most rows to form
   * @param stride columns of a row of {@code out}
   */
  public void add(KernelGraph graph, int from, int most, int stride) {
    boolean apart = graph.accelerator().schedule() == Schedule.APART;
    int across = ProductKernels.tiles(stride);
    int side = ProductKernels.SIDE;
    int rows = apart ? ApartProductKernels.ROWS * ApartProductKernels.GROUP : ProductKernels.TILE;
    int down = Math.max(1, Math.ceilDiv(most, rows));
    graph
        .tasks()
        .task(
            apart
                ? graph.tiles("product", across, down, 1, ApartProductKernels.GROUP)
                : graph.tiles("product", across, down, side, side),
            apart ? ApartProductKernels::product : ProductKernels::product,
            graph.context(),
            control,
            a,
            b,
            bias,
            map,
            scale,
            out,
            maxima,
            inner,
            from,
            most,
            aRow,
            aStep,
            bStep,
            bCol,
            stride,
            columns,
            flags);
  }
}
