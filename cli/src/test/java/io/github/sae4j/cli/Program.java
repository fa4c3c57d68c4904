package io.github.sae4j.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs the command line in a process of its own. */
final class Program {
  /** How it ended, and what it wrote. */
  record Ended(int code, String out, String err) {
    List<String> complaints() {
      return err.lines().filter(line -> !line.startsWith("sae4j: device ")).toList();
    }
  }

  /** Said by the JVM itself. */
  private static final String INCUBATOR =
      "WARNING: Using incubator modules: jdk.incubator.vector" + System.lineSeparator();

  private Program() {}

  /** The JVM that runs these tests, started anew. */
  static List<String> command() {
    return new ArrayList<>(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName()));
  }

  /**
   * Runs it.
   *
   * @param folder the current folder
   * @param environment variables to set
   * @param shell a script of sh in which {@code "$@"} is the program with its arguments
   * @param arguments the command line
   */
  static Ended run(
      Path folder, Map<String, String> environment, String shell, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("sh", "-c", shell, "sh"));
    command.addAll(command());
    command.addAll(arguments);
    Path err = Path.of(System.getProperty("java.io.tmpdir"), "err-" + System.nanoTime());
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(folder.toFile()).redirectError(err.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      process.getOutputStream().close();
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(10, TimeUnit.MINUTES)) {
        throw new IOException("still running: " + arguments);
      }
      String said = Files.readString(err).replace(INCUBATOR, "");
      return new Ended(process.exitValue(), out, said);
    } finally {
      process.destroyForcibly();
      Files.deleteIfExists(err);
    }
  }
}
