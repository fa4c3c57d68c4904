package io.github.sae4j.training;

import io.github.sae4j.data.Batch;
import io.github.sae4j.data.BatchStream;
import io.github.sae4j.data.Batches;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One stream of batches for several trainers, read and shuffled once. They take turns: the next
 * batch is read when every one of them that is not ahead of it has taken the present one. A trainer
 * that resumes further on takes part from its own position.
 */
final class SharedBatches implements BatchSupply, AutoCloseable {
  private final OffHeap memory;
  private final Path folder;
  private final List<View> views = new ArrayList<>();
  private final Map<String, Object> measured = new HashMap<>();
  private Request shared;

  /** The two batches that the stream fills in turn. */
  private Matrix[] buffers;

  private BatchStream stream;
  private Batch present;

  /** What streams waited that were closed since. */
  private double waitedBefore;

  /**
   * A supply without a stream; that is opened with the first batch.
   *
   * @param memory where its two batches are allocated; the caller's
   * @param folder the sweep's
   */
  SharedBatches(OffHeap memory, Path folder) {
    this.memory = memory;
    this.folder = folder;
  }

  @Override
  public Path resumed(Path run) {
    return folder;
  }

  @Override
  public Batches open(Request request, OffHeap own) {
    if (shared != null && !shared.from(0).equals(request.from(0))) {
      throw new ConfigException(
          "sweep",
          "expected runs of the same rows in the same order: equal shuffle_seed, batch size, length"
              + " and normalize_activations");
    }
    shared = request;
    View view = new View(request.position());
    views.add(view);
    return view;
  }

  @Override
  public <T> T once(String what, Class<T> type, Measurement<T> measurement) throws IOException {
    Object known = measured.get(what);
    if (known == null) {
      known = measurement.get();
      measured.put(what, known);
    }
    return type.cast(known);
  }

  private Batch take(View taker) throws IOException {
    long position = taker.position;
    if (present == null || present.position() != position) {
      for (View view : views) {
        if (view.position < position) {
          throw new IllegalStateException(
              "shared batches: another trainer has not taken its batch at " + view.position);
        }
      }
      if (stream == null || stream.position() != position) {
        reopen(position); // nobody wants the batches between any more
      }
      present = stream.next();
    }
    if (present.position() != position) {
      throw new IllegalStateException(
          "shared batches: expected position " + position + ", got " + present.position());
    }
    return present;
  }

  private void reopen(long position) {
    if (buffers == null) {
      buffers = shared.buffers(memory);
    }
    if (stream != null) {
      stream.close();
      waitedBefore += stream.secondsWaited();
    }
    stream = shared.from(position).open(buffers);
  }

  private double secondsWaited() {
    return waitedBefore + (stream == null ? 0 : stream.secondsWaited());
  }

  /** Ends reading. */
  @Override
  public void close() {
    if (stream != null) {
      stream.close();
    }
  }

  private final class View implements Batches {
    private long position;
    private double waited;

    View(long position) {
      this.position = position;
    }

    @Override
    public Batch next() throws IOException {
      double before = SharedBatches.this.secondsWaited();
      Batch batch = take(this);
      waited += SharedBatches.this.secondsWaited() - before;
      position += batch.places();
      return batch;
    }

    @Override
    public double secondsWaited() {
      return waited;
    }

    @Override
    public void close() {
      views.remove(this);
    }
  }
}
