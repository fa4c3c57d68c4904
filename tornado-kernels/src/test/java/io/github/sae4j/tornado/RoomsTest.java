package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.constant.ClassDesc;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.KernelContext;

/** The rooms of this module: which may use which, how full they are, and where kernels live. */
@Tag("no-device")
class RoomsTest {
  private static final String BASE = "io/github/sae4j/tornado/";
  private static final ClassDesc CONTEXT = KernelContext.class.describeConstable().orElseThrow();

  /** Each room and those that it may use; the empty name is the device's own. */
  private static final Map<String, Set<String>> MAY_USE =
      Map.of(
          "", Set.of("kernels", "runtime", "graph", "launch", "step"),
          "launch", Set.of("kernels", "graph", "runtime"),
          "step", Set.of("kernels", "graph", "runtime"),
          "graph", Set.of("kernels", "runtime"),
          "kernels", Set.of(),
          "runtime", Set.of());

  private static List<ClassModel> classes;

  @BeforeAll
  static void readClasses() throws IOException, URISyntaxException {
    Path root =
        Path.of(TornadoDevice.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (Stream<Path> files = Files.walk(root)) {
      classes =
          files.filter(file -> file.toString().endsWith(".class")).map(RoomsTest::parse).toList();
    }
  }

  @Test
  void dependenciesPointDown() {
    Set<String> wrong = new TreeSet<>();
    for (ClassModel type : classes) {
      String user = type.thisClass().asInternalName();
      type.constantPool()
          .forEach(
              entry -> {
                if (entry instanceof ClassEntry used
                    && used.asInternalName().startsWith(BASE)
                    && !room(used.asInternalName()).equals(room(user))
                    && !MAY_USE
                        .getOrDefault(room(user), Set.of())
                        .contains(room(used.asInternalName()))) {
                  wrong.add(user + " uses " + used.asInternalName());
                }
              });
    }
    assertEquals(Set.of(), wrong);
  }

  @Test
  void everyRoomIsKnownAndNoneIsTooFull() {
    Map<String, Integer> types = new TreeMap<>();
    for (ClassModel type : classes) {
      String name = type.thisClass().asInternalName();
      if (!name.contains("$") && !name.endsWith("package-info")) {
        types.merge(room(name), 1, Integer::sum);
      }
    }
    assertEquals(MAY_USE.keySet(), types.keySet());
    types.values().removeIf(count -> count <= 20);
    assertEquals(Map.of(), types);
  }

  @Test
  void kernelsLiveInTheirRoom() {
    Set<String> strays = new TreeSet<>();
    int found = 0;
    for (ClassModel type : classes) {
      for (MethodModel method : type.methods()) {
        if (method.methodTypeSymbol().parameterList().contains(CONTEXT)) {
          String name = type.thisClass().asInternalName();
          if (room(name).equals("kernels")) {
            found++;
          } else {
            strays.add(name + "." + method.methodName().stringValue());
          }
        }
      }
    }
    assertEquals(Set.of(), strays);
    assertTrue(found > 30, "kernels found: " + found);
  }

  private static String room(String type) {
    String name = type.substring(BASE.length());
    int slash = name.indexOf('/');
    return slash < 0 ? "" : name.substring(0, slash);
  }

  private static ClassModel parse(Path file) {
    try {
      return ClassFile.of().parse(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
