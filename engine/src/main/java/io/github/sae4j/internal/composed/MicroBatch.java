package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.Matrix;

/**
 * Rows of a step whose losses are formed together.
 *
 * @param from first row
 * @param rows number of rows
 * @param count number of micro-batches of the step
 * @param totalVariance Σ‖x − x̄‖² over its rows, or NaN where no term needs it
 */
record MicroBatch(int from, int rows, int count, double totalVariance) {
  /** Its rows of a matrix that has one row per row of the step. */
  Matrix of(Matrix all) {
    return all.rows(from, rows);
  }
}
