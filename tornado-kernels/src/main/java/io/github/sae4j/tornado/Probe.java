package io.github.sae4j.tornado;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.scalar.ScalarDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleBinaryOperator;
import java.util.function.IntUnaryOperator;
import uk.ac.manchester.tornado.api.exceptions.TornadoDeviceFP64NotSupported;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Compares a device's arithmetic with the host's when it opens: exactness is earned, not assumed
 * (numerics rule 14). The operands are random, of all magnitudes, denormals and both zeros among
 * them. Arithmetic alone does not show whether work-items of a group can exchange values, so row
 * sums, which pass through local memory and barriers, are compared as well.
 */
final class Probe {
  private static final int SIZE = 1 << 14;

  /** Rows and columns of the row sums: several groups, and neither the last one nor a row full. */
  private static final int ROWS = 3 * RowKernels.ROWS_PER_GROUP + 5;

  private static final int COLS = 2 * RowKernels.LANES + 7;

  private Probe() {}

  /**
   * What the probe found.
   *
   * @param guarantee what the device may promise
   * @param doubles whether it has doubles that can be relied on
   * @param differing names of the operations that differ from the host's
   */
  record Result(Guarantee guarantee, boolean doubles, List<String> differing) {
    /**
     * For the device's description.
     *
     * @return a few words
     */
    String summary() {
      if (differing.isEmpty()) {
        return doubles ? "exact" : "exact, sums in double on the host";
      }
      return "not exact: differs in " + String.join(", ", differing);
    }
  }

  /**
   * Probes.
   *
   * @param accelerator the device
   * @return what it may promise
   * @throws DeviceException if the probe's kernels cannot run
   */
  static Result run(Accelerator accelerator) {
    List<String> differing = new ArrayList<>(floats(accelerator));
    if (!rowSumsAreExact(accelerator)) {
      differing.add("row sums");
    }
    boolean doubles = doublesAreExact(accelerator);
    Guarantee guarantee =
        differing.isEmpty()
            ? Guarantee.EXACT
            : new Guarantee(false, Bounds.whenDiffering(differing));
    return new Result(guarantee, doubles, differing);
  }

  private static boolean doublesAreExact(Accelerator accelerator) {
    try {
      return doubles(accelerator).isEmpty();
    } catch (DeviceException e) {
      if (KernelPlan.isCausedBy(e, TornadoDeviceFP64NotSupported.class)) {
        return false;
      }
      throw e;
    }
  }

  private static List<String> floats(Accelerator accelerator) {
    SplittableRandom random = new SplittableRandom(14);
    try (Launch launch = new Launch(accelerator)) {
      FloatArray a = launch.input("a", SIZE);
      FloatArray b = launch.input("b", SIZE);
      FloatArray c = launch.input("c", SIZE);
      FloatArray fused = launch.output("fma", SIZE);
      FloatArray sums = launch.output("sum", SIZE);
      FloatArray products = launch.output("product", SIZE);
      FloatArray quotients = launch.output("quotient", SIZE);
      FloatArray roots = launch.output("root", SIZE);
      FloatArray flushed = launch.output("flushed", SIZE);
      for (int i = 0; i < SIZE; i++) {
        a.set(i, operand(random, i));
        b.set(i, operand(random, i >> 4));
        // Near the product, so that an unfused multiply-add shows.
        c.set(i, i % 2 == 0 ? -a.get(i) * b.get(i) : operand(random, i >> 8));
      }
      launch.send();
      launch
          .tasks()
          .task(
              launch.graph().line("probeFloats", SIZE),
              ProbeKernels::probeFloats,
              launch.context(),
              a,
              b,
              c,
              fused,
              sums,
              products,
              quotients,
              roots,
              flushed,
              SIZE);
      launch.compile();
      launch.run(List.of(), List.of());
      Map<String, IntUnaryOperator> unequal =
          Map.of(
              "fma", i -> differ(fused.get(i), Math.fma(a.get(i), b.get(i), c.get(i))),
              "sum", i -> differ(sums.get(i), a.get(i) + b.get(i)),
              "product", i -> differ(products.get(i), a.get(i) * b.get(i)),
              "division", i -> differ(quotients.get(i), a.get(i) / b.get(i)),
              "square root", i -> differ(roots.get(i), (float) Math.sqrt(a.get(i))),
              "denormals",
                  i ->
                      differ(
                          flushed.get(i), Math.abs(a.get(i)) < Float.MIN_NORMAL ? 0f : a.get(i)));
      return differing(unequal);
    }
  }

