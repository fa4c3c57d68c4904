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
 * executors is a path, which all of them can read, and a digest of what lies there. They stay open
 * for the life of the executor, earlier versions of a folder too: tasks may still be using them.
 *
 * <p>All of them share one device with as many threads as the executor has cores. Tasks that encode
 * at the same time take turns, a batch each, so an executor never computes on more threads than
 * Spark gave it.
 */
final class ExecutorSae {
  private static final Map<SaeVersion, SparseAutoencoder> OPEN = new HashMap<>();
  private static Device device;

  private ExecutorSae() {}

  /**
   * The SAE of a folder.
   *
   * @param version which one
   * @return the SAE, which stays open
   * @throws IllegalStateException if the folder holds another one by now
   */
  static synchronized SparseAutoencoder of(SaeVersion version) {
    return OPEN.computeIfAbsent(
        version,
        wanted -> {
          Path folder = Path.of(wanted.folder());
          try {
            SparseAutoencoder sae = SaeCheckpoint.load(folder, device());
            // After reading, so that what is used is what was promised.
            if (!wanted.equals(SaeVersion.of(folder))) {
              sae.close();
              throw new IllegalStateException(folder + " has changed since the job began");
            }
            return sae;
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
