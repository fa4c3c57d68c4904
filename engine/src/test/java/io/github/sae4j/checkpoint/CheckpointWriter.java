package io.github.sae4j.checkpoint;

import io.github.sae4j.internal.files.DiskFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;

/** A process that writes checkpoints until it is killed or cannot; for {@link FaultTest}. */
final class CheckpointWriter {
  private static final int FILES = 3;

  private CheckpointWriter() {}

  /**
   * @param args the run's folder, bytes of a file, number of checkpoints, how many are kept
   */
  public static void main(String[] args) throws IOException {
    Path run = Path.of(args[0]);
    int bytes = Integer.parseInt(args[1]);
    long count = Long.parseLong(args[2]);
    int keep = Integer.parseInt(args[3]);
    try (CheckpointStore store = CheckpointStore.open(run)) {
      long first =
          CheckpointStore.newestValid(run)
              .newest()
              .map(path -> Long.parseLong(path.getFileName().toString()))
              .orElse(0L);
      System.out.println("open");
      for (long i = first + 1; i <= first + count; i++) {
        long samples = i;
        try {
          store.write(samples, folder -> fill(folder, samples, bytes));
          store.writeFinal(folder -> fill(folder, samples, bytes));
          System.out.println("wrote " + samples);
          store.keepNewest(keep);
        } catch (CheckpointException e) {
          System.out.println("failed " + samples + " " + e.getMessage());
          return;
        }
      }
    }
  }

  static void fill(Path folder, long samples, int bytes) throws IOException {
    for (int file = 0; file < FILES; file++) {
      try (OutputStream out = Files.newOutputStream(folder.resolve("part" + file))) {
        out.write(content(samples, file, bytes));
      }
    }
  }

  /** The same, written by the engine. */
  static void fillUninterrupted(Path folder, long samples, int bytes) throws IOException {
    for (int file = 0; file < FILES; file++) {
      try (DiskFile out =
          DiskFile.open(
              folder.resolve("part" + file),
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.WRITE)) {
        out.writeFully(ByteBuffer.wrap(content(samples, file, bytes)), 0);
      }
    }
  }

  /** Whether a folder holds exactly what {@link #fill} put there. */
  static boolean isWhole(Path folder, long samples, int bytes) throws IOException {
    for (int file = 0; file < FILES; file++) {
      byte[] found = Files.readAllBytes(folder.resolve("part" + file));
      if (!Arrays.equals(content(samples, file, bytes), found)) {
        return false;
      }
    }
    return true;
  }

  private static byte[] content(long samples, int file, int bytes) {
    byte[] content = new byte[bytes];
    new Random(samples * FILES + file).nextBytes(content);
    return content;
  }
}
