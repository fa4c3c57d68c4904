package io.github.sae4j.internal.vector.runtime;

import java.util.OptionalInt;

/**
 * The vector width of this process. Kernels need it as a compile-time constant, so it is fixed when
 * the first kernel class is loaded: one width per process. This class itself loads no vector class,
 * so that it works in a VM without the incubator module.
 */
public final class Width {
  /** System property that forces a width, in bits. */
  static final String PROPERTY = "sae4j.vectorBits";

  private static OptionalInt fixed = OptionalInt.empty();

  private Width() {}

  /** Whether the Vector API's module is in this VM. */
  public static boolean moduleReadable() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }

  /**
   * Fixes the width, or confirms it.
   *
   * @param wish width in bits, if the caller asks for one
   * @return why that is impossible, or null
   */
  public static synchronized String fix(OptionalInt wish) {
    if (wish.isEmpty()) {
      return null;
    }
    if (fixed.isPresent() && fixed.getAsInt() != wish.getAsInt()) {
      return "vectors of "
          + wish.getAsInt()
          + " bits were asked for, but this process already runs at "
          + fixed.getAsInt()
          + " (one width per process)";
    }
    fixed = wish;
    return null;
  }

  /**
   * Whether kernels of a width can run.
   *
   * @param bits the width
   * @param preferred the widest of this machine, in bits
   * @return why not, or null
   */
  public static String problem(int bits, int preferred) {
    if (bits != 128 && bits != 256 && bits != 512) {
      return "vectors of " + bits + " bits: expected 128, 256 or 512";
    }
    return bits > preferred
        ? "vectors of " + bits + " bits were asked for; this machine has " + preferred
        : null;
  }

  /** The width asked for so far: by {@link #fix} or by the system property. */
  public static synchronized OptionalInt wished() {
    if (fixed.isPresent()) {
      return fixed;
    }
    Integer property = Integer.getInteger(PROPERTY);
    return property == null ? OptionalInt.empty() : OptionalInt.of(property);
  }

  /** Records the width that the kernels were loaded with. */
  static synchronized void loaded(int bits) {
    fixed = OptionalInt.of(bits);
  }

  /**
   * Vector registers of this CPU as HotSpot uses it: 32 with AVX-512 (at any width) and on other
   * architectures that matter (NEON, SVE), 16 with AVX2.
   */
  static int registers() {
    String arch = System.getProperty("os.arch", "");
    if (!arch.equals("amd64") && !arch.equals("x86_64")) {
      return 32;
    }
    return VmFlags.value("UseAVX").map(Integer::parseInt).orElse(2) >= 3 ? 32 : 16;
  }
}
