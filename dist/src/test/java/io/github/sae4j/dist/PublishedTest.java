package io.github.sae4j.dist;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The jars and poms that go to a repository. */
class PublishedTest {
  /** What a manifest may say: nothing about the machine or the JDK that built it. */
  private static final Set<String> ATTRIBUTES =
      Set.of(
          "Manifest-Version",
          "Implementation-Version",
          "Automatic-Module-Name",
          "Class-Path",
          "Enable-Native-Access",
          "Main-Class");

  @ParameterizedTest
  @ValueSource(strings = {"engine", "formats-extra", "report", "cli", "lucene"})
  void aJarSaysNothingOfTheJdkThatBuiltIt(String module) throws IOException {
    try (JarFile jar = new JarFile(jar(module).toFile())) {
      Set<String> attributes = new TreeSet<>();
      jar.getManifest().getMainAttributes().keySet().forEach(key -> attributes.add(key.toString()));
      attributes.removeAll(ATTRIBUTES);
      assertEquals(Set.of(), attributes);
      assertEquals(
          Distribution.VERSION,
          jar.getManifest().getMainAttributes().getValue("Implementation-Version"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"engine", "formats-extra", "report", "cli", "lucene"})
  void aJarCarriesItsLicence(String module) throws IOException {
    try (JarFile jar = new JarFile(jar(module).toFile())) {
      for (String name : List.of("LICENSE", "NOTICE")) {
        byte[] inside = jar.getInputStream(jar.getEntry("META-INF/" + name)).readAllBytes();
        assertEquals(
            Files.readString(Path.of("..", name)), new String(inside, StandardCharsets.UTF_8));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {".", "engine", "formats-extra", "report", "cli", "lucene"})
  void aPomNamesItsVersion(String module) throws IOException {
    String pom = Files.readString(Path.of("..", module, "target", "flattened-pom.xml"));
    assertFalse(pom.contains("${revision}"), pom);
    assertTrue(pom.contains("<version>" + Distribution.VERSION + "</version>"), pom);
  }

  @Test
  void theEngineNeedsOneLibrary() throws IOException {
    String pom = Files.readString(Path.of("..", "engine", "target", "flattened-pom.xml"));
    List<String> needed =
        pom
            .lines()
            .reduce("", String::concat)
            .replaceAll("<!--.*?-->", "")
            .transform(text -> List.of(text.split("<dependency>")))
            .stream()
            .skip(1)
            .map(part -> part.substring(0, part.indexOf("</dependency>")))
            .filter(part -> !part.contains("<scope>test</scope>"))
            .map(part -> part.replaceAll(".*<artifactId>(.*)</artifactId>.*", "$1"))
            .toList();
    assertEquals(List.of("jackson-core"), needed);
  }

  private static Path jar(String module) {
    return Path.of("..", module, "target", "sae4j-" + module + "-" + Distribution.VERSION + ".jar");
  }
}
