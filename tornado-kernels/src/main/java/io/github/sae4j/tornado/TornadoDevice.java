package io.github.sae4j.tornado;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.ComposedEncoding;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.HostActivation;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import io.github.sae4j.tornado.graph.CompiledKernels;
import io.github.sae4j.tornado.launch.AdamLaunches;
import io.github.sae4j.tornado.launch.CodeLaunches;
import io.github.sae4j.tornado.launch.ColumnLaunches;
import io.github.sae4j.tornado.launch.ElementLaunches;
import io.github.sae4j.tornado.launch.LatentLaunches;
import io.github.sae4j.tornado.launch.ProductLaunches;
import io.github.sae4j.tornado.launch.RowLaunches;
import io.github.sae4j.tornado.launch.SelectionLaunches;
import io.github.sae4j.tornado.launch.TornadoEncoder;
import io.github.sae4j.tornado.runtime.Accelerator;
import io.github.sae4j.tornado.step.GraphMemoryPlan;
import io.github.sae4j.tornado.step.GraphSpec;
import io.github.sae4j.tornado.step.TornadoTrainingStep;

/**
 * A TornadoVM device. Matrices live in the host's memory; a single kernel sends its arguments,
 * runs, and fetches its results, so single kernels are for parity, evaluation and small work. A
 * compiled training step keeps weights and moments on the device, a prepared encoder its weights.
 *
 * <p>A kernel is compiled once per shape and kept ({@link CompiledKernels}). One thread at a time
 * runs kernels; others wait.
 */
final class TornadoDevice implements Device {
  private final Accelerator accelerator;
  private final Probe.Result probe;
  private final CompiledKernels kernels;
  private final ProductLaunches products;
  private final SelectionLaunches selections;
  private final CodeLaunches codeKernels;
  private final LatentLaunches latents;
  private final RowLaunches rowKernels;
  private final ColumnLaunches columns;
  private final ElementLaunches elements;
  private final AdamLaunches optimizer;
  private final ComposedEncoding encoding = new ComposedEncoding(this);

  /**
   * Opens a device and probes its arithmetic.
   *
   * @param accelerator what TornadoVM found
   */
  TornadoDevice(Accelerator accelerator) {
    this.accelerator = accelerator;
    this.probe = Probe.run(accelerator);
    this.kernels = new CompiledKernels(accelerator);
    this.products = new ProductLaunches(kernels);
    this.selections = new SelectionLaunches(kernels);
    this.codeKernels = new CodeLaunches(kernels);
    this.latents = new LatentLaunches(kernels);
    this.rowKernels = new RowLaunches(kernels);
    this.columns = new ColumnLaunches(kernels, probe.doubles());
    this.elements = new ElementLaunches(kernels);
    this.optimizer = new AdamLaunches(kernels);
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
  public Guarantee guarantee() {
    return probe.guarantee();
  }

  @Override
  public OffHeap openMemory() {
    kernels.checkOpen();
    return new OffHeap();
  }

  @Override
  public void product(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    products.product(a, transposeA, b, transposeB, out);
  }

  @Override
  public void encode(EncoderWeights encoder, Matrix x, Activation activation, SparseCodes out) {
    kernels.checkOpen();
    if (activation instanceof Ranked ranked && ranked.isTopK()) {
      selections.encode(encoder, x, ranked, out);
    } else {
      encoding.encode(encoder, x, activation, out);
    }
  }

  @Override
  public Encoder encoder(EncoderWeights encoder, Activation activation) {
    kernels.checkOpen();
    return activation instanceof Ranked ranked && ranked.isTopK()
        ? new TornadoEncoder(kernels, encoder, ranked)
        : Device.super.encoder(encoder, activation);
  }

  @Override
  public void activate(
      Matrix products, Matrix bias, Activation activation, Matrix rankScale, SparseCodes out) {
    kernels.checkOpen();
    if (activation instanceof Ranked ranked && ranked.isTopK()) {
      selections.activate(products, bias, ranked, rankScale, out);
    } else {
      HostActivation.apply(products, bias, activation, rankScale, out);
    }
  }

  @Override
  public void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out) {
    codeKernels.decode(codes, wDec, bDec, out);
  }

  @Override
  public void codeGradients(Matrix g, Matrix wDec, SparseCodes codes, boolean gated, Matrix out) {
    codeKernels.codeGradients(g, wDec, codes, gated, out);
  }

  @Override
  public void accumulateByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    latents.accumulateByLatent(codes, coefficients, rows, out);
  }

  @Override
  public void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    latents.sumByLatent(codes, coefficients, out);
  }

  @Override
  public void rowDots(Matrix a, Matrix b, Matrix out) {
    rowKernels.rowDots(a, b, out);
  }

  @Override
  public void rowNorms(Matrix a, Matrix out) {
    rowKernels.rowNorms(a, out);
  }

  @Override
  public void rowSquaredDistances(Matrix a, Matrix center, Matrix out) {
    rowKernels.rowSquaredDistances(a, center, out);
  }

  @Override
  public void columnSums(Matrix a, Matrix out) {
    columns.columnSums(a, out);
  }

  @Override
  public void columnMeans(Matrix a, Matrix out) {
    columns.columnMeans(a, out);
  }

  @Override
  public void subtractRow(Matrix a, Matrix row, Matrix out) {
    elements.subtractRow(a, row, out);
  }

  @Override
  public void subtract(Matrix a, Matrix b, Matrix out) {
    elements.subtract(a, b, out);
  }

  @Override
  public void add(Matrix target, Matrix addend) {
    elements.add(target, addend);
  }

  @Override
  public void scale(Matrix a, float factor) {
    elements.scale(a, factor);
  }

  @Override
  public void scaleRows(Matrix a, Matrix factors, Matrix shifts) {
    elements.scaleRows(a, factors, shifts);
  }

  @Override
  public void normalizeRows(Matrix w, float epsilon) {
    rowKernels.normalizeRows(w, epsilon);
  }

  @Override
  public void projectRows(Matrix gradient, Matrix w, float epsilon) {
    rowKernels.projectRows(gradient, w, epsilon);
  }

  @Override
  public void adam(Matrix weights, Matrix gradient, Matrix m, Matrix v, Adam adam) {
    optimizer.adam(weights, gradient, m, v, adam);
  }

  @Override
  public StepExecution execution(StepSpec spec) {
    return GraphSpec.execution(spec, probe.doubles());
  }

  @Override
  public TrainingStep compile(StepSpec spec, TrainingState state) {
    kernels.checkOpen();
    if (!GraphSpec.takes(spec, state, probe.doubles())) {
      return Device.super.compile(spec, state);
    }
    synchronized (kernels) {
      // A step needs the memory more than kernels that may be compiled again.
      kernels.drop();
      return new TornadoTrainingStep(kernels, spec, state);
    }
  }

  @Override
  public MemoryPlan memoryPlan(StepSpec spec) {
    return execution(spec).fused()
        ? GraphMemoryPlan.of(GraphSpec.of(spec), accelerator.schedule())
        : Device.super.memoryPlan(spec);
  }

  @Override
  public void close() {
    kernels.close();
    // Not while holding the lock of the kernels, which an encoding takes for each of them.
    encoding.close();
  }
}
