package io.github.sae4j.bench;

import io.github.sae4j.bench.results.Check;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.bench.scene.Reference;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * One vector at a time, against the time it takes to read the encoder once, and a few at a time;
 * from W_enc itself and from copies of it in fewer bits, whose codes must be the same.
 */
public final class Serving {
  /** Untimed calls of a single row; of several rows as many fewer. */
  private static final int WARMUPS = 200;

  private static final double WARM_SECONDS = 0.3;

  /** Different rows, so that no encoder sees the same candidates again. */
  private static final int ROWS = 256;

  /** Rows of a call by threshold. */
  private static final int[] SOME = {1, 8, 64, 256};

  private static final ServingPrecision[] PRECISIONS = {
    ServingPrecision.F32, ServingPrecision.BF16, ServingPrecision.INT8
  };

  private Serving() {}

  /** Times single-vector encoding and the read probe on a matrix of the encoder's size. */
  static Section run(Setup setup, Shape shape) {
    Shape one = new Shape(1, shape.dIn(), shape.dSae(), shape.k());
    Section section = new Section("One vector: " + one);
    List<Contender> contenders = new ArrayList<>();
    try (Scene scene = setup.scene(new Shape(ROWS, shape.dIn(), shape.dSae(), shape.k()));
        Encoders encoders = new Encoders(setup, scene, topK(scene))) {
      for (int threads : Probes.counts(setup)) {
        Contender read = Probes.read(setup, scene.wDec(), threads);
        contenders.add(read);
        section.work(read.name(), one.weightBytes(), "GB/s");
        if (setup.options().ours()) {
          encoders.add(1, threads, section, contenders);
        }
      }
      section.add(setup.runs().time(contenders));
    }
    // Not fastest(): the copies' names begin with that of f32.
    Optional<Timing> encode =
        Probes.counts(setup).stream()
            .flatMap(
                threads ->
                    section.timing(name(1, ServingPrecision.F32) + setup.suffix(threads)).stream())
            .min(Comparator.comparingDouble(Timing::median));
    Optional<Timing> read = section.fastestTiming(Probes.READ);
    if (encode.isPresent()) {
      section.add(
          Ratio.of("encode one vector: bandwidth / read probe", read.orElseThrow(), encode.get())
              .atLeast(0.85)
              .heldIf(shape.equals(Shape.HELD)));
      for (int threads : Probes.counts(setup)) {
        compare(section, 1, setup.suffix(threads), shape.equals(Shape.HELD));
      }
    }
    return section;
  }

  /** Times batches of 2 to 256 rows, with all threads. */
  static Section runFew(Setup setup, Shape shape) {
    Shape some = new Shape(ROWS, shape.dIn(), shape.dSae(), shape.k());
    Section section = new Section("Few rows: " + some);
    if (!setup.options().ours()) {
      return section;
    }
    List<Contender> contenders = new ArrayList<>();
    int threads = setup.options().threads();
    try (Scene scene = setup.scene(some);
        Encoders encoders = new Encoders(setup, scene, topK(scene))) {
      for (int rows = 2; rows <= ROWS; rows *= 2) {
        encoders.add(rows, threads, section, contenders);
      }
      section.add(setup.runs().time(contenders));
    }
    for (int rows = 2; rows <= ROWS; rows *= 2) {
      compare(section, rows, "", false);
    }
    return section;
  }

  /**
   * Times codes by threshold, with all threads.
   *
   * @param share of all latents that are active
   */
  static Section runByThreshold(Setup setup, Shape shape, double share) {
    int active = (int) Math.max(1, share * shape.dSae());
    Shape some = new Shape(ROWS, shape.dIn(), shape.dSae(), Math.min(active, shape.k()));
    Section section = new Section("By threshold, about " + active + " latents active: " + some);
    if (!setup.options().ours()) {
      return section;
    }
    List<Contender> contenders = new ArrayList<>();
    int threads = setup.options().threads();
    try (Scene scene = setup.scene(some);
        Encoders encoders = new Encoders(setup, scene, threshold(setup, scene, active))) {
      for (int rows : SOME) {
        encoders.add(rows, threads, section, contenders);
      }
      section.add(setup.runs().time(contenders));
    }
    for (int rows : SOME) {
      compare(section, rows, "", false);
    }
    return section;
  }

  private static Activation topK(Scene scene) {
    return Ranked.topK(scene.shape().k(), Relu.BEFORE);
  }

