package io.github.sae4j;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The engine's packages ("rooms") and the one-way dependencies between them. */
class ArchitectureTest {
  private static final String BASE = "io.github.sae4j.";

  /** Each package and the packages directly below it; what those may use, it may use too. */
  private static final Map<String, Set<String>> MAY_USE =
      Map.ofEntries(
          Map.entry("memory", Set.of()),
          Map.entry("numerics", Set.of()),
          Map.entry("format", Set.of("memory")),
          Map.entry("flight", Set.of()),
          Map.entry("files", Set.of("format")),
          Map.entry("json", Set.of("files")),
          Map.entry("folders", Set.of("json")),
          Map.entry("tensors", Set.of("json")),
          Map.entry("kernels", Set.of("memory", "numerics")),
          Map.entry("options", Set.of()),
          Map.entry("config", Set.of("options", "step")),
          Map.entry("objective", Set.of("kernels")),
          Map.entry("step", Set.of("objective", "flight")),
          Map.entry("activity", Set.of("step")),
          Map.entry("composed", Set.of("activity")),
          Map.entry("device", Set.of("composed")),
          Map.entry("scalar", Set.of("device")),
          Map.entry("vector.runtime", Set.of("numerics")),
          Map.entry("vector.rows", Set.of("vector.runtime", "step")),
          Map.entry("vector.gemm", Set.of("vector.rows")),
          Map.entry("vector.select", Set.of("vector.gemm")),
          Map.entry("vector.step", Set.of("vector.select")),
          Map.entry("vector", Set.of("vector.step", "device")),
          Map.entry("sae", Set.of("device")),
          Map.entry("layout.reading", Set.of("tensors", "sae")),
          Map.entry("layout", Set.of("layout.reading")),
          Map.entry("layout.writing", Set.of("layout")),
          Map.entry("checkpoint", Set.of("layout.writing", "folders")),
          Map.entry("data", Set.of("tensors", "numerics", "flight")),
          Map.entry("evaluation", Set.of("sae", "data")),
          Map.entry("codes", Set.of("tensors")),
          Map.entry("jobs", Set.of("codes", "sae", "data", "checkpoint")),
          Map.entry("start", Set.of("data", "config")),
          Map.entry("health", Set.of("config")),
          Map.entry("records", Set.of("data", "sae", "folders")),
          Map.entry("training", Set.of("evaluation", "checkpoint", "start", "records", "health")),
          Map.entry("parity", Set.of("training", "scalar")));

  private static final JavaClasses ENGINE =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.github.sae4j");

  @Test
  void theEngineIsWhatIsTested() {
    assertFalse(ENGINE.isEmpty(), "no classes of the engine were found");
  }

  @Test
  void everyClassLivesInARoom() {
    List<String> homeless =
        ENGINE.stream()
            .filter(type -> !MAY_USE.containsKey(room(type)))
            .map(JavaClass::getName)
            .toList();
    assertTrue(homeless.isEmpty(), () -> "in no package of the table above: " + homeless);
  }

  @Test
  void noRoomIsTooFull() {
    Map<String, Long> types =
        ENGINE.stream()
            .filter(JavaClass::isTopLevelClass)
            .filter(type -> !type.getSimpleName().equals("package-info"))
            .collect(Collectors.groupingBy(JavaClass::getPackageName, Collectors.counting()));
    types.values().removeIf(count -> count <= 22);
    assertTrue(types.isEmpty(), () -> "packages with more than 22 types: " + types);
  }

  @ParameterizedTest
  @MethodSource("rooms")
  void dependenciesPointDown(String room) {
    Set<String> allowed = below(room);
    allowed.add(room);
    noClasses()
        .that(liveIn(Set.of(room)))
        .should()
        .dependOnClassesThat(
            resideInAPackage("io.github.sae4j..").and(DescribedPredicate.not(liveIn(allowed))))
        .because(room + " may use only " + allowed)
        .check(ENGINE);
  }

  @ParameterizedTest(name = "{0} only in {1}")
  @CsvSource({
    "jdk.incubator.vector.., vector..",
    "com.fasterxml..,        json tensors",
    "jdk.jfr..,              flight",
  })
  void aLibraryStaysInItsRoom(String library, String rooms) {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            Stream.of(rooms.split(" "))
                .map(room -> BASE + "internal." + room)
                .toArray(String[]::new))
        .should()
        .dependOnClassesThat(resideInAPackage(library))
        .check(ENGINE);
  }

  @Test
  void theEngineKnowsNothingOfTornado() {
    noClasses()
        .should()
        .dependOnClassesThat(resideInAnyPackage("uk.ac.manchester..", BASE + "tornado.."))
        .check(ENGINE);
  }

  static Stream<String> rooms() {
    return MAY_USE.keySet().stream().sorted();
  }

  /** The rooms under {@code room}, not counting itself. */
  private static Set<String> below(String room) {
    Set<String> found = new HashSet<>();
    for (String next : MAY_USE.get(room)) {
      found.add(next);
      found.addAll(below(next));
    }
    return found;
  }

  private static DescribedPredicate<JavaClass> liveIn(Set<String> rooms) {
    return DescribedPredicate.describe("live in " + rooms, type -> rooms.contains(room(type)));
  }

  /** The package after {@link #BASE}; an internal part of a room is that room. */
  private static String room(JavaClass type) {
    String name = type.getPackageName();
    return name.startsWith(BASE)
        ? name.substring(BASE.length()).replaceFirst("^internal\\.", "")
        : name;
  }
}
