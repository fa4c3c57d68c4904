package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The entry point. It names no class of an optional library, so that a plain {@code java -jar},
 * whose class path is that one jar, can say what is missing or find it: the build puts the
 * libraries of the command line into {@code lib/} beside the jar, and the engine into its module.
 */
public final class Main {
  private Main() {}

  /**
   * Runs a command and ends the process with its exit code.
   *
   * @param args the command line
   * @throws IOException if the libraries beside the jar cannot be listed
   * @throws ReflectiveOperationException if the libraries beside the jar do not match
   */
  public static void main(String[] args) throws IOException, ReflectiveOperationException {
    if (isPresent("picocli.CommandLine")) {
      System.exit(CommandLineApp.main(args));
    }
    List<URL> classPath = besideTheJar();
    if (classPath.isEmpty()) {
      System.err.println(
          "sae4j: this jar needs sae4j-engine, picocli and progressbar beside it or on the class"
              + " path; use bin/sae4j, in a checkout or a release");
      System.exit(ExitCode.USAGE);
    }
    runWith(classPath, args);
  }

  private static boolean isPresent(String type) {
    try {
      Class.forName(type, false, Main.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static List<URL> besideTheJar() throws IOException {
    Path jar;
    try {
      URI location = Main.class.getProtectionDomain().getCodeSource().getLocation().toURI();
      jar = Path.of(location);
    } catch (URISyntaxException | RuntimeException e) {
      return List.of();
    }
    Path libraries = jar.resolveSibling("lib");
    if (!Files.isDirectory(libraries)) {
      return List.of();
    }
    List<URL> classPath = new ArrayList<>();
    classPath.add(jar.toUri().toURL());
    try (Stream<Path> files = Files.list(libraries)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".jar")).sorted().toList()) {
        classPath.add(file.toUri().toURL());
      }
    }
    // In a checkout the jars of other modules lie in those.
    for (String module : List.of("engine", "report", "formats-extra")) {
      String name = jar.getFileName().toString().replace("sae4j-cli-", "sae4j-" + module + "-");
      Path built = jar.resolveSibling("../../" + module + "/target").normalize().resolve(name);
      if (Files.isRegularFile(built)) {
        classPath.add(built.toUri().toURL());
      }
    }
    return has(classPath, "picocli") && has(classPath, "sae4j-engine") ? classPath : List.of();
  }

  private static boolean has(List<URL> classPath, String library) {
    return classPath.stream().anyMatch(url -> url.getPath().contains("/" + library + "-"));
  }

  private static void runWith(List<URL> classPath, String[] args)
      throws IOException, ReflectiveOperationException {
    ClassLoader above = ClassLoader.getPlatformClassLoader();
    try (URLClassLoader loader = new URLClassLoader(classPath.toArray(URL[]::new), above)) {
      Thread.currentThread().setContextClassLoader(loader);
      Class<?> app = Class.forName(CommandLineApp.class.getName(), true, loader);
      try {
        System.exit((int) app.getMethod("main", String[].class).invoke(null, (Object) args));
      } catch (InvocationTargetException e) {
        throw new IllegalStateException(e.getCause());
      }
    }
  }
}
