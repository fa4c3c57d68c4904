package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/** Devices that are correct except for one thing. */
final class WrongDevice {
  /** Which argument each kernel writes; −1 for the encoder that it returns. */
  static final Map<String, Integer> KERNELS = new HashMap<>();

  static {
    KERNELS.putAll(
        Map.of(
            "product", 4,
            "encode", 3,
            "encoder", -1,
            "activate", 4,
            "decode", 3,
            "codeGradients", 4,
            "accumulateByLatent", 3,
            "sumByLatent", 2,
            "rowDots", 2,
            "rowSquaredDistances", 2));
    KERNELS.putAll(
        Map.of(
            "rowNorms", 1,
            "columnSums", 1,
            "columnMeans", 1,
            "subtractRow", 2,
            "subtract", 2,
            "add", 0,
            "scale", 0,
            "scaleRows", 0,
            "normalizeRows", 0,
            "projectRows", 0));
    KERNELS.put("continueByLatent", 3);
    KERNELS.put("adam", 2); // a moment: wrong weights would be wrong gradients of nothing
  }

  private WrongDevice() {}

  /** What happens to a call before or after the right device has answered it. */
  private interface Fault {
    Object apply(String method, Object[] args, Object answer);
  }

  private static Device with(Device right, Fault fault) {
    InvocationHandler handler =
        (proxy, method, args) -> {
          Object answer;
          try {
            answer = method.invoke(right, args);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
          return fault.apply(method.getName(), args, answer);
        };
    return (Device)
        Proxy.newProxyInstance(
            WrongDevice.class.getClassLoader(), new Class<?>[] {Device.class}, handler);
  }

  /** Flips the lowest bit of one element that a kernel writes, in one of its calls. */
  static Device inKernel(Device right, String kernel, int call) {
    int[] calls = {0};
    return with(
        right,
        (method, args, answer) -> {
          if (!method.equals(kernel) || ++calls[0] != call) {
            return answer;
          }
          int out = KERNELS.get(kernel);
          if (out < 0) {
            return flipping((Encoder) answer);
          }
          flip(args[out]);
          return answer;
        });
  }

  private static Encoder flipping(Encoder right) {
    boolean[] done = {false};
    return new Encoder() {
      @Override
      public void encode(Matrix x, SparseCodes out) {
        right.encode(x, out);
        if (!done[0]) {
          flip(out);
          done[0] = true;
        }
      }

      @Override
      public void close() {
        right.close();
      }
    };
  }

  private static void flip(Object written) {
    if (written instanceof SparseCodes codes) {
      float value = codes.value(codes.rows() - 1, 0);
      codes.set(codes.rows() - 1, 0, codes.index(codes.rows() - 1, 0), flip(value));
    } else {
      Matrix matrix = (Matrix) written;
      int row = new Random(matrix.rows()).nextInt(matrix.rows());
      int col = new Random(matrix.cols()).nextInt(matrix.cols());
      matrix.set(row, col, flip(matrix.get(row, col)));
    }
  }

  private static float flip(float value) {
    return Float.intBitsToFloat(Float.floatToRawIntBits(value) ^ 1);
  }

  /** Flips a bit of a weight after a step. */
  static Device inStep(Device right, int wrongStep) {
    return with(
        right,
        (method, args, answer) -> {
          if (!method.equals("compile")) {
            return answer;
          }
          TrainingState state = (TrainingState) args[1];
          int[] steps = {0};
          return afterStep(
              (TrainingStep) answer,
              () -> {
                if (++steps[0] == wrongStep) {
                  flip(state.bDec());
                }
              });
        });
  }

  /** Counts one latent wrongly after a step. */
  static Device inCounters(Device right, int wrongStep) {
    return with(
        right,
        (method, args, answer) -> {
          if (!method.equals("compile")) {
            return answer;
          }
          long[] sinceFired = ((TrainingState) args[1]).sinceFired();
          int[] steps = {0};
          return afterStep(
              (TrainingStep) answer,
              () -> {
                if (++steps[0] == wrongStep) {
                  sinceFired[1]++;
                }
              });
        });
  }

  /** Reports every number of the first step off by one ULP or count. */
  static Device inReport(Device right) {
    return with(
        right,
        (method, args, answer) ->
            method.equals("compile")
                ? Proxy.newProxyInstance(
                    WrongDevice.class.getClassLoader(),
                    new Class<?>[] {TrainingStep.class},
                    (proxy, called, arguments) -> {
                      Object said = called.invoke(answer, arguments);
                      return said instanceof StepReport report && arguments[2].equals(1L)
                          ? besides(report)
                          : said;
                    })
                : answer);
  }

  private static StepReport besides(StepReport report) {
    return new StepReport(
        report.rows(),
        Math.nextUp(report.loss()),
        report.terms().stream()
            .map(loss -> new StepReport.TermLoss(loss.term(), Math.nextUp(loss.value())))
            .toList(),
        Math.nextUp(report.squaredError()),
        Math.nextUp(report.totalVariance()),
        Math.nextUp(report.rowExplained()),
        report.activeLatents() + 1,
        report.dead() + 1,
        Math.nextUp(report.gradientNorm()));
  }

  /** Moments that should have become zero are kept as the smallest denormal. */
  static Device withDenormalMoments(Device right) {
    return with(
        right,
        (method, args, answer) -> {
          if (!method.equals("compile")) {
            return answer;
          }
          Matrix moments = ((TrainingState) args[1]).parameter("W_dec").m();
          boolean[] moved = new boolean[moments.rows() * moments.cols()];
          return afterStep(
              (TrainingStep) answer,
              () -> {
                for (int i = 0; i < moved.length; i++) {
                  int row = i / moments.cols();
                  int col = i % moments.cols();
                  moved[i] |= moments.get(row, col) != 0;
                  if (moved[i] && moments.get(row, col) == 0) {
                    moments.set(row, col, Float.MIN_VALUE);
                  }
                }
              });
        });
  }

  private static TrainingStep afterStep(TrainingStep right, Runnable then) {
    return (TrainingStep)
        Proxy.newProxyInstance(
            WrongDevice.class.getClassLoader(),
            new Class<?>[] {TrainingStep.class},
            (proxy, method, args) -> {
              Object answer = method.invoke(right, args);
              if (method.getName().equals("run")) {
                then.run();
              }
              return answer;
            });
  }

  /** Throws from a kernel. */
  static Device failingIn(Device right, String kernel) {
    return with(
        right,
        (method, args, answer) -> {
          if (method.equals(kernel)) {
            throw new ArithmeticException("wrong");
          }
          return answer;
        });
  }

  /** The same device with another guarantee. */
  static Device promising(Device device, Guarantee promise) {
    return with(device, (method, args, answer) -> method.equals("guarantee") ? promise : answer);
  }
}
