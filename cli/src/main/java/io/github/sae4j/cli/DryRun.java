package io.github.sae4j.cli;

import io.github.sae4j.config.ConfigWarnings;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.format.Json;
import io.github.sae4j.kernels.Activation.Ranked;
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
import java.util.OptionalDouble;
import picocli.CommandLine.Model.CommandSpec;

/** What a run would be: its configuration, the memory and, roughly, the time it would take. */
final class DryRun {
  private static final long MEBI = 1 << 20;

  /** The rest of a step over its encoder, where no latent is dead. */
  private static final double STEP_OVER_ENCODER = 1.3;

  private static final int PROBE_ROWS = 512;
  private static final int PROBE_LATENTS = 4096;
  private static final double PROBE_SECONDS = 1;

  private final TrainingConfig config;
  private final TrainingData data;
  private final Device device;
  private final StepSpec step;
  private final long steps;

  DryRun(TrainingConfig config, TrainingData data, Device device) {
    this.config = config;
    this.data = data;
    this.device = device;
    OptionalDouble anyScale = OptionalDouble.of(1);
    step = config.stepSpec(data.training().width(), anyScale);
    steps = config.steps(data.training().rows());
  }

  void print(CommandSpec spec, boolean json) {
    Map<String, Object> found = new LinkedHashMap<>();
    found.put("training", config.resolved(data.training().width()).toMap());
    found.put("d_in", step.shape().dIn());
    found.put("training_rows", data.training().rows());
    found.put("held_out_rows", data.heldOut().map(rows -> rows.rows()).orElse(0L));
    found.put("steps", steps);
    StepExecution execution = device.execution(step);
    found.put("step_fused", execution.fused());
    found.put("step_reason", execution.reason());
    Map<String, Long> memory = memory(device.memoryPlan(step));
    found.put("memory_bytes", new LinkedHashMap<String, Object>(memory));
    double rate = encoderRate();
    double seconds = steps * 2.0 * step.shape().rows() * size() / rate * STEP_OVER_ENCODER;
    found.put("encoder_flops_per_second", rate);
    found.put("estimated_seconds", seconds);
    List<String> warnings = ConfigWarnings.of(config, steps);
    found.put("warnings", new ArrayList<Object>(warnings));
    if (json) {
      CommandLineApp.print(spec, Json.line(found));
      return;
    }
    CommandLineApp.print(spec, Json.pretty(found.get("training")).stripTrailing());
    CommandLineApp.print(
        spec,
        String.format(
            "data     %d rows of width %d to train on, %s held out",
            data.training().rows(), step.shape().dIn(), found.get("held_out_rows")));
    CommandLineApp.print(
        spec,
        String.format(
            "run      %d steps of %d rows, %d latents",
            steps, step.shape().rows(), step.shape().dSae()));
    CommandLineApp.print(spec, "steps    " + execution + " on " + device.name());
    CommandLineApp.print(spec, "memory   (n latents, d width, B rows of a step, k latents a row):");
    memory.forEach(
        (what, bytes) ->
            CommandLineApp.print(
                spec, String.format(Locale.ROOT, "%12.1f MiB  %s", bytes / (double) MEBI, what)));
    CommandLineApp.print(
        spec,
        String.format(
            Locale.ROOT,
            "time     about %s: steps x 2 B d n operations at %.1f GFLOP/s, measured now on a small"
                + " encoder on %s, times %.1f for the rest of a step; dead latents and waiting for"
                + " files add to it",
            Durations.text(seconds),
            rate * 1e-9,
            device.name(),
            STEP_OVER_ENCODER));
    warnings.forEach(line -> System.err.println("sae4j: warning: " + line));
  }

  private long size() {
    return (long) step.shape().dSae() * step.shape().dIn();
  }

  /** The device's own plan, which a test holds its real allocations to. */
  private static Map<String, Long> memory(MemoryPlan plan) {
    Map<String, Long> memory = new LinkedHashMap<>();
    plan.parts().forEach(part -> memory.put(part.name(), part.bytes()));
    memory.put("in all", plan.bytes());
    memory.put("of that on the Java heap", plan.heapBytes());
    return memory;
  }

  /** Operations a second of a small encoder, the best of repeated runs over about a second. */
  private double encoderRate() {
    int latents = Math.min(step.shape().dSae(), PROBE_LATENTS);
    int rows = Math.min(step.shape().rows(), PROBE_ROWS);
    try (OffHeap memory = device.openMemory()) {
      Matrix x = random(memory.matrix(rows, step.shape().dIn()), 0);
      Matrix w = random(memory.matrix(latents, step.shape().dIn()), x.size());
      Ranked topK = config.activation();
      topK = topK.withK(Math.min(topK.k(), latents));
      SparseCodes codes = memory.codes(rows, (int) topK.k());
      EncoderWeights encoder = new EncoderWeights(w, memory.vector(latents), null, null);
      double best = Double.POSITIVE_INFINITY;
      long began = System.nanoTime();
      do {
        long start = System.nanoTime();
        device.encode(encoder, x, topK, codes);
        best = Math.min(best, (System.nanoTime() - start) * 1e-9);
      } while ((System.nanoTime() - began) * 1e-9 < PROBE_SECONDS);
      return 2.0 * rows * latents * step.shape().dIn() / best;
    }
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
