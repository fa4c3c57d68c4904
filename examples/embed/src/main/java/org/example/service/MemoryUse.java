package org.example.service;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * Memory of this process.
 *
 * @param resident bytes in memory, -1 where the system does not say
 * @param heap bytes of the Java heap in use
 * @param outside bytes allocated outside the heap by programs, where SAEs' weights are; -1 unless
 *     Java was started with {@code -XX:NativeMemoryTracking=summary}
 */
record MemoryUse(long resident, long heap, long outside) {
  static MemoryUse now() throws IOException {
    return new MemoryUse(
        residentNow(),
        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed(),
        outsideNow());
  }

  String json() {
    return "{\"resident\": %d, \"heap\": %d, \"outside\": %d}".formatted(resident, heap, outside);
  }

  String text() {
    return String.format(
        Locale.ROOT,
        "resident %.0f MB, Java heap in use %.0f MB, outside the heap %.1f MB",
        resident / 1e6,
        heap / 1e6,
        outside / 1e6);
  }

  static MemoryUse parse(String json) {
    Matcher numbers = Pattern.compile("-?[0-9]+").matcher(json);
    long[] values = new long[3];
    for (int i = 0; i < values.length; i++) {
      if (!numbers.find()) {
        throw new IllegalArgumentException("expected three numbers, got " + json);
      }
      values[i] = Long.parseLong(numbers.group());
    }
    return new MemoryUse(values[0], values[1], values[2]);
  }

  private static long residentNow() throws IOException {
    Path status = Path.of("/proc/self/status");
    return Files.isReadable(status)
        ? kilobytes(Files.readString(status), "VmRSS:\\s+([0-9]+) kB")
        : -1;
  }

  /** What the JVM tracks as "Other": memory of the foreign-memory API and of direct buffers. */
  private static long outsideNow() {
    try {
      String summary =
          (String)
              ManagementFactory.getPlatformMBeanServer()
                  .invoke(
                      new ObjectName("com.sun.management:type=DiagnosticCommand"),
                      "vmNativeMemory",
                      new Object[] {new String[] {"summary"}},
                      new String[] {String[].class.getName()});
      return kilobytes(summary, "Other \\(reserved=[0-9]+KB, committed=([0-9]+)KB");
    } catch (JMException e) {
      return -1;
    }
  }

  private static long kilobytes(String text, String pattern) {
    Matcher found = Pattern.compile(pattern).matcher(text);
    return found.find() ? Long.parseLong(found.group(1)) * 1024 : -1;
  }
}
