package io.github.sae4j.cli.machine;

import com.sun.management.OperatingSystemMXBean;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepSpec;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.LongPredicate;

/**
 * The memory that this process may use. More is refused before anything is allocated: the system
 * would grant it, and kill the process once it is used.
 *
 * @param bytes physical memory, or the container's limit (cgroup v1 or v2; the JDK also considers
 *     parent groups)
 * @param heapBytes the most that the Java heap may grow to
 */
public record MachineMemory(long bytes, long heapBytes) {
  private static final double GIBI = 1L << 30;

  /** Files of weights that runs leave behind and that are read, by layout. */
  private static final List<String> WEIGHTS =
      List.of("sae_weights.safetensors", "sae.safetensors", "model.safetensors");

  /** Names that those layouts have for b_dec. */
  private static final Set<String> OUTPUT_BIASES = Set.of("b_dec", "pre_bias");

  public static MachineMemory now() {
    long bytes =
        ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
            ? system.getTotalMemorySize()
            : Long.MAX_VALUE;
    return new MachineMemory(bytes, Runtime.getRuntime().maxMemory());
  }

  /**
   * Why a run does not fit.
   *
   * @param config its configuration
   * @param dIn width of its rows
   * @param dOut width of what is reconstructed
   * @param device where it would run
   * @return what it needs, what is available, and which options fit; empty if it fits
   */
  public Optional<String> complaint(TrainingConfig config, int dIn, int dOut, Device device) {
    MemoryPlan plan = plan(config, dIn, dOut, device);
    boolean heap = plan.heapBytes() > heapBytes;
    if (!heap && plan.bytes() <= bytes) {
      return Optional.empty();
    }
    List<String> ways = new ArrayList<>();
    int dSae = config.dSae(dIn);
    int least = config.sae().architecture().penalisesActivity() ? 1 : config.sae().k();
    largest(least, dSae, n -> fits(config.with("d_sae", n), dIn, dOut, device))
        .ifPresent(n -> ways.add("--d-sae " + n));
    int batch = config.data().trainBatchSize();
    largest(1, batch, n -> fits(config.with("train_batch_size", n), dIn, dOut, device))
        .ifPresent(n -> ways.add("--train-batch-size " + n));
    if (heap) {
      ways.add(
          String.format(
              Locale.ROOT,
              "JDK_JAVA_OPTIONS=-Xmx%dm",
              plan.heapBytes() / (1 << 20) + plan.heapBytes() / (4 << 20) + 64));
    }
    return Optional.of(
        (heap
                ? "the run needs "
                    + text(plan.heapBytes())
                    + " of Java heap, which may grow to "
                    + text(heapBytes)
                : "the run needs " + text(plan.bytes()) + " of memory, there are " + text(bytes))
            + (ways.isEmpty() ? "" : "; what fits: " + String.join(", or ", ways)));
  }

  /**
   * Why runs do not fit together.
   *
   * @param configs their configurations
   * @param dIn width of their rows
   * @param dOut width of what is reconstructed
   * @param device where they would run
   * @return what they need and what is available; empty if they fit
   */
  public Optional<String> complaint(
      List<TrainingConfig> configs, int dIn, int dOut, Device device) {
    MemoryPlan together = together(configs, dIn, dOut, device);
    long needed = together.bytes();
    long heap = together.heapBytes();
    if (needed <= bytes && heap <= heapBytes) {
      return Optional.empty();
    }
    return Optional.of(
        configs.size()
            + " runs at a time need "
            + text(needed)
            + " of memory, "
            + text(heap)
            + " of it on the Java heap; there are "
            + text(bytes)
            + ", and the heap may grow to "
            + text(heapBytes)
            + "; sweep fewer values at a time");
  }

  /**
   * What several runs of one sweep keep in memory: what each has of its own, and once what they
   * share, as large as the largest needs it.
   */
  public static MemoryPlan together(
      List<TrainingConfig> configs, int dIn, int dOut, Device device) {
    return MemoryPlan.together(
        configs.stream().map(config -> plan(config, dIn, dOut, device)).toList());
  }

  private boolean fits(TrainingConfig config, int dIn, int dOut, Device device) {
    MemoryPlan plan = plan(config, dIn, dOut, device);
    return plan.bytes() <= bytes && plan.heapBytes() <= heapBytes;
  }

  /** What a run keeps in memory. */
  public static MemoryPlan plan(TrainingConfig config, int dIn, int dOut, Device device) {
    StepSpec step = config.stepSpec(dIn, dOut, OptionalDouble.of(1));
    MemoryPlan plan = device.memoryPlan(step);
    if (config.optimizer().emaDecay().isPresent()) {
      plan = plan.plus(List.of(MemoryPlan.ofAverages(step)));
    }
    return config.whitens() ? plan.plus(MemoryPlan.ofWhitening(step)) : plan;
  }

