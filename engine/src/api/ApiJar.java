import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.AccessFlags;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassElement;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.InnerClassInfo;
import java.lang.classfile.attribute.SourceFileAttribute;
import java.lang.module.ModuleDescriptor;
import java.lang.reflect.AccessFlag;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;

/**
 * Reduces a modular jar to its API: the public and protected members of the packages it exports to
 * everyone, without code. The result is what CI compares later versions with.
 *
 * <p>Usage: {@code java ApiJar.java MODULAR_JAR API_JAR}
 */
final class ApiJar {
  private ApiJar() {}

  public static void main(String[] args) throws IOException {
    Path target = Path.of(args[1]);
    Files.createDirectories(target.toAbsolutePath().getParent());
    int classes = 0;
    try (JarFile jar = new JarFile(args[0]);
        OutputStream file = Files.newOutputStream(target);
        JarOutputStream out = new JarOutputStream(file)) {
      Set<String> exported = exported(jar);
      List<JarEntry> entries = new ArrayList<>(jar.stream().toList());
      entries.sort(Comparator.comparing(JarEntry::getName));
      for (JarEntry entry : entries) {
        String name = entry.getName();
        if (!name.endsWith(".class") || !exported.contains(folder(name))) {
          continue;
        }
        ClassModel type;
        try (InputStream in = jar.getInputStream(entry)) {
          type = ClassFile.of().parse(in.readAllBytes());
        }
        if (isVisible(type)) {
          JarEntry reduced = new JarEntry(name);
          reduced.setTimeLocal(LocalDateTime.of(2000, 1, 1, 0, 0)); // the same API, the same bytes
          out.putNextEntry(reduced);
          out.write(reduced(type));
          classes++;
        }
      }
    }
    System.out.println(classes + " types in " + target + ", " + Files.size(target) + " bytes");
  }

  private static Set<String> exported(JarFile jar) throws IOException {
    try (InputStream in = jar.getInputStream(jar.getEntry("module-info.class"))) {
      return ModuleDescriptor.read(in).exports().stream()
          .filter(export -> !export.isQualified())
          .map(export -> export.source().replace('.', '/'))
          .collect(Collectors.toSet());
    }
  }

  private static String folder(String name) {
    return name.substring(0, Math.max(0, name.lastIndexOf('/')));
  }

  /** Whether a type can be named from outside; for a nested type its own modifiers say so. */
  private static boolean isVisible(ClassModel type) {
    return type.findAttribute(Attributes.innerClasses()).stream()
        .flatMap(attribute -> attribute.classes().stream())
        .filter(inner -> inner.innerClass().equals(type.thisClass()))
        .findFirst()
        .map(InnerClassInfo::flagsMask)
        .map(mask -> (mask & (ClassFile.ACC_PUBLIC | ClassFile.ACC_PROTECTED)) != 0)
        .orElse(type.flags().has(AccessFlag.PUBLIC));
  }

  private static byte[] reduced(ClassModel type) {
    ClassFile writer =
        ClassFile.of(
            ClassFile.ConstantPoolSharingOption.NEW_POOL,
            ClassFile.StackMapsOption.DROP_STACK_MAPS);
    return writer.transformClass(
        type,
        (builder, element) -> {
          switch (element) {
            case MethodModel method when !isVisible(method.flags()) -> {}
            case FieldModel field when !isVisible(field.flags()) -> {}
            case SourceFileAttribute _ -> {}
            case MethodModel method ->
                builder.transformMethod(
                    method,
                    (methodBuilder, part) -> {
                      if (!(part instanceof CodeModel)) {
                        methodBuilder.with(part);
                      }
                    });
            case ClassElement other -> builder.with(other);
          }
        });
  }

  private static boolean isVisible(AccessFlags flags) {
    return flags.has(AccessFlag.PUBLIC) || flags.has(AccessFlag.PROTECTED);
  }
}
