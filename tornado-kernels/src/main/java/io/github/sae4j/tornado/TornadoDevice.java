package io.github.sae4j.tornado;

import static io.github.sae4j.device.Shapes.expect;

import io.github.sae4j.device.Adam;
import io.github.sae4j.device.ComposedTrainingStep;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.Encoder;
import io.github.sae4j.device.EncoderWeights;
import io.github.sae4j.device.MemoryPlan;
import io.github.sae4j.device.NonFiniteException;
import io.github.sae4j.device.Promise;
import io.github.sae4j.device.Selection;
import io.github.sae4j.device.StepSpec;
import io.github.sae4j.device.TrainingState;
import io.github.sae4j.device.TrainingStep;
import io.github.sae4j.device.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A TornadoVM device. Matrices live in the host's memory; a single kernel sends its arguments,
 * runs, and fetches its results, so single kernels are for parity, evaluation and small work. A
 * compiled training step keeps weights and moments on the device, a prepared encoder its weights.
 *
 * <p>A kernel is compiled once per shape and kept ({@link LaunchCache}). One thread at a time runs
 * kernels; others wait.
 */
final class TornadoDevice implements Device {
  private final Accelerator accelerator;
  private final Probe.Result probe;
  private final LaunchCache launches = new LaunchCache();
  private boolean closed;

  /**
   * Opens a device and probes its arithmetic.
   *
   * @param accelerator what TornadoVM found
   */
  TornadoDevice(Accelerator accelerator) {
    this.accelerator = accelerator;
    this.probe = Probe.run(accelerator);
  }

  @Override
  public String name() {
    return accelerator.name();
  }

  @Override
  public String description() {
    return accelerator.description() + ", " + probe.summary();
  }

  @Override
  public Promise promise() {
    return probe.promise();
  }

  @Override
  public synchronized OffHeap openMemory() {
    checkOpen();
    return new OffHeap();
  }

