package io.github.sae4j.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The rooms of this module: which may use which, and how large they are. */
class RoomsTest {
  private static final String BASE = "io.github.sae4j.cli";

  private static final JavaClasses CLI =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(BASE);

  @Test
  void commandsUseTheRoomsBelowThem() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("commands")
        .definedBy(BASE)
        .layer("pages")
        .definedBy(BASE + ".pages")
        .layer("options")
        .definedBy(BASE + ".options")
        .layer("machine")
        .definedBy(BASE + ".machine")
        .layer("tensorboard")
        .definedBy(BASE + ".tensorboard")
        .layer("console")
        .definedBy(BASE + ".console")
        .whereLayer("commands")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("pages")
        .mayOnlyBeAccessedByLayers("commands")
        .whereLayer("options")
        .mayOnlyBeAccessedByLayers("commands", "pages")
        .whereLayer("machine")
        .mayOnlyBeAccessedByLayers("commands")
        .whereLayer("tensorboard")
        .mayOnlyBeAccessedByLayers("commands")
        .whereLayer("console")
        .mayOnlyBeAccessedByLayers("commands", "pages", "options", "machine", "tensorboard")
        .check(CLI);
  }

  @Test
  void onlyTheEntryPointAndSignalsEndTheProcess() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName(BASE + ".Main")
        .and()
        .haveNameNotMatching(Pattern.quote(BASE + ".console.Interrupts") + "(\\$.*)?")
        .should()
        .callMethod(System.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "halt", int.class)
        .check(CLI);
  }

  @Test
  void everyRoomIsKnownAndNoneIsTooFull() {
    Map<String, Long> types =
        CLI.stream()
            .filter(JavaClass::isTopLevelClass)
            .filter(type -> !type.getSimpleName().equals("package-info"))
            .collect(
                Collectors.groupingBy(
                    JavaClass::getPackageName, TreeMap::new, Collectors.counting()));
    assertEquals(
        Set.of(
            BASE,
            BASE + ".console",
            BASE + ".machine",
            BASE + ".options",
            BASE + ".pages",
            BASE + ".tensorboard"),
        types.keySet());
    types.values().removeIf(count -> count <= 22);
    assertEquals(Map.of(), types);
  }
}
