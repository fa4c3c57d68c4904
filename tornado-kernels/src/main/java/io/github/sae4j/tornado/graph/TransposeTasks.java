package io.github.sae4j.tornado.graph;

import io.github.sae4j.tornado.kernels.LatentKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.kernels.Strips;
import io.github.sae4j.tornado.runtime.Schedule;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The tasks that turn codes by sample into sums by latent: the transposition, then the sums that
 * need it. One set of scratch arrays serves one transposition at a time.
 *
 * @param table {@code [groups, n]}
 * @param totals {@code [n]}
 * @param starts {@code [n + 1]}
 * @param entries room for the codes of a batch
 * @param rows most rows of a batch
 * @param n number of latents
 */
public record TransposeTasks(
    IntArray table, IntArray totals, IntArray starts, IntArray entries, int rows, int n) {

  /**
   * Codes of a batch, in one of two layouts.
   *
   * @param indices latents
   * @param values their values, in the same order
   * @param capacity codes from the begin of a row to the next, or 0 for rows of any length that lie
   *     without gaps
   * @param slot slot of the number of codes of a row; of the length of the arrays, if {@code
   *     capacity} is 0
   * @param rowStarts {@code [rows + 1]}, where each row begins and the last one ends; any array
   *     unless {@code capacity} is 0
   * @param rowOf row of each code, -1 beyond the last one; any array unless {@code capacity} is 0
   */
  public record Codes(
      IntArray indices,
      FloatArray values,
      int capacity,
      int slot,
      IntArray rowStarts,
      IntArray rowOf) {}

  /**
   * Whether sums overwrite or accumulate.
   *
   * @param added a mode of {@link LatentKernels}
   * @param list the latents that are meant; any array if the mode does not ask
   * @param gate slot that must not be 0; of the number of latents in the list, if the mode asks
   */
  public record Target(int added, IntArray list, int gate) {
    /**
     * Sums that replace what is there.
     *
     * @param control steering integers
     * @return a target without a gate
     */
    public static Target written(IntArray control) {
      return new Target(LatentKernels.WRITTEN, control, StepControl.ALWAYS);
    }
  }

  /**
   * Size of the table of counts.
   *
   * @param rows most rows of a batch
   * @param schedule of the device
   * @return number of groups
   */
  public static int groups(int rows, Schedule schedule) {
    int per = LatentKernels.rowsPerGroup(rows, schedule.codeGroups());
    return (rows + per - 1) / per;
  }

  /**
   * Adds the transposition.
   *
   * @param graph where
   * @param control steering integers
   * @param codes what to transpose
   */
  public void transpose(KernelGraph graph, IntArray control, Codes codes) {
    Schedule schedule = graph.accelerator().schedule();
    int groups = groups(rows, schedule);
    int groupRows = LatentKernels.rowsPerGroup(rows, schedule.codeGroups());
    graph
        .tasks()
        .task(
            graph.groups("countCodes", groups, LatentKernels.GROUP),
            LatentKernels::countCodes,
            graph.context(),
            control,
            codes.rowStarts(),
            codes.indices(),
            table,
            n,
            codes.capacity(),
            groupRows,
            codes.slot())
        .task(
            graph.line("latentTotals", n),
            LatentKernels::latentTotals,
            graph.context(),
            table,
            totals,
            n,
            groups)
        .task(
            graph.groups("latentStarts", 1, LatentKernels.SCAN),
            LatentKernels::latentStarts,
            graph.context(),
            totals,
            starts,
            n)
        .task(
            graph.groups("placeCodes", groups, LatentKernels.GROUP),
            LatentKernels::placeCodes,
            graph.context(),
            control,
            codes.rowStarts(),
            codes.indices(),
            table,
            starts,
            entries,
            n,
            codes.capacity(),
            groupRows,
            codes.slot());
  }

  /**
   * Adds the sparse outer products of transposed codes.
   *
   * @param graph where
   * @param control steering integers
   * @param codes the codes transposed last
   * @param coefficients one of each code, as its values lie
   * @param samples {@code [rows, d]}
   * @param out {@code [n, d]}
   * @param d columns
   * @param target whether they overwrite or accumulate
   */
  public void accumulate(
      KernelGraph graph,
      IntArray control,
      Codes codes,
      FloatArray coefficients,
      FloatArray samples,
      FloatArray out,
      int d,
      Target target) {
    graph
        .tasks()
        .task(
            graph.strips("accumulateByLatent", n, d),
            LatentKernels::accumulateByLatent,
            graph.context(),
            control,
            codes.rowOf(),
            starts,
            entries,
            coefficients,
            samples,
            out,
            target.list(),
            n,
            d,
            codes.capacity(),
            target.added(),
            Strips.columns(d),
            target.gate());
  }

  /**
   * Adds the sums per latent of transposed codes.
   *
   * @param graph where
   * @param control steering integers
   * @param coefficients one of each code, as its values lie
   * @param out {@code [n]}
   * @param target whether they overwrite or accumulate
   */
  public void sum(
      KernelGraph graph, IntArray control, FloatArray coefficients, FloatArray out, Target target) {
    graph
        .tasks()
        .task(
            graph.line("sumByLatent", n),
            LatentKernels::sumByLatent,
            graph.context(),
            control,
            starts,
            entries,
            coefficients,
            out,
            target.list(),
            n,
            target.added(),
            target.gate());
  }
}
