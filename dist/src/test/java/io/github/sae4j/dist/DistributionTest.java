package io.github.sae4j.dist;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The zip as its users have it: unpacked somewhere, read-only, without a build tool. */
class DistributionTest {
  @TempDir private static Path somewhere;
  private static Path home;

  private record Ended(int code, String out, String complaint) {}

  @BeforeAll
  static void unpacked() throws IOException {
    home = Distribution.unpack(Files.createDirectories(somewhere.resolve("a folder")));
  }

  @AfterAll
  static void writable() throws IOException {
    Distribution.release(home);
  }

  @Test
  void itTrainsOnTheSampleAndWritesNothingIntoItself() throws Exception {
    Map<String, String> before = Distribution.listing(home);
    Path work = Files.createDirectories(somewhere.resolve("work"));
    Path link = Files.createSymbolicLink(somewhere.resolve("sae4j"), home.resolve("bin/sae4j"));
    Path run = work.resolve("run");
    Ended ended =
        started(
            work,
            List.of(
                link.toString(),
                "train",
                "--d-sae",
                "64",
                "--k",
                "4",
                "--steps",
                "3",
                "--output-path",
                run.toString()));
    assertEquals(0, ended.code(), ended.complaint());
    assertTrue(Files.isRegularFile(run.resolve("final/sae_weights.safetensors")), ended.out());
    assertTrue(Files.isRegularFile(run.resolve("evaluation.json")), ended.out());
    String page = Files.readString(run.resolve("report.html"));
    assertTrue(page.contains("uPlot=function"), "the page lacks its chart library");
    assertTrue(page.contains("\"texts\":["), "the page lacks its tokens");
    assertEquals(before, Distribution.listing(home));
    try (Stream<Path> files = Files.list(work)) {
      assertEquals(List.of(run), files.toList());
    }
  }

  @Test
  void itSaysItsVersionAndHasTheVectorDevice() throws Exception {
    String launcher = home.resolve("bin/sae4j").toString();
    Ended version = started(somewhere, List.of(launcher, "--version"));
    assertTrue(version.out().startsWith("sae4j " + Distribution.VERSION + "\n"), version.out());
    Ended devices = started(somewhere, List.of(launcher, "devices"));
    assertEquals(0, devices.code(), devices.complaint());
    assertTrue(devices.out().contains("auto takes cpu"), devices.out());
  }

  @Test
  void aPlainJavaStartsTheJarAndIsToldWhatItLacks() throws Exception {
    String jar = home.resolve("lib/sae4j-cli-" + Distribution.VERSION + ".jar").toString();
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Ended devices = started(somewhere, List.of(java, "-jar", jar, "devices"));
    assertEquals(0, devices.code(), devices.complaint());
    assertTrue(devices.out().contains("auto takes scalar"), devices.out());
    assertTrue(devices.out().contains("--add-modules jdk.incubator.vector"), devices.out());
  }

  /** Where the build leaves it, the engine is in a module of its own. */
  @Test
  void soItDoesInACheckoutAndAloneItSaysWhatItNeeds() throws Exception {
    Path built =
        Path.of("..", "cli", "target", "sae4j-cli-" + Distribution.VERSION + ".jar")
            .toAbsolutePath()
            .normalize();
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Ended devices = started(somewhere, List.of(java, "-jar", built.toString(), "devices"));
    assertEquals(0, devices.code(), devices.complaint());
    assertTrue(devices.out().contains("auto takes scalar"), devices.out());
    Path alone = Files.createDirectories(somewhere.resolve("alone"));
    Path jar = Files.copy(built, alone.resolve(built.getFileName()));
    Ended refused = started(somewhere, List.of(java, "-jar", jar.toString(), "devices"));
    assertEquals(2, refused.code(), refused.complaint());
    assertTrue(refused.complaint().contains("use bin/sae4j"), refused.complaint());
    assertFalse(refused.complaint().contains("Exception"), refused.complaint());
  }

  @Test
  void aReleaseWithoutTheKernelsOfAnAcceleratorSaysSo() throws Exception {
    Path sdk = Files.createDirectories(somewhere.resolve("sdk"));
    Files.writeString(sdk.resolve("tornado-argfile"), "");
    if (Files.exists(home.resolve("lib/tornado"))) {
      return; // This build had an SDK, so the release has them.
    }
    List<String> command =
        List.of(home.resolve("bin/sae4j").toString(), "parity", "--device", "tornado");
    Ended ended = started(somewhere, command, Map.of("TORNADOVM_HOME", sdk.toString()));
    assertEquals(4, ended.code());
    assertTrue(ended.complaint().contains("this release has no kernels for it"), ended.complaint());
  }

  @Test
  void itHoldsNoPartOfTheBuild() throws IOException {
    try (Stream<Path> files = Files.list(home.resolve("bin"))) {
      assertEquals(List.of(home.resolve("bin/sae4j")), files.toList());
    }
    for (String name :
        List.of("LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "sample/README.md")) {
      assertTrue(Files.isRegularFile(home.resolve(name)), name);
    }
  }

  @Test
  void everyLibraryInItIsListedWithItsLicence() throws IOException {
    String list = Files.readString(home.resolve("third-party/README.md"));
    List<String> libraries = new ArrayList<>();
    try (Stream<Path> files = Files.list(home.resolve("lib"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        libraries.add(file.getFileName().toString());
      }
    }
    libraries.removeIf(name -> name.startsWith("sae4j-"));
    assertFalse(libraries.isEmpty());
    for (String library : libraries) {
      String pattern = "`" + library.replaceFirst("-[0-9].*", "") + "-*.jar`";
      assertTrue(list.contains(pattern), library + " is missing from third-party/README.md");
    }
    // Texts with which each begins: of another project's, or none at all, is as good as missing.
    Map<String, String> texts =
        Map.of(
            "jackson-core/META-INF/LICENSE", "Apache License",
            "jackson-core/META-INF/NOTICE", "Jackson",
            "progressbar-LICENSE", "MIT License",
            "jline-LICENSE", "Copyright",
            "zstd-jni-LICENSE", "Zstd-jni",
            "zstd-LICENSE", "For Zstandard software",
            "snappy-LICENSE", "Google Inc.",
            "snappy-java-NOTICE", "New BSD License",
            "arrow-format-NOTICE", "The Apache Software Foundation",
            "uplot-LICENSE", "MIT License");
    for (Map.Entry<String, String> text : texts.entrySet()) {
      String all = Files.readString(home.resolve("third-party").resolve(text.getKey()));
      assertTrue(all.contains(text.getValue()), text.getKey());
      String name = text.getKey().replaceFirst("META-INF/.*", "META-INF/");
      assertTrue(list.contains(name), text.getKey() + " is not named in the list");
    }
    try (Stream<Path> files = Files.list(home.resolve("third-party"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = file.getFileName().toString();
        assertTrue(name.equals("README.md") || texts.containsKey(name), name + " is not expected");
      }
    }
  }

  private static Ended started(Path folder, List<String> command) throws Exception {
    return started(folder, command, Map.of());
  }

  /** Runs a command with no more of the environment than a Java and the system's tools. */
  private static Ended started(Path folder, List<String> command, Map<String, String> more)
      throws Exception {
    Path complaint = Files.createTempFile(somewhere, "stderr", ".txt");
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.redirectError(complaint.toFile());
    builder.environment().clear();
    builder.environment().put("PATH", "/usr/bin:/bin");
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().putAll(more);
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), out, Files.readString(complaint));
  }
}
