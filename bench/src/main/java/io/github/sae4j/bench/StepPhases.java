package io.github.sae4j.bench;

import io.github.sae4j.bench.probes.PeakFlops;
import io.github.sae4j.bench.probes.ReadBandwidth;
import io.github.sae4j.bench.probes.UpdateBandwidth;
import io.github.sae4j.bench.results.AlternatingRuns;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.internal.vector.runtime.PoolMeter;
import io.github.sae4j.internal.vector.runtime.PoolMeter.PhaseTime;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The parts of a step: the time of each, beside it the time that its bytes take at the bandwidth
 * (or its product at the peak) measured in the same run; the serial part, in which fewer threads
 * work than there are; and what follows for more cores.
 */
public final class StepPhases {
  /** The cores that a step is predicted for. */
  private static final List<Integer> CORES = List.of(8, 16, 64);

  /** Most of a step and of an evaluation that may be serial. */
  private static final double SERIAL = 0.01;

  private static final String EVALUATION = "evaluation";

  /** Batches of an evaluation. */
  private static final int EVALUATED = 4;

  private static final int PROBE_FLOATS = 1 << 24;

  /** What the machine does in a second, all threads together. */
  private record Machine(double flops, double read, double update) {}

  /**
   * One phase.
   *
   * @param name its name
   * @param wall seconds, one entry a round
   * @param serial seconds of it in which fewer threads worked than there are
   * @param floor seconds that its bytes, or its product, take here
   * @param computes whether that is a product, which more cores make faster whatever memory does
   */
  private record Part(
      String name, double[] wall, double[] serial, double floor, boolean computes) {}

  private final Setup setup;
  private final Shape shape;
  private final int threads;
  private final VectorDevice device;
  private final Section section;

  private StepPhases(Setup setup, Shape shape, VectorDevice device) {
    this.setup = setup;
    this.shape = shape;
    this.threads = setup.options().threads();
    this.device = device;
    this.section = new Section("Parts of a step: " + shape);
  }

  /** Measures; an empty table if our device has no worker pool. */
  static Section run(Setup setup, Shape shape) {
    return setup.device() instanceof VectorDevice device
        ? new StepPhases(setup, shape, device).run()
        : new Section("Parts of a step: none of this device");
  }

  private Section run() {
    try (Scene scene = setup.scene(shape)) {
      Machine machine = probe(scene);
      int fired = fired(scene);
      for (Recipe recipe : Setup.RECIPES) {
        List<Part> parts;
        try (DeviceStep step = new DeviceStep(device, recipe, scene)) {
          parts = parts("step " + Setup.label(recipe), step::run, machine, fired);
        }
        report("step " + Setup.label(recipe), parts);
        predict("step " + Setup.label(recipe), parts);
      }
      try (SparseAutoencoder sae = sae(scene)) {
        List<Part> parts = parts(EVALUATION, evaluation(sae, scene), machine, fired);
        serialShare(EVALUATION, parts);
        predict(EVALUATION, parts);
      }
    }
    return section;
  }

