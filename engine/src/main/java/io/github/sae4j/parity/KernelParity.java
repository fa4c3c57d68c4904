package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.parity.Inputs.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Compares every kernel of {@link Device} on ragged shapes and adversarial numbers. */
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

  /** One that fits no lane, no tile and no block. */
  private static final List<Shape> QUICK_SHAPES = List.of(new Shape(37, 100, 257, 70));

  /** A kernel applied to fresh inputs; returns what it wrote. */
  private interface Kernel {
    Object run(Device device, Inputs inputs, Shape shape, Kind kind);
  }

  private record Named(String name, Kernel kernel) {}

  /** An activation for a shape, with random thresholds where it has any. */
  private interface Act {
    Activation of(Inputs inputs, Shape shape, Kind kind);
  }

  private static final Map<String, Act> ACTIVATIONS = new LinkedHashMap<>();

  static {
    for (Relu relu : Relu.values()) {
      String name = relu.name().toLowerCase(Locale.ROOT);
      ACTIVATIONS.put("TopK relu=" + name, (in, s, kind) -> Ranked.topK(s.k(), relu));
      ACTIVATIONS.put(
          "GroupMax relu=" + name,
          (in, s, kind) -> new Ranked(Scope.GROUP, groups(s), Order.VALUE, relu));
      ACTIVATIONS.put(
          "BatchTopK relu=" + name,
          (in, s, kind) -> new Ranked(Scope.BATCH, s.k() - 0.3, Order.VALUE, relu));
    }
    for (Scope scope : Scope.values()) {
      ACTIVATIONS.put(
          "magnitude per " + scope.name().toLowerCase(Locale.ROOT),
          (in, s, kind) ->
              new Ranked(
                  scope, scope == Scope.GROUP ? groups(s) : s.k(), Order.MAGNITUDE, Relu.NONE));
    }
    ACTIVATIONS.put("ReLU", (in, s, kind) -> Threshold.RELU);
    ACTIVATIONS.put("JumpReLU", (in, s, kind) -> Threshold.jumpRelu(in.array(s.n(), kind)));
    ACTIVATIONS.put("JumpReLU of one threshold", (in, s, kind) -> Threshold.jumpRelu(0.25f));
    ACTIVATIONS.put(
        "gated",
        (in, s, kind) ->
            new Threshold(
                in.array(1, tame(kind)),
                Optional.of(
                    new Threshold.Magnitude(in.array(s.n(), kind), in.array(s.n(), kind)))));
  }

  /** The largest number of equal groups up to k. */
  private static int groups(Shape s) {
    int groups = s.k();
    while (s.n() % groups != 0) {
      groups--;
    }
    return groups;
  }

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

  /** All kernels at the shapes for those in a hurry. */
  List<ParityResult> runQuick() {
    return run("", QUICK_SHAPES);
  }

  /** One kernel in all its variants; all kernels if the name is empty. */
  List<ParityResult> run(String kernel) {
    return run(kernel, SHAPES);
  }

  private List<ParityResult> run(String kernel, List<Shape> shapes) {
    List<ParityResult> results = new ArrayList<>();
    for (Named named : kernels()) {
      if (!kernel.isEmpty() && !(named.name() + " ").startsWith(kernel + " ")) {
        continue;
      }
      for (Shape shape : shapes) {
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
        throw e; // the device failed, which is not a broken guarantee
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

  /** A kernel's output, or its message about numbers that are not finite, which is defined too. */
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
    ACTIVATIONS.forEach(
        (activation, act) -> {
          for (boolean scaled : new boolean[] {false, true}) {
            String suffix = " " + activation + (scaled ? " rescaled" : "");
            all.add(
                new Named(
                    "encode" + suffix,
                    (dev, in, s, kind) -> encode(dev, in, s, kind, act, scaled)));
            all.add(
                new Named(
                    "encoder" + suffix,
                    (dev, in, s, kind) -> prepared(dev, in, s, kind, act, scaled)));
            all.add(
                new Named(
                    "activate" + suffix,
                    (dev, in, s, kind) -> activate(dev, in, s, kind, act, scaled)));
          }
          for (boolean scaled : new boolean[] {false, true}) {
            all.add(
                new Named(
                    "encoder " + activation + (scaled ? " rescaled" : "") + " from copies",
                    (dev, in, s, kind) -> fromCopies(dev, in, s, kind, act, scaled)));
          }
          String suffix = " " + activation + " not finite";
          all.add(
              new Named(
                  "encode" + suffix, (dev, in, s, kind) -> encodeNotFinite(dev, in, s, kind, act)));
          all.add(
              new Named(
                  "encoder" + suffix,
                  (dev, in, s, kind) -> preparedNotFinite(dev, in, s, kind, act)));
          all.add(
              new Named(
                  "activate" + suffix,
                  (dev, in, s, kind) -> activateNotFinite(dev, in, s, kind, act)));
        });
    for (boolean ragged : new boolean[] {false, true}) {
      String suffix = ragged ? " ragged" : "";
      all.add(new Named("decode" + suffix, (dev, in, s, kind) -> decode(dev, in, s, kind, ragged)));
      for (boolean gated : new boolean[] {false, true}) {
        all.add(
            new Named(
                "codeGradients" + (gated ? " gated" : "") + suffix,
                (dev, in, s, kind) -> codeGradients(dev, in, s, kind, gated, ragged)));
      }
      all.add(
          new Named(
              "accumulateByLatent" + suffix,
              (dev, in, s, kind) -> accumulate(dev, in, s, kind, ragged)));
      all.add(
          new Named(
              "continueByLatent" + suffix, (dev, in, s, kind) -> goOn(dev, in, s, kind, ragged)));
      all.add(
          new Named(
              "sumByLatent" + suffix, (dev, in, s, kind) -> sumByLatent(dev, in, s, kind, ragged)));
    }
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

  private static EncoderWeights weights(Inputs in, Shape s, Kind kind, boolean scaled) {
    return new EncoderWeights(
        in.matrix(s.n(), s.d(), kind),
        in.matrix(1, s.n(), kind),
        scaled ? null : in.matrix(1, s.d(), kind),
        scaled ? in.squares(1, s.n(), tame(kind)) : null);
  }

  private static Object encode(
      Device device, Inputs in, Shape s, Kind kind, Act act, boolean scaled) {
    EncoderWeights encoder = weights(in, s, kind, scaled);
    SparseCodes out = in.noCodes(s.b());
    Matrix x = in.matrix(s.b(), s.d(), kind);
    device.encode(encoder, x, act.of(in, s, kind), out);
    return out;
  }

  /** The prepared encoder, over the whole batch, row by row and over few rows. */
  private static Object prepared(
      Device device, Inputs in, Shape s, Kind kind, Act act, boolean scaled) {
    EncoderWeights weights = weights(in, s, kind, scaled);
    Matrix x = in.matrix(s.b(), s.d(), kind);
    int single = Math.min(20, s.b());
    int few = Math.min(3, s.b());
    SparseCodes out = in.noCodes(s.b() + single + few);
    try (Encoder encoder = device.encoder(weights, act.of(in, s, kind))) {
      encoder.encode(x, out.firstRows(s.b()));
      for (int row = 0; row < single; row++) {
        encoder.encode(x.rows(row, 1), out.rows(s.b() + row, 1));
      }
      encoder.encode(x.firstRows(few), out.rows(s.b() + single, few));
    }
    return out;
  }

  /** The encoders that read W_enc in fewer bits, over few rows and row by row. */
  private static Object fromCopies(
      Device device, Inputs in, Shape s, Kind kind, Act act, boolean scaled) {
    EncoderWeights weights = weights(in, s, kind, scaled);
    int few = Math.min(21, s.b());
    Matrix x = in.matrix(few, s.d(), kind);
    SparseCodes out = in.noCodes(4 * few);
    int at = 0;
    for (ServingPrecision precision :
        new ServingPrecision[] {ServingPrecision.INT8, ServingPrecision.BF16}) {
      try (Encoder encoder = device.encoder(weights, act.of(in, s, kind), precision)) {
        encoder.encode(x, out.rows(at, few));
        at += few;
        for (int row = 0; row < few; row++) {
          encoder.encode(x.rows(row, 1), out.rows(at++, 1));
        }
      }
    }
    return out;
  }

  private static Object activate(
      Device device, Inputs in, Shape s, Kind kind, Act act, boolean scaled) {
    SparseCodes out = in.noCodes(s.b());
    Matrix products = in.matrix(s.b(), s.n(), kind);
    device.activate(
        products,
        scaled ? null : in.matrix(1, s.n(), kind),
        act.of(in, s, kind),
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

  private static Object encodeNotFinite(Device device, Inputs in, Shape s, Kind kind, Act act) {
    SparseCodes out = in.noCodes(s.b());
    Matrix x = in.matrix(s.b(), s.d(), kind);
    device.encode(notFinite(in, s, kind, x), x, act.of(in, s, kind), out);
    return out;
  }

  private static Object preparedNotFinite(Device device, Inputs in, Shape s, Kind kind, Act act) {
    SparseCodes out = in.noCodes(s.b());
    Matrix x = in.matrix(s.b(), s.d(), kind);
    EncoderWeights weights = notFinite(in, s, kind, x);
    NonFiniteException first = null;
    for (ServingPrecision precision : ServingPrecision.values()) {
      try (Encoder encoder = device.encoder(weights, act.of(in, s, kind), precision)) {
        encoder.encode(x, out);
        return out;
      } catch (NonFiniteException e) {
        if (first != null && !first.getMessage().equals(e.getMessage())) {
          return precision + ": " + e.getMessage();
        }
        first = e;
      }
    }
    throw first;
  }

  private static Object activateNotFinite(Device device, Inputs in, Shape s, Kind kind, Act act) {
    Matrix products = in.matrix(s.b(), s.n(), kind);
    products.set(s.b() / 2, s.n() - 1, Float.NaN);
    products.set(s.b() / 2, s.n() / 2, Float.POSITIVE_INFINITY);
    SparseCodes out = in.noCodes(s.b());
    device.activate(products, null, act.of(in, s, kind), null, out);
    return out;
  }

  private static Object decode(Device device, Inputs in, Shape s, Kind kind, boolean ragged) {
    SparseCodes codes = in.codes(s.b(), s.k(), s.n(), kind, ragged);
    Matrix w = in.matrix(s.n(), s.d(), kind);
    Matrix withBias = in.zeros(s.b(), s.d());
    Matrix without = in.zeros(s.b(), s.d());
    device.decode(codes, w, in.matrix(1, s.d(), kind), withBias);
    device.decode(codes, w, null, without);
    return new Matrix[] {withBias, without};
  }

  private static Object codeGradients(
      Device device, Inputs in, Shape s, Kind kind, boolean gated, boolean ragged) {
    SparseCodes codes = in.codes(s.b(), s.k(), s.n(), kind, ragged);
    Matrix out = in.perCode(codes, kind);
    device.codeGradients(
        in.matrix(s.b(), s.d(), kind), in.matrix(s.n(), s.d(), kind), codes, gated, out);
    return out;
  }

  private static Object accumulate(Device device, Inputs in, Shape s, Kind kind, boolean ragged) {
    SparseCodes codes = in.codes(s.b(), s.k(), s.n(), kind, ragged);
    Matrix rows = in.matrix(s.b(), s.d(), kind);
    Matrix byValue = in.matrix(s.n(), s.d(), kind);
    Matrix byCoefficient = in.matrix(s.n(), s.d(), kind);
    device.accumulateByLatent(codes, null, rows, byValue);
    device.accumulateByLatent(codes, in.perCode(codes, kind), rows, byCoefficient);
    return new Matrix[] {byValue, byCoefficient};
  }

  private static Object goOn(Device device, Inputs in, Shape s, Kind kind, boolean ragged) {
    SparseCodes codes = in.codes(s.b(), s.k(), s.n(), kind, ragged);
    Matrix rows = in.matrix(s.b(), s.d(), kind);
    Matrix byValue = in.matrix(s.n(), s.d(), kind);
    Matrix byCoefficient = in.matrix(s.n(), s.d(), kind);
    device.continueByLatent(codes, null, rows, byValue);
    device.continueByLatent(codes, in.perCode(codes, kind), rows, byCoefficient);
    return new Matrix[] {byValue, byCoefficient};
  }

  private static Object sumByLatent(Device device, Inputs in, Shape s, Kind kind, boolean ragged) {
    Matrix out = in.matrix(1, s.n(), kind);
    SparseCodes codes = in.codes(s.b(), s.k(), s.n(), kind, ragged);
    device.sumByLatent(codes, in.perCode(codes, kind), out);
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
