package io.github.sae4j.bench;

import io.github.sae4j.bench.results.Check;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.scene.Reference;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * One vector at a time, against the time it takes to read the encoder once, and a few at a time;
 * from W_enc itself and from copies of it in fewer bits, whose codes must be the same.
 */
public final class Serving {
  private static final int WARMUPS = 200;

  /** Different rows, so that no encoder sees the same candidates again. */
  private static final int ROWS = 64;

  private static final ServingPrecision[] PRECISIONS = {
    ServingPrecision.F32, ServingPrecision.BF16, ServingPrecision.INT8
  };

  private Serving() {}

  /** Times single-vector encoding and the read probe on a matrix of the encoder's size. */
  static Section run(Setup setup, Shape shape) {
    Shape one = new Shape(1, shape.dIn(), shape.dSae(), shape.k());
    Section section = new Section("One vector: " + one);
    List<Contender> contenders = new ArrayList<>();
    List<Encoder> encoders = new ArrayList<>();
    try (Scene scene = setup.scene(new Shape(ROWS, shape.dIn(), shape.dSae(), shape.k()))) {
      for (int threads : Probes.counts(setup)) {
        Contender read = Probes.read(setup, scene.wDec(), threads);
        contenders.add(read);
        section.work(read.name(), one.weightBytes(), "GB/s");
        if (setup.options().ours()) {
          add(setup, scene, 1, threads, section, contenders, encoders);
        }
      }
      section.add(setup.runs().time(contenders));
      encoders.forEach(Encoder::close);
    }
    OptionalDouble encode = section.fastest(name(1, ServingPrecision.F32));
    OptionalDouble read = section.fastest(Probes.READ);
    if (encode.isPresent()) {
      section.add(
          Ratio.atLeast(
                  "encode one vector: bandwidth / read probe",
                  read.getAsDouble() / encode.getAsDouble(),
                  0.85)
              .heldIf(shape.equals(Shape.HELD)));
      for (int threads : Probes.counts(setup)) {
        compare(section, 1, setup.suffix(threads), shape.equals(Shape.HELD));
      }
    }
    return section;
  }

  /** Times batches of 2 to 64 rows, with all threads. */
  static Section runFew(Setup setup, Shape shape) {
    Shape some = new Shape(ROWS, shape.dIn(), shape.dSae(), shape.k());
    Section section = new Section("Few rows: " + some);
    if (!setup.options().ours()) {
      return section;
    }
    List<Contender> contenders = new ArrayList<>();
    List<Encoder> encoders = new ArrayList<>();
    int threads = setup.options().threads();
    try (Scene scene = setup.scene(some)) {
      for (int rows = 2; rows <= ROWS; rows *= 2) {
        add(setup, scene, rows, threads, section, contenders, encoders);
      }
      section.add(setup.runs().time(contenders));
      encoders.forEach(Encoder::close);
    }
    for (int rows = 2; rows <= ROWS; rows *= 2) {
      compare(section, rows, "", false);
    }
    return section;
  }

  /** An encoder of each precision, its codes compared with the reference's or those of f32. */
  private static void add(
      Setup setup,
      Scene scene,
      int rows,
      int threads,
      Section section,
      List<Contender> contenders,
      List<Encoder> encoders) {
    Device device = setup.device(threads);
    Ranked topK = Ranked.topK(scene.shape().k(), Relu.BEFORE);
    SparseCodes expected = scene.memory().codes(ROWS, scene.shape().k());
    SparseCodes codes = scene.memory().codes(ROWS, scene.shape().k());
    for (ServingPrecision precision : PRECISIONS) {
      Encoder prepared = device.encoder(scene.encoder(), topK, precision);
      encoders.add(prepared);
      int[] next = {0};
      Contender encode =
          new Contender(
              name(rows, precision) + setup.suffix(threads),
              threads,
              WARMUPS,
              () -> {
                int from = next[0];
                next[0] = (from + rows) % ROWS;
                prepared.encode(scene.x().rows(from, rows), codes.firstRows(rows));
              });
      SparseCodes all = precision == ServingPrecision.F32 ? expected : codes;
      for (int from = 0; from < ROWS; from += rows) {
        prepared.encode(scene.x().rows(from, rows), all.rows(from, rows));
      }
      section.add(
          precision == ServingPrecision.F32
              ? new Check(encode.name(), Reference.codesError(scene, expected), 1e-5)
              : new Check(encode.name() + ", codes that differ", differing(expected, codes), 0));
      Matrix w = scene.wEnc();
      double bytes =
          precision == ServingPrecision.F32
              ? 4.0 * w.rows() * w.cols()
              : precision.copyBytes(w.cols(), w.rows());
      section.work(encode.name(), bytes, "GB/s");
      contenders.add(encode);
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
    OptionalDouble plain = section.seconds(name(rows, ServingPrecision.F32) + suffix);
    for (ServingPrecision precision : PRECISIONS) {
      OptionalDouble other = section.seconds(name(rows, precision) + suffix);
      if (precision != ServingPrecision.F32 && plain.isPresent() && other.isPresent()) {
        section.add(
            Ratio.atLeast(
                    name(rows, precision) + suffix + ": f32's time / its",
                    plain.getAsDouble() / other.getAsDouble(),
                    precision == ServingPrecision.INT8 ? 2.3 : 1.7)
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
