package io.github.sae4j.cli;

import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;

/** Small activation files. */
final class Activations {
  private Activations() {}

  /** Rows of sums of a few directions, so that an SAE has something to find. */
  static float[][] rows(int count, int width) {
    Random random = new Random(count * 31L + width);
    float[][] directions = new float[16][width];
    for (float[] direction : directions) {
      for (int j = 0; j < width; j++) {
        direction[j] = (float) random.nextGaussian();
      }
    }
    float[][] rows = new float[count][width];
    for (float[] row : rows) {
      for (int t = 0; t < 3; t++) {
        float[] direction = directions[random.nextInt(directions.length)];
        for (int j = 0; j < width; j++) {
          row[j] += direction[j];
        }
      }
    }
    return rows;
  }

  static Path write(Path file, float[][] rows, ElementType type) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(rows.length, rows[0].length);
      for (int b = 0; b < rows.length; b++) {
        matrix.write(b, 1, rows[b], 0);
      }
      new SafetensorsWriter().matrix("activations", matrix, type).write(file);
    }
    return file;
  }

  static Path write(Path file, int count, int width) throws IOException {
    return write(file, rows(count, width), ElementType.F32);
  }

  static Path writeMask(Path file, boolean[] excluded) throws IOException {
    byte[] bytes = new byte[excluded.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (excluded[i] ? 1 : 0);
    }
    new SafetensorsWriter().bytes("mask", bytes, bytes.length).write(file);
    return file;
  }
}
