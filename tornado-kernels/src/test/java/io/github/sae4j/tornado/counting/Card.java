package io.github.sae4j.tornado.counting;

/**
 * What a GPU does per cycle or second, as its maker says, and latencies as others have measured
 * them. Bounds that follow are no measurements.
 *
 * @param name what it is called
 * @param multiprocessors number of multiprocessors
 * @param gigahertz clock under load
 * @param fmaPerCycle f32 fma of a multiprocessor
 * @param issuePerCycle warp instructions that a multiprocessor starts
 * @param l2Gigabytes bytes per nanosecond between L2 and all multiprocessors
 * @param dramGigabytes bytes per nanosecond of the memory
 * @param l2Bytes what L2 holds
 * @param localBytes local memory of a multiprocessor, and its L1, which share it
 * @param items work-items that a multiprocessor holds
 * @param globalLatency cycles from a load of global memory to its use
 * @param localLatency the same of local memory
 * @param arithmeticLatency the same of an fma
 * @param launchMicros what a task costs besides its work: the launch and TornadoVM's small write
 */
record Card(
    String name,
    int multiprocessors,
    double gigahertz,
    int fmaPerCycle,
    int issuePerCycle,
    double l2Gigabytes,
    double dramGigabytes,
    int l2Bytes,
    int localBytes,
    int items,
    int globalLatency,
    int localLatency,
    int arithmeticLatency,
    double launchMicros) {

  static final Card H100 =
      new Card(
          "H100 SXM", 132, 1.755, 128, 4, 5500, 3350, 50 << 20, 227 << 10, 2048, 500, 30, 4, 8);

  static final Card A100 =
      new Card(
          "A100 SXM 80GB", 108, 1.41, 64, 4, 4000, 2039, 40 << 20, 163 << 10, 2048, 450, 30, 4, 8);

  static final Card RTX4090 =
      new Card("RTX 4090", 128, 2.52, 128, 4, 5000, 1008, 72 << 20, 99 << 10, 1536, 500, 30, 4, 8);

  private static final int MOST_GROUPS = 32;
  private static final int REGISTERS = 65536;

  /**
   * Groups of a kernel that a multiprocessor holds.
   *
   * @param kernel the kernel
   * @param size work-items of a group
   * @return at least 1
   */
  int residentGroups(KernelSource kernel, int size) {
    int byRegisters = REGISTERS / (kernel.registersNeeded() * size);
    int local = kernel.localBytes();
    int byLocal = local == 0 ? MOST_GROUPS : localBytes / local;
    return Math.max(
        1, Math.min(Math.min(MOST_GROUPS, items / size), Math.min(byRegisters, byLocal)));
  }

  /** The card of a name. */
  static Card of(String name) {
    return switch (name) {
      case "h100" -> H100;
      case "a100" -> A100;
      case "rtx4090" -> RTX4090;
      default ->
          throw new IllegalArgumentException("card: expected h100, a100 or rtx4090: " + name);
    };
  }
}
