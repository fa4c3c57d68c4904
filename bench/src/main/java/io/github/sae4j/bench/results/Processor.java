package io.github.sae4j.bench.results;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The name and the family of the processor, without which times mean nothing. */
public final class Processor {
  private Processor() {}

  /**
   * What this machine says of its processor.
   *
   * @return for instance {@code AMD EPYC, family 26 model 2 (Zen 5)}; the architecture where the
   *     system says no more
   */
  public static String name() {
    Path info = Path.of("/proc/cpuinfo");
    try {
      return Files.isReadable(info) ? name(Files.readAllLines(info)) : architecture();
    } catch (IOException e) {
      return architecture();
    }
  }

  /**
   * The same from the lines of {@code /proc/cpuinfo}.
   *
   * @param lines its lines
   * @return the processor, with its family where one is named
   */
  static String name(List<String> lines) {
    String model = value(lines, "model name");
    String family = value(lines, "cpu family");
    if (family == null) {
      return model == null ? architecture() : model;
    }
    String number = value(lines, "model");
    String core = "AuthenticAMD".equals(value(lines, "vendor_id")) ? core(family, number) : "";
    return model + ", family " + family + " model " + number + core;
  }

  /** AMD's core, in brackets; nothing for one that is not known. */
  private static String core(String family, String model) {
    int number = model != null && model.matches("[0-9]+") ? Integer.parseInt(model) : -1;
    return switch (family) {
      case "26" -> " (Zen 5)";
      case "25" -> (number >= 0x10 && number <= 0x1f) || number >= 0x60 ? " (Zen 4)" : " (Zen 3)";
      default -> "";
    };
  }

  private static String architecture() {
    return System.getProperty("os.arch");
  }

  private static String value(List<String> lines, String key) {
    return lines.stream()
        .map(line -> line.split(":", 2))
        .filter(parts -> parts.length == 2 && parts[0].strip().equals(key))
        .map(parts -> parts[1].strip())
        .findFirst()
        .orElse(null);
  }
}
