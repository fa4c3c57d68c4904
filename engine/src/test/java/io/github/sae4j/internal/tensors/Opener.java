package io.github.sae4j.internal.tensors;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.training.TrainingData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/** A process with little memory that opens a file; for {@link SmallMemoryTest}. */
public final class Opener {
  private static final int PIECE = 1 << 16;

  private Opener() {}

  /**
   * @param args what to do (open, json, forward, back, activations, umlaut), and the file
   */
  public static void main(String[] args) throws IOException {
    Path path = Path.of(args[1]);
    try {
      switch (args[0]) {
        case "open" -> {
          try (TensorFile file = TensorFile.open(path)) {
            System.out.println("opened " + file.tensors().size());
          }
        }
        case "json" -> System.out.println("read " + (Json.read(path, 1 << 30) != null));
        case "forward" -> forward(path);
        case "activations" -> activations(path);
        case "umlaut" -> umlaut(args[1]);
        default -> back(path);
      }
    } catch (BadFileException e) {
      System.out.println("refused " + e.getMessage());
    }
  }

  /** Sums up a tensor of bytes from front to back, twice. */
  private static void forward(Path path) throws IOException {
    try (TensorFile file = TensorFile.open(path);
        Arena arena = Arena.ofConfined()) {
      TensorInfo tensor = file.tensors().getFirst();
      MemorySegment piece = arena.allocate(4L * PIECE);
      double sum = 0;
      for (int pass = 0; pass < 2; pass++) {
        for (long at = 0; at < tensor.elements(); at += PIECE) {
          int count = (int) Math.min(PIECE, tensor.elements() - at);
          file.readFloats(tensor, at, count, piece, 0);
          for (int i = 0; i < count; i++) {
            sum += piece.get(ValueLayout.JAVA_FLOAT, 4L * i);
          }
        }
      }
      System.out.println("sum " + (long) sum);
    }
  }

  /** Opens a folder for evaluation, then asks whether training could read it. */
  private static void activations(Path path) throws IOException {
    try (ActivationFiles files = ActivationFiles.open(List.of(path.toString()), Optional.empty())) {
      System.out.println("rows " + files.rows());
      TrainingData.of(files, Optional.empty(), 0.05);
      System.out.println("any order");
    }
  }

  /** Opens a file in a folder by a name that plain ASCII cannot say. */
  private static void umlaut(String folder) throws IOException {
    List<String> spec = List.of(folder + "/gr\u00f6\u00dfe.npy");
    try (ActivationFiles files = ActivationFiles.open(spec, Optional.empty())) {
      System.out.println("rows " + files.rows());
    } catch (IllegalArgumentException e) {
      System.out.println("no path: " + e.getMessage());
    }
  }

  /** Reads single values in any order. */
  private static void back(Path path) throws IOException {
    try (TensorFile file = TensorFile.open(path)) {
      TensorInfo tensor = file.tensors().getFirst();
      MemorySegment one = MemorySegment.ofArray(new float[1]);
      for (int i = 0; i < 1000; i++) {
        file.readFloats(tensor, ThreadLocalRandom.current().nextLong(tensor.elements()), 1, one, 0);
      }
      System.out.println("read all");
    }
  }
}
