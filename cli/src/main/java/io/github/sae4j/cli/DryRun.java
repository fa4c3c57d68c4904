package io.github.sae4j.cli;

import io.github.sae4j.cli.console.Durations;
import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.machine.EncoderSpeed;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.config.ConfigWarnings;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.CounterRandom;
import io.github.sae4j.numerics.RandomPurpose;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.training.TrainingData;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import picocli.CommandLine.Model.CommandSpec;

/** Describes a run without starting it: configuration, memory and a rough time. */
final class DryRun {
  private static final long MEBI = 1 << 20;

  /** Time of a step over that of its encoder, if no latent is dead. */
  private static final double STEP_OVER_ENCODER = 1.3;

  /** The same if many are dead and memory is slow. */
  private static final double STEP_OVER_ENCODER_AT_MOST = 2.5;

  private static final int PROBE_ROWS = 512;
  private static final int PROBE_LATENTS = 4096;

  private final TrainingConfig config;
  private final TrainingData data;
  private final Device device;
  private final StepSpec step;
  private final int parallelism;
  private final long steps;

  /**
   * A run that will not be started.
   *
   * @param parallelism threads that the device divides its work among; 0 if it does not use the CPU
   */
  DryRun(TrainingConfig config, TrainingData data, Device device, int parallelism) {
    this.parallelism = parallelism;
    this.config = config;
    this.data = data;
    this.device = device;
    OptionalDouble anyScale = OptionalDouble.of(1);
    step = config.stepSpec(data.dIn(), data.dOut(), anyScale);
    steps = config.steps(data.training().rows());
  }

  /**
   * Prints it.
   *
   * @return the exit code: bad usage if the machine does not have the memory
   */
  int print(CommandSpec spec, boolean json) {
    Map<String, Object> found = new LinkedHashMap<>();
    found.put("training", config.resolved(data.dIn()).toMap());
    found.put("d_in", step.shape().dIn());
    found.put("d_out", step.shape().dOut());
    found.put("training_rows", data.training().rows());
    found.put("held_out_rows", data.heldOut().map(rows -> rows.rows()).orElse(0L));
    found.put("steps", steps);
    StepExecution execution = device.execution(step);
    found.put("step_fused", execution.fused());
    found.put("step_reason", execution.reason());
    Map<String, Long> memory =
        memory(MachineMemory.plan(config, step.shape().dIn(), step.shape().dOut(), device));
    found.put("memory_bytes", new LinkedHashMap<String, Object>(memory));
    MachineMemory machine = MachineMemory.now();
    Optional<String> tooLarge =
        machine.complaint(config, step.shape().dIn(), step.shape().dOut(), device);
    found.put("machine_bytes", machine.bytes());
    found.put("fits", tooLarge.isEmpty());
    EncoderSpeed speed = EncoderSpeed.measure(this::probe, parallelism);
    double work = steps * 2.0 * step.shape().rows() * size() / probeOperations();
    double least = work * speed.idleSeconds() * STEP_OVER_ENCODER;
    double most = work * speed.busySeconds() * STEP_OVER_ENCODER_AT_MOST;
    found.put("encoder_flops_per_second", probeOperations() / speed.idleSeconds());
    found.put("estimated_seconds_from", least);
    found.put("estimated_seconds_to", most);
    List<String> warnings = ConfigWarnings.of(config, steps);
    found.put("warnings", new ArrayList<Object>(warnings));
    if (json) {
      CommandLineApp.print(spec, Json.line(found));
      return verdict(tooLarge);
    }
    CommandLineApp.printLines(spec, Json.pretty(found.get("training")));
    CommandLineApp.print(
        spec,
        String.format(
            "data     %d rows of width %d%s to train on, %s held out",
            data.training().rows(),
            step.shape().dIn(),
            data.paired() ? " with " + step.shape().pairs() + " of width " + data.dOut() : "",
            found.get("held_out_rows")));
    CommandLineApp.print(
        spec,
        String.format(
            "run      %d steps of %d rows, %d latents",
            steps, step.shape().rows(), step.shape().dSae()));
    CommandLineApp.print(spec, "steps    " + execution + " on " + device.name());
    CommandLineApp.print(
        spec,
        "memory   (n latents, d width, d_out that of targets, B rows of a step, k latents per"
            + " row):");
    memory.forEach(
        (what, bytes) ->
            CommandLineApp.print(
                spec, String.format(Locale.ROOT, "%12.1f MiB  %s", bytes / (double) MEBI, what)));
    CommandLineApp.print(
        spec,
        String.format(
            Locale.ROOT,
            "%12.1f MiB  of the machine or its container, %.1f MiB of them for the Java heap",
            machine.bytes() / (double) MEBI,
            machine.heapBytes() / (double) MEBI));
    CommandLineApp.printWrapped(
        spec,
        String.format(
            Locale.ROOT,
            "time: about %s to %s, by steps x 2 B d n operations at %.1f GFLOP/s, measured on a"
                + " small encoder on %s, times %.1f to %.1f for the rest of a step; the first is"
                + " what an idle machine would take, the second what this one takes as busy as it"
                + " is now (%.1f GFLOP/s); waiting for files adds to it",
            Durations.text(least),
            Durations.text(most),
            probeOperations() / speed.idleSeconds() * 1e-9,
            device.name(),
            STEP_OVER_ENCODER,
            STEP_OVER_ENCODER_AT_MOST,
            probeOperations() / speed.busySeconds() * 1e-9));
    warnings.forEach(line -> Terminal.say("sae4j: warning: " + Terminal.harmless(line)));
    return verdict(tooLarge);
  }

