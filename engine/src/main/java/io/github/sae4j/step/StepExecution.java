package io.github.sae4j.step;

/**
 * How a device runs a training step.
 *
 * @param fused true for fused passes of the device; false for the composition of its kernels, which
 *     is slower and has the same bits
 * @param reason what the device fuses, or why it does not
 */
public record StepExecution(boolean fused, String reason) {
  /**
   * Fused passes of the device.
   *
   * @param reason what it fuses
   * @return a fused execution
   */
  public static StepExecution fused(String reason) {
    return new StepExecution(true, reason);
  }

  /**
   * A composition of the device's kernels.
   *
   * @param reason why the device does not fuse the step
   * @return a composed execution
   */
  public static StepExecution composed(String reason) {
    return new StepExecution(false, reason);
  }

  @Override
  public String toString() {
    return (fused ? "fused (" : "composed of kernels (") + reason + ")";
  }
}
