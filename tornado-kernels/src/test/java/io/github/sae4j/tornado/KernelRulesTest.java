package io.github.sae4j.tornado;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.tornado.kernels.RowKernels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.KernelContext;

/** What kernels must keep to because of faults of TornadoVM's compiler. */
@Tag("no-device")
class KernelRulesTest {
  private static final ClassDesc CONTEXT = KernelContext.class.describeConstable().orElseThrow();

  private final Map<String, MethodModel> methods = new HashMap<>();

  /**
   * TornadoVM 5.2.0 knows a local array only in the method that allocates it. Elsewhere it is
   * indexed as a Java array, four times too far and beyond its end: PoCL keeps enough memory there
   * for the results to be right, a GPU does not.
   */
  @Test
  void noHelperOfAKernelTakesOrReturnsAnArray() throws IOException, URISyntaxException {
    readClasses();
    Queue<String> open = new ArrayDeque<>();
    methods.forEach(
        (name, method) -> {
          if (method.methodTypeSymbol().parameterList().contains(CONTEXT)) {
            open.add(name);
          }
        });
    assertTrue(open.size() > 30, "kernels found: " + open);
    Set<String> seen = new TreeSet<>(open);
    while (!open.isEmpty()) {
      methods.get(open.remove()).code().stream()
          .flatMap(code -> code.elementStream())
          .filter(InvokeInstruction.class::isInstance)
          .map(element -> name((InvokeInstruction) element))
          .filter(callee -> methods.containsKey(callee) && seen.add(callee))
          .forEach(open::add);
    }
    String wrong = seen.stream().filter(name -> name.contains("[")).collect(joining("\n"));
    assertEquals("", wrong);
  }

  /** All methods of this module's main classes, by owner, name and type. */
  private void readClasses() throws IOException, URISyntaxException {
    Path classes =
        Path.of(RowKernels.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (Stream<Path> files = Files.walk(classes)) {
      files.filter(file -> file.toString().endsWith(".class")).forEach(this::readClass);
    }
  }

  private void readClass(Path file) {
    try {
      ClassModel model = ClassFile.of().parse(file);
      for (MethodModel method : model.methods()) {
        String owner = model.thisClass().asInternalName();
        methods.put(owner + "." + method.methodName() + method.methodType().stringValue(), method);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String name(InvokeInstruction call) {
    return call.owner().asInternalName() + "." + call.name() + call.type().stringValue();
  }
}
