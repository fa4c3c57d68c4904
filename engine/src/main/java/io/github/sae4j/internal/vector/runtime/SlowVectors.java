package io.github.sae4j.internal.vector.runtime;

import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * Why vector kernels would be very slow in a JVM that can run them. Only HotSpot's C2 compiles the
 * Vector API to vector instructions; otherwise each vector is an object. And where the CPU or the
 * VM has no fused multiply-add instruction, {@code Math.fma} computes with {@code BigDecimal}, a
 * thousand times slower. The bits are the same everywhere.
 */
public final class SlowVectors {
  /** C2's level of tiered compilation. */
  private static final int C2 = 4;

  private SlowVectors() {}

  /**
   * Why vector kernels are slow in this JVM.
   *
   * @return the reason, or null where vector kernels are fast
   */
  public static String reason() {
    return reason(VmFlags::value, System::getProperty);
  }

  /**
   * Why vector kernels are slow in a JVM.
   *
   * @param flags the value of a VM option, if the VM reports it
   * @param properties the value of a system property, or null
   * @return the reason, or null where vector kernels are fast
   */
  static String reason(Function<String, Optional<String>> flags, UnaryOperator<String> properties) {
    String vm = properties.apply("java.vm.name");
    if (vm == null || !vm.contains("Server VM")) {
      return "only HotSpot's server VM has a compiler that makes them fast, and this is " + vm;
    }
    if (is("UseJVMCICompiler", "true", flags)) {
      return "this VM compiles with a JVMCI compiler instead of C2 (-XX:+UseJVMCICompiler)";
    }
    if (is("UseCompiler", "false", flags)) {
      return "this VM only interprets (-Xint)";
    }
    if (is("TieredCompilation", "true", flags)
        && flags
            .apply("TieredStopAtLevel")
            .filter(level -> Integer.parseInt(level) < C2)
            .isPresent()) {
      return "this VM stops before C2 (-XX:TieredStopAtLevel)";
    }
    if (is("CompilationMode", "quick-only", flags)) {
      return "this VM runs without C2 (-XX:CompilationMode=quick-only)";
    }
    if (is("EnableVectorSupport", "false", flags)) {
      return "this VM does not compile them to vector instructions (-XX:-EnableVectorSupport)";
    }
    Optional<String> fma = flags.apply("UseFMA");
    if (fma.isEmpty()) {
      return "this VM does not tell whether it has fused multiply-add (is the module"
          + " jdk.management missing from its run-time image?)";
    }
    return Boolean.parseBoolean(fma.get())
        ? null
        : "this CPU or VM has no fused multiply-add (UseFMA is false)";
  }

  private static boolean is(String flag, String value, Function<String, Optional<String>> flags) {
    return flags.apply(flag).filter(value::equals).isPresent();
  }
}
