package io.github.sae4j.checkpoint;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.Whitening;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A {@link Whitening} beside a trainer's state, in a file as SAELens lays out its own, but in F32:
 * {@code mean [d]}, {@code matrix [d, d]} and {@code inverse_matrix [d, d]}, the transposes of W
 * and its inverse, bit for bit.
 */
public final class WhiteningFile {
  private static final String FILE = "activation_whitening.safetensors";
  private static final String MEAN = "mean";
  private static final String FORWARD = "matrix";
  private static final String INVERSE = "inverse_matrix";

  private WhiteningFile() {}

  /**
   * Writes the map.
   *
   * @param folder a checkpoint under construction
   * @param whitening the map
   * @throws IOException if writing fails
   */
  public static void write(Path folder, Whitening whitening) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      new SafetensorsWriter()
          .vector(MEAN, whitening.mean(memory))
          .transposed(FORWARD, whitening.forward(memory))
          .transposed(INVERSE, whitening.inverse(memory))
          .write(folder.resolve(FILE));
    }
  }

  /**
   * Reads the map.
   *
   * @param folder a checkpoint whose manifest the caller has verified
   * @param width d, the width of the rows
   * @return the map
   * @throws BadFileException if a tensor is missing, of another shape or not finite
   * @throws IOException if reading fails
   */
  public static Whitening read(Path folder, int width) throws IOException {
    try (WeightTensors file = new WeightTensors(SafetensorsFile.open(folder.resolve(FILE)))) {
      return new Whitening(
          file.vector(MEAN, width), square(file, FORWARD, width), square(file, INVERSE, width));
    }
  }

  private static float[][] square(WeightTensors file, String name, int width) throws IOException {
    float[][] rows = new float[width][width];
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(width, width);
      file.read(file.columns(name, width, width), matrix);
      for (int i = 0; i < width; i++) {
        matrix.read(i, 1, rows[i], 0);
      }
    }
    return rows;
  }
}
