package io.github.sae4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Which packages of the engine are API: those that its module exports to everyone. On the class
 * path, where nothing is hidden, the others are recognised by their names, {@code
 * io.github.sae4j.internal...}.
 */
class PublicEdgeTest {
  private static final String INTERNAL = "io.github.sae4j.internal.";

  @Test
  void everyPackageIsEitherExportedOrInternal() throws IOException {
    Set<String> exported = exported();
    Set<String> internal = new TreeSet<>();
    Set<String> neither = new TreeSet<>();
    for (String name : packages()) {
      if (isInternal(name)) {
        internal.add(name);
      } else if (!exported.contains(name)) {
        neither.add(name);
      }
    }
    assertEquals(Set.of(), neither, "neither exported by module-info nor internal by name");
    assertFalse(internal.isEmpty(), "no internal package was found");
  }

  @Test
  void nothingInternalIsExportedToEveryone() throws IOException {
    Set<String> exported = exported();
    assertTrue(exported.contains("io.github.sae4j.device"), exported::toString);
    exported.removeIf(name -> !isInternal(name));
    assertEquals(Set.of(), exported);
  }

  /** The services of the module are those that programs on the class path find. */
  @Test
  void theModuleProvidesWhatTheClassPathFinds() throws IOException {
    Set<String> found = new TreeSet<>();
    Path main = classes().resolve("META-INF/services/io.github.sae4j.device.DeviceProvider");
    found.addAll(Files.readAllLines(main));
    Set<String> provided =
        descriptor().provides().stream()
            .flatMap(service -> service.providers().stream())
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(found, provided);
  }

  private static boolean isInternal(String name) {
    return name.startsWith(INTERNAL);
  }

  private static Set<String> exported() throws IOException {
    return descriptor().exports().stream()
        .filter(export -> !export.isQualified())
        .map(ModuleDescriptor.Exports::source)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static ModuleDescriptor descriptor() throws IOException {
    try (InputStream in = Files.newInputStream(classes().resolve("module-info.class"))) {
      return ModuleDescriptor.read(in);
    }
  }

  private static Set<String> packages() throws IOException {
    Path root = classes();
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .filter(file -> file.toString().endsWith(".class"))
          .map(file -> root.relativize(file).getParent())
          .filter(folder -> folder != null)
          .map(folder -> folder.toString().replace(folder.getFileSystem().getSeparator(), "."))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  /** The folder of the engine's own classes. */
  private static Path classes() {
    URL location = Device.class.getProtectionDomain().getCodeSource().getLocation();
    return Path.of(java.net.URI.create(location.toString()));
  }
}
