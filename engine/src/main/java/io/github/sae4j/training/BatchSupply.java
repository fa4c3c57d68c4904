package io.github.sae4j.training;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.BatchStream;
import io.github.sae4j.data.Batches;
import io.github.sae4j.data.RowRules;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.file.Path;

/** Where a trainer's batches come from: a stream of its own, or one that several share. */
@FunctionalInterface
interface BatchSupply {
  /**
   * What decides which rows a trainer gets.
   *
   * @param source the training rows
   * @param seed the shuffle's seed
   * @param rows rows of a batch
   * @param position position of the first row
   * @param end position after the last row
   * @param rules which rows are left out
   */
  record Request(
      ActivationSource source, long seed, int rows, long position, long end, RowRules rules) {
    /** The same rows from another position on. */
    Request from(long start) {
      return new Request(source, seed, rows, start, end, rules);
    }

    /** Room for the two batches of a stream, in memory of a device. */
    Matrix[] buffers(OffHeap memory) {
      int most = (int) Math.min(rows, end);
      return new Matrix[] {
        memory.matrix(most, source.width()), memory.matrix(most, source.width())
      };
    }

    /** A stream of these rows that fills two batches in turn. */
    BatchStream open(Matrix[] buffers) {
      return new BatchStream(source, seed, position, end, rules, buffers[0], buffers[1]);
    }
  }

  /** Measures something on the data. */
  @FunctionalInterface
  interface Measurement<T> {
    T get() throws IOException;
  }

  /** A stream for each trainer. */
  BatchSupply OWN = (request, memory) -> request.open(request.buffers(memory));

  /**
   * Opens a trainer's batches.
   *
   * @param request which rows
   * @param memory the trainer's memory, in which a stream may allocate
   * @return the batches
   */
  Batches open(Request request, OffHeap memory);

  /**
   * What a user resumes to go on with a run.
   *
   * @param run the run's folder
   * @return that folder, or the sweep's
   */
  default Path resumed(Path run) {
    return run;
  }

  /**
   * Measures something that depends on the data and on nothing in which trainers of one stream
   * differ. Those of a shared stream measure it once.
   *
   * @param what its name
   * @param type its type
   * @param measurement measures it
   * @return what was measured
   */
  default <T> T once(String what, Class<T> type, Measurement<T> measurement) throws IOException {
    return measurement.get();
  }
}
