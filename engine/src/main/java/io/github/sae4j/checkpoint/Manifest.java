package io.github.sae4j.checkpoint;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * {@code manifest.json}: size and SHA-256 of every other file of a folder. It is written last, so a
 * folder whose manifest agrees with its files is complete and undamaged.
 */
public final class Manifest {
  /** The file's name. */
  public static final String NAME = "manifest.json";

  private static final long VERSION = 1;

  private Manifest() {}

  /** Whether a folder has one. */
  static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(NAME));
  }

  /**
   * Forces a folder's files to the disk and writes their manifest, forced too.
   *
   * @param folder a folder without subfolders
   */
  static void write(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> entries = Files.list(folder)) {
      files = entries.sorted().toList();
    }
    Map<String, Object> listed = new LinkedHashMap<>();
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new IllegalStateException(file + ": expected a regular file in a checkpoint");
      }
      DiskFile.force(file);
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("bytes", Files.size(file));
      entry.put("sha256", Sha256.of(file));
      listed.put(file.getFileName().toString(), entry);
    }
    Map<String, Object> manifest = new LinkedHashMap<>();
    manifest.put("manifest_version", VERSION);
    manifest.put("files", listed);
    Path path = folder.resolve(NAME);
    DiskFile.write(path, Json.pretty(manifest));
  }

  /**
   * Checks a folder against its manifest. Files that the manifest does not list are ignored.
   *
   * @param folder the folder
   * @throws BadFileException if the manifest is missing or malformed, or a file is missing, of
   *     another size or of other content
   * @throws IOException if reading fails
   */
  public static void verify(Path folder) throws IOException {
    Path path = folder.resolve(NAME);
    JsonObject manifest = JsonObject.read(path);
    if (manifest.natural("manifest_version") != VERSION) {
      throw manifest.bad("manifest_version", Long.toString(VERSION));
    }
    JsonObject listed = manifest.inside("files");
    for (String name : listed.members().keySet()) {
      // A path here would let a manifest read files outside the folder.
      if (name.isEmpty() || name.contains("/") || name.contains("\\") || name.contains("\0")) {
        throw new BadFileException(path, "files: expected plain file names, got '" + name + "'");
      }
      JsonObject entry = listed.inside(name);
      Path file = folder.resolve(name);
      if (!Files.isRegularFile(file)) {
        throw new BadFileException(file, "listed in " + NAME + " but missing");
      }
      long expected = entry.natural("bytes");
      long size = Files.size(file);
      if (size != expected) {
        throw new BadFileException(
            file, "expected " + expected + " bytes by " + NAME + ", got " + size);
      }
      if (!Sha256.of(file).equals(entry.text("sha256"))) {
        throw new BadFileException(file, "damaged: its content does not match " + NAME);
      }
    }
    if (listed.members().isEmpty()) {
      throw listed.bad("files", "at least one file");
    }
  }
}
