package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the command line says of a device that cannot be had: one line, and exit code 4. */
class CommandLineTest {
  private static final String MAIN = "io.github.sae4j.cli.Main";

  @TempDir private Path folder;

  @Test
  void aMachineWithoutADeviceIsToldWhatToInstall() throws Exception {
    String complaint =
        complaint(Map.of("OCL_ICD_VENDORS", "/nowhere"), List.of(), "parity", "--device=tornado");
    assertTrue(complaint.contains("finds no device; install a driver"), complaint);
  }

  @Test
  void anIndexBeyondTheDevicesIsNamed() throws Exception {
    String complaint = complaint(Map.of(), List.of(), "parity", "--device=tornado:99");
    assertTrue(complaint.contains("tornado:99: there are only tornado:0"), complaint);
  }

  @Test
  void bailingOutToPlainJavaIsRefused() throws Exception {
    String complaint =
        complaint(
            Map.of(), List.of("-Dtornado.recover.bailout=True"), "parity", "--device=tornado");
    assertTrue(complaint.contains("-Dtornado.recover.bailout=False"), complaint);
  }

  @Test
  void aDeviceThatIsTooSmallSaysHowMuchIsNeeded() throws Exception {
    String complaint =
        complaint(
            Map.of(),
            List.of("-Dtornado.device.memory=40MB"),
            "train",
            "--device=tornado",
            "--quiet",
            "--output-path=" + folder.resolve("run"));
    assertTrue(complaint.contains("MiB needed, 40 MiB left"), complaint);
  }

  @Test
  void aHostThatIsTooSmallNamesTheOptionThatLimitsIt() throws Exception {
    String complaint =
        complaint(
            Map.of(),
            List.of("-XX:MaxDirectMemorySize=20m"),
            "train",
            "--device=tornado",
            "--quiet",
            "--output-path=" + folder.resolve("run"));
    assertTrue(complaint.contains("raise -XX:MaxDirectMemorySize"), complaint);
  }

  /** The one line that the command leaves on stderr. */
  private static String complaint(
      Map<String, String> environment, List<String> options, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(options);
    command.addAll(List.of("-Dsae4j.home=" + Path.of("..").toAbsolutePath(), "-cp"));
    command.addAll(List.of(System.getProperty("java.class.path"), MAIN));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();
    String errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(4, process.waitFor(), errors);
    // The second is libjsig's, of the JDK's own helper that starts processes.
    List<String> lines =
        errors
            .lines()
            .filter(line -> !line.startsWith("WARNING:"))
            .filter(line -> !line.contains("VM warning: the use of signal()"))
            .toList();
    assertEquals(1, lines.size(), errors);
    return lines.getFirst();
  }
}
