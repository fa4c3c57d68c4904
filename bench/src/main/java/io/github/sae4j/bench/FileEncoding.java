package io.github.sae4j.bench;

import io.github.sae4j.bench.results.Interval;
import io.github.sae4j.bench.results.Processor;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.jobs.CodeFormat;
import io.github.sae4j.internal.jobs.JobListener;
import io.github.sae4j.internal.jobs.JobSettings;
import io.github.sae4j.internal.jobs.Jobs;
import io.github.sae4j.internal.jobs.Shard;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SplittableRandom;

/**
 * How much of the device's own rate is left when {@code encode} reads activations from a file and
 * writes codes to another. Rounds alternate between the two on the same rows, in the same chunks,
 * so that their ratio holds on a machine that is not quiet.
 *
 * <p>Arguments: rows (16384), rounds (5), d_in (768), d_sae (24576), k (32).
 */
public final class FileEncoding {
  private static final int CHUNK = 4096;

  private FileEncoding() {}

  /**
   * Measures and prints.
   *
   * @param args see above
   * @throws IOException if reading or writing fails
   */
  public static void main(String[] args) throws IOException {
    int rows = argument(args, 0, 16384);
    int rounds = argument(args, 1, 5);
    int d = argument(args, 2, 768);
    int n = argument(args, 3, 24576);
    int k = argument(args, 4, 32);
    Path folder = Files.createTempDirectory("file-encoding");
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        SparseAutoencoder sae = sae(device, d, n, k);
        OffHeap memory = device.openMemory()) {
      Matrix x = fill(memory.matrix(rows, d), new SplittableRandom(1));
      Path file = folder.resolve("x.safetensors");
      new SafetensorsWriter().matrix("activations", x, ElementType.F16).write(file);
      SparseCodes codes = memory.codes(Math.min(CHUNK, rows), k);
      System.out.printf(
          Locale.ROOT,
          "%s%n%s, d_in %d, d_sae %d, k %d%n",
          Processor.name(),
          device.description(),
          d,
          n,
          k);
      double[] alone = new double[rounds];
      double[] files = new double[rounds];
      for (int round = -1; round < rounds; round++) { // the first warms up
        double bare = rows / seconds(() -> encode(sae, x, codes));
        Path output = folder.resolve("codes" + round);
        double whole = rows / seconds(() -> encode(sae, file, output));
        for (Path each :
            List.of(output.resolve("codes.safetensors"), output.resolve("codes.json"))) {
          Files.delete(each);
        }
        Files.delete(output);
        if (round >= 0) {
          alone[round] = bare;
          files[round] = whole;
          System.out.printf(
              Locale.ROOT,
              "round %d: device %.0f rows/s, from file to file %.0f rows/s, ratio %.3f%n",
              round + 1,
              bare,
              whole,
              whole / bare);
        }
      }
      double[] ratios = new double[rounds];
      Arrays.setAll(ratios, i -> files[i] / alone[i]);
      System.out.printf(
          Locale.ROOT,
          "median ratio %.3f [%s]%n",
          new Timing("ratio", 0, ratios).median(),
          Interval.ofMedian(ratios));
      Files.delete(file);
    } finally {
      Files.deleteIfExists(folder);
    }
  }

  private static int argument(String[] args, int index, int missing) {
    return args.length > index ? Integer.parseInt(args[index]) : missing;
  }

  /** Something that is timed. */
  private interface Work {
    void run() throws IOException;
  }

  private static double seconds(Work work) throws IOException {
    long begin = System.nanoTime();
    work.run();
    return (System.nanoTime() - begin) * 1e-9;
  }

  private static void encode(SparseAutoencoder sae, Matrix x, SparseCodes codes) {
    for (int first = 0; first < x.rows(); first += CHUNK) {
      int count = Math.min(CHUNK, x.rows() - first);
      sae.encode(x.rows(first, count), codes.firstRows(count));
    }
  }

  private static void encode(SparseAutoencoder sae, Path file, Path output) throws IOException {
    try (ActivationFiles source =
        ActivationFiles.open(List.of(file.toString()), Optional.empty())) {
      JobSettings settings =
          new JobSettings(output, Shard.WHOLE, OptionalLong.empty(), JobListener.NONE);
      Jobs.encode(sae, source, new CodeFormat.Safetensors(), settings);
    }
  }

  private static SparseAutoencoder sae(Device device, int d, int n, int k) {
    SaeWeights weights = SaeWeights.allocate(device, d, n);
    SplittableRandom random = new SplittableRandom(2);
    fill(weights.wEnc(), random);
    fill(weights.wDec(), random);
    return new SparseAutoencoder(device, SaeConfig.topK(d, n, k), weights);
  }

  private static Matrix fill(Matrix matrix, SplittableRandom random) {
    float[] row = new float[matrix.cols()];
    for (int r = 0; r < matrix.rows(); r++) {
      for (int c = 0; c < row.length; c++) {
        row[c] = (float) (random.nextDouble() - 0.5);
      }
      matrix.write(r, 1, row, 0);
    }
    return matrix;
  }
}
