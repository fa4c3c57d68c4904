package org.example.service;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** {@code serve [SAE [PORT]]} serves an SAE, {@code load [SAE]} puts a server under load. */
public final class Main {
  private static final int PORT = 8080;
  private static final int CLIENTS = 4;
  private static final int REQUESTS = 2500;

  private Main() {}

  /**
   * Runs a command.
   *
   * @param args the command and what it takes
   * @throws Exception if it fails
   */
  public static void main(String[] args) throws Exception {
    String command = args.length == 0 ? "serve" : args[0];
    Path sae = args.length > 1 ? Path.of(args[1]) : trained();
    switch (command) {
      case "serve" -> serve(sae, args.length > 2 ? Integer.parseInt(args[2]) : PORT);
      case "load" -> load(sae);
      default -> System.out.println("expected serve [SAE [PORT]] or load [SAE]");
    }
  }

  private static void serve(Path folder, int port) throws IOException, InterruptedException {
    // Requests bring the parallelism; one thread an SAE is enough for single rows.
    DeviceOptions options = new DeviceOptions(OptionalInt.of(1), OptionalInt.empty());
    try (Device device = Devices.open("auto", options);
        SparseAutoencoder sae = SaeCheckpoint.load(folder, device);
        EncodeServer server = new EncodeServer(sae, port)) {
      System.out.println(
          "serving d_in " + sae.config().dIn() + " on http://127.0.0.1:" + server.port());
      Thread.currentThread().join(); // until the process is ended
    }
  }

  /** Starts a server in a process of its own, and sends it requests. */
  private static void load(Path folder) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of("serve", folder.toString(), "0"));
    Process server =
        new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.to(new File("/dev/null")))
            .start();
    try (BufferedReader out = server.inputReader()) {
      String line = out.readLine();
      if (line == null) {
        throw new IOException("the server did not start");
      }
      int port = Integer.parseInt(line.substring(line.lastIndexOf(':') + 1));
      int dIn = Integer.parseInt(line.split(" ")[2]);
      LoadTest load = new LoadTest(port, dIn);
      System.out.println("at the start: " + load.memory().text());
      System.out.println("warming up:   " + load.encode(CLIENTS, REQUESTS / 5).text());
      System.out.println("under load:   " + load.encode(CLIENTS, REQUESTS).text());
      System.out.println("at the end:   " + load.memory().text());
    } finally {
      server.destroy();
      server.waitFor();
    }
  }

  /** An SAE of the repository's sample, trained for some seconds if it is not there yet. */
  private static Path trained() throws IOException {
    Path home = Path.of(System.getProperty("example.home", "examples/embed"));
    RunFolder run = new RunFolder(home.resolve("target/work/sae"));
    if (Files.isDirectory(run.trained())) {
      return run.trained();
    }
    TrainingConfig config =
        TrainingConfig.fromMap(
            Map.of("d_sae", 16384, "k", 32, "steps", 30, "train_batch_size", 512, "lr", 1e-3));
    Path sample = home.resolve("../../sample/minilm-l3-sample.safetensors");
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        ActivationFiles rows = ActivationFiles.open(List.of(sample.toString()), Optional.empty())) {
      TrainingData data = TrainingData.of(rows, Optional.empty(), 0);
      TrainingRun.Settings settings =
          new TrainingRun.Settings(run, CheckpointSchedule.DEFAULT, false, 10, Map.of(), Map.of());
      new TrainingRun(settings, config, data, device, TrainingListener.NONE)
          .start(Optional.empty(), () -> false);
    }
    return run.trained();
  }
}
