package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.OffHeap;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * The JVM raises SIGSEGV on purpose, so its handler must stay: a driver that compiles with LLVM
 * replaces it, unless libjsig stands between.
 */
class SignalsTest {
  private static final int SIGSEGV = 11;

  /** More than a {@code struct sigaction} of any Linux, which begins with the handler. */
  private static final long ACTION_BYTES = 512;

  @Test
  @EnabledOnOs(OS.LINUX)
  void theDriverLeavesTheJvmItsHandler() throws Throwable {
    final long before = handler();
    try (Device device = Devices.open("tornado", DeviceOptions.DEFAULT);
        OffHeap memory = new OffHeap()) {
      device.add(memory.vector(3), memory.vector(3));
    }
    assertEquals(before, handler());
  }

  @SuppressWarnings("restricted")
  private static long handler() throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle sigaction =
        linker.downcallHandle(
            linker.defaultLookup().find("sigaction").orElseThrow(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
      int failed = (int) sigaction.invokeExact(SIGSEGV, MemorySegment.NULL, action);
      assertEquals(0, failed);
      return action.get(ValueLayout.JAVA_LONG, 0);
    }
  }
}
