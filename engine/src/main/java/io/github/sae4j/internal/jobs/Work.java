package io.github.sae4j.internal.jobs;

import io.github.sae4j.memory.OffHeap;
import java.io.IOException;

/** What a job does with each chunk of rows, apart from writing its results. */
interface Work {
  /** Memory of the device that computes. */
  OffHeap openMemory();

  /** The most values of a row. */
  int width();

  /** Makes room for a chunk. */
  Slot slot(OffHeap memory, int rows);

  /** Reads the rows that a slot is to hold; from one thread, in order. */
  void read(Slot slot) throws IOException;

  /** Computes; from one thread, in order. */
  void compute(Slot slot) throws IOException;
}