  @Override
  public void product(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    int m = transposeA ? a.cols() : a.rows();
    int inner = transposeA ? a.rows() : a.cols();
    int q = transposeB ? b.rows() : b.cols();
    expect(inner == (transposeB ? b.cols() : b.rows()), "b", "inner size " + inner, b.shape());
    expect("out", out, m, q);
    if (m == 0 || q == 0) {
      checkOpen();
      return;
    }
    run(
        List.of("product", m, inner, q, transposeA, transposeB),
        launch -> {
          FloatArray left = launch.input("a", a.size());
          FloatArray right = launch.input("b", b.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(m, q, 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().tiles("product", m, q),
                  ProductKernels::product,
                  launch.context(),
                  flow,
                  left,
                  right,
                  right,
                  flow,
                  result,
                  inner,
                  0,
                  m,
                  transposeA ? 1 : inner,
                  transposeA ? m : 1,
                  transposeB ? 1 : q,
                  transposeB ? inner : 1,
                  q,
                  Flow.LATENTS,
                  0,
                  0);
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }

  @Override
  public void encodeTopK(EncoderWeights encoder, Matrix x, Selection selection, SparseCodes out) {
    int rows = x.rows();
    int d = encoder.dIn();
    int n = encoder.dSae();
    expect("x", x, rows, d);
    checkCodes(out, rows, n);
    if (rows == 0) {
      checkOpen();
      return;
    }
    boolean centered = encoder.bDec() != null;
    boolean scaled = encoder.rankScale() != null;
    int[] bad = new int[rows];
    float[] badValue = new float[rows];
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(x.segment());
    arguments.add(encoder.wEnc().segment());
    arguments.add(encoder.bEnc().segment());
    if (centered) {
      arguments.add(encoder.bDec().segment());
    }
    if (scaled) {
      arguments.add(encoder.rankScale().segment());
    }
    run(
        List.of("encodeTopK", rows, d, n, out.k(), selection, centered, scaled),
        launch -> {
          FloatArray batch = launch.input("x", x.size());
          FloatArray wEnc = launch.input("W_enc", encoder.wEnc().size());
          FloatArray bEnc = launch.input("b_enc", n);
          FloatArray bDec = centered ? launch.input("b_dec", d) : null;
          FloatArray scale = scaled ? launch.input("rank scale", n) : null;
          EncodeTasks.Choice choice = choice(launch, rows, out.k(), selection);
          FloatArray input = centered ? launch.scratch("x - b_dec", x.size()) : batch;
          FloatArray pre =
              launch.scratch("pre-activations", (long) EncodeTasks.tileRows(rows, n) * n);
          IntArray flow = launch.flow(rows, n, out.k());
          launch.send();
          if (centered) {
            launch
                .tasks()
                .task(
                    launch.graph().line("subtractRow", x.size()),
                    ElementKernels::subtractRow,
                    launch.context(),
                    flow,
                    batch,
                    bDec,
                    input,
                    d);
          }
          EncodeTasks.add(
              launch.graph(),
              new EncodeTasks.Encoder(
                  flow, input, wEnc, bEnc, scale, null, Flow.LATENTS, pre, rows, n, d),
              choice);
        },
        arguments,
        List.of(
            out.indices(),
            out.values(),
            MemorySegment.ofArray(bad),
            MemorySegment.ofArray(badValue)));
    checkFinite(bad, badValue);
  }

  @Override
  public synchronized Encoder encoder(EncoderWeights encoder, Selection selection) {
    checkOpen();
    return new TornadoEncoder(this, accelerator, encoder, selection);
  }

  @Override
  public void topK(Matrix values, Selection selection, Matrix rankScale, SparseCodes out) {
    int rows = values.rows();
    int n = values.cols();
    checkCodes(out, rows, n);
    if (rankScale != null) {
      expect("rank scale", rankScale, 1, n);
    }
    if (rows == 0) {
      checkOpen();
      return;
    }
    boolean scaled = rankScale != null;
    int[] bad = new int[rows];
    float[] badValue = new float[rows];
    run(
        List.of("topK", rows, n, out.k(), selection, scaled),
        launch -> {
          FloatArray from = launch.input("values", values.size());
          FloatArray scale = scaled ? launch.input("rank scale", n) : null;
          EncodeTasks.Choice choice = choice(launch, rows, out.k(), selection);
          IntArray flow = launch.flow(rows, n, out.k());
          launch.send();
          EncodeTasks.select(
              launch.graph(),
              new EncodeTasks.Encoder(
                  flow, null, null, null, scale, null, Flow.LATENTS, from, rows, n, 0),
              choice,
              0,
              rows);
        },
        scaled ? List.of(values.segment(), rankScale.segment()) : List.of(values.segment()),
        List.of(
            out.indices(),
            out.values(),
            MemorySegment.ofArray(bad),
            MemorySegment.ofArray(badValue)));
    checkFinite(bad, badValue);
  }

  private static EncodeTasks.Choice choice(Launch launch, int rows, int k, Selection selection) {
    long codes = (long) rows * k;
    return new EncodeTasks.Choice(
        launch.outputIndices("indices", codes),
        launch.output("values", codes),
        launch.outputIndices("first bad latent", rows),
        launch.updated("its value", rows),
        k,
        mode(selection),
        Flow.K);
  }

  /**
   * The kernels' number of a selection.
   *
   * @param selection how values are ranked and stored
   * @return a mode of {@link SelectionKernels}
   */
  static int mode(Selection selection) {
    return switch (selection) {
      case RAW_THEN_RELU -> SelectionKernels.RAW_THEN_RELU;
      case RELU_FIRST -> SelectionKernels.RELU_FIRST;
      case SIGNED -> SelectionKernels.SIGNED;
    };
  }

  private static void checkFinite(int[] bad, float[] badValue) {
    for (int row = 0; row < bad.length; row++) {
      if (bad[row] >= 0) {
        throw new NonFiniteException(row, bad[row], badValue[row]);
      }
    }
  }

  @Override
  public void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out) {
    int rows = codes.rows();
    int d = wDec.cols();
    expect("out", out, rows, d);
    if (bDec != null) {
      expect("b_dec", bDec, 1, d);
    }
    checkIndices(codes, wDec.rows());
    if (rows == 0) {
      checkOpen();
      return;
    }
    boolean biased = bDec != null;
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(codes.indices());
    arguments.add(codes.values());
    arguments.add(wDec.segment());
    if (biased) {
      arguments.add(bDec.segment());
    }
    run(
        List.of("decode", rows, codes.k(), wDec.rows(), d, biased),
        launch -> {
          IntArray indices = launch.inputIndices("indices", (long) rows * codes.k());
          FloatArray values = launch.input("values", (long) rows * codes.k());
          FloatArray weights = launch.input("W_dec", wDec.size());
          FloatArray bias = biased ? launch.input("b_dec", d) : weights;
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(rows, wDec.rows(), codes.k());
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("decode", out.size()),
                  CodeKernels::decode,
                  launch.context(),
                  flow,
                  indices,
                  values,
                  weights,
                  bias,
                  result,
                  d,
                  codes.k(),
                  Flow.K,
                  biased ? 1 : 0,
                  Flow.ALWAYS);
        },
        arguments,
        List.of(out.segment()));
  }

  @Override
  public void codeGradients(Matrix g, Matrix wDec, SparseCodes codes, boolean gated, Matrix out) {
    int rows = codes.rows();
    int d = wDec.cols();
    expect("g", g, rows, d);
    expect("out", out, rows, codes.k());
    checkIndices(codes, wDec.rows());
    if (rows == 0) {
      checkOpen();
      return;
    }
    run(
        List.of("codeGradients", rows, codes.k(), wDec.rows(), d, gated),
        launch -> {
          FloatArray gradient = launch.input("g", g.size());
          FloatArray weights = launch.input("W_dec", wDec.size());
          IntArray indices = launch.inputIndices("indices", out.size());
          FloatArray values = launch.input("values", out.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(rows, wDec.rows(), codes.k());
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("codeGradients", out.size()),
                  CodeKernels::codeGradients,
                  launch.context(),
                  flow,
                  gradient,
                  weights,
                  indices,
                  values,
                  result,
                  d,
                  codes.k(),
                  Flow.K,
                  gated ? 1 : 0);
        },
        List.of(g.segment(), wDec.segment(), codes.indices(), codes.values()),
        List.of(out.segment()));
  }

  @Override
  public void accumulateByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    int d = rows.cols();
    expect("rows", rows, codes.rows(), d);
    expect("out", out, out.rows(), d);
    if (coefficients != null) {
      expect("coefficients", coefficients, codes.rows(), codes.k());
    }
    checkIndices(codes, out.rows());
    if (codes.rows() == 0) {
      checkOpen();
      out.fill(0f);
      return;
    }
    run(
        List.of("accumulateByLatent", codes.rows(), codes.k(), out.rows(), d),
        launch -> {
          TransposeTasks.Codes transposed = codesOf(launch, codes);
          FloatArray samples = launch.input("rows", rows.size());
          FloatArray result = launch.output("out", out.size());
          TransposeTasks transposition = transposition(launch, codes, out.rows());
          IntArray flow = launch.flow(codes.rows(), out.rows(), codes.k());
          launch.send();
          transposition.transpose(launch.graph(), flow, transposed);
          transposition.accumulate(
              launch.graph(),
              flow,
              transposed,
              transposed.values(),
              samples,
              result,
              d,
              TransposeTasks.Target.written(flow));
        },
        List.of(
            codes.indices(),
            coefficients == null ? codes.values() : coefficients.segment(),
            rows.segment()),
        List.of(out.segment()));
  }

