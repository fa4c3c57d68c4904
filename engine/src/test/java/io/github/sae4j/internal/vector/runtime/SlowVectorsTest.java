package io.github.sae4j.internal.vector.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** JVMs in which the automatic choice avoids the vector device. */
class SlowVectorsTest {
  private static final Map<String, String> HOTSPOT =
      Map.of(
          "UseCompiler", "true",
          "TieredCompilation", "true",
          "TieredStopAtLevel", "4",
          "CompilationMode", "default",
          "UseFMA", "true");

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "-Xint, only interprets",
    "-XX:TieredStopAtLevel=1, stops before C2",
    "-XX:TieredStopAtLevel=3, stops before C2",
    "-XX:CompilationMode=quick-only, without C2",
    "-XX:-UseFMA, fused multiply-add",
    "'-XX:+UnlockExperimentalVMOptions -XX:-EnableVectorSupport', EnableVectorSupport",
  })
  void theAutomaticChoiceIsScalarAndTheForcedOneWarns(String flags, String reason)
      throws Exception {
    List<String> lines = started(flags.split(" "));
    assertTrue(lines.contains("auto takes scalar"), () -> String.join("\n", lines));
    assertTrue(lines.contains("cpu opens"), () -> String.join("\n", lines));
    List<String> warnings =
        lines.stream().filter(line -> line.startsWith("WARNING: device cpu")).toList();
    assertEquals(2, warnings.size(), () -> String.join("\n", lines));
    String slow = "its vector kernels are very slow here: ";
    assertTrue(warnings.get(0).startsWith("WARNING: device cpu is not taken: " + slow));
    assertTrue(warnings.get(1).startsWith("WARNING: device cpu: " + slow));
    for (String warning : warnings) {
      assertTrue(warning.contains(reason), warning);
    }
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({"-Xmixed", "-XX:-TieredCompilation", "-XX:CompilationMode=high-only"})
  void aVmWithC2GetsTheVectorDevice(String flag) throws Exception {
    List<String> lines = started(flag);
    assertTrue(lines.contains("auto takes cpu"), () -> String.join("\n", lines));
    assertFalse(
        lines.stream().anyMatch(line -> line.startsWith("WARNING: device")),
        () -> String.join("\n", lines));
  }

  @Test
  void theVmOfThisTestIsFast() {
    assertNull(SlowVectors.reason());
  }

  @ParameterizedTest
  @CsvSource({
    "Eclipse OpenJ9 VM, OpenJ9",
    "Substrate VM, Substrate",
    "OpenJDK 64-Bit Zero VM, Zero",
  })
  void anotherVmIsNamed(String name, String said) {
    String reason = SlowVectors.reason(flags(Map.of()), property -> name);
    assertNotNull(reason);
    assertTrue(reason.contains(said), reason);
  }

  @Test
  void aCompilerOtherThanC2IsNamed() {
    String reason = server(Map.of("UseJVMCICompiler", "true"));
    assertNotNull(reason);
    assertTrue(reason.contains("JVMCI"), reason);
  }

  @Test
  void aVmThatTellsNothingIsNotTrusted() {
    String reason = SlowVectors.reason(flag -> Optional.empty(), SlowVectorsTest::serverName);
    assertNotNull(reason);
    assertTrue(reason.contains("jdk.management"), reason);
  }

  @Test
  void flagsThatOnlyOtherBuildsHaveMayBeMissing() {
    assertNull(server(Map.of()));
    assertNull(server(Map.of("UseJVMCICompiler", "false", "EnableVectorSupport", "true")));
  }

  private static String server(Map<String, String> more) {
    return SlowVectors.reason(flags(more), SlowVectorsTest::serverName);
  }

  private static java.util.function.Function<String, Optional<String>> flags(
      Map<String, String> more) {
    Map<String, String> all = new HashMap<>(HOTSPOT);
    all.putAll(more);
    return flag -> Optional.ofNullable(all.get(flag));
  }

  private static String serverName(String property) {
    return "OpenJDK 64-Bit Server VM";
  }

  private static List<String> started(String... flags) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(flags));
    command.addAll(
        List.of(
            "--add-modules=jdk.incubator.vector",
            "-cp",
            System.getProperty("java.class.path"),
            Choice.class.getName()));
    Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
    List<String> lines = child.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertEquals(0, child.waitFor(), () -> String.join("\n", lines));
    return lines;
  }

  /** What a JVM chooses, twice over, and whether the vector device opens there by name. */
  static final class Choice {
    private Choice() {}

    public static void main(String[] args) {
      for (int i = 0; i < 2; i++) {
        try (Device device = Devices.open("auto", DeviceOptions.DEFAULT)) {
          System.out.println("auto takes " + device.name());
        }
      }
      try (Device device = Devices.open("cpu", DeviceOptions.DEFAULT)) {
        System.out.println(device.name() + " opens");
      }
      for (DeviceInfo info : Devices.list()) {
        System.out.println(info);
      }
    }
  }
}
