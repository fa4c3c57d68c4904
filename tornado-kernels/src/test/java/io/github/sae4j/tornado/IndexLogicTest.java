package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.tornado.graph.CompiledKernel;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.graph.Room;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.ApartProductKernels;
import io.github.sae4j.tornado.kernels.CodeKernels;
import io.github.sae4j.tornado.kernels.ColumnKernels;
import io.github.sae4j.tornado.kernels.DeadLatentKernels;
import io.github.sae4j.tornado.kernels.LatentKernels;
import io.github.sae4j.tornado.kernels.ProductKernels;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.ScalarKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.kernels.Strips;
import io.github.sae4j.tornado.kernels.VectorProductKernels;
import io.github.sae4j.tornado.launch.CodeLaunches;
import io.github.sae4j.tornado.launch.LatentLaunches;
import io.github.sae4j.tornado.launch.SelectionLaunches;
import io.github.sae4j.tornado.runtime.Schedule;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels' indices and barriers, as plain Java, without a device. */
@Tag("no-device")
class IndexLogicTest {
  private static final Device ORACLE = new ScalarDevice();

  private final SplittableRandom random = new SplittableRandom(11);

  /** A run of the product's kernel, in the form that a schedule asks for. */
  private static void product(
      Schedule schedule,
      IntArray control,
      FloatArray a,
      FloatArray b,
      FloatArray bias,
      IntArray map,
      FloatArray out,
      FloatArray maxima,
      int inner,
      int from,
      int most,
      int bStep,
      int bCol,
      int stride,
      int columns,
      int flags) {
    int across = ProductKernels.tiles(stride);
    if (schedule == Schedule.SHARED) {
      WorkItems.grid(
          across,
          ProductKernels.tiles(most),
          ProductKernels.SIDE,
          ProductKernels.SIDE,
          context ->
              ProductKernels.product(
                  context, control, a, b, bias, map, bias, out, maxima, inner, from, most, inner, 1,
                  bStep, bCol, stride, columns, flags));
    } else {
      WorkItems.grid(
          across,
          Math.ceilDiv(most, ApartProductKernels.ROWS * ApartProductKernels.GROUP),
          1,
          ApartProductKernels.GROUP,
          context ->
              ApartProductKernels.product(
                  context, control, a, b, bias, map, bias, out, maxima, inner, from, most, inner, 1,
                  bStep, bCol, stride, columns, flags));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "SHARED,1,1,1",
    "SHARED,3,5,2",
    "SHARED,129,17,130",
    "SHARED,128,16,128",
    "APART,1,1,1",
    "APART,3,5,2",
    "APART,37,17,130",
    "APART,32,16,128"
  })
  void productFillsEveryTile(Schedule schedule, int m, int inner, int q) {
    FloatArray a = integers(m * inner);
    FloatArray b = integers(inner * q);
    FloatArray out = new FloatArray(m * q);
    IntArray control = StepControl.of(m, q, 0);
    product(
        schedule,
        control,
        a,
        b,
        a,
        control,
        out,
        out,
        inner,
        0,
        m,
        q,
        1,
        q,
        StepControl.LATENTS,
        0);
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < q; j++) {
        float sum = 0f;
        for (int p = 0; p < inner; p++) {
          sum += a.get(i * inner + p) * b.get(p * q + j);
        }
        assertEquals(sum, out.get(i * q + j), "(" + i + ", " + j + ")");
      }
    }
  }

  /** Fewer rows than a stage, whole stages, and one row more; columns beyond the last one. */
  @ParameterizedTest
  @CsvSource({"1,1", "63,33", "64,32", "128,3", "129,40"})
  void everyRowOfAMatrixIsAddedOnce(int n, int d) {
    FloatArray v = integers(n);
    FloatArray w = integers(n * d);
    FloatArray out = integers(d);
    float[] expected = out.toHeapArray();
    for (int row = 0; row < n; row++) {
      for (int col = 0; col < d; col++) {
        expected[col] -= v.get(row) * w.get(row * d + col);
      }
    }
    WorkItems.line(
        (d + VectorProductKernels.COLUMNS - 1) / VectorProductKernels.COLUMNS,
        VectorProductKernels.GROUP,
        context -> VectorProductKernels.subtractVectorProduct(context, v, w, out, n, d));
    assertArrayEquals(expected, out.toHeapArray());
  }

  /** Less than a stage, a whole one, one element more, and several. */
  @ParameterizedTest
  @CsvSource({"1", "15", "2047", "2048", "2049", "5000"})
  void everyElementOfALongRowIsSquaredOnce(int size) {
    FloatArray a = integers(size);
    FloatArray out = new FloatArray(1);
    float expected = 0f;
    for (int i = 0; i < size; i++) {
      expected += a.get(i) * a.get(i);
    }
    WorkItems.line(1, RowKernels.GROUP, context -> RowKernels.squaredNorm(context, a, out, size));
    assertEquals(expected, out.get(0));
  }

  /** Numbers of groups that are no multiple of what is read at a time. */
  @ParameterizedTest
  @CsvSource({"1,3", "7,65", "8,2", "13,130"})
  void countsOfGroupsBecomePlaces(int groups, int n) {
    IntArray table = new IntArray(groups * n);
    IntArray totals = new IntArray(n);
    int[] expected = new int[groups * n];
    int[] sums = new int[n];
    for (int i = 0; i < groups * n; i++) {
      table.set(i, random.nextInt(9));
      expected[i] = sums[i % n];
      sums[i % n] += table.get(i);
    }
    WorkItems.line(
        (n + 63) / 64,
        64,
        context -> LatentKernels.latentTotals(context, table, totals, n, groups));
    assertArrayEquals(expected, table.toHeapArray());
    assertArrayEquals(sums, totals.toHeapArray());
  }

  /** Sums are added for the latents in the list, and no element of another latent is touched. */
  @Test
  void onlyListedLatentsAreAddedTo() {
    int n = 9;
    int d = 70;
    int rows = 6;
    IntArray list = IntArray.fromElements(2, 7, 8, 0, 0, 0, 0, 0, 0);
    IntArray control = StepControl.of(rows, n, 3);
    control.set(StepControl.DEAD, 3);
    // Of latent 2 rows 0 to 4, of latent 7 none, of latent 8 rows 1 and 5; each row has 3 codes.
    IntArray starts = IntArray.fromElements(0, 0, 0, 5, 5, 5, 5, 5, 5, 7);
    IntArray entries = IntArray.fromElements(0, 3, 6, 9, 12, 4, 17);
    FloatArray coefficients = integers(3 * rows);
    FloatArray samples = integers(rows * d);
    FloatArray out = integers(n * d);
    FloatArray sums = integers(n);
    float[] expected = out.toHeapArray();
    float[] expectedSums = sums.toHeapArray();
    for (int latent = 0; latent < n; latent++) {
      for (int at = starts.get(latent); at < starts.get(latent + 1); at++) {
        int entry = entries.get(at);
        expectedSums[latent] += coefficients.get(entry);
        for (int col = 0; col < d; col++) {
          expected[latent * d + col] += coefficients.get(entry) * samples.get(entry / 3 * d + col);
        }
      }
    }
    WorkItems.strips(
        n,
        d,
        context ->
            LatentKernels.accumulateByLatent(
                context,
                control,
                control,
                starts,
                entries,
                coefficients,
                samples,
                out,
                list,
                n,
                d,
                3,
                LatentKernels.ADDED_WHERE_LISTED,
                Strips.columns(d),
                StepControl.DEAD));
    WorkItems.line(
        1,
        64,
        context ->
            LatentKernels.sumByLatent(
                context,
                control,
                starts,
                entries,
                coefficients,
                sums,
                list,
                n,
                LatentKernels.ADDED_WHERE_LISTED,
                StepControl.DEAD));
    assertArrayEquals(expected, out.toHeapArray());
    assertArrayEquals(expectedSums, sums.toHeapArray());
  }

  @ParameterizedTest
  @EnumSource
  void productOfMappedColumnsStopsAtTheirNumber(Schedule schedule) {
    int rows = 5;
    int d = 3;
    int n = 9;
    FloatArray x = integers(rows * d);
    FloatArray w = integers(n * d);
    FloatArray bias = integers(n);
    FloatArray pre = new FloatArray(2 * n);
    pre.init(99f);
    FloatArray maxima = new FloatArray(2);
    maxima.init(99f);
    IntArray map = IntArray.fromElements(1, 4, 8, 0, 0, 0, 0, 0, 0);
    IntArray control = StepControl.of(rows, n, 0);
    control.set(StepControl.DEAD, 3);
    // The last row alone, in a tile of two rows from row 4.
    product(
        schedule,
        control,
        x,
        w,
        bias,
        map,
        pre,
        maxima,
        d,
        4,
        2,
        1,
        d,
        n,
        StepControl.DEAD,
        ProductKernels.MAPPED | ProductKernels.BIASED | ProductKernels.RANKED);
    float greatest = Float.NEGATIVE_INFINITY;
    for (int j = 0; j < 3; j++) {
      float sum = 0f;
      for (int p = 0; p < d; p++) {
        sum += x.get(4 * d + p) * w.get(map.get(j) * d + p);
      }
      assertEquals(sum + bias.get(map.get(j)), pre.get(j));
      greatest = Math.max(greatest, pre.get(j));
    }
    assertEquals(greatest, maxima.get(0));
    assertEquals(99f, maxima.get(1), "the tile's second row is beyond the batch");
    for (int i = 3; i < 2 * n; i++) {
      assertEquals(99f, pre.get(i), "element " + i + " is beyond what was asked for");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1,1",
    "127,5",
    "128,128",
    "129,64",
    "257,3",
    "1000,999",
    "1500,7",
    "600,1",
    "2049,40"
  })
  void topKTakesTiesInOrder(int n, int k) {
    int rows = 3;
    try (OffHeap memory = new OffHeap()) {
      for (Matrix values :
          List.of(Bits.tied(memory, random, rows, n), Bits.random(memory, random, rows, n))) {
        for (Relu relu : Relu.values()) {
          for (int bounded = 0; bounded < 2; bounded++) {
            topKTakesTiesInOrder(memory, values, k, relu, bounded);
          }
        }
      }
    }
  }

  private static void topKTakesTiesInOrder(
      OffHeap memory, Matrix values, int k, Relu relu, int bounded) {
    int rows = values.rows();
    int n = values.cols();
    FloatArray in = FloatArray.fromArray(values.toArray());
    FloatArray maxima = new FloatArray(rows * ProductKernels.tiles(n));
    maxima.init(Float.NEGATIVE_INFINITY);
    for (int i = 0; i < rows * n; i++) {
      int tile = i / n * ProductKernels.tiles(n) + i % n / ProductKernels.TILE;
      float rank = relu == Relu.BEFORE ? Math.max(0, in.get(i)) : in.get(i);
      maxima.set(tile, Math.max(maxima.get(tile), rank));
    }
    SparseCodes expected = memory.codes(rows, k);
    ORACLE.activate(values, null, Ranked.topK(k, relu), null, expected);
    IntArray control = StepControl.of(rows, n, k);
    IntArray indices = new IntArray(rows * k);
    FloatArray selected = new FloatArray(rows * k);
    IntArray bad = new IntArray(rows);
    FloatArray badValue = new FloatArray(rows);
    WorkItems.line(
        rows,
        SelectionKernels.GROUP,
        context ->
            SelectionKernels.topK(
                context,
                control,
                in,
                maxima,
                in,
                control,
                indices,
                selected,
                bad,
                badValue,
                n,
                k,
                0,
                rows,
                SelectionKernels.mode(relu),
                StepControl.LATENTS,
                StepControl.K,
                0,
                0,
                bounded));
    for (int i = 0; i < rows * k; i++) {
      assertEquals(expected.index(i / k, i % k), indices.get(i));
      assertEquals(expected.value(i / k, i % k), selected.get(i));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "70,5,9", "200,3,300", "65,65,65"})
  void codesAreTransposedInOrderOfSamples(int rows, int k, int n) {
    try (OffHeap memory = new OffHeap()) {
      SparseCodes codes = Bits.codes(memory, random, rows, k, n);
      IntArray indices = new IntArray(rows * k);
      for (int i = 0; i < rows * k; i++) {
        indices.set(i, codes.index(i / k, i % k));
      }
      int groups = TransposeTasks.groups(rows, Schedule.SHARED);
      int groupRows = LatentKernels.rowsPerGroup(rows, Schedule.SHARED.codeGroups());
      IntArray control = StepControl.of(rows, n, k);
      IntArray table = new IntArray(groups * n);
      IntArray totals = new IntArray(n);
      IntArray starts = new IntArray(n + 1);
      IntArray entries = new IntArray(rows * k);
      table.init(77);
      WorkItems.line(
          groups,
          LatentKernels.GROUP,
          context ->
              LatentKernels.countCodes(
                  context, control, control, indices, table, n, k, groupRows, StepControl.K));
      WorkItems.line(
          (n + 63) / 64,
          64,
          context -> LatentKernels.latentTotals(context, table, totals, n, groups));
      WorkItems.line(
          1, LatentKernels.SCAN, context -> LatentKernels.latentStarts(context, totals, starts, n));
      WorkItems.line(
          groups,
          LatentKernels.GROUP,
          context ->
              LatentKernels.placeCodes(
                  context,
                  control,
                  control,
                  indices,
                  table,
                  starts,
                  entries,
                  n,
                  k,
                  groupRows,
                  StepControl.K));
      int[] byLatent = new int[rows * k];
      int at = 0;
      for (int latent = 0; latent < n; latent++) {
        assertEquals(at, starts.get(latent));
        for (int i = 0; i < rows * k; i++) {
          if (indices.get(i) == latent) {
            byLatent[at++] = i;
          }
        }
      }
      assertEquals(rows * k, starts.get(n));
      assertArrayEquals(byLatent, entries.toHeapArray());
    }
  }

  /** Widths of less than one column a work-item, of two, and of more than one strip. */
  @ParameterizedTest
  @CsvSource({"2,3,9,2", "70,6,9,1", "66,65,65,17", "5,3,7,100", "3,9,11,129", "9,4,6,300"})
  void rowsOfAnyLengthAreReadWhereTheyLie(int rows, int most, int n, int d) {
    try (OffHeap memory = new OffHeap()) {
      SparseCodes codes = Bits.ragged(memory, random, rows, most, n);
      int size = codes.size();
      int room = Room.of(size);
      IntArray starts = new IntArray(rows + 1);
      IntArray rowOf = new IntArray(room);
      IntArray indices = new IntArray(room);
      FloatArray values = new FloatArray(room);
      rowOf.init(-1);
      indices.init(Integer.MAX_VALUE);
      for (int row = 0; row < rows; row++) {
        starts.set(row + 1, codes.start(row + 1));
        for (int slot = 0; slot < codes.length(row); slot++) {
          rowOf.set(codes.start(row) + slot, row);
          indices.set(codes.start(row) + slot, codes.index(row, slot));
          values.set(codes.start(row) + slot, random.nextInt(-8, 9));
        }
      }
      int groups = TransposeTasks.groups(rows, Schedule.SHARED);
      int groupRows = LatentKernels.rowsPerGroup(rows, Schedule.SHARED.codeGroups());
      IntArray control = StepControl.of(rows, n, room);
      IntArray table = new IntArray(groups * n);
      IntArray totals = new IntArray(n);
      IntArray latentStarts = new IntArray(n + 1);
      IntArray entries = new IntArray(room);
      WorkItems.line(
          groups,
          LatentKernels.GROUP,
          context ->
              LatentKernels.countCodes(
                  context, control, starts, indices, table, n, 0, groupRows, StepControl.K));
      WorkItems.line(
          (n + 63) / 64,
          64,
          context -> LatentKernels.latentTotals(context, table, totals, n, groups));
      WorkItems.line(
          1,
          LatentKernels.SCAN,
          context -> LatentKernels.latentStarts(context, totals, latentStarts, n));
      WorkItems.line(
          groups,
          LatentKernels.GROUP,
          context ->
              LatentKernels.placeCodes(
                  context,
                  control,
                  starts,
                  indices,
                  table,
                  latentStarts,
                  entries,
                  n,
                  0,
                  groupRows,
                  StepControl.K));
      FloatArray samples = integers(rows * d);
      FloatArray sums = new FloatArray(n * d);
      WorkItems.strips(
          n,
          d,
          context ->
              LatentKernels.accumulateByLatent(
                  context,
                  control,
                  rowOf,
                  latentStarts,
                  entries,
                  values,
                  samples,
                  sums,
                  control,
                  n,
                  d,
                  0,
                  LatentKernels.WRITTEN,
                  Strips.columns(d),
                  StepControl.ALWAYS));
      FloatArray weights = integers(n * d);
      FloatArray decoded = new FloatArray(rows * d);
      WorkItems.strips(
          rows,
          d,
          context ->
              CodeKernels.decode(
                  context,
                  control,
                  starts,
                  indices,
                  values,
                  weights,
                  weights,
                  weights,
                  decoded,
                  d,
                  0,
                  StepControl.K,
                  Strips.columns(d),
                  0,
                  StepControl.ALWAYS));
      FloatArray gradients = new FloatArray(room);
      gradients.init(99f);
      WorkItems.line(
          (room + RowKernels.ROWS_PER_GROUP - 1) / RowKernels.ROWS_PER_GROUP,
          RowKernels.GROUP,
          context ->
              CodeKernels.codeGradients(
                  context,
                  control,
                  rowOf,
                  samples,
                  weights,
                  indices,
                  values,
                  gradients,
                  d,
                  0,
                  StepControl.K,
                  0));
      assertEquals(size, latentStarts.get(n));
      float[] expectedSums = new float[n * d];
      float[] expectedRows = new float[rows * d];
      for (int p = 0; p < size; p++) {
        float dot = 0f;
        for (int col = 0; col < d; col++) {
          float weight = weights.get(indices.get(p) * d + col);
          float sample = samples.get(rowOf.get(p) * d + col);
          expectedSums[indices.get(p) * d + col] += values.get(p) * sample;
          expectedRows[rowOf.get(p) * d + col] += values.get(p) * weight;
          dot += sample * weight;
        }
        assertEquals(dot, gradients.get(p), "gradient " + p);
      }
      assertArrayEquals(expectedSums, sums.toHeapArray());
      assertArrayEquals(expectedRows, decoded.toHeapArray());
      for (int p = size; p < room; p++) {
        assertEquals(99f, gradients.get(p), "gradient " + p + " is beyond the codes");
      }
    }
  }

  @Test
  void roomIsLittleMoreThanWhatTakesIt() {
    for (int count : new int[] {0, 1, 16, 17, 1000, 4095, 123_456, Integer.MAX_VALUE - 8}) {
      int room = Room.of(count);
      long most = count + Math.max(16L, count / (count < 4096 ? 2 : 8));
      assertTrue(room >= count && room <= most, count + ": " + room);
    }
    for (int usual : new int[] {16, 32, 64, 768, 2048, 24_576, 131_072}) {
      assertEquals(usual, Room.of(usual));
    }
  }

  /** As AuxK's calls are while latents die: their sizes differ from step to step. */
  @Test
  void callsOfAboutTheSameSizeShareACompiledKernel() {
    Set<List<Object>> keys = new HashSet<>();
    KernelRunner runner =
        new KernelRunner() {
          @Override
          public void run(
              List<Object> key,
              Consumer<CompiledKernel> tasks,
              List<MemorySegment> arguments,
              List<MemorySegment> results) {
            keys.add(key);
            if (results.size() > 1) {
              // A selection that found nothing wrong.
              results.get(2).fill((byte) -1);
            }
          }

          @Override
          public void checkOpen() {}
        };
    try (OffHeap memory = new OffHeap()) {
      int rows = 6;
      int d = 5;
      Matrix x = Bits.random(memory, random, rows, d);
      for (int dead = 33; dead <= 48; dead++) {
        int k = dead - 32;
        Matrix weights = Bits.random(memory, random, dead, d);
        Matrix bias = memory.vector(dead);
        SparseCodes codes = memory.codes(rows, k);
        new SelectionLaunches(runner)
            .encode(
                new EncoderWeights(weights, bias, null, null),
                x,
                Ranked.topK(k, Relu.AFTER),
                codes);
        SparseCodes some = Bits.codes(memory, random, rows, 1 + k / 9, dead);
        new CodeLaunches(runner).decode(some, weights, null, memory.matrix(rows, d));
        Matrix perCode = memory.vector(some.size());
        new CodeLaunches(runner).codeGradients(x, weights, some, true, perCode);
        new LatentLaunches(runner).accumulateByLatent(some, null, x, memory.matrix(dead, d));
        new LatentLaunches(runner).sumByLatent(some, perCode, bias);
      }
    }
    assertEquals(5, keys.size(), keys::toString);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,15", "17,33"})
  void rowSumsStayInTheirRows(int rows, int d) {
    FloatArray a = integers(rows * d);
    FloatArray out = new FloatArray(rows);
    IntArray control = StepControl.of(rows, d, 0);
    WorkItems.line(
        (rows + 15) / 16,
        RowKernels.GROUP,
        context ->
            RowKernels.rowDots(
                context, control, a, a, out, d, StepControl.ROWS, 0, StepControl.ALWAYS));
    for (int row = 0; row < rows; row++) {
      float sum = 0f;
      for (int j = 0; j < d; j++) {
        sum += a.get(row * d + j) * a.get(row * d + j);
      }
      assertEquals(sum, out.get(row));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "255,10", "256,256", "1000,3"})
  void theDeadAreListedInOrder(int n, int kAux) {
    IntArray marks = new IntArray(n);
    for (int i = 0; i < n; i++) {
      marks.set(i, random.nextInt(3) == 0 ? 1 : 0);
    }
    int[] expected = IntStream.range(0, n).filter(i -> marks.get(i) == 1).toArray();
    IntArray list = new IntArray(n);
    IntArray control = StepControl.of(1, n, 1);
    WorkItems.line(
        1,
        DeadLatentKernels.SCAN,
        context -> DeadLatentKernels.listDead(context, control, marks, list, n, kAux));
    assertEquals(expected.length, control.get(StepControl.DEAD));
    assertEquals(Math.min(expected.length, kAux), control.get(StepControl.AUX_K));
    assertArrayEquals(expected, Arrays.copyOf(list.toHeapArray(), expected.length));
  }

  /** A grid has whole groups: 63 work-items stand for micro-batches beyond the last one here. */
  @Test
  void rowNumbersBeyondTheLastMicroBatchDoNotOverflow() {
    int rows = 40_000_000;
    int blocks = ColumnKernels.blocks(rows);
    IntArray control = StepControl.of(rows, 1, 1);
    control.set(StepControl.VARIANCE, 1);
    DoubleArray partial = new DoubleArray(blocks);
    partial.init(256);
    FloatArray means = new FloatArray(64);
    FloatArray factors = new FloatArray(64);
    DoubleArray constants = new DoubleArray(ScalarKernels.CONSTANTS);
    constants.init(1);
    WorkItems.line(
        1,
        KernelGraph.LINE,
        context ->
            ColumnKernels.columnMeans(
                context, control, partial, means, 1, rows, blocks, StepControl.ALWAYS));
    WorkItems.line(
        1,
        KernelGraph.LINE,
        context ->
            ScalarKernels.lossFactors(
                context,
                control,
                constants,
                partial,
                partial,
                factors,
                factors,
                factors,
                1,
                rows,
                blocks,
                ScalarKernels.SQUARED_ERROR,
                0,
                ScalarKernels.NO_AUX,
                0));
    assertEquals(1f, means.get(0));
    assertTrue(factors.get(0) > 0);
    for (int i = 1; i < 64; i++) {
      assertEquals(0f, means.get(i), "mean " + i);
      assertEquals(0f, factors.get(i), "factor " + i);
    }
  }

  @Test
  void blocksBeyondTheLastMicroBatchAreNeitherReadNorWritten() {
    int microRows = 1 << 30;
    int rows = 3;
    int blocks = ColumnKernels.blocks(microRows);
    IntArray control = StepControl.of(rows, 1, 1);
    FloatArray values = FloatArray.fromElements(1f, 2f, 4f);
    DoubleArray columns = new DoubleArray(2);
    DoubleArray sums = new DoubleArray(2);
    columns.init(-1);
    sums.init(-1);
    // The last group of the grid, and the first: block 0 is the only one with rows.
    for (int group : new int[] {blocks / KernelGraph.LINE, 2 * blocks / KernelGraph.LINE}) {
      WorkItems.group(
          group,
          KernelGraph.LINE,
          context -> {
            ColumnKernels.columnDoubleBlocks(
                context, control, values, columns, 1, microRows, blocks, StepControl.ALWAYS);
            ScalarKernels.blockSums(
                context,
                control,
                values,
                sums,
                StepControl.ROWS,
                microRows,
                blocks,
                1,
                StepControl.ALWAYS);
          });
    }
    assertEquals(-1, columns.get(0));
    assertEquals(-1, sums.get(0));
    WorkItems.group(
        0,
        1,
        context -> {
          ColumnKernels.columnDoubleBlocks(
              context, control, values, columns, 1, microRows, blocks, StepControl.ALWAYS);
          ScalarKernels.blockSums(
              context,
              control,
              values,
              sums,
              StepControl.ROWS,
              microRows,
              blocks,
              1,
              StepControl.ALWAYS);
        });
    assertEquals(7, columns.get(0));
    assertEquals(7, sums.get(0));
  }

  @Test
  void aSelectionThatDidNotRunHasNoBadRow() {
    IntArray stale = new IntArray(5);
    IntArray control = StepControl.of(5, 1, 1);
    control.set(StepControl.AUX_BAD_ROW, 4);
    WorkItems.line(
        1,
        SelectionKernels.SCAN,
        context ->
            SelectionKernels.firstBadRow(
                context, control, stale, StepControl.AUX_BAD_ROW, StepControl.DEAD));
    assertEquals(0, control.get(StepControl.AUX_BAD_ROW));
    assertEquals(1, control.get(StepControl.GOOD));
  }

  @Test
  void theFirstBadRowIsFound() {
    int rows = 700;
    IntArray bad = new IntArray(rows);
    bad.init(-1);
    bad.set(699, 4);
    bad.set(301, 0);
    IntArray control = StepControl.of(rows, 1, 1);
    WorkItems.line(
        1,
        SelectionKernels.SCAN,
        context ->
            SelectionKernels.firstBadRow(
                context, control, bad, StepControl.BAD_ROW, StepControl.ALWAYS));
    assertEquals(302, control.get(StepControl.BAD_ROW));
    assertEquals(0, control.get(StepControl.GOOD));
  }

  /** Small integers: every product and sum of them is exact, fused or not. */
  private FloatArray integers(int size) {
    FloatArray array = new FloatArray(size);
    for (int i = 0; i < size; i++) {
      array.set(i, random.nextInt(-8, 9));
    }
    return array;
  }
}
