package org.example.spark;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * One SAE a task: a sweep over options, or a layer each. A run writes checkpoints to a folder that
 * all executors share; when its task is killed, Spark tries it again somewhere, and it goes on from
 * the newest checkpoint to the bits of a run that was never interrupted. What is finished already
 * is left as it is, so a job that was given up is simply submitted again.
 */
final class TrainingJob {
  /**
   * One SAE.
   *
   * @param name the name of its run's folder
   * @param activations files, folders or globs that all executors can read
   * @param tensor the tensor or column; empty for the one that can only be meant
   * @param options of training, by the names of the command line; numbers and text
   */
  record Work(String name, List<String> activations, String tensor, Map<String, ?> options)
      implements Serializable {
    Work {
      activations = List.copyOf(activations);
      options = Map.copyOf(options);
    }
  }

  private TrainingJob() {}

  /**
   * Trains SAEs on the executors.
   *
   * @param spark the context
   * @param works an SAE each
   * @param shared the folder of runs, the same path on all machines
   * @param checkpointEvery steps between checkpoints: what a killed task loses at most
   * @return the folders of the trained SAEs, in the order of the works
   */
  static List<String> train(
      JavaSparkContext spark, List<Work> works, String shared, long checkpointEvery) {
    return spark
        .parallelize(works, works.size())
        .map(work -> train(work, Path.of(shared), checkpointEvery, taskThreads()).toString())
        .collect();
  }

  /**
   * Threads of a task: {@code spark.task.cpus}, so that the tasks of an executor do not compete.
   */
  private static int taskThreads() {
    return TaskContext.get() == null ? 1 : TaskContext.get().cpus();
  }

  /** Begins a run, goes on with it, or finds it finished. */
  static Path train(Work work, Path shared, long checkpointEvery, int threads) throws IOException {
    RunFolder run = new RunFolder(shared.resolve(work.name()));
    DeviceOptions options = new DeviceOptions(OptionalInt.of(threads), OptionalInt.empty());
    Optional<String> tensor =
        work.tensor().isEmpty() ? Optional.empty() : Optional.of(work.tensor());
    try (Device device = Devices.open("auto", options);
        ActivationFiles rows = ActivationFiles.open(work.activations(), tensor)) {
      TrainingConfig config = TrainingConfig.fromMap(work.options());
      TrainingData data = TrainingData.of(rows, Optional.empty(), config.data().evalFraction());
      CheckpointSchedule schedule = new CheckpointSchedule(checkpointEvery, 0, 10, 1);
      TrainingRun.Settings settings =
          new TrainingRun.Settings(run, schedule, false, 10, Map.of(), Map.of());
      TrainingRun training = new TrainingRun(settings, config, data, device, TrainingListener.NONE);
      if (run.used()) {
        training.resume(Optional.empty(), Optional.empty(), () -> false);
      } else {
        training.start(Optional.empty(), () -> false);
      }
      return run.trained();
    }
  }
}
