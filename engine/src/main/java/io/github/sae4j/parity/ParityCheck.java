package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.step.StepSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Checks a device's guarantee: every kernel on fixed adversarial and random inputs, and training
 * steps of every recipe, against the scalar oracle.
 *
 * <p>Inputs are uniform numbers, ties and signed zeros, magnitudes from the denormals to 1e15,
 * denormals, numbers whose sums overflow, and numbers that are not finite; shapes fit no vector and
 * no tile. Steps run each recipe and its variants, and one run in which moments decay below the
 * normal floats.
 *
 * <p>Any implementation of {@link Device} can run this as its own test; it depends on nothing
 * outside this jar:
 *
 * <pre>{@code
 * try (Device device = Devices.open("mine", DeviceOptions.DEFAULT)) {
 *   ParityReport report = ParityCheck.run(device, ParityCheck.SEED, ParityCheck.STEPS);
 *   assertTrue(report.kept(), report::toString);
 * }
 * }</pre>
 */
public final class ParityCheck {
  /** Training steps per recipe and variant. */
  public static final int STEPS = 8;

  /** Default seed of the inputs. */
  public static final long SEED = 20260101L;

  private ParityCheck() {}

  /**
   * Compares a device with the scalar oracle.
   *
   * @param device the device
   * @param seed seed of the inputs
   * @param steps training steps per recipe and variant, at least 4
   * @return a verdict per kernel and recipe
   * @throws io.github.sae4j.device.DeviceException if the device fails
   */
  public static ParityReport run(Device device, long seed, int steps) {
    try (Device oracle = new ScalarDevice()) {
      return run(device, oracle, seed, steps);
    }
  }

  /**
   * Compares a device with another.
   *
   * @param device the device
   * @param oracle what it is compared with
   * @param seed seed of the inputs
   * @param steps training steps per recipe and variant, at least 4
   * @return a verdict per kernel and recipe
   * @throws io.github.sae4j.device.DeviceException if a device fails
   */
  public static ParityReport run(Device device, Device oracle, long seed, int steps) {
    List<ParityResult> results = new ArrayList<>(kernels(device, oracle, seed));
    results.addAll(steps(device, oracle, seed, steps));
    return ParityReport.of(device, oracle, seed, steps, results);
  }

  /**
   * Compares less, for devices that take long to compile: every kernel at one shape, and the steps
   * of every recipe without its variants.
   *
   * @param device the device
   * @param oracle what it is compared with
   * @param seed seed of the inputs
   * @param steps training steps per recipe, at least 4
   * @return a verdict per kernel and recipe
   * @throws io.github.sae4j.device.DeviceException if a device fails
   */
  public static ParityReport quick(Device device, Device oracle, long seed, int steps) {
    checkSteps(steps);
    List<ParityResult> results = new ArrayList<>(new KernelParity(device, oracle, seed).runQuick());
    results.addAll(new StepParity(device, oracle, seed, steps).runQuick());
    return ParityReport.of(device, oracle, seed, steps, results);
  }

  /**
   * Compares only the kernels, against any other device.
   *
   * @param device the device
   * @param oracle what it is compared with
   * @param seed seed of the inputs
   * @return one result per kernel and input
   */
  public static List<ParityResult> kernels(Device device, Device oracle, long seed) {
    return new KernelParity(device, oracle, seed).run();
  }

  /**
   * Compares only training steps, against any other device.
   *
   * @param device the device
   * @param oracle what it is compared with
   * @param seed seed of the inputs
   * @param steps training steps per recipe and variant, at least 4
   * @return one result per recipe and variant
   */
  public static List<ParityResult> steps(Device device, Device oracle, long seed, int steps) {
    return steps(device, oracle, seed, steps, spec -> true);
  }

  /**
   * Compares only some training steps, against any other device.
   *
   * @param device the device
   * @param oracle what it is compared with
   * @param seed seed of the inputs
   * @param steps training steps per recipe and variant, at least 4
   * @param wanted which steps are compared
   * @return one result per recipe and variant
   */
  public static List<ParityResult> steps(
      Device device, Device oracle, long seed, int steps, Predicate<StepSpec> wanted) {
    checkSteps(steps);
    return new StepParity(device, oracle, seed, steps, wanted).run();
  }

  private static void checkSteps(int steps) {
    if (steps < 4) {
      throw new IllegalArgumentException(
          "steps: expected at least 4 (latents die after two), got " + steps);
    }
  }
}
