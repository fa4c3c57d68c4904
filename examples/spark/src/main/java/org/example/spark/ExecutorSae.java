package org.example.spark;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import org.apache.spark.SparkEnv;

/**
 * SAEs of this JVM, each opened once from its files however many tasks use it: what is shipped to
 * executors is a path, which all of them can read. They stay open for the life of the executor.
 *
 * <p>All of them share one device with as many threads as the executor has cores. Tasks that encode
 * at the same time take turns, a batch each, so an executor never computes on more threads than
 * Spark gave it.
 */
final class ExecutorSae {
  private static final Map<String, SparseAutoencoder> OPEN = new HashMap<>();
  private static Device device;

  private ExecutorSae() {}

  /**
   * The SAE of a folder.
   *
   * @param folder in any layout that sae4j reads
   * @return the SAE, which stays open
   */
  static synchronized SparseAutoencoder of(String folder) {
    return OPEN.computeIfAbsent(
        folder,
        path -> {
          try {
            return SaeCheckpoint.load(Path.of(path), device());
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static Device device() {
    if (device == null) {
      DeviceOptions options = new DeviceOptions(OptionalInt.of(cores()), OptionalInt.empty());
      device = Devices.open("auto", options);
    }
    return device;
  }

  /** Cores of this executor; in local mode those of the machine. */
  private static int cores() {
    int all = Runtime.getRuntime().availableProcessors();
    SparkEnv environment = SparkEnv.get();
    return environment == null
        ? all
        : Math.clamp(environment.conf().getInt("spark.executor.cores", all), 1, all);
  }
}