  private Machine probe(Scene scene) {
    List<Matrix> streams = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Matrix stream = scene.memory().matrix(1 << 8, PROBE_FLOATS >> 8);
      stream.fill(1f);
      streams.add(stream);
    }
    Contender peak = Probes.peak(setup, threads);
    Contender read =
        new Contender(
            Probes.READ,
            threads,
            20,
            () -> {
              for (Matrix stream : streams) {
                if (Float.isNaN(ReadBandwidth.sum(stream, threads))) {
                  throw new IllegalStateException("bandwidth probe: wrong result");
                }
              }
            });
    Contender update =
        new Contender(
            "update-in-place probe",
            threads,
            20,
            () -> UpdateBandwidth.run(streams.get(0), streams.get(1), streams.get(2), threads));
    section.work(peak.name(), PeakFlops.flops(threads), "GFLOP/s");
    section.work(read.name(), 3 * 4.0 * PROBE_FLOATS, "GB/s");
    section.work(update.name(), UpdateBandwidth.bytes(streams.get(0)), "GB/s");
    AlternatingRuns runs = setup.runs();
    section.add(runs.time(List.of(peak, read, update)));
    return new Machine(
        1e9 * section.rate(peak.name()),
        1e9 * section.rate(read.name()),
        1e9 * section.rate(update.name()));
  }

  /** How many latents the batch selects. */
  private int fired(Scene scene) {
    SparseCodes codes = scene.memory().codes(shape.batch(), shape.k());
    device.encode(scene.encoder(), scene.x(), Ranked.topK(shape.k(), Relu.BEFORE), codes);
    boolean[] fired = new boolean[shape.dSae()];
    int count = 0;
    for (int b = 0; b < codes.rows(); b++) {
      for (int slot = 0; slot < codes.length(b); slot++) {
        int latent = codes.index(b, slot);
        count += fired[latent] ? 0 : 1;
        fired[latent] = true;
      }
    }
    return count;
  }

  private SparseAutoencoder sae(Scene scene) {
    SaeWeights weights = SaeWeights.allocate(device, shape.dIn(), shape.dSae());
    weights.wEnc().copyFrom(scene.wEnc());
    weights.wDec().copyFrom(scene.wDec());
    weights.bEnc().copyFrom(scene.bEnc());
    weights.bDec().copyFrom(scene.bDec());
    SaeConfig config = SaeConfig.topK(shape.dIn(), shape.dSae(), shape.k());
    return new SparseAutoencoder(device, config, weights);
  }

  private Runnable evaluation(SparseAutoencoder sae, Scene scene) {
    Evaluator evaluator = new Evaluator(sae, shape.batch());
    Matrix rows = scene.memory().matrix(EVALUATED * shape.batch(), shape.dIn());
    float[] row = new float[shape.dIn()];
    for (int b = 0; b < rows.rows(); b++) {
      scene.x().read(b % shape.batch(), 1, row, 0);
      rows.write(b, 1, row, 0);
    }
    MatrixSource source = new MatrixSource(rows, "batches");
    return () -> {
      try {
        evaluator.evaluate(source);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  /** Runs and takes the median of every phase. */
  private List<Part> parts(String what, Runnable body, Machine machine, int fired) {
    new Contender(what, threads, Setup.OUR_WARMUPS, setup.warmSeconds(), body).warmUp();
    int rounds = Math.max(5, setup.options().rounds());
    Map<String, double[]> walls = new LinkedHashMap<>();
    Map<String, double[]> serials = new LinkedHashMap<>();
    PoolMeter meter = new PoolMeter(threads);
    device.pool().measure(meter);
    for (int round = 0; round < rounds; round++) {
      meter.start(what.equals(EVALUATION) ? EVALUATION : "between the parts");
      body.run();
      for (PhaseTime time : meter.stop()) {
        walls.computeIfAbsent(time.name(), name -> new double[rounds])[round] = time.nanos() * 1e-9;
        serials.computeIfAbsent(time.name(), name -> new double[rounds])[round] =
            time.serialNanos() * 1e-9;
      }
    }
    device.pool().measure(null);
    List<Part> parts = new ArrayList<>();
    walls.forEach(
        (name, wall) -> {
          boolean computes = name.startsWith("encode");
          double floor =
              computes
                  ? shape.productFlops() / machine.flops()
                  : bytes(name, fired)
                      / (name.contains("update") ? machine.update() : machine.read());
          parts.add(new Part(name, wall, serials.get(name), floor, computes));
          if (!name.equals(what)) {
            time(what + ": " + name, wall);
          }
        });
    return parts;
  }

  /** Puts a time into the table. */
  private Timing time(String name, double[] seconds) {
    Timing timing = new Timing(name, threads, seconds);
    section.add(Map.of(name, timing));
    return timing;
  }

  /** The sum of some numbers of the parts, round by round. */
  private static double[] sum(List<Part> parts, Function<Part, double[]> seconds) {
    double[] sum = new double[parts.getFirst().wall().length];
    for (Part part : parts) {
      double[] some = seconds.apply(part);
      Arrays.setAll(sum, round -> sum[round] + some[round]);
    }
    return sum;
  }

  /**
   * Bytes that a phase must move between memory and the caches, each counted once where the caches
   * can keep it; 0 where that is next to nothing.
   */
  private double bytes(String phase, int fired) {
    double batch = 4.0 * shape.batch() * shape.dIn();
    double rows = 4.0 * fired * shape.dIn();
    double matrix = shape.weightBytes();
    return switch (phase) {
      case "input" -> 5 * batch;
      case "decode, code gradients", "decode" -> rows + 2 * batch;
      case "residual" -> 4 * batch;
      case "gradients W_dec" -> rows + batch;
      case "gradients W_enc", "b_dec" -> batch;
      case "b_dec through input" -> rows;
      case "update" -> 12 * matrix + 2 * batch;
      case "gradients, update W_dec", "gradients, update W_enc" -> 6 * matrix + batch;
      // Rows are copied twice; W_enc, the selected rows of W_dec, the kernels over rows and
      // outputs.
      case EVALUATION -> EVALUATED * (matrix + rows + (2 * 2 + 12) * batch);
      default -> 0;
    };
  }

  private void report(String what, List<Part> parts) {
    for (Part part : parts) {
      if (part.floor() > 0) {
        overFloor(
            what + ": " + part.name(), section.timing(what + ": " + part.name()), part.floor());
      }
    }
    List<Part> rest = parts.stream().filter(part -> !part.computes()).toList();
    time(what + ": all beside the encode", sum(rest, Part::wall));
    overFloor(
        what + ": all beside the encode",
        section.timing(what + ": all beside the encode"),
        rest.stream().mapToDouble(Part::floor).sum());
    serialShare(what, parts);
  }

  private void overFloor(String what, Optional<Timing> time, double floor) {
    section.add(
        Ratio.of(
            String.format(Locale.ROOT, "%s: time / floor of %.2f ms", what, 1e3 * floor),
            time.orElseThrow(),
            floor));
  }

  private void serialShare(String what, List<Part> parts) {
    Timing serial = time(what + ": serial", sum(parts, Part::serial));
    Timing all = time(what + ": all", sum(parts, Part::wall));
    section.add(Ratio.of(what + ": serial share", serial, all).atMost(SERIAL));
  }

  /**
   * Every phase takes its serial part, which more threads do not shorten, and the rest divided by
   * the cores, but no less than its bytes take: with memory as fast as here, and with memory as
   * much faster as there are more cores. An evaluation is one phase, whose bytes are those of its
   * batches.
   */
  private void predict(String what, List<Part> parts) {
    for (int cores : CORES) {
      for (boolean scales : new boolean[] {false, true}) {
        String name =
            String.format(
                Locale.ROOT,
                "%s predicted, memory %s, %d cores",
                what,
                scales ? "faster by the cores" : "as fast as here",
                cores);
        double[] seconds =
            sum(
                parts,
                part -> {
                  double[] each = new double[part.wall().length];
                  double least = scales || part.computes() ? 0 : part.floor();
                  Arrays.setAll(
                      each,
                      round -> {
                        double serial = part.serial()[round];
                        double shared = (part.wall()[round] - serial) * threads / cores;
                        return serial + Math.max(shared, least);
                      });
                  return each;
                });
        section.add(Map.of(name, new Timing(name, cores, seconds)));
      }
    }
  }
}
