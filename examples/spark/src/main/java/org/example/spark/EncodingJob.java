package org.example.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;

/**
 * Parquet files to codes, idempotent: each file is a shard with a folder of its own in the output,
 * and a manifest beside it, written last, that says what went in and what came out. Given again,
 * the job leaves out shards whose manifest still holds, and writes the others anew.
 */
final class EncodingJob {
  private EncodingJob() {}

  /**
   * Encodes what is not encoded yet.
   *
   * @param spark the session
   * @param input a folder of Parquet files
   * @param column its column of {@code array<float>}
   * @param sae the SAE's folder
   * @param output the folder of shards and manifests
   * @return the numbers of the shards that were written now
   */
  static List<Integer> encode(SparkSession spark, Path input, String column, Path sae, Path output)
      throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.list(input)) {
      files = all.filter(file -> file.toString().endsWith(".parquet")).sorted().toList();
    }
    Files.createDirectories(output);
    String weights = sha256OfAll(sae);
    List<Integer> written = new ArrayList<>();
    for (int shard = 0; shard < files.size(); shard++) {
      Path folder = output.resolve("shard-%05d".formatted(shard));
      Path manifest = output.resolve("shard-%05d.manifest".formatted(shard));
      String source = files.get(shard).getFileName() + " " + sha256(files.get(shard));
      String head = "column " + column + "\nsae " + weights + "\ninput " + source + "\n";
      if (holds(manifest, head, folder)) {
        continue;
      }
      Dataset<Row> rows = spark.read().parquet(files.get(shard).toString());
      Encoding.encode(rows, column, sae.toString(), "code")
          .drop(column)
          .write()
          .mode(SaveMode.Overwrite)
          .parquet(folder.toString());
      write(manifest, head + "output " + sha256OfAll(folder) + "\n");
      written.add(shard);
    }
    return written;
  }

  private static boolean holds(Path manifest, String head, Path folder) throws IOException {
    return Files.isRegularFile(manifest)
        && Files.isDirectory(folder)
        && Files.readString(manifest).equals(head + "output " + sha256OfAll(folder) + "\n");
  }

  /** Whole or not at all. */
  private static void write(Path file, String text) throws IOException {
    Path fresh = file.resolveSibling("." + file.getFileName() + ".new");
    Files.writeString(fresh, text);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Of a folder's files, names included; hidden ones are checksums of Spark's own. */
  private static String sha256OfAll(Path folder) throws IOException {
    MessageDigest all = digest();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        if (!file.getFileName().toString().startsWith(".")) {
          String line = folder.relativize(file) + " " + sha256(file) + "\n";
          all.update(line.getBytes(StandardCharsets.UTF_8));
        }
      }
    }
    return HexFormat.of().formatHex(all.digest());
  }

  private static String sha256(Path file) throws IOException {
    MessageDigest digest = digest();
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has it", e);
    }
  }
}
