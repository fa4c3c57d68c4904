package io.github.sae4j.internal.vector.runtime;

import java.lang.management.ManagementFactory;
import java.util.Optional;
import javax.management.JMException;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;

/** The options that this JVM runs with, where it reports them. */
public final class VmFlags {
  private VmFlags() {}

  /**
   * The value of a VM option.
   *
   * @param name its name, without {@code -XX:}
   * @return its value; empty if this VM has no such option or does not report it
   */
  public static Optional<String> value(String name) {
    // By name, not by type: jdk.management may be missing from a trimmed run-time image.
    try {
      Object option =
          ManagementFactory.getPlatformMBeanServer()
              .invoke(
                  new ObjectName("com.sun.management:type=HotSpotDiagnostic"),
                  "getVMOption",
                  new Object[] {name},
                  new String[] {"java.lang.String"});
      return Optional.of(((CompositeData) option).get("value").toString());
    } catch (JMException | RuntimeException e) {
      return Optional.empty();
    }
  }
}
