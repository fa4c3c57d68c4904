package io.github.sae4j.bench;

import io.github.sae4j.bench.probes.PeakFlops;
import io.github.sae4j.bench.results.Processor;
import io.github.sae4j.memory.HugePages;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The environment of a measurement: processor, JDK, flags. */
public final class Environment {
  private Environment() {}

  /**
   * Describes the environment.
   *
   * @return names and values, in order
   */
  static Map<String, String> describe() {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("cpu", Processor.name());
    all.put("processors", Integer.toString(Runtime.getRuntime().availableProcessors()));
    all.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    all.put("jdk", System.getProperty("java.vm.vendor") + " " + Runtime.version());
    List<String> flags =
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(flag -> flag.startsWith("-X") || flag.startsWith("--add"))
            .toList();
    all.put("flags", String.join(" ", flags));
    all.put("huge pages", HugePages.description());
    all.put("vector bits", Integer.toString(PeakFlops.vectorBits()));
    return all;
  }
}
