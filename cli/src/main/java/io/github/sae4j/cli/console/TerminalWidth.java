package io.github.sae4j.cli.console;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.OptionalInt;

/**
 * The current width of the terminal behind stderr. The system is asked each time, which is as cheap
 * as reading a clock, so that a resized window is noticed at once.
 */
public final class TerminalWidth {
  /** Set by the launcher to the width at the start; missing if stderr is no terminal. */
  private static final String COLUMNS = "sae4j.columns";

  private static final int STDOUT = 1;
  private static final int STDERR = 2;
  private static final int USUAL = 80;

  private static final MethodHandle IOCTL = find();

  private TerminalWidth() {}

  /** The number of columns; empty if stderr is no terminal. */
  public static OptionalInt now() {
    OptionalInt asked = ask(STDERR);
    if (asked.isPresent()) {
      return asked;
    }
    Integer atStart = Integer.getInteger(COLUMNS);
    if (atStart != null) {
      return OptionalInt.of(atStart);
    }
    boolean terminal = System.console() != null && System.console().isTerminal();
    return IOCTL == null && terminal ? OptionalInt.of(USUAL) : OptionalInt.empty();
  }

  /** Whether stdout is a terminal; where the system cannot be asked, whether Java thinks so. */
  static boolean ofStdout() {
    return IOCTL == null
        ? System.console() != null && System.console().isTerminal()
        : ask(STDOUT).isPresent();
  }

  private static OptionalInt ask(int stream) {
    if (IOCTL == null) {
      return OptionalInt.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(4 * Short.BYTES); // rows, columns, and pixels
      boolean mac = System.getProperty("os.name").startsWith("Mac");
      long request = mac ? 0x40087468L : 0x5413L; // TIOCGWINSZ
      int columns =
          (int) IOCTL.invokeExact(stream, request, size) == 0
              ? Short.toUnsignedInt(size.get(ValueLayout.JAVA_SHORT, Short.BYTES))
              : 0;
      return columns > 0 ? OptionalInt.of(columns) : OptionalInt.empty();
    } catch (Throwable e) {
      return OptionalInt.empty();
    }
  }

  /** The system's {@code ioctl}; null where there is none or native code may not be called. */
  @SuppressWarnings("restricted") // native access is checked first
  private static MethodHandle find() {
    if (!TerminalWidth.class.getModule().isNativeAccessEnabled()) {
      return null;
    }
    try {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(
          linker.defaultLookup().find("ioctl").orElseThrow(),
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.ADDRESS),
          Linker.Option.firstVariadicArg(2));
    } catch (RuntimeException e) {
      return null;
    }
  }
}
