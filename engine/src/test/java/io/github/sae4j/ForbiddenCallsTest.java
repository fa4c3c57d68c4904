package io.github.sae4j;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Calls that compile and run, and silently break a guarantee of the engine. */
class ForbiddenCallsTest {
  private static final String MATH = "java.lang.Math";
  private static final String VECTORS = "jdk.incubator.vector.";

  /** Those of {@link Math} whose last bit may differ between the interpreter, C1, C2 and CPUs. */
  private static final Set<String> INEXACT =
      Set.of(
          "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp",
          "expm1", "log", "log10", "log1p", "pow", "cbrt", "hypot");

  private static final JavaClasses ENGINE =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.github.sae4j");

  @Test
  void transcendentalsComeFromStrictMath() {
    noClasses()
        .should()
        .callMethodWhere(
            describe(
                "target is inexact in Math",
                call ->
                    call.getTargetOwner().getName().equals(MATH)
                        && INEXACT.contains(call.getName())))
        .because("StrictMath gives the same bits everywhere, Math does not")
        .check(ENGINE);
  }

  @Test
  void noSumOrProductAcrossLanes() {
    noMethods()
        .should(reduceLanesWith(Set.of("ADD", "MUL")))
        .because("reduceLanes adds and multiplies in an order that it leaves open")
        .check(ENGINE);
  }

  /** Streams and channels of {@link java.nio.file.Files} fail where a thread's flag is set. */
  @Test
  void filesAreTouchedInOneWay() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("io.github.sae4j.internal.files.DiskFile")
        .and()
        .doNotHaveFullyQualifiedName("io.github.sae4j.internal.files.FolderLock")
        .should()
        .callMethodWhere(
            describe(
                "an interrupt closes what it opens",
                call ->
                    call.getTargetOwner().getName().equals("java.nio.channels.FileChannel")
                        || call.getTargetOwner().getName().equals("java.nio.file.Files")
                            && call.getName()
                                .matches(
                                    "(read(String|All).*|write.*|new.*(Channel|Stream|er)|lines)")
                            && !call.getName().equals("newDirectoryStream")))
        .because("DiskFile goes on where an interrupt closed its channel")
        .check(ENGINE);
  }

  @Test
  void theEngineNeverEndsTheProcess() {
    noClasses()
        .should()
        .callMethod(System.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "halt", int.class)
        .because("a service that embeds the engine must survive it")
        .check(ENGINE);
  }

  /**
   * A method that reduces lanes and names one of the operators. ArchUnit does not see arguments, so
   * a method that reduces with MAX and uses ADD lanewise is caught too; write {@code a.add(b)}.
   */
  private static ArchCondition<JavaMethod> reduceLanesWith(Set<String> operators) {
    return new ArchCondition<>("reduce lanes with " + operators) {
      @Override
      public void check(JavaMethod method, ConditionEvents events) {
        boolean reduces =
            method.getMethodCallsFromSelf().stream()
                .anyMatch(
                    call ->
                        call.getTargetOwner().getName().startsWith(VECTORS)
                            && call.getName().startsWith("reduceLanes"));
        boolean names =
            method.getFieldAccesses().stream()
                .anyMatch(
                    access ->
                        access.getTargetOwner().getName().equals(VECTORS + "VectorOperators")
                            && operators.contains(access.getName()));
        String message = method.getFullName() + " " + method.getSourceCodeLocation();
        events.add(new SimpleConditionEvent(method, reduces && names, message));
      }
    };
  }

  private static <T extends JavaAccess<?>> DescribedPredicate<T> describe(
      String description, Predicate<T> test) {
    return DescribedPredicate.describe(description, test);
  }
}