  @Override
  public void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    expect("coefficients", coefficients, codes.rows(), codes.k());
    expect("out", out, 1, out.cols());
    checkIndices(codes, out.cols());
    if (codes.rows() == 0) {
      checkOpen();
      out.fill(0f);
      return;
    }
    run(
        List.of("sumByLatent", codes.rows(), codes.k(), out.cols()),
        launch -> {
          TransposeTasks.Codes transposed = codesOf(launch, codes);
          FloatArray result = launch.output("out", out.size());
          TransposeTasks transposition = transposition(launch, codes, out.cols());
          IntArray flow = launch.flow(codes.rows(), out.cols(), codes.k());
          launch.send();
          transposition.transpose(launch.graph(), flow, transposed);
          transposition.sum(
              launch.graph(),
              flow,
              transposed.values(),
              result,
              TransposeTasks.Target.written(flow));
        },
        List.of(codes.indices(), coefficients.segment()),
        List.of(out.segment()));
  }

  private static TransposeTasks.Codes codesOf(Launch launch, SparseCodes codes) {
    long size = (long) codes.rows() * codes.k();
    return new TransposeTasks.Codes(
        launch.inputIndices("indices", size), launch.input("values", size), codes.k(), Flow.K);
  }

  private static TransposeTasks transposition(Launch launch, SparseCodes codes, int n) {
    return new TransposeTasks(
        launch.scratchInts("counts by latent", (long) TransposeTasks.groups(codes.rows()) * n),
        launch.scratchInts("totals by latent", n),
        launch.scratchInts("starts by latent", n + 1L),
        launch.scratchInts("codes by latent", (long) codes.rows() * codes.k()),
        codes.rows(),
        n);
  }

  @Override
  public void rowDots(Matrix a, Matrix b, Matrix out) {
    expect("b", b, a.rows(), a.cols());
    rowSums(a, b, out, false);
  }

  @Override
  public void rowNorms(Matrix a, Matrix out) {
    rowSums(a, a, out, true);
  }

  private void rowSums(Matrix a, Matrix b, Matrix out, boolean root) {
    expect("out", out, 1, a.rows());
    run(
        List.of("rowDots", a.rows(), a.cols(), root),
        launch -> {
          FloatArray left = launch.input("a", a.size());
          FloatArray right = launch.input("b", b.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("rowDots", a.rows()),
                  RowKernels::rowDots,
                  launch.context(),
                  flow,
                  left,
                  right,
                  result,
                  a.cols(),
                  Flow.ROWS,
                  root ? 1 : 0,
                  Flow.ALWAYS);
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }

  @Override
  public void rowSquaredDistances(Matrix a, Matrix center, Matrix out) {
    expect("center", center, 1, a.cols());
    expect("out", out, 1, a.rows());
    run(
        List.of("rowSquaredDistances", a.rows(), a.cols()),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray middle = launch.input("center", a.cols());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("rowSquaredDistances", a.rows()),
                  RowKernels::rowSquaredDistances,
                  launch.context(),
                  flow,
                  rows,
                  middle,
                  result,
                  a.cols(),
                  a.rows(),
                  Flow.ALWAYS);
        },
        List.of(a.segment(), center.segment()),
        List.of(out.segment()));
  }

  @Override
  public void columnSums(Matrix a, Matrix out) {
    int d = a.cols();
    expect("out", out, 1, d);
    if (a.rows() == 0) {
      checkOpen();
      out.fill(0f);
      return;
    }
    run(
        List.of("columnSums", a.rows(), d),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray result = launch.output("out", d);
          int blocks = ColumnKernels.blocks(a.rows());
          FloatArray partial = launch.scratch("block sums", (long) blocks * d);
          IntArray flow = launch.flow(a.rows(), d, 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("columnBlocks", (long) blocks * d),
                  ColumnKernels::columnBlocks,
                  launch.context(),
                  flow,
                  rows,
                  partial,
                  d,
                  Flow.ALWAYS)
              .task(
                  launch.graph().line("columnSums", d),
                  ColumnKernels::columnSums,
                  launch.context(),
                  flow,
                  partial,
                  result,
                  d,
                  0,
                  Flow.ALWAYS);
        },
        List.of(a.segment()),
        List.of(out.segment()));
  }

  @Override
  public void columnMeans(Matrix a, Matrix out) {
    int d = a.cols();
    expect(a.rows() >= 1, "a", "at least one row", a.shape());
    expect("out", out, 1, d);
    if (!probe.doubles()) {
      checkOpen();
      // Rule 6 asks for doubles, so the host adds.
      try (Device host = new ScalarDevice()) {
        host.columnMeans(a, out);
      }
      return;
    }
    run(
        List.of("columnMeans", a.rows(), d),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray result = launch.output("out", d);
          int blocks = ColumnKernels.blocks(a.rows());
          DoubleArray partial = launch.scratchDoubles("block sums", (long) blocks * d);
          IntArray flow = launch.flow(a.rows(), d, 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("columnDoubleBlocks", (long) blocks * d),
                  ColumnKernels::columnDoubleBlocks,
                  launch.context(),
                  flow,
                  rows,
                  partial,
                  d,
                  a.rows(),
                  blocks,
                  Flow.ALWAYS)
              .task(
                  launch.graph().line("columnMeans", d),
                  ColumnKernels::columnMeans,
                  launch.context(),
                  flow,
                  partial,
                  result,
                  d,
                  a.rows(),
                  blocks,
                  Flow.ALWAYS);
        },
        List.of(a.segment()),
        List.of(out.segment()));
  }

  @Override
  public void subtractRow(Matrix a, Matrix row, Matrix out) {
    expect("row", row, 1, a.cols());
    expect("out", out, a.rows(), a.cols());
    run(
        List.of("subtractRow", a.rows(), a.cols()),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray subtrahend = launch.input("row", a.cols());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("subtractRow", a.size()),
                  ElementKernels::subtractRow,
                  launch.context(),
                  flow,
                  rows,
                  subtrahend,
                  result,
                  a.cols());
        },
        List.of(a.segment(), row.segment()),
        List.of(out.segment()));
  }

  @Override
  public void subtract(Matrix a, Matrix b, Matrix out) {
    expect("b", b, a.rows(), a.cols());
    expect("out", out, a.rows(), a.cols());
    run(
        List.of("subtract", a.rows(), a.cols()),
        launch -> {
          FloatArray left = launch.input("a", a.size());
          FloatArray right = launch.input("b", b.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("subtract", a.size()),
                  ElementKernels::subtract,
                  launch.context(),
                  flow,
                  left,
                  right,
                  result,
                  a.cols());
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }

  @Override
  public void add(Matrix target, Matrix addend) {
    expect("addend", addend, target.rows(), target.cols());
    run(
        List.of("add", target.rows(), target.cols()),
        launch -> {
          FloatArray left = launch.updated("target", target.size());
          FloatArray right = launch.input("addend", addend.size());
          IntArray flow = launch.flow(target.rows(), target.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("add", target.size()),
                  ElementKernels::add,
                  launch.context(),
                  flow,
                  left,
                  right,
                  target.cols(),
                  Flow.ALWAYS);
        },
        List.of(target.segment(), addend.segment()),
        List.of(target.segment()));
  }

  @Override
  public void scale(Matrix a, float factor) {
    run(
        List.of("scale", a.rows(), a.cols()),
        launch -> {
          FloatArray values = launch.updated("a", a.size());
          FloatArray factors = launch.input("factor", 1);
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("scale", a.size()),
                  ElementKernels::scale,
                  launch.context(),
                  flow,
                  values,
                  factors,
                  values,
                  a.cols(),
                  Math.max(1, a.rows()),
                  Flow.ALWAYS);
        },
        List.of(a.segment(), segment(factor)),
        List.of(a.segment()));
  }

  @Override
  public void scaleRows(Matrix a, Matrix factors, Matrix shifts) {
    expect("factors", factors, 1, a.rows());
    if (shifts != null) {
      expect("shifts", shifts, 1, a.rows());
    }
    boolean shifted = shifts != null;
    run(
        List.of("scaleRows", a.rows(), a.cols(), shifted),
        launch -> {
          FloatArray values = launch.updated("a", a.size());
          FloatArray scales = launch.input("factors", a.rows());
          FloatArray added = shifted ? launch.input("shifts", a.rows()) : scales;
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("scaleRows", a.size()),
                  ElementKernels::scaleRows,
                  launch.context(),
                  flow,
                  values,
                  scales,
                  added,
                  a.cols(),
                  shifted ? 1 : 0);
        },
        shifted
            ? List.of(a.segment(), factors.segment(), shifts.segment())
            : List.of(a.segment(), factors.segment()),
        List.of(a.segment()));
  }

  @Override
  public void normalizeRows(Matrix w, float epsilon) {
    run(
        List.of("normalizeRows", w.rows(), w.cols()),
        launch -> {
          FloatArray weights = launch.updated("w", w.size());
          FloatArray constants = launch.input("epsilon", 1);
          IntArray flow = launch.flow(w.rows(), w.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("normalizeRows", w.rows()),
                  RowKernels::normalizeRows,
                  launch.context(),
                  flow,
                  weights,
                  constants,
                  w.cols(),
                  Flow.ROWS,
                  Flow.ALWAYS);
        },
        List.of(w.segment(), segment(epsilon)),
        List.of(w.segment()));
  }

  @Override
  public void projectRows(Matrix gradient, Matrix w, float epsilon) {
    expect("w", w, gradient.rows(), gradient.cols());
    boolean scaled = epsilon > 0;
    run(
        List.of("projectRows", w.rows(), w.cols(), scaled),
        launch -> {
          FloatArray target = launch.updated("gradient", gradient.size());
          FloatArray weights = launch.input("w", w.size());
          FloatArray constants = launch.input("epsilon", 1);
          IntArray flow = launch.flow(w.rows(), w.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("projectRows", w.rows()),
                  RowKernels::projectRows,
                  launch.context(),
                  flow,
                  target,
                  weights,
                  constants,
                  w.cols(),
                  Flow.ROWS,
                  scaled ? 1 : 0);
        },
        List.of(gradient.segment(), w.segment(), segment(epsilon)),
        List.of(gradient.segment()));
  }

  @Override
  public void adam(Matrix weights, Matrix gradient, Matrix m, Matrix v, Adam adam) {
    expect("gradient", gradient, weights.rows(), weights.cols());
    expect("m", m, weights.rows(), weights.cols());
    expect("v", v, weights.rows(), weights.cols());
    float[] constants = constants(adam);
    run(
        List.of("adam", weights.size(), adam.clipped()),
        launch -> {
          FloatArray w = launch.updated("weights", weights.size());
          FloatArray first = launch.updated("m", m.size());
          FloatArray second = launch.updated("v", v.size());
          FloatArray g = launch.input("gradient", gradient.size());
          FloatArray numbers = launch.input("constants", constants.length);
          FloatArray clip = launch.input("clip", 1);
          IntArray flow = launch.flow(weights.rows(), weights.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("adam", weights.size()),
                  ElementKernels::adam,
                  launch.context(),
                  flow,
                  w,
                  g,
                  first,
                  second,
                  numbers,
                  clip,
                  (int) weights.size(),
                  adam.clipped() ? 1 : 0,
                  Flow.ALWAYS);
        },
        List.of(
            weights.segment(),
            m.segment(),
            v.segment(),
            gradient.segment(),
            MemorySegment.ofArray(constants),
            segment(adam.clip())),
        List.of(weights.segment(), m.segment(), v.segment()));
  }

  /**
   * Adam's constants as the kernel reads them.
   *
   * @param adam the step's constants
   * @return positioned as {@link ElementKernels} says
   */
  static float[] constants(Adam adam) {
    float[] constants = new float[ElementKernels.ADAM_CONSTANTS];
    constants[ElementKernels.ONE_MINUS_BETA1] = adam.oneMinusBeta1();
    constants[ElementKernels.NEGATED_ONE_MINUS_BETA1] = -adam.oneMinusBeta1();
    constants[ElementKernels.ONE_MINUS_BETA2] = adam.oneMinusBeta2();
    constants[ElementKernels.NEGATED_ONE_MINUS_BETA2] = -adam.oneMinusBeta2();
    constants[ElementKernels.INVERSE_ROOT_CORRECTION2] = adam.inverseRootCorrection2();
    constants[ElementKernels.EPSILON] = adam.epsilon();
    constants[ElementKernels.NEGATIVE_STEP_SIZE] = adam.negativeStepSize();
    return constants;
  }

  @Override
  public synchronized TrainingStep compile(StepSpec spec, TrainingState state) {
    checkOpen();
    if (!probe.doubles()) {
      // Without doubles the host has to add between kernels, so a step cannot be one graph.
      return new ComposedTrainingStep(this, spec, state);
    }
    // A step needs the memory more than kernels that may be compiled again.
    launches.close();
    return new TornadoTrainingStep(this, accelerator, spec, state);
  }

  @Override
  public MemoryPlan memoryPlan(StepSpec spec) {
    return StepMemory.of(spec);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      launches.close();
    }
  }

  private static MemorySegment segment(float value) {
    return MemorySegment.ofArray(new float[] {value});
  }

  /** Requires codes of so many rows, and no more of them than there are latents. */
  static void checkCodes(SparseCodes out, int rows, int n) {
    expect(out.rows() == rows, "codes", rows + " rows", out);
    expect(out.k() <= n, "codes", "k at most " + n, out);
  }

  private static void checkIndices(SparseCodes codes, int n) {
    for (int row = 0; row < codes.rows(); row++) {
      for (int slot = 0; slot < codes.k(); slot++) {
        int index = codes.index(row, slot);
        if (index < 0 || index >= n) {
          throw new IllegalArgumentException(
              "codes: expected indices in [0, " + n + "), got " + index + " in row " + row);
        }
      }
    }
  }

  private synchronized void run(
      List<Object> key,
      Consumer<Launch> tasks,
      List<MemorySegment> arguments,
      List<MemorySegment> results) {
    checkOpen();
    if (results.getFirst().byteSize() == 0) {
      return;
    }
    launches
        .get(
            key,
            () -> {
              Launch launch = new Launch(accelerator);
              tasks.accept(launch);
              launch.compile();
              return launch;
            })
        .run(arguments, results);
  }

  /** Refuses to work on a closed device. */
  synchronized void checkOpen() {
    if (closed) {
      throw new IllegalStateException("device " + name() + " is closed");
    }
  }
}
