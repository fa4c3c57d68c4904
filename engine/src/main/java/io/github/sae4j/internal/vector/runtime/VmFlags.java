package io.github.sae4j.internal.vector.runtime;

import java.lang.management.ManagementFactory;
import java.lang.management.PlatformManagedObject;
import java.util.Optional;

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
    // By name, not by type: jdk.management may be missing from a trimmed run-time image. Not
    // through
    // the server of all beans, which takes a tenth of a second to start.
    try {
      Class<? extends PlatformManagedObject> type =
          Class.forName("com.sun.management.HotSpotDiagnosticMXBean")
              .asSubclass(PlatformManagedObject.class);
      PlatformManagedObject bean = ManagementFactory.getPlatformMXBean(type);
      Object option = type.getMethod("getVMOption", String.class).invoke(bean, name);
      return Optional.of(option.getClass().getMethod("getValue").invoke(option).toString());
    } catch (ReflectiveOperationException | RuntimeException e) {
      return Optional.empty();
    }
  }
}
