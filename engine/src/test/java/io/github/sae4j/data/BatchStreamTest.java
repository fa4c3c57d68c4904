package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BatchStreamTest {
  @TempDir Path folder;
  private final OffHeap memory = new OffHeap();

  @AfterEach
  void free() {
    memory.close();
  }

  /** Row {@code r} holds {@code r} and {@code -r}. */
  private MatrixSource numbered(int rows) {
    Matrix matrix = memory.matrix(rows, 2);
    for (int row = 0; row < rows; row++) {
      matrix.set(row, 0, row);
      matrix.set(row, 1, -row);
    }
    return new MatrixSource(matrix, "numbered");
  }

  /** The rows a stream serves, checking that every batch tells the truth about itself. */
  private static List<Long> served(BatchStream stream) throws IOException {
    List<Long> rows = new ArrayList<>();
    Batch last = null;
    long[] lastRows = {};
    while (stream.hasNext()) {
      assertTrue(last == null || last.position() + last.rows() == stream.position());
      Batch batch = stream.next();
      if (last != null) {
        for (int i = 0; i < lastRows.length; i++) {
          assertEquals(lastRows[i], last.origin(i).row(), "origins outlive the batch");
        }
      }
      lastRows = new long[batch.rows()];
      for (int i = 0; i < batch.rows(); i++) {
        lastRows[i] = batch.origin(i).row();
        assertEquals(lastRows[i], batch.x().get(i, 0));
        rows.add(lastRows[i]);
      }
      last = batch;
    }
    assertThrows(NoSuchElementException.class, stream::next);
    return rows;
  }

  private static List<Long> served(
      ActivationSource source, long seed, int batchRows, long start, long end) throws IOException {
    try (BatchStream stream = new BatchStream(source, seed, batchRows, start, end)) {
      return served(stream);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 99, 100, 101, 250, 1000})
  void everyEpochServesEveryRowOnceWhateverTheBatch(int batchRows) throws IOException {
    List<Long> rows = served(numbered(100), 42, batchRows, 0, 300);
    assertEquals(300, rows.size());
    for (int epoch = 0; epoch < 3; epoch++) {
      assertEquals(100, new HashSet<>(rows.subList(100 * epoch, 100 * (epoch + 1))).size());
    }
    assertNotEquals(rows.subList(0, 100), rows.subList(100, 200));
    assertEquals(served(numbered(100), 42, 10, 0, 300), rows, "batches only cut the stream");
  }

  @Test
  void onlyTheLastBatchIsShort() throws IOException {
    try (BatchStream stream = new BatchStream(numbered(10), 1, 4, 0, 14)) {
      List<Integer> sizes = new ArrayList<>();
      while (stream.hasNext()) {
        sizes.add(stream.next().rows());
      }
      assertEquals(List.of(4, 4, 4, 2), sizes);
    }
    try (BatchStream stream = new BatchStream(numbered(10), 1, 4, 0, 3)) {
      assertEquals(3, stream.next().rows());
      assertFalse(stream.hasNext());
    }
    try (BatchStream stream = new BatchStream(numbered(10), 1, 4, 5, 5)) {
      assertFalse(stream.hasNext());
    }
  }

  @Test
  void rowsLeftOutLeaveTheirPlaces() throws IOException {
    Matrix matrix = memory.matrix(23, 2);
    for (int row = 0; row < 23; row++) {
      matrix.set(row, 0, row);
    }
    MatrixSource clean = new MatrixSource(matrix, "clean");
    List<Long> whole = served(clean, 7, 5, 0, 60);
    Matrix spoilt = memory.matrix(23, 2);
    spoilt.copyFrom(matrix);
    spoilt.set(4, 1, Float.POSITIVE_INFINITY);
    spoilt.set(9, 0, Float.NaN);
    RowRules rules = new RowRules(OnBadRows.SKIP, row -> row == 11);
    try (BatchStream stream =
        new BatchStream(new MatrixSource(spoilt, "spoilt"), 7, 5, 0, 60, rules)) {
      int places = 0;
      while (stream.hasNext()) {
        Batch batch = stream.next();
        List<Long> expected = new ArrayList<>(whole.subList(places, places + batch.places()));
        assertEquals(places, batch.position());
        assertEquals(
            expected.stream().filter(row -> row == 4 || row == 9).toList(),
            batch.bad().stream().map(bad -> bad.origin().row()).toList());
        assertEquals(expected.contains(11L) ? 1 : 0, batch.masked());
        expected.removeAll(List.of(4L, 9L, 11L));
        assertEquals(expected.size(), batch.rows());
        for (int i = 0; i < batch.rows(); i++) {
          assertEquals((long) expected.get(i), (long) batch.x().get(i, 0));
          assertEquals(expected.get(i), batch.origin(i).row());
        }
        assertThrows(IllegalArgumentException.class, () -> batch.origin(batch.rows()));
        places += batch.places();
      }
      assertEquals(60, places);
    }
  }

  /** The largest row that fits, and the next above it, as they are and times a factor. */
  @Test
  void aRowWhoseSquaresDoNotFitIsNotServed() throws IOException {
    float edge = (float) Math.sqrt(Float.MAX_VALUE / 2.0);
    for (float factor : new float[] {1f, 0.125f, 1024f}) {
      Matrix matrix = memory.matrix(3, 2);
      for (int column = 0; column < 2; column++) {
        matrix.set(0, column, Math.nextDown(edge) / factor);
        matrix.set(1, column, -Math.nextUp(Math.nextUp(edge)) / factor);
        matrix.set(2, column, column == 0 ? 1e-30f : Float.MIN_VALUE);
      }
      RowRules rules = new RowRules(OnBadRows.SKIP, row -> false).withFactor(factor);
      try (BatchStream stream =
          new BatchStream(new MatrixSource(matrix, "rows"), 7, 3, 0, 3, rules)) {
        Batch batch = stream.next();
        assertEquals(2, batch.rows());
        assertEquals(new RowOrigin("rows", 1), batch.bad().getFirst().origin());
        assertTrue(batch.bad().getFirst().problem().contains("too large to train on"));
      }
    }
    assertThrows(IllegalArgumentException.class, () -> RowRules.ALL.withFactor(0));
    assertThrows(IllegalArgumentException.class, () -> RowRules.ALL.withFactor(Float.NaN));
  }

  @Test
  void aRowThatIsNotFiniteIsFoundBeforeItIsServed() throws IOException {
    Matrix matrix = memory.matrix(23, 2);
    matrix.set(4, 1, Float.NaN);
    try (BatchStream stream = new BatchStream(new MatrixSource(matrix, "rows"), 7, 23, 0, 60)) {
      var e = assertThrows(BadRowException.class, stream::next);
      assertEquals(new RowOrigin("rows", 4), e.row().origin());
      assertEquals(1, e.row().column());
    }
  }

  @Test
  void seedsDiffer() throws IOException {
    MatrixSource source = numbered(100);
    assertNotEquals(served(source, 1, 10, 0, 100), served(source, 2, 10, 0, 100));
    assertEquals(served(source, 1, 10, 0, 100), served(source, 1, 10, 0, 100));
  }

  @Test
  void aStreamStartedAnywhereGoesOnAsTheWholeOne() throws IOException {
    MatrixSource source = numbered(23);
    List<Long> whole = served(source, 7, 5, 0, 100);
    for (int start = 0; start <= 100; start++) {
      assertEquals(whole.subList(start, 100), served(source, 7, 5, start, 100));
    }
  }

  @Test
  void aStreamMayStartAtAnyDistance() throws IOException {
    long start = Long.MAX_VALUE - 10;
    List<Long> rows = served(numbered(23), 7, 4, start, Long.MAX_VALUE);
    assertEquals(10, rows.size());
    assertTrue(new HashSet<>(rows).size() > 1);
  }

  @Test
  void heldOutAndMaskedRowsAreNeverServed() throws IOException {
    boolean[] excluded = new boolean[2000];
    Arrays.fill(excluded, 100, 300, true);
    Split split = Split.of(RowMask.of(excluded), 0.1);
    ActivationSource source = numbered(2000);
    Set<Long> expected = new HashSet<>();
    for (long i = 0; i < split.trainingRows(); i++) {
      expected.add(split.trainingRow(i));
    }
    assertEquals(1620, expected.size());
    List<Long> rows = served(split.training(source), 3, 64, 0, 2 * 1620);
    assertEquals(expected, new HashSet<>(rows.subList(0, 1620)));
    assertEquals(expected, new HashSet<>(rows.subList(1620, 3240)));
  }

  @Test
  void theCallersMatricesAreFilledInTurn() throws IOException {
    Matrix first = memory.matrix(4, 2);
    Matrix second = memory.matrix(4, 2);
    try (BatchStream stream = new BatchStream(numbered(100), 1, 0, 12, first, second)) {
      long[] addresses = new long[3];
      for (int i = 0; i < 3; i++) {
        addresses[i] = stream.next().x().segment().address();
      }
      assertArrayEquals(
          new long[] {
            first.segment().address(), second.segment().address(), first.segment().address()
          },
          addresses);
    }
    assertEquals(0, first.get(0, 0) + first.get(0, 1), "the caller's matrices stay open");
  }

  @Test
  void aBatchStandsStillUntilTheNextIsAsked() throws Exception {
    try (BatchStream stream = new BatchStream(numbered(1000), 1, 100, 0, 100_000)) {
      while (stream.hasNext()) {
        Batch batch = stream.next();
        float[] before = batch.x().toArray();
        Thread.yield();
        assertArrayEquals(before, batch.x().toArray());
      }
    }
  }

  @Test
  void failuresAppearInNext() throws IOException {
    Path file = Dump.npy(folder.resolve("a.npy"), 0, 1000, 4);
    try (ActivationFiles files = ActivationFiles.open(List.of(file.toString()), Optional.empty());
        BatchStream stream = new BatchStream(files, 1, 100, 0, 1000)) {
      stream.next();
      try (FileChannel channel = new FileOutputStream(file.toFile(), true).getChannel()) {
        channel.truncate(200);
      }
      var e =
          assertThrows(
              BadFileException.class,
              () -> {
                while (stream.hasNext()) {
                  stream.next();
                }
              });
      assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
      assertSame(e, assertThrows(BadFileException.class, stream::next), "and stay");
    }
  }

  @Test
  void waitingIsCounted() throws IOException {
    Thread caller = Thread.currentThread();
    AtomicInteger asked = new AtomicInteger();
    AtomicInteger read = new AtomicInteger();
    Wait untilTheCallerWaits =
        () -> {
          int number = read.incrementAndGet();
          while (asked.get() < number || caller.getState() == Thread.State.RUNNABLE) {
            Thread.sleep(1);
          }
        };
    try (BatchStream stream =
        new BatchStream(slow(numbered(10), untilTheCallerWaits), 1, 5, 0, 10)) {
      assertEquals(0, stream.secondsWaited());
      asked.set(1);
      stream.next();
      double first = stream.secondsWaited();
      assertTrue(first > 0);
      asked.set(2);
      stream.next();
      assertTrue(stream.secondsWaited() > first);
    }
  }

  /** What a source waits for before each read. */
  private interface Wait {
    void await() throws InterruptedException;
  }

  /** A source that takes its time. */
  private static ActivationSource slow(ActivationSource source, Wait wait) {
    return new ActivationSource() {
      @Override
      public long rows() {
        return source.rows();
      }

      @Override
      public int width() {
        return source.width();
      }

      @Override
      public void read(long[] rowIds, int count, Matrix target) throws IOException {
        try {
          wait.await();
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
        source.read(rowIds, count, target);
      }

      @Override
      public void readRange(long first, int count, Matrix target) throws IOException {
        source.readRange(first, count, target);
      }

      @Override
      public RowOrigin origin(long row) {
        return source.origin(row);
      }

      @Override
      public DataIdentity identity() throws IOException {
        return source.identity();
      }

      @Override
      public void close() throws IOException {
        source.close();
      }
    };
  }

  @Test
  void anInterruptStopsTheCallerAndNotTheStream() throws IOException {
    List<Long> expected = served(numbered(10), 1, 5, 0, 20);
    // A batch that had come already would be served: the caller did not have to wait for it.
    CountDownLatch interrupted = new CountDownLatch(1);
    try (BatchStream stream =
        new BatchStream(slow(numbered(10), interrupted::await), 1, 5, 0, 20)) {
      Thread.currentThread().interrupt();
      assertThrows(InterruptedIOException.class, stream::next);
      assertTrue(Thread.interrupted(), "the status is kept");
      interrupted.countDown();
      assertEquals(expected, served(stream));
    }
  }

  @Test
  void closingWaitsForTheReaderAndEndsIt() throws IOException {
    BatchStream stream = new BatchStream(slow(numbered(10), () -> Thread.sleep(20)), 1, 5, 0, 1000);
    Batch batch = stream.next();
    stream.close();
    assertThrows(IllegalStateException.class, stream::next);
    assertThrows(IllegalStateException.class, () -> batch.x().get(0, 0));
    assertTrue(batch.origin(0).row() < 10);
    stream.close();
  }

  @Test
  void refusesWhatIsOutOfRange() {
    MatrixSource source = numbered(10);
    assertThrows(IllegalArgumentException.class, () -> new BatchStream(source, 1, 0, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> new BatchStream(source, 1, 1, -1, 1));
    assertThrows(IllegalArgumentException.class, () -> new BatchStream(source, 1, 1, 2, 1));
    Matrix fit = memory.matrix(4, 2);
    Matrix narrow = memory.matrix(4, 1);
    Matrix small = memory.matrix(3, 2);
    assertThrows(
        IllegalArgumentException.class, () -> new BatchStream(source, 1, 0, 9, fit, narrow));
    assertThrows(
        IllegalArgumentException.class, () -> new BatchStream(source, 1, 0, 9, fit, small));
  }
}
