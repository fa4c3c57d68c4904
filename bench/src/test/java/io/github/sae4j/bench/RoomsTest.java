package io.github.sae4j.bench;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The rooms of this module: which may use which, and how large they are. */
class RoomsTest {
  private static final String BASE = "io.github.sae4j.bench";

  private static final JavaClasses BENCH =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(BASE);

  @Test
  void whatMeasuresUsesTheRoomsBelowIt() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("jmh")
        .definedBy(BASE + ".jmh")
        .layer("comparison")
        .definedBy(BASE)
        .layer("peers")
        .definedBy(BASE + ".peers")
        .layer("probes")
        .definedBy(BASE + ".probes")
        .layer("results")
        .definedBy(BASE + ".results")
        .layer("scene")
        .definedBy(BASE + ".scene")
        .whereLayer("jmh")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("comparison")
        .mayOnlyBeAccessedByLayers("jmh")
        .whereLayer("peers")
        .mayOnlyBeAccessedByLayers("jmh", "comparison")
        .whereLayer("probes")
        .mayOnlyBeAccessedByLayers("jmh", "comparison")
        .whereLayer("results")
        .mayOnlyBeAccessedByLayers("comparison")
        .whereLayer("scene")
        .mayOnlyBeAccessedByLayers("jmh", "comparison", "peers")
        .check(BENCH);
  }

  @Test
  void everyRoomIsKnownAndNoneIsTooFull() {
    Map<String, Long> types =
        BENCH.stream()
            .filter(JavaClass::isTopLevelClass)
            .filter(type -> !type.getSimpleName().equals("package-info"))
            .filter(type -> !type.getPackageName().endsWith("jmh_generated"))
            .collect(
                Collectors.groupingBy(
                    JavaClass::getPackageName, TreeMap::new, Collectors.counting()));
    assertEquals(
        Set.of(
            BASE,
            BASE + ".jmh",
            BASE + ".peers",
            BASE + ".probes",
            BASE + ".results",
            BASE + ".scene"),
        types.keySet());
    types.values().removeIf(count -> count <= 22);
    assertEquals(Map.of(), types);
  }
}