  private static boolean rowSumsAreExact(Accelerator accelerator) {
    SplittableRandom random = new SplittableRandom(2);
    try (Launch launch = new Launch(accelerator);
        Device host = new ScalarDevice();
        OffHeap memory = host.openMemory()) {
      Matrix left = memory.matrix(ROWS, COLS);
      Matrix right = memory.matrix(ROWS, COLS);
      for (int i = 0; i < ROWS * COLS; i++) {
        left.set(i / COLS, i % COLS, operand(random, 0));
        right.set(i / COLS, i % COLS, operand(random, 0));
      }
      FloatArray a = launch.input("a", left.size());
      FloatArray b = launch.input("b", right.size());
      FloatArray out = launch.output("sums", ROWS);
      IntArray flow = launch.flow(ROWS, COLS, 0);
      launch.send();
      launch
          .tasks()
          .task(
              launch.graph().rows("probeRows", ROWS),
              RowKernels::rowDots,
              launch.context(),
              flow,
              a,
              b,
              out,
              COLS,
              Flow.ROWS,
              0,
              Flow.ALWAYS);
      launch.compile();
      launch.run(List.of(left.segment(), right.segment()), List.of());
      Matrix expected = memory.vector(ROWS);
      host.rowDots(left, right, expected);
      for (int row = 0; row < ROWS; row++) {
        if (differ(out.get(row), expected.get(0, row)) != 0) {
          return false;
        }
      }
      return true;
    }
  }

  private static List<String> doubles(Accelerator accelerator) {
    SplittableRandom random = new SplittableRandom(41);
    try (Launch launch = new Launch(accelerator)) {
      DoubleArray a = launch.scratchDoubles("a", SIZE);
      DoubleArray b = launch.scratchDoubles("b", SIZE);
      FloatArray floats = launch.input("floats", SIZE);
      DoubleArray sums = launch.outputDoubles("sum", SIZE);
      DoubleArray products = launch.outputDoubles("product", SIZE);
      DoubleArray quotients = launch.outputDoubles("quotient", SIZE);
      DoubleArray roots = launch.outputDoubles("root", SIZE);
      FloatArray rounded = launch.output("rounded", SIZE);
      DoubleArray widened = launch.outputDoubles("widened", SIZE);
      for (int i = 0; i < SIZE; i++) {
        a.set(i, operand(random, i) * random.nextDouble());
        b.set(i, operand(random, i >> 4) * random.nextDouble());
        floats.set(i, operand(random, i));
      }
      launch.send();
      launch
          .tasks()
          .task(
              launch.graph().line("probeDoubles", SIZE),
              ProbeKernels::probeDoubles,
              launch.context(),
              a,
              b,
              floats,
              sums,
              products,
              quotients,
              roots,
              rounded,
              widened,
              SIZE);
      launch.compile();
      launch.run(List.of(), List.of());
      Map<String, IntUnaryOperator> unequal =
          Map.of(
              "sum in double", i -> differ(sums, i, a, b, Double::sum),
              "product in double", i -> differ(products, i, a, b, (x, y) -> x * y),
              "division in double", i -> differ(quotients, i, a, b, (x, y) -> x / y),
              "square root in double", i -> differ(roots, i, a, b, (x, y) -> Math.sqrt(x)),
              "rounding to float", i -> differ(rounded.get(i), (float) a.get(i)),
              "widening to double",
                  i -> Double.compare(widened.get(i), floats.get(i)) == 0 ? 0 : 1);
      return differing(unequal);
    }
  }

  private static List<String> differing(Map<String, IntUnaryOperator> unequal) {
    return unequal.entrySet().stream()
        .filter(
            operation -> {
              for (int i = 0; i < SIZE; i++) {
                if (operation.getValue().applyAsInt(i) != 0) {
                  return true;
                }
              }
              return false;
            })
        .map(Map.Entry::getKey)
        .sorted()
        .toList();
  }

  private static int differ(
      DoubleArray got, int i, DoubleArray a, DoubleArray b, DoubleBinaryOperator operation) {
    double expected = operation.applyAsDouble(a.get(i), b.get(i));
    return Double.compare(got.get(i), expected) == 0 ? 0 : 1;
  }

  /** {@code Float.compare} tells the zeros apart and takes any NaN for any other. */
  private static int differ(float got, float expected) {
    return Float.compare(got, expected) == 0 ? 0 : 1;
  }

  /** A number of the magnitude that training knows, or any bits of a finite number, or a zero. */
  private static float operand(SplittableRandom random, int kind) {
    return switch (kind & 3) {
      case 0, 1 -> (float) (random.nextDouble() * 4 - 2);
      case 2 -> {
        float any = Float.intBitsToFloat(random.nextInt());
        yield Float.isFinite(any) ? any : 1f;
      }
      default ->
          switch (random.nextInt(4)) {
            case 0 -> 0f;
            case 1 -> -0f;
            // Denormals of either sign.
            case 2 -> Float.intBitsToFloat(random.nextInt(1 << 23));
            default -> -Float.intBitsToFloat(random.nextInt(1 << 23));
          };
    };
  }
}
