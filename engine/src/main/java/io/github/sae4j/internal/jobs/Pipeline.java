package io.github.sae4j.internal.jobs;

import io.github.sae4j.internal.files.BackgroundThread;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;

/**
 * Reads, computes and writes at the same time, each step on a thread of its own and in order: while
 * a chunk is computed the next is read and the one before is written. Three slots bound the memory.
 */
final class Pipeline {
  private static final int SLOTS = 3;

  /** Writes a chunk's results. */
  interface Writer {
    void write(Slot slot) throws IOException;
  }

  private final Work work;
  private final Writer writer;

  Pipeline(Work work, Writer writer) {
    this.work = work;
    this.writer = writer;
  }

  /**
   * Processes rows.
   *
   * @param memory holds the slots
   * @param first first row
   * @param end the row after the last
   * @param chunk rows of a chunk
   * @param stop asked before each chunk
   * @return the row after the last that was written: {@code end} unless stopped
   * @throws IOException if a step fails; what was written before is kept
   */
  long run(OffHeap memory, long first, long end, int chunk, BooleanSupplier stop)
      throws IOException {
    if (first == end) {
      return end;
    }
    List<Slot> slots = new ArrayList<>();
    List<Future<Void>> written = new ArrayList<>();
    for (int i = 0; i < SLOTS; i++) {
      slots.add(work.slot(memory, chunk));
      written.add(null);
    }
    // Closing waits for running steps, so that nothing uses the memory afterwards.
    try (BackgroundThread reading = new BackgroundThread("sae4j-reader");
        BackgroundThread writing = new BackgroundThread("sae4j-writer")) {
      Future<Void> read = reading.submit(reader(slots.get(0), null, first, end));
      long row = first;
      for (int i = 0; row < end && !stop.getAsBoolean(); i = (i + 1) % SLOTS) {
        Slot slot = slots.get(i);
        BackgroundThread.result(read);
        int next = (i + 1) % SLOTS;
        long then = row + slot.count();
        if (then < end) {
          read = reading.submit(reader(slots.get(next), written.get(next), then, end));
        }
        work.compute(slot);
        written.set(
            i,
            writing.submit(
                () -> {
                  writer.write(slot);
                  return null;
                }));
        row = then;
      }
      for (Future<Void> each : written) {
        if (each != null) {
          BackgroundThread.result(each);
        }
      }
      return row;
    }
  }

  private Callable<Void> reader(Slot slot, Future<Void> before, long first, long end) {
    return () -> {
      if (before != null) {
        BackgroundThread.result(before); // the slot is free once its last results are written
      }
      slot.take(first, (int) Math.min(slot.room, end - first));
      work.read(slot);
      return null;
    };
  }
}
