package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.scalar.ScalarDevice;
import java.util.ArrayList;
import java.util.List;

/**
 * Holds a device to its promise: every kernel on fixed adversarial and random inputs, and training
 * steps of every recipe, against the scalar oracle. Any implementation of {@link Device} can run
 * this as its own test.
 */
public final class ParityCheck {
  /** Training steps per recipe and variant. */
  public static final int STEPS = 8;

  private ParityCheck() {}

  /**
   * Compares a device with the scalar oracle.
   *
   * @param device the device
   * @param seed seed of the inputs
   * @param steps training steps per recipe and variant, at least 4
   * @return one result per kernel and input, then one per recipe and variant
   */
  public static List<ParityResult> run(Device device, long seed, int steps) {
    try (Device oracle = new ScalarDevice()) {
      List<ParityResult> results = new ArrayList<>(kernels(device, oracle, seed));
      results.addAll(steps(device, oracle, seed, steps));
      return results;
    }
  }

  /**
   * The kernels alone, against any other device.
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
   * The training steps alone, against any other device.
   *
   * @param device the device
   * @param oracle what it is compared with
   * @param seed seed of the inputs
   * @param steps training steps per recipe and variant, at least 4
   * @return one result per recipe and variant
   */
  public static List<ParityResult> steps(Device device, Device oracle, long seed, int steps) {
    if (steps < 4) {
      throw new IllegalArgumentException(
          "steps: expected at least 4 (latents die after two), got " + steps);
    }
    return new StepParity(device, oracle, seed, steps).run();
  }
}
