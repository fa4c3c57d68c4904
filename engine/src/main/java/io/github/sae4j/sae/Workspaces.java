package io.github.sae4j.sae;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Scratch memory of an SAE: as many workspaces as calls ever ran concurrently, in two sizes, so
 * that a warmed call allocates nothing and a service that encodes single rows uses little memory.
 */
final class Workspaces {
  /** Activations of a large workspace: 4 MiB. */
  private static final int LARGE = 1 << 20;

  private static final int MOST_ROWS = 1024;
  private static final int FEWEST_ROWS = 16;

  /** Initial capacity for a row's latents where their number is not fixed; it grows. */
  private static final int SOME_LATENTS = 128;

  private final OffHeap memory;
  private final SaeConfig config;
  private final boolean skip;
  private final Deque<Workspace> single = new ArrayDeque<>();
  private final Deque<Workspace> large = new ArrayDeque<>();

  Workspaces(OffHeap memory, SaeConfig config, boolean skip) {
    this.memory = memory;
    this.config = config;
    this.skip = skip;
  }

  /**
   * Scratch for the rows of a chunk.
   *
   * @param input rows given as arrays, or normalised rows {@code [rows, d_in]}
   * @param output reconstructed rows {@code [rows, d_out]}
   * @param target rows given as arrays that outputs are held against {@code [rows, d_out]}
   * @param skipped what the skip connection adds {@code [rows, d_out]}; null without one
   * @param codes of the rows
   * @param changes to the codes
   * @param scales to undo the rows' normalisation {@code [1, rows]}
   * @param shifts to undo the rows' normalisation {@code [1, rows]}
   */
  record Workspace(
      Matrix input,
      Matrix output,
      Matrix target,
      Matrix skipped,
      SparseCodes codes,
      SparseCodes changes,
      Matrix scales,
      Matrix shifts) {
    int rows() {
      return input.rows();
    }

    /** The same memory for fewer rows. */
    Workspace firstRows(int count) {
      return count == rows()
          ? this
          : new Workspace(
              input.firstRows(count),
              output.firstRows(count),
              target.firstRows(count),
              skipped == null ? null : skipped.firstRows(count),
              codes.firstRows(count),
              changes.firstRows(count),
              scales.firstElements(count),
              shifts.firstElements(count));
    }
  }

  /** Takes a workspace for one row, or one for many. */
  synchronized Workspace take(int rows) {
    Workspace idle = (rows == 1 ? single : large).poll();
    if (idle != null) {
      return idle;
    }
    int size = rows == 1 ? 1 : Math.clamp(LARGE / config.dIn(), FEWEST_ROWS, MOST_ROWS);
    return new Workspace(
        memory.matrix(size, config.dIn()),
        memory.matrix(size, config.dOut()),
        memory.matrix(size, config.dOut()),
        skip ? memory.matrix(size, config.dOut()) : null,
        memory.codes(size, Math.min(config.mostLatents(), SOME_LATENTS)),
        memory.codes(size, 1),
        memory.vector(size),
        memory.vector(size));
  }

  synchronized void giveBack(Workspace workspace) {
    (workspace.rows() == 1 ? single : large).push(workspace);
  }
}
