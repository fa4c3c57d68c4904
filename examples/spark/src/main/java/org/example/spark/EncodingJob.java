package org.example.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;

/**
 * Parquet files to codes, idempotent: each file is a shard with a folder of its own in the output,
 * named after it, and a manifest beside it, finished last, that says what went in and what came
 * out. Given again, the job leaves out shards whose manifest still holds, writes the others anew,
 * and removes those whose file is gone.
 */
final class EncodingJob {
  private static final String PARQUET = ".parquet";
  private static final String MANIFEST = ".manifest";

  private EncodingJob() {}

  /**
   * Encodes what is not encoded yet.
   *
   * @param spark the session
   * @param input a folder of Parquet files
   * @param column its column of {@code array<float>}
   * @param sae the SAE's folder
   * @param output the folder of shards and manifests
   * @return the shards that were written now, by the names of their folders
   */
  static List<String> encode(SparkSession spark, Path input, String column, Path sae, Path output)
      throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.list(input)) {
      files = all.filter(EncodingJob::isInput).sorted().toList();
    }
    Files.createDirectories(output);
    removeOthers(output, files.stream().map(EncodingJob::shard).collect(Collectors.toSet()));
    SaeVersion weights = SaeVersion.of(sae);
    List<String> written = new ArrayList<>();
    for (Path file : files) {
      Path folder = output.resolve(shard(file));
      Path manifest = output.resolve(shard(file) + MANIFEST);
      String source = file.getFileName() + " " + Digests.of(file);
      String head = "column " + column + "\nsae " + weights.sha256() + "\ninput " + source + "\n";
      if (holds(manifest, head, folder)) {
        continue;
      }
      write(manifest, head); // from here on the folder is known to be a shard, and unfinished
      Dataset<Row> rows = spark.read().parquet(file.toString());
      Encoding.encode(rows, column, weights, "code")
          .drop(column)
          .write()
          .mode(SaveMode.Overwrite)
          .parquet(folder.toString());
      write(manifest, head + "output " + Digests.ofAll(folder) + "\n");
      written.add(shard(file));
    }
    return written;
  }

  /** As Spark, without what begins with a dot or an underscore. */
  private static boolean isInput(Path file) {
    return file.getFileName().toString().matches("[^._].*\\" + PARQUET);
  }

  /** Files that come or go beside it do not change it. */
  static String shard(Path file) {
    String name = file.getFileName().toString();
    return "shard-" + name.substring(0, name.length() - PARQUET.length());
  }

  /** Removes shards of files that are gone; what has no manifest is not a shard. */
  static void removeOthers(Path output, Set<String> shards) throws IOException {
    List<Path> manifests;
    try (Stream<Path> all = Files.list(output)) {
      manifests = all.filter(file -> file.toString().endsWith(MANIFEST)).toList();
    }
    for (Path manifest : manifests) {
      String name = manifest.getFileName().toString();
      String shard = name.substring(0, name.length() - MANIFEST.length());
      if (shard.startsWith("shard-") && !shards.contains(shard)) {
        removeAll(output.resolve(shard));
        Files.delete(manifest); // last, so that a job that is killed here goes on
      }
    }
  }

  private static void removeAll(Path folder) throws IOException {
    if (Files.notExists(folder)) {
      return;
    }
    List<Path> all;
    try (Stream<Path> files = Files.walk(folder)) {
      all = files.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path each : all) {
      Files.delete(each);
    }
  }

  private static boolean holds(Path manifest, String head, Path folder) throws IOException {
    return Files.isRegularFile(manifest)
        && Files.isDirectory(folder)
        && Files.readString(manifest).equals(head + "output " + Digests.ofAll(folder) + "\n");
  }

  /** Whole or not at all. */
  private static void write(Path file, String text) throws IOException {
    Path fresh = file.resolveSibling("." + file.getFileName() + ".new");
    Files.writeString(fresh, text);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
