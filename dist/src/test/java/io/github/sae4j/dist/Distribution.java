package io.github.sae4j.dist;

import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The zip that this build made. */
final class Distribution {
  static final String VERSION = System.getProperty("sae4j.version");
  static final Path ZIP = Path.of("target", "sae4j-" + VERSION + ".zip").toAbsolutePath();

  private Distribution() {}

  /** Unpacks with permissions, less every permission to write; returns the one folder inside. */
  static Path unpack(Path into) throws IOException {
    try (FileSystem zip =
        FileSystems.newFileSystem(ZIP, Map.of("enablePosixFileAttributes", true))) {
      Path root = zip.getPath("/");
      try (Stream<Path> entries = Files.walk(root)) {
        for (Path entry : (Iterable<Path>) entries::iterator) {
          Path target = into.resolve(root.relativize(entry).toString());
          if (Files.isDirectory(entry)) {
            Files.createDirectories(target);
          } else {
            Files.copy(entry, target);
            Files.setPosixFilePermissions(target, Files.getPosixFilePermissions(entry));
          }
        }
      }
    }
    Path folder = into.resolve("sae4j-" + VERSION);
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.toList()) {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
        permissions.remove(PosixFilePermission.OWNER_WRITE);
        permissions.remove(PosixFilePermission.GROUP_WRITE);
        permissions.remove(PosixFilePermission.OTHERS_WRITE);
        Files.setPosixFilePermissions(file, permissions);
      }
    }
    return folder;
  }

  /** Every file and folder with its size and time. */
  static Map<String, String> listing(Path folder) throws IOException {
    Map<String, String> listing = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.toList()) {
        String what = Files.isDirectory(file) ? "folder" : Files.size(file) + " bytes";
        listing.put(file.toString(), what + " " + Files.getLastModifiedTime(file));
      }
    }
    return listing;
  }

  /** Makes a tree writable again, so that it can be deleted. */
  static void release(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isDirectory).toList()) {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
        permissions.add(PosixFilePermission.OWNER_WRITE);
        Files.setPosixFilePermissions(file, permissions);
      }
    }
  }
}
