package io.github.sae4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * When {@code bin/sae4j} starts the JVM for TornadoVM. The home folder here has no SDK, so that
 * fails at once, before anything is built.
 */
class LauncherTest {
  private static final Path LAUNCHER = Path.of("..", "bin", "sae4j").toAbsolutePath().normalize();

  @TempDir private Path home;

  private record Ended(int code, String complaint) {}

  @Test
  void theDeviceOnTheCommandLineNeedsAnSdk() throws Exception {
    for (List<String> device :
        List.of(
            List.of("--device", "tornado"),
            List.of("--device=tornado"),
            List.of("--device", "tornado:1"))) {
      assertNeedsAnSdk(started(null, "train", device.toArray(String[]::new)));
    }
  }

  @Test
  void theDeviceOfTheConfigurationFileNeedsAnSdk() throws Exception {
    Path config = written(home.resolve("options.json"), "{\"device\": \"tornado\"}");
    assertNeedsAnSdk(started(null, "train", "--config", config.toString()));
    assertNeedsAnSdk(started(null, "train", "--config=" + config));
  }

  @Test
  void theDeviceOfTheRunThatGoesOnNeedsAnSdk() throws Exception {
    Path run = Files.createDirectories(home.resolve("run"));
    Path checkpoint = Files.createDirectories(run.resolve("checkpoints").resolve("4096"));
    written(run.resolve("config.json"), "{\"options\": {\n\"device\" : \"tornado:0\"}}");
    Path silent = written(home.resolve("options.json"), "{\"lr\": 1e-3}");
    assertNeedsAnSdk(started(null, "train", "--resume-from-checkpoint", run.toString()));
    assertNeedsAnSdk(started(null, "train", "--resume_from_checkpoint=" + checkpoint));
    assertNeedsAnSdk(
        started(
            null, "train", "--config", silent.toString(), "--resume-from-checkpoint", "" + run));
  }

  @Test
  void aFolderThatIsNoSdkIsNamed() throws Exception {
    Ended ended = started(home, "parity", "--device", "tornado");
    assertEquals(4, ended.code());
    assertEquals(
        "sae4j: device tornado: TORNADOVM_HOME="
            + home
            + " is no TornadoVM SDK: it has no readable tornado-argfile\n",
        ended.complaint());
  }

  /** A release with a java that prints its arguments. */
  private Path stub(String told) throws IOException {
    Path root = Files.createDirectories(home.resolve("release"));
    Path launcher = Files.createDirectories(root.resolve("bin")).resolve("sae4j");
    Files.copy(LAUNCHER, launcher, StandardCopyOption.COPY_ATTRIBUTES);
    Files.createDirectories(root.resolve("lib"));
    Path java = Files.createDirectories(home.resolve("java/bin")).resolve("java");
    written(home.resolve("java/release"), "JAVA_VERSION=\"25.0.1\"\n");
    written(java, "#!/bin/sh\necho \"" + told + "\" >&2\n");
    assertTrue(java.toFile().setExecutable(true));
    return launcher;
  }

  /** PoCL's compiler would put its handlers over the JVM's. */
  @Test
  void theJvmOfTornadoKeepsItsSignals() throws Exception {
    Path library = Path.of(System.getProperty("java.home"), "lib", "libjsig.so");
    assumeTrue(Files.exists(library), "a JDK without libjsig");
    Path launcher = stub("$LD_PRELOAD");
    Path chained = Files.createDirectories(home.resolve("java/lib")).resolve("libjsig.so");
    Files.copy(library, chained);
    assertEquals(chained.toString(), told(launcher, "--device=tornado"));
    // Where TornadoVM is, its GPUs may be chosen automatically too, if that is asked for.
    assertEquals(chained.toString(), told(launcher, "--device=auto"));
    assertEquals("", told(launcher, "--device=cpu"));
  }

  /** What the stub tells, in a release with kernels for TornadoVM and beside an SDK. */
  private String told(Path launcher, String device) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(launcher.toString(), "parity", device);
    Files.createDirectories(home.resolve("release/lib/tornado"));
    written(home.resolve("tornado-argfile"), "");
    builder.environment().put("TORNADOVM_HOME", home.toString());
    builder.environment().put("SAE4J_JAVA_HOME", home.resolve("java").toString());
    builder.environment().remove("LD_PRELOAD");
    Process process = builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    String told = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), told);
    return told.strip();
  }

  private String localeOf(Map<String, String> environment) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(stub("${LC_ALL-unset}").toString(), "devices");
    for (String name : List.of("LC_ALL", "LC_CTYPE", "LANG", "TORNADOVM_HOME")) {
      builder.environment().remove(name);
    }
    builder.environment().put("HOME", home.toString());
    builder.environment().put("SAE4J_JAVA_HOME", home.resolve("java").toString());
    builder.environment().putAll(environment);
    Process process = builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    String told = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), told);
    deleteStub();
    return told.strip();
  }

  private void deleteStub() throws IOException {
    try (Stream<Path> all = Files.walk(home)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        if (!path.equals(home)) {
          Files.delete(path);
        }
      }
    }
  }

  /** The JVM would use ASCII for file names. */
  @Test
  void withoutALocaleThatSpeaksUtf8OneIsTaken() throws Exception {
    for (Map<String, String> environment :
        List.<Map<String, String>>of(
            Map.of(),
            Map.of("LC_ALL", "C"),
            Map.of("LANG", "POSIX"),
            Map.of("LC_ALL", "xx_XX.UTF-8"))) { // not installed, as en_US.UTF-8 in many containers
      assertTrue(
          localeOf(environment).matches("C\\.UTF-8|C\\.utf8|en_US\\.UTF-8"), "" + environment);
    }
  }

  @Test
  void aLocaleThatSpeaksUtf8StaysAsItIs() throws Exception {
    assertEquals("unset", localeOf(Map.of("LANG", "C.UTF-8")));
    assertEquals("C.UTF-8", localeOf(Map.of("LC_ALL", "C.UTF-8")));
  }

  private static void assertNeedsAnSdk(Ended ended) {
    assertEquals(4, ended.code(), ended.complaint());
    assertTrue(
        ended.complaint().startsWith("sae4j: device tornado: no TornadoVM SDK"), ended.complaint());
    assertEquals(1, ended.complaint().lines().count(), ended.complaint());
  }

  private Ended started(Path sdk, String command, String... arguments)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Stream.concat(Stream.of(LAUNCHER.toString(), command), Stream.of(arguments)).toList());
    builder.environment().put("HOME", home.toString());
    builder.environment().put("SAE4J_JAVA_HOME", System.getProperty("java.home"));
    builder.environment().remove("TORNADOVM_HOME");
    if (sdk != null) {
      builder.environment().put("TORNADOVM_HOME", sdk.toString());
    }
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();
    String complaint = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), complaint);
  }

  private static Path written(Path file, String content) throws IOException {
    return Files.writeString(file, content);
  }
}
