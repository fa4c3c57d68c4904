package io.github.sae4j.tornado.step;

import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.ScalarKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** A training step under construction, and the tasks that several of its phases add. */
final class StepGraph {
  final KernelGraph graph;
  final TaskGraph tasks;
  final KernelContext context;
  final GraphSpec spec;
  final StepArrays arrays;

  /** Whether the objective has an AuxK term, a Multi-TopK term. */
  final boolean aux;

  final boolean multi;

  StepGraph(KernelGraph graph, GraphSpec spec, StepArrays arrays) {
    this.graph = graph;
    this.tasks = graph.tasks();
    this.context = graph.context();
    this.spec = spec;
    this.arrays = arrays;
    this.aux = spec.aux() != null;
    this.multi = spec.multi() != null;
  }

  /** The recipe's encoder, of all latents or of those that a map lists. */
  EncodeTasks.Encoder encoder(IntArray map, int columns) {
    return new EncodeTasks.Encoder(
        arrays.control,
        arrays.input,
        arrays.wEnc,
        arrays.bEnc,
        arrays.norms,
        map,
        columns,
        arrays.pre,
        arrays.maxima,
        arrays.rows,
        arrays.n,
        arrays.d);
  }

  /** A selection into codes. */
  static EncodeTasks.Choice choice(
      TransposeTasks.Codes codes, IntArray badIndex, FloatArray badValue, int mode) {
    return new EncodeTasks.Choice(
        codes.indices(), codes.values(), badIndex, badValue, codes.capacity(), mode, codes.slot());
  }

  /** Squared norms of rows, or norms. */
  void rowDots(FloatArray rows, FloatArray out, int count, int slot, int d, int root, int gate) {
    tasks.task(
        graph.rows("rowDots", count),
        RowKernels::rowDots,
        context,
        arrays.control,
        rows,
        rows,
        out,
        d,
        slot,
        root,
        gate);
  }

  /** Row scalars added in double, block by block. */
  void blockSums(
      FloatArray values,
      DoubleArray partial,
      int rows,
      int microRows,
      int blocks,
      int micros,
      int gate) {
    tasks.task(
        graph.line("blockSums", (long) blocks * micros),
        ScalarKernels::blockSums,
        context,
        arrays.control,
        values,
        partial,
        rows,
        microRows,
        blocks,
        micros,
        gate);
  }

  /** Multiplies a batch by its rows' output scales; shifts it too if {@code shifted} is 1. */
  void scaleRows(FloatArray target, int shifted) {
    tasks.task(
        graph.line("scaleRows", (long) arrays.rows * arrays.d),
        ElementKernels::scaleRows,
        context,
        arrays.control,
        target,
        arrays.outScales,
        arrays.outShifts,
        arrays.d,
        shifted);
  }

  /** Adds a batch to another, while latents are dead. */
  void add(FloatArray target, FloatArray addend) {
    tasks.task(
        graph.line("add", (long) arrays.rows * arrays.d),
        ElementKernels::add,
        context,
        arrays.control,
        target,
        addend,
        arrays.d,
        StepControl.DEAD);
  }

  /** Finds the first row with a value that is not finite; the state must not change then. */
  void firstBadRow(IntArray badIndex, int slot, int gate) {
    tasks.task(
        graph.groups("firstBadRow", 1, SelectionKernels.SCAN),
        SelectionKernels::firstBadRow,
        context,
        arrays.control,
        badIndex,
        slot,
        gate);
  }
}
