package org.example.trainer;

import module io.github.sae4j.engine;
import module java.base;

/** Trains a small SAE on a file of activations, on the module path. */
public final class Train {
  private Train() {}

  /** Arguments: the activations, and a folder to put the run into. */
  public static void main(String[] args) throws IOException {
    train(args[0], Files.createTempDirectory(Path.of(args[1]), "run").resolve("sae"));
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT)) {
      if (!device.name().equals("cpu")) {
        throw new IllegalStateException("a module gets the SIMD kernels, not " + device.name());
      }
    }
  }

  private static void train(String file, Path folder) throws IOException {
    // What the README shows begins.
    TrainingConfig config =
        TrainingConfig.fromMap(
            Map.of("recipe", "saelens", "d_sae", 512, "k", 16, "steps", 20, "lr", 1e-3));
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        ActivationSource activations = ActivationFiles.open(List.of(file), Optional.empty())) {
      TrainingData data = TrainingData.of(activations, Optional.empty(), 0.05);
      RunFolder run = new RunFolder(folder);
      TrainingRun.Settings settings =
          new TrainingRun.Settings(run, CheckpointSchedule.DEFAULT, false, 10, Map.of(), Map.of());
      new TrainingRun(settings, config, data, device, TrainingListener.NONE)
          .start(Optional.empty(), () -> false); // An SAE to go on from; whether to stop early.
      try (SparseAutoencoder sae = SaeCheckpoint.load(run.trained(), device)) {
        System.out.println(new Evaluator(sae).evaluate(data.heldOut().orElseThrow()).toMap());
      }
    }
    // What the README shows ends.
  }
}