  private static int verdict(Optional<String> tooLarge) {
    tooLarge.ifPresent(line -> Terminal.say("sae4j: memory: " + line));
    return tooLarge.isPresent() ? ExitCode.USAGE : ExitCode.DONE;
  }

  private long size() {
    return (long) step.shape().dSae() * step.shape().dIn();
  }

  /** The device's own plan, which a test compares with its real allocations. */
  private static Map<String, Long> memory(MemoryPlan plan) {
    Map<String, Long> memory = new LinkedHashMap<>();
    plan.parts().forEach(part -> memory.put(part.name(), part.bytes()));
    memory.put("in all", plan.bytes());
    memory.put("of that on the Java heap", plan.heapBytes());
    return memory;
  }

  private int probeLatents() {
    return Math.min(step.shape().dSae(), PROBE_LATENTS);
  }

  private int probeRows() {
    return Math.min(step.shape().rows(), PROBE_ROWS);
  }

  private double probeOperations() {
    return 2.0 * probeRows() * probeLatents() * step.shape().dIn();
  }

  /** Lends a small encoder, which encodes one batch per call. */
  private void probe(Consumer<Runnable> measuring) {
    int latents = probeLatents();
    try (OffHeap memory = device.openMemory()) {
      Matrix x = random(memory.matrix(probeRows(), step.shape().dIn()), 0);
      Matrix w = random(memory.matrix(latents, step.shape().dIn()), x.size());
      Activation probed = probed(latents);
      SparseCodes codes = memory.codes(probeRows(), Math.max(1, probed.fixedLength().orElse(1)));
      EncoderWeights encoder = new EncoderWeights(w, memory.vector(latents), null, null);
      measuring.accept(() -> device.encode(encoder, x, probed, codes));
    }
  }

  /** The run's activation; a threshold is one that leaves few latents, as training will. */
  private Activation probed(int latents) {
    return switch (config.activation()) {
      case Ranked all -> all.withK(Math.min(all.k(), latents));
      case Threshold any -> Threshold.jumpRelu(Float.MAX_VALUE);
    };
  }

  private static Matrix random(Matrix matrix, long first) {
    CounterRandom random = new CounterRandom(0, RandomPurpose.SYNTHETIC);
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        long index = first + (long) i * matrix.cols() + j;
        matrix.set(i, j, (float) (random.uniform(index) - 0.5));
      }
    }
    return matrix;
  }
}
