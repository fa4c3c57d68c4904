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
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/** One vector at a time, against the time it takes to read the encoder once. */
public final class Serving {
  private static final int WARMUPS = 200;

  private Serving() {}

  /** Times single-vector encoding and the read probe on a matrix of the encoder's size. */
  static Section run(Setup setup, Shape shape) {
    Shape one = new Shape(1, shape.dIn(), shape.dSae(), shape.k());
    Section section = new Section("One vector: " + one);
    List<Contender> contenders = new ArrayList<>();
    List<Encoder> encoders = new ArrayList<>();
    try (Scene scene = setup.scene(one)) {
      Matrix other = scene.wDec();
      SparseCodes codes = scene.memory().codes(1, one.k());
      for (int threads : Probes.counts(setup)) {
        contenders.add(Probes.read(setup, other, threads));
        if (setup.options().ours()) {
          Device device = setup.device(threads);
          Encoder prepared = device.encoder(scene.encoder(), Ranked.topK(one.k(), Relu.BEFORE));
          encoders.add(prepared);
          Contender encode =
              new Contender(
                  "sae4j encode one vector" + setup.suffix(threads),
                  threads,
                  WARMUPS,
                  () -> prepared.encode(scene.x(), codes));
          encode.body().run();
          section.add(new Check(encode.name(), Reference.codesError(scene, codes), 1e-5));
          contenders.add(encode);
        }
      }
      contenders.forEach(contender -> section.work(contender.name(), one.weightBytes(), "GB/s"));
      section.add(setup.runs().time(contenders));
      encoders.forEach(Encoder::close);
    }
    OptionalDouble encode = section.fastest("sae4j encode one vector");
    OptionalDouble read = section.fastest(Probes.READ);
    if (encode.isPresent()) {
      section.add(
          Ratio.atLeast(
                  "encode one vector: bandwidth / read probe",
                  read.getAsDouble() / encode.getAsDouble(),
                  0.85)
              .heldIf(shape.equals(Shape.HELD)));
    }
    return section;
  }
}
