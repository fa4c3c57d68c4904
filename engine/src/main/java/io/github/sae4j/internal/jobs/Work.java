package io.github.sae4j.internal.jobs;

import io.github.sae4j.memory.OffHeap;
import java.io.IOException;

/** The computation of a job on each chunk of rows; writing results is separate. */
interface Work {
  /** Memory of the device that computes. */
  OffHeap openMemory();

  /** Largest number of values per row. */
  int width();

  /** Allocates a slot. */
  Slot slot(OffHeap memory, int rows);

  /** Reads the rows of a slot; called from one thread, in order. */
  void read(Slot slot) throws IOException;

  /** Computes; called from one thread, in order. */
  void compute(Slot slot) throws IOException;
}
