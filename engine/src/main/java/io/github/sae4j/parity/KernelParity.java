package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Selection;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.parity.Inputs.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Runs every kernel of {@link Device} on ragged shapes and nasty numbers. */
final class KernelParity {
  /** Batch, d_in, d_sae and k. Sizes around lanes, tiles, panels and blocks. */
  private record Shape(int b, int d, int n, int k) {
    @Override
    public String toString() {
      return "B=" + b + " d=" + d + " n=" + n + " k=" + k;
    }
  }

  private static final List<Shape> SHAPES =
      List.of(
          new Shape(1, 1, 1, 1),
          new Shape(3, 7, 5, 2),
          new Shape(12, 16, 32, 32),
          new Shape(13, 17, 33, 4),
          new Shape(37, 100, 257, 70),
          new Shape(300, 33, 129, 5),
          new Shape(600, 48, 70, 9));

  /** A kernel applied to fresh inputs; returns what it wrote. */
  private interface Kernel {
    Object run(Device device, Inputs inputs, Shape shape, Kind kind);
  }

  private record Named(String name, Kernel kernel) {}

  private final Device device;
  private final Device oracle;
  private final long seed;

  KernelParity(Device device, Device oracle, long seed) {
    this.device = device;
    this.oracle = oracle;
    this.seed = seed;
  }

  List<ParityResult> run() {
    return run("");
  }

  /** Only the kernels whose name begins so. */
  List<ParityResult> run(String prefix) {
    List<ParityResult> results = new ArrayList<>();
    for (Named named : kernels()) {
      if (!named.name().startsWith(prefix)) {
        continue;
      }
      for (Shape shape : SHAPES) {
        for (Kind kind : Kind.values()) {
          results.add(compare(named, shape, kind));
        }
      }
    }
    return results;
  }

  private ParityResult compare(Named named, Shape shape, Kind kind) {
    try (OffHeap expectedMemory = oracle.openMemory();
        OffHeap actualMemory = device.openMemory()) {
      Object expected = outcome(named, oracle, new Inputs(seed, expectedMemory), shape, kind);
      Object actual;
      try {
        actual = outcome(named, device, new Inputs(seed, actualMemory), shape, kind);
      } catch (DeviceException e) {
        throw e; // the device cannot run, which is another thing than a broken promise
      } catch (RuntimeException e) {
        actual = e.toString();
      }
      Comparison comparison = new Comparison();
      if (expected instanceof SparseCodes codes && actual instanceof SparseCodes others) {
        comparison.codes(codes, others);
      } else if (expected instanceof Matrix[] matrices && actual instanceof Matrix[] others) {
        for (int i = 0; i < matrices.length; i++) {
          comparison.matrices("out" + i, matrices[i], others[i]);
        }
      } else {
        comparison.texts("outcome", said(expected), said(actual));
      }
      String input = shape + " " + kind.name().toLowerCase(Locale.ROOT);
      return comparison.result(named.name(), input);
    }
  }

  /** What a kernel wrote, or its complaint about numbers that are not finite: that is defined. */
  private static Object outcome(Named named, Device device, Inputs inputs, Shape shape, Kind kind) {
    try {
      Object wrote = named.kernel().run(device, inputs, shape, kind);
      return wrote instanceof Matrix matrix ? new Matrix[] {matrix} : wrote;
    } catch (NonFiniteException e) {
      return e.getMessage();
    }
  }

  private static String said(Object outcome) {
    return outcome instanceof String complaint ? complaint : "numbers";
  }

