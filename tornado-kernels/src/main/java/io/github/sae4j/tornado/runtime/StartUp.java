package io.github.sae4j.tornado.runtime;

import io.github.sae4j.device.DeviceException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What this JVM must have been started with. TornadoVM reads its options once, when it loads, so
 * they cannot be mended later.
 */
public final class StartUp {
  private static final String MEMORY = "tornado.device.memory";

  private static final String GRAPH_BYTES = "tornado.tvm.maxbytecodesize";

  private static final String SKETCHERS = "tornado.sketcher.threads";

  /** As TornadoVM reads it: a number, then maybe a binary prefix, then maybe B. */
  private static final Pattern SIZE = Pattern.compile("([0-9]+)([KMGTPE]?)B?");

  private StartUp() {}

  /**
   * Checks the JVM's options.
   *
   * @throws DeviceException with one line that says what is missing
   */
  public static void check() {
    if (System.getProperty("tornado.load.runtime.implementation") == null) {
      throw new DeviceException(
          "device tornado: this JVM was started without TornadoVM's options; start it with"
              + " @$TORNADOVM_HOME/tornado-argfile, or through bin/sae4j");
    }
    // By default a kernel that does not compile runs as sequential Java instead, which for kernels
    // with work-groups means wrong results or an endless loop.
    require("tornado.recover.bailout", true, "a kernel that does not compile must fail");
    require("tornado.enable.nativeFunctions", true, "square roots must be correctly rounded");
    require("tornado.enable.mathOptimizations", true, "1/sqrt must stay a division");
    if (!Boolean.parseBoolean(System.getProperty("tornado.enable.fma", "True"))) {
      throw new DeviceException(
          "device tornado: -Dtornado.enable.fma is switched off, and the kernels are written for"
              + " it; leave it out");
    }
    // TornadoVM reads the following when it loads, which is not before this. Its own memory limit
    // is 4 GB, whatever the device has; we compare with the device's memory instead.
    setUnlessSet(MEMORY, "1024TB");
    // A training step has more tasks and arrays than the default of 4096 bytes can list.
    setUnlessSet(GRAPH_BYTES, Integer.toString(1 << 17));
    // TornadoVM 5.2.0 finds out what a kernel reads and writes in several threads, which pass their
    // results through one static field: a kernel may be taken for another.
    setUnlessSet(SKETCHERS, "1");
    memoryLimit();
  }

  private static void setUnlessSet(String option, String value) {
    if (System.getProperty(option) == null) {
      System.setProperty(option, value);
    }
  }

  private static void require(String option, boolean defaultValue, String why) {
    if (Boolean.parseBoolean(System.getProperty(option, Boolean.toString(defaultValue)))) {
      throw new DeviceException(
          "device tornado: start the JVM with -D" + option + "=False (" + why + ")");
    }
  }

  /**
   * Memory that TornadoVM may use on each device.
   *
   * @return bytes
   */
  public static long memoryLimit() {
    String text = System.getProperty(MEMORY);
    Matcher size = SIZE.matcher(text);
    try {
      if (size.matches()) {
        int shift = size.group(2).isEmpty() ? 0 : 10 * (1 + "KMGTPE".indexOf(size.group(2)));
        return Math.multiplyExact(Long.parseLong(size.group(1)), 1L << shift);
      }
    } catch (ArithmeticException | NumberFormatException e) {
      // Falls through to the message.
    }
    throw new DeviceException(
        "device tornado: -D" + MEMORY + ": expected a size such as 16GB, got '" + text + "'");
  }
}
