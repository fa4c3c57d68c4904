package io.github.sae4j.report;

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
  private static final String BASE = "io.github.sae4j.report";

  private static final JavaClasses REPORT =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(BASE);

  @Test
  void dependenciesPointDown() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("entry")
        .definedBy(BASE)
        .layer("features")
        .definedBy(BASE + ".features")
        .layer("runs")
        .definedBy(BASE + ".runs")
        .layer("tokens")
        .definedBy(BASE + ".tokens")
        .layer("page")
        .definedBy(BASE + ".page")
        .whereLayer("entry")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("features")
        .mayOnlyBeAccessedByLayers("entry")
        .whereLayer("runs")
        .mayOnlyBeAccessedByLayers("entry", "features")
        .whereLayer("tokens")
        .mayOnlyBeAccessedByLayers("entry", "features")
        .whereLayer("page")
        .mayOnlyBeAccessedByLayers("entry", "features")
        .check(REPORT);
  }

  @Test
  void everyRoomIsKnownAndNoneIsTooFull() {
    Map<String, Long> types =
        REPORT.stream()
            .filter(JavaClass::isTopLevelClass)
            .filter(type -> !type.getSimpleName().equals("package-info"))
            .collect(
                Collectors.groupingBy(
                    JavaClass::getPackageName, TreeMap::new, Collectors.counting()));
    assertEquals(
        Set.of(BASE, BASE + ".features", BASE + ".page", BASE + ".runs", BASE + ".tokens"),
        types.keySet());
    types.values().removeIf(count -> count <= 22);
    assertEquals(Map.of(), types);
  }
}