  private static List<Named> kernels() {
    List<Named> all = new ArrayList<>();
    for (boolean ta : new boolean[] {false, true}) {
      for (boolean tb : new boolean[] {false, true}) {
        String name = "product" + (ta ? " aT" : "") + (tb ? " bT" : "");
        all.add(new Named(name, (dev, in, s, kind) -> product(dev, in, s, kind, ta, tb)));
      }
    }
    for (Selection selection : Selection.values()) {
      for (boolean scaled : new boolean[] {false, true}) {
        String suffix = " " + selection + (scaled ? " rescaled" : "");
        all.add(
            new Named(
                "encodeTopK" + suffix,
                (dev, in, s, kind) -> encode(dev, in, s, kind, selection, scaled)));
        all.add(
            new Named(
                "encoder" + suffix,
                (dev, in, s, kind) -> prepared(dev, in, s, kind, selection, scaled)));
        all.add(
            new Named(
                "topK" + suffix, (dev, in, s, kind) -> topK(dev, in, s, kind, selection, scaled)));
      }
      all.add(
          new Named(
              "encodeTopK " + selection + " not finite",
              (dev, in, s, kind) -> encodeNotFinite(dev, in, s, kind, selection)));
      all.add(
          new Named(
              "encoder " + selection + " not finite",
              (dev, in, s, kind) -> preparedNotFinite(dev, in, s, kind, selection)));
      all.add(
          new Named(
              "topK " + selection + " not finite",
              (dev, in, s, kind) -> topKNotFinite(dev, in, s, kind, selection)));
    }
    all.add(new Named("decode", KernelParity::decode));
    for (boolean gated : new boolean[] {false, true}) {
      all.add(
          new Named(
              "codeGradients" + (gated ? " gated" : ""),
              (dev, in, s, kind) -> codeGradients(dev, in, s, kind, gated)));
    }
    all.add(new Named("accumulateByLatent", KernelParity::accumulate));
    all.add(new Named("sumByLatent", KernelParity::sumByLatent));
    all.add(new Named("rowDots", KernelParity::rowDots));
    all.add(new Named("rowSquaredDistances", KernelParity::distances));
    all.add(new Named("rowNorms", KernelParity::rowNorms));
    all.add(new Named("columnSums", KernelParity::columnSums));
    all.add(new Named("columnMeans", KernelParity::columnMeans));
    all.add(new Named("subtractRow", KernelParity::subtractRow));
    all.add(new Named("subtract", KernelParity::subtract));
    all.add(new Named("add", KernelParity::add));
    all.add(new Named("scale", KernelParity::scale));
    all.add(new Named("scaleRows", KernelParity::scaleRows));
    for (float epsilon : new float[] {0f, Math.ulp(1f), 1e-6f}) {
      all.add(
          new Named(
              "normalizeRows " + epsilon,
              (dev, in, s, kind) -> {
                Matrix w = in.matrix(s.n(), s.d(), kind);
                dev.normalizeRows(w, epsilon);
                return w;
              }));
      all.add(
          new Named(
              "projectRows " + epsilon,
              (dev, in, s, kind) -> {
                Matrix w = in.matrix(s.n(), s.d(), tame(kind));
                Matrix g = in.matrix(s.n(), s.d(), kind);
                dev.projectRows(g, w, epsilon);
                return g;
              }));
    }
    for (boolean clipped : new boolean[] {false, true}) {
      all.add(
          new Named(
              "adam" + (clipped ? " clipped" : ""),
              (dev, in, s, kind) -> adam(dev, in, s, kind, clipped)));
    }
    return all;
  }

  /** Products of wide numbers overflow, and a sum of infinities is a NaN without defined bits. */
  private static Kind tame(Kind kind) {
    return kind == Kind.WIDE || kind == Kind.LARGE ? Kind.UNIFORM : kind;
  }

  private static Object product(
      Device device, Inputs in, Shape s, Kind kind, boolean ta, boolean tb) {
    Matrix a = ta ? in.matrix(s.d(), s.b(), kind) : in.matrix(s.b(), s.d(), kind);
    Matrix b = tb ? in.matrix(s.n(), s.d(), kind) : in.matrix(s.d(), s.n(), kind);
    Matrix out = in.zeros(s.b(), s.n());
    out.fill(7f);
    device.product(a, ta, b, tb, out);
    return out;
  }

  private static Object encode(
      Device device, Inputs in, Shape s, Kind kind, Selection selection, boolean scaled) {
    EncoderWeights encoder =
        new EncoderWeights(
            in.matrix(s.n(), s.d(), kind),
            in.matrix(1, s.n(), kind),
            scaled ? null : in.matrix(1, s.d(), kind),
            scaled ? in.squares(1, s.n(), tame(kind)) : null);
    SparseCodes out = in.noCodes(s.b(), s.k());
    device.encodeTopK(encoder, in.matrix(s.b(), s.d(), kind), selection, out);
    return out;
  }

