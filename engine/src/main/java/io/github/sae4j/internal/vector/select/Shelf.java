package io.github.sae4j.internal.vector.select;

import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Supplier;

/** Scratch of calls that are done, for the next ones: warmed calls allocate nothing. */
final class Shelf<T> {
  private final AtomicReferenceArray<T> places =
      new AtomicReferenceArray<>(2 * Runtime.getRuntime().availableProcessors());

  private final Supplier<T> maker;

  /**
   * An empty shelf.
   *
   * @param maker makes scratch where none lies here
   */
  Shelf(Supplier<T> maker) {
    this.maker = maker;
  }

  /** Takes scratch that nobody else has until it is put back. */
  T take() {
    for (int i = 0; i < places.length(); i++) {
      T scratch = places.getAndSet(i, null);
      if (scratch != null) {
        return scratch;
      }
    }
    return maker.get();
  }

  /** Puts scratch back; what finds no place is left to the garbage collector. */
  void put(T scratch) {
    for (int i = 0; i < places.length(); i++) {
      if (places.compareAndSet(i, null, scratch)) {
        return;
      }
    }
  }
}
