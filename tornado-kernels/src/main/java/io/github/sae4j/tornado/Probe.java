package io.github.sae4j.tornado;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.tornado.graph.CompiledKernel;
import io.github.sae4j.tornado.kernels.ProbeKernels;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.runtime.Accelerator;
import io.github.sae4j.tornado.runtime.Failures;
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
            : new Guarantee(false, UlpBounds.whenDiffering(differing));
    return new Result(guarantee, doubles, differing);
  }

  private static boolean doublesAreExact(Accelerator accelerator) {
    try {
      return doubles(accelerator).isEmpty();
    } catch (DeviceException e) {
      if (Failures.isCausedBy(e, TornadoDeviceFP64NotSupported.class)) {
        return false;
      }
      throw e;
    }
  }

  private static List<String> floats(Accelerator accelerator) {
    SplittableRandom random = new SplittableRandom(14);
    try (CompiledKernel kernel = new CompiledKernel(accelerator)) {
      FloatArray a = kernel.input("a", SIZE);
      FloatArray b = kernel.input("b", SIZE);
      FloatArray c = kernel.input("c", SIZE);
      FloatArray fused = kernel.output("fma", SIZE);
      FloatArray sums = kernel.output("sum", SIZE);
      FloatArray products = kernel.output("product", SIZE);
      FloatArray quotients = kernel.output("quotient", SIZE);
      FloatArray roots = kernel.output("root", SIZE);
      FloatArray flushed = kernel.output("flushed", SIZE);
      for (int i = 0; i < SIZE; i++) {
        a.set(i, operand(random, i));
        b.set(i, operand(random, i >> 4));
        // Near the product, so that an unfused multiply-add shows.
        c.set(i, i % 2 == 0 ? -a.get(i) * b.get(i) : operand(random, i >> 8));
      }
      kernel.send();
      kernel
          .tasks()
          .task(
              kernel.graph().line("probeFloats", SIZE),
              ProbeKernels::probeFloats,
              kernel.context(),
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
      kernel.compile();
      kernel.run(List.of(), List.of());
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
    try (CompiledKernel kernel = new CompiledKernel(accelerator);
        Device host = new ScalarDevice();
        OffHeap memory = host.openMemory()) {
      Matrix left = memory.matrix(ROWS, COLS);
      Matrix right = memory.matrix(ROWS, COLS);
      for (int i = 0; i < ROWS * COLS; i++) {
        left.set(i / COLS, i % COLS, operand(random, 0));
        right.set(i / COLS, i % COLS, operand(random, 0));
      }
      FloatArray a = kernel.input("a", left.size());
      FloatArray b = kernel.input("b", right.size());
      FloatArray out = kernel.output("sums", ROWS);
      IntArray control = kernel.control(ROWS, COLS, 0);
      kernel.send();
      kernel
          .tasks()
          .task(
              kernel.graph().rows("probeRows", ROWS),
              RowKernels::rowDots,
              kernel.context(),
              control,
              a,
              b,
              out,
              COLS,
              StepControl.ROWS,
              0,
              StepControl.ALWAYS);
      kernel.compile();
      kernel.run(List.of(left.segment(), right.segment()), List.of());
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
    try (CompiledKernel kernel = new CompiledKernel(accelerator)) {
      DoubleArray a = kernel.scratchDoubles("a", SIZE);
      DoubleArray b = kernel.scratchDoubles("b", SIZE);
      FloatArray floats = kernel.input("floats", SIZE);
      DoubleArray sums = kernel.outputDoubles("sum", SIZE);
      DoubleArray products = kernel.outputDoubles("product", SIZE);
      DoubleArray quotients = kernel.outputDoubles("quotient", SIZE);
      DoubleArray roots = kernel.outputDoubles("root", SIZE);
      FloatArray rounded = kernel.output("rounded", SIZE);
      DoubleArray widened = kernel.outputDoubles("widened", SIZE);
      for (int i = 0; i < SIZE; i++) {
        a.set(i, operand(random, i) * random.nextDouble());
        b.set(i, operand(random, i >> 4) * random.nextDouble());
        floats.set(i, operand(random, i));
      }
      kernel.send();
      kernel
          .tasks()
          .task(
              kernel.graph().line("probeDoubles", SIZE),
              ProbeKernels::probeDoubles,
              kernel.context(),
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
      kernel.compile();
      kernel.run(List.of(), List.of());
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