  /** The prepared encoder, over the whole batch, row by row and over few rows. */
  private static Object prepared(
      Device device, Inputs in, Shape s, Kind kind, Selection selection, boolean scaled) {
    EncoderWeights weights =
        new EncoderWeights(
            in.matrix(s.n(), s.d(), kind),
            in.matrix(1, s.n(), kind),
            scaled ? null : in.matrix(1, s.d(), kind),
            scaled ? in.squares(1, s.n(), tame(kind)) : null);
    Matrix x = in.matrix(s.b(), s.d(), kind);
    int single = Math.min(20, s.b());
    int few = Math.min(3, s.b());
    SparseCodes out = in.noCodes(s.b() + single + few, s.k());
    try (Encoder encoder = device.encoder(weights, selection)) {
      encoder.encode(x, out.firstRows(s.b()));
      for (int row = 0; row < single; row++) {
        encoder.encode(x.rows(row, 1), out.rows(s.b() + row, 1));
      }
      encoder.encode(x.firstRows(few), out.rows(s.b() + single, few));
    }
    return out;
  }

  private static Object topK(
      Device device, Inputs in, Shape s, Kind kind, Selection selection, boolean scaled) {
    SparseCodes out = in.noCodes(s.b(), s.k());
    device.topK(
        in.matrix(s.b(), s.n(), kind),
        selection,
        scaled ? in.squares(1, s.n(), tame(kind)) : null,
        out);
    return out;
  }

  /** A row of the second half that holds a NaN, and a latent whose weights hold an infinity. */
  private static EncoderWeights notFinite(Inputs in, Shape s, Kind kind, Matrix x) {
    x.set(s.b() / 2, s.d() - 1, Float.NaN);
    Matrix wEnc = in.matrix(s.n(), s.d(), kind);
    wEnc.set(s.n() / 2, 0, Float.NEGATIVE_INFINITY);
    return new EncoderWeights(wEnc, in.matrix(1, s.n(), kind), null, null);
  }

  private static Object encodeNotFinite(
      Device device, Inputs in, Shape s, Kind kind, Selection selection) {
    SparseCodes out = in.noCodes(s.b(), s.k());
    Matrix x = in.matrix(s.b(), s.d(), kind);
    device.encodeTopK(notFinite(in, s, kind, x), x, selection, out);
    return out;
  }

  private static Object preparedNotFinite(
      Device device, Inputs in, Shape s, Kind kind, Selection selection) {
    SparseCodes out = in.noCodes(s.b(), s.k());
    Matrix x = in.matrix(s.b(), s.d(), kind);
    try (Encoder encoder = device.encoder(notFinite(in, s, kind, x), selection)) {
      encoder.encode(x, out);
    }
    return out;
  }

  private static Object topKNotFinite(
      Device device, Inputs in, Shape s, Kind kind, Selection selection) {
    Matrix values = in.matrix(s.b(), s.n(), kind);
    values.set(s.b() / 2, s.n() - 1, Float.NaN);
    values.set(s.b() / 2, s.n() / 2, Float.POSITIVE_INFINITY);
    SparseCodes out = in.noCodes(s.b(), s.k());
    device.topK(values, selection, null, out);
    return out;
  }

  private static Object decode(Device device, Inputs in, Shape s, Kind kind) {
    SparseCodes codes = in.codes(s.b(), s.k(), s.n(), kind);
    Matrix w = in.matrix(s.n(), s.d(), kind);
    Matrix withBias = in.zeros(s.b(), s.d());
    Matrix without = in.zeros(s.b(), s.d());
    device.decode(codes, w, in.matrix(1, s.d(), kind), withBias);
    device.decode(codes, w, null, without);
    return new Matrix[] {withBias, without};
  }

