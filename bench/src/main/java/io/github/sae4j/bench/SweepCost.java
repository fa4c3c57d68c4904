package io.github.sae4j.bench;

import io.github.sae4j.bench.results.Interval;
import io.github.sae4j.bench.results.Processor;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.config.SweepAxis;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.Sweep;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * What a sweep costs beside the same runs one after another, in one process, on one file of
 * float16. Rounds alternate between the two, so that their ratio holds on a machine that is not
 * quiet. SAEs are small by default, so that reading, converting and shuffling rows dominate.
 *
 * <p>Arguments: rounds (5), d_in (1024), d_sae (64), steps (200), runs (4).
 */
public final class SweepCost {
  private static final int ROWS = 65_536;
  private static final int BATCH = 1024;

  private SweepCost() {}

  /**
   * Measures and prints.
   *
   * @param args see above
   * @throws IOException if reading or writing fails
   */
  public static void main(String[] args) throws IOException {
    int rounds = argument(args, 0, 5);
    int d = argument(args, 1, 1024);
    int n = argument(args, 2, 64);
    int steps = argument(args, 3, 200);
    int runs = argument(args, 4, 4);
    Map<String, Object> given = new LinkedHashMap<>();
    given.put("d_sae", n);
    given.put("k", 4);
    given.put("train_batch_size", BATCH);
    given.put("steps", steps);
    given.put("eval_fraction", 0);
    given.put("shuffle_seed", 1);
    String[] rates = new String[runs];
    Arrays.setAll(rates, i -> (i + 1) + "e-4");
    List<SweepAxis> axes = List.of(new SweepAxis("lr", List.of(rates)));
    Path folder = Files.createTempDirectory("sweep-cost");
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT)) {
      Path file = folder.resolve("x.safetensors");
      write(file, d);
      System.out.printf(
          Locale.ROOT,
          "%s%n%s, d_in %d, d_sae %d, %d steps of %d rows, %d runs%n",
          Processor.name(),
          device.description(),
          d,
          n,
          steps,
          BATCH,
          runs);
      double[] ratios = new double[rounds];
      for (int round = -1; round < rounds; round++) { // the first warms up
        double together = seconds(() -> sweep(folder.resolve("sweep"), axes, given, file, device));
        double apart = 0;
        for (SweepAxis axis : axes) {
          for (String value : axis.values()) {
            List<SweepAxis> one = List.of(new SweepAxis(axis.option(), List.of(value)));
            apart += seconds(() -> sweep(folder.resolve("one"), one, given, file, device));
          }
        }
        if (round >= 0) {
          ratios[round] = together / apart;
          System.out.printf(
              Locale.ROOT,
              "round %d: together %.2f s, one after another %.2f s, ratio %.3f%n",
              round + 1,
              together,
              apart,
              ratios[round]);
        }
      }
      System.out.printf(
          Locale.ROOT,
          "median ratio %.3f [%s]%n",
          new Timing("ratio", 0, ratios).median(),
          Interval.ofMedian(ratios));
    } finally {
      delete(folder);
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

  /** Trains, and removes what was trained; both ways pay for that alike. */
  private static void sweep(
      Path folder, List<SweepAxis> axes, Map<String, Object> given, Path file, Device device)
      throws IOException {
    try (ActivationFiles source =
        ActivationFiles.open(List.of(file.toString()), Optional.empty())) {
      TrainingRun.Settings settings =
          new TrainingRun.Settings(
              new RunFolder(folder), CheckpointSchedule.DEFAULT, false, 50, Map.of(), Map.of());
      TrainingData data = TrainingData.of(source, Optional.empty(), 0);
      new Sweep(settings, axes, given, data, device, member -> TrainingListener.NONE)
          .start(() -> false);
    }
    delete(folder);
  }

  private static void write(Path file, int d) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix x = memory.matrix(ROWS, d);
      SplittableRandom random = new SplittableRandom(1);
      float[] row = new float[d];
      for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < d; j++) {
          row[j] = (float) (random.nextDouble() - 0.5);
        }
        x.write(i, 1, row, 0);
      }
      new SafetensorsWriter().matrix("activations", x, ElementType.F16).write(file);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path each : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }
}