  /** The threshold that about so many latents of the first row exceed. */
  private static Activation threshold(Setup setup, Scene scene, int active) {
    SparseCodes codes = scene.memory().codes(1, active);
    setup
        .device(setup.options().threads())
        .encode(scene.encoder(), scene.x().firstRows(1), Ranked.topK(active, Relu.BEFORE), codes);
    float least = Float.POSITIVE_INFINITY;
    for (int slot = 0; slot < active; slot++) {
      least = Math.min(least, codes.value(0, slot));
    }
    return Threshold.jumpRelu(least);
  }

  /** Encoders of each precision, of an activation and for a number of threads. */
  private static final class Encoders implements AutoCloseable {
    private final Setup setup;
    private final Scene scene;
    private final Activation activation;
    private final List<Encoder> open = new ArrayList<>();
    private final Map<String, Encoder> known = new HashMap<>();

    Encoders(Setup setup, Scene scene, Activation activation) {
      this.setup = setup;
      this.scene = scene;
      this.activation = activation;
    }

    private Encoder of(ServingPrecision precision, int threads) {
      return known.computeIfAbsent(
          precision + " " + threads,
          name -> {
            Encoder made = setup.device(threads).encoder(scene.encoder(), activation, precision);
            open.add(made);
            return made;
          });
    }

    /** A contender of each precision, its codes compared with the reference's or those of f32. */
    void add(int rows, int threads, Section section, List<Contender> contenders) {
      int k = scene.shape().k();
      SparseCodes expected = scene.memory().codes(ROWS, k);
      SparseCodes codes = scene.memory().codes(ROWS, k);
      for (ServingPrecision precision : PRECISIONS) {
        Encoder prepared = of(precision, threads);
        int[] next = {0};
        Contender encode =
            new Contender(
                name(rows, precision) + setup.suffix(threads),
                threads,
                Math.ceilDiv(WARMUPS, rows),
                WARM_SECONDS,
                () -> {
                  int from = next[0];
                  next[0] = (from + rows) % ROWS;
                  prepared.encode(scene.x().rows(from, rows), codes.firstRows(rows));
                });
        boolean f32 = precision == ServingPrecision.F32;
        SparseCodes all = f32 ? expected : codes;
        for (int from = 0; from < ROWS; from += rows) {
          prepared.encode(scene.x().rows(from, rows), all.rows(from, rows));
        }
        if (!f32) {
          section.add(
              new Check(encode.name() + ", codes that differ", differing(expected, codes), 0));
        } else if (activation instanceof Ranked) {
          section.add(new Check(encode.name(), Reference.codesError(scene, expected), 1e-5));
        }
        Matrix w = scene.wEnc();
        double bytes = f32 ? 4.0 * w.rows() * w.cols() : precision.copyBytes(w.cols(), w.rows());
        section.work(encode.name(), bytes, "GB/s");
        contenders.add(encode);
      }
    }

    @Override
    public void close() {
      open.forEach(Encoder::close);
    }
  }

  private static String name(int rows, ServingPrecision precision) {
    String what = rows == 1 ? "sae4j encode one vector" : "sae4j encode " + rows + " rows";
    return precision == ServingPrecision.F32
        ? what
        : what + " " + precision.name().toLowerCase(Locale.ROOT);
  }

  /**
   * How many times as fast the copies are; the limits are those of one vector at the held shape.
   */
  private static void compare(Section section, int rows, String suffix, boolean held) {
    Optional<Timing> plain = section.timing(name(rows, ServingPrecision.F32) + suffix);
    for (ServingPrecision precision : PRECISIONS) {
      Optional<Timing> other = section.timing(name(rows, precision) + suffix);
      if (precision != ServingPrecision.F32 && plain.isPresent() && other.isPresent()) {
        section.add(
            Ratio.of(
                    name(rows, precision) + suffix + ": f32's time / its", plain.get(), other.get())
                .atLeast(precision == ServingPrecision.INT8 ? 2.3 : 1.7)
                .heldIf(held));
      }
    }
  }

  private static double differing(SparseCodes expected, SparseCodes codes) {
    int different = 0;
    for (int b = 0; b < expected.rows(); b++) {
      boolean same = expected.length(b) == codes.length(b);
      for (int slot = 0; same && slot < codes.length(b); slot++) {
        same =
            expected.index(b, slot) == codes.index(b, slot)
                && Float.floatToRawIntBits(expected.value(b, slot))
                    == Float.floatToRawIntBits(codes.value(b, slot));
      }
      different += same ? 0 : 1;
    }
    return (double) different / expected.rows();
  }
}