  /** The largest number of at least {@code least} and less than {@code most} that fits. */
  private static Optional<Long> largest(long least, long most, LongPredicate fits) {
    long low = least;
    long high = most;
    if (low >= high || !fits.test(low)) {
      return Optional.empty();
    }
    while (high - low > 1) {
      long middle = low + (high - low) / 2;
      if (fits.test(middle)) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return Optional.of(low);
  }

  /**
   * Refuses an SAE that would not fit into memory.
   *
   * @param folder an SAE's folder, or a run's
   * @param batchRows rows that will be encoded together
   */
  public void expectRoomFor(Path folder, int batchRows) throws IOException {
    expectRoomFor(List.of(folder), batchRows);
  }

  /**
   * Whether an SAE fits into memory with its copy for serving.
   *
   * @param folder an SAE's folder, or a run's
   * @param precision what encoding will read
   */
  public boolean hasRoomFor(Path folder, ServingPrecision precision) throws IOException {
    return weights(folder) + copyOf(folder, precision) <= bytes;
  }

  /**
   * Refuses an SAE that would not fit into memory with its copy for serving.
   *
   * @param folder an SAE's folder, or a run's
   * @param batchRows rows that will be encoded together
   * @param precision what encoding will read
   */
  public void expectRoomFor(Path folder, int batchRows, ServingPrecision precision)
      throws IOException {
    new MachineMemory(bytes - copyOf(folder, precision), heapBytes)
        .expectRoomFor(List.of(folder), batchRows);
  }

  private static long weights(Path folder) throws IOException {
    Optional<Path> file = weightsOf(folder);
    long weights = 0;
    if (file.isPresent()) {
      try (TensorFile tensors = TensorFile.open(file.get())) {
        for (TensorInfo tensor : tensors.tensors()) {
          weights += tensor.elements() * Float.BYTES;
        }
      }
    }
    return weights;
  }

  private static long outputWidth(Path folder) throws IOException {
    Optional<Path> file = weightsOf(folder);
    long width = 0;
    if (file.isPresent()) {
      try (TensorFile tensors = TensorFile.open(file.get())) {
        for (TensorInfo tensor : tensors.tensors()) {
          width = OUTPUT_BIASES.contains(tensor.name()) ? tensor.elements() : width;
        }
      }
    }
    return width;
  }

  /** Bytes of a copy of an SAE's W_enc, which is as large as its largest matrix. */
  private static long copyOf(Path folder, ServingPrecision precision) throws IOException {
    Optional<Path> file = weightsOf(folder);
    if (file.isEmpty()) {
      return 0;
    }
    long most = 0;
    try (TensorFile tensors = TensorFile.open(file.get())) {
      for (TensorInfo tensor : tensors.tensors()) {
        if (tensor.shape().size() == 2) {
          int rows = Math.clamp(tensor.shape().get(0), 0, Integer.MAX_VALUE);
          int cols = Math.clamp(tensor.shape().get(1), 0, Integer.MAX_VALUE);
          long copy = precision.copyBytes(Math.min(rows, cols), Math.max(rows, cols));
          most = Math.max(most, copy);
        }
      }
    }
    return most;
  }

  /**
   * Refuses SAEs that would not fit into memory together.
   *
   * @param folders SAEs' folders, or runs'
   * @param batchRows rows that will be encoded together, by the first
   */
  public void expectRoomFor(List<Path> folders, int batchRows) throws IOException {
    long weights = 0;
    for (Path folder : folders) {
      weights += weights(folder);
    }
    long width = outputWidth(folders.getFirst());
    // A batch, the next one, which is read meanwhile, and reconstructions.
    long row = 3 * Matrix.FLOAT.byteSize() * width;
    long rows = row * batchRows;
    if (weights > bytes) {
      throw new ConfigException(
          "sae",
          String.join(" and ", folders.stream().map(Path::toString).toList())
              + (folders.size() > 1 ? " need " : " needs ")
              + text(weights)
              + " of memory, there are "
              + text(bytes));
    }
    if (weights + rows > bytes) {
      long fitting = Math.max(1, (bytes - weights) / Math.max(1, row));
      throw new ConfigException(
          "batch_size",
          "batches of "
              + batchRows
              + " rows need "
              + text(weights + rows)
              + " of memory with the SAE, there are "
              + text(bytes)
              + "; what fits: --batch-size "
              + fitting);
    }
  }

  /** The file of an SAE's weights, in whichever layout it is left in. */
  private static Optional<Path> weightsOf(Path folder) {
    for (Path inner : new Path[] {folder, folder.resolve("final")}) {
      for (String name : WEIGHTS) {
        if (Files.isRegularFile(inner.resolve(name))) {
          return Optional.of(inner.resolve(name));
        }
      }
    }
    return Optional.empty();
  }

  /** Bytes as {@code 23.4 GiB}. */
  public static String text(long size) {
    return String.format(Locale.ROOT, "%.1f GiB", size / GIBI);
  }
}