  private static Object codeGradients(Device device, Inputs in, Shape s, Kind kind, boolean gated) {
    Matrix out = in.zeros(s.b(), s.k());
    device.codeGradients(
        in.matrix(s.b(), s.d(), kind),
        in.matrix(s.n(), s.d(), kind),
        in.codes(s.b(), s.k(), s.n(), kind),
        gated,
        out);
    return out;
  }

  private static Object accumulate(Device device, Inputs in, Shape s, Kind kind) {
    SparseCodes codes = in.codes(s.b(), s.k(), s.n(), kind);
    Matrix rows = in.matrix(s.b(), s.d(), kind);
    Matrix byValue = in.matrix(s.n(), s.d(), kind);
    Matrix byCoefficient = in.matrix(s.n(), s.d(), kind);
    device.accumulateByLatent(codes, null, rows, byValue);
    device.accumulateByLatent(codes, in.matrix(s.b(), s.k(), kind), rows, byCoefficient);
    return new Matrix[] {byValue, byCoefficient};
  }

  private static Object sumByLatent(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.matrix(1, s.n(), kind);
    device.sumByLatent(in.codes(s.b(), s.k(), s.n(), kind), in.matrix(s.b(), s.k(), kind), out);
    return out;
  }

  private static Object rowDots(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.zeros(1, s.b());
    device.rowDots(in.matrix(s.b(), s.d(), kind), in.matrix(s.b(), s.d(), kind), out);
    return out;
  }

  private static Object distances(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.zeros(1, s.b());
    device.rowSquaredDistances(in.matrix(s.b(), s.d(), kind), in.matrix(1, s.d(), kind), out);
    return out;
  }

  private static Object rowNorms(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.zeros(1, s.b());
    device.rowNorms(in.matrix(s.b(), s.d(), kind), out);
    return out;
  }

  private static Object columnSums(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.zeros(1, s.d());
    device.columnSums(in.matrix(s.b(), s.d(), kind), out);
    return out;
  }

  private static Object columnMeans(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.zeros(1, s.d());
    device.columnMeans(in.matrix(s.b(), s.d(), kind), out);
    return out;
  }

  private static Object subtractRow(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.zeros(s.b(), s.d());
    device.subtractRow(in.matrix(s.b(), s.d(), kind), in.matrix(1, s.d(), kind), out);
    return out;
  }

  private static Object subtract(Device device, Inputs in, Shape s, Kind kind) {
    Matrix out = in.zeros(s.b(), s.d());
    device.subtract(in.matrix(s.b(), s.d(), kind), in.matrix(s.b(), s.d(), kind), out);
    return out;
  }

  private static Object add(Device device, Inputs in, Shape s, Kind kind) {
    Matrix target = in.matrix(s.b(), s.d(), kind);
    device.add(target, in.matrix(s.b(), s.d(), kind));
    return target;
  }

  private static Object scale(Device device, Inputs in, Shape s, Kind kind) {
    Matrix target = in.matrix(s.b(), s.d(), kind);
    device.scale(target, in.number(kind));
    return target;
  }

  private static Object scaleRows(Device device, Inputs in, Shape s, Kind kind) {
    Matrix a = in.matrix(s.b(), s.d(), kind);
    Matrix b = in.matrix(s.b(), s.d(), kind);
    device.scaleRows(a, in.matrix(1, s.b(), kind), null);
    device.scaleRows(b, in.matrix(1, s.b(), kind), in.matrix(1, s.b(), kind));
    return new Matrix[] {a, b};
  }

  private static Object adam(Device device, Inputs in, Shape s, Kind kind, boolean clipped) {
    Matrix w = in.matrix(s.n(), s.d(), kind);
    Matrix g = in.matrix(s.n(), s.d(), kind);
    Matrix m = in.matrix(s.n(), s.d(), kind);
    Matrix v = in.squares(s.n(), s.d(), kind);
    Adam adam = Adam.of(0.9, 0.999, 1e-8, 1e-3, 3);
    adam = clipped ? adam.clippedBy(0.37f) : adam;
    device.adam(w, g, m, v, adam);
    device.adam(w, g, m, v, adam);
    return new Matrix[] {w, m, v};
  }
}
