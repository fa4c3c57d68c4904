package io.github.sae4j.internal.composed;

import io.github.sae4j.internal.flight.Flight;
import io.github.sae4j.internal.flight.Phase;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * The training step composed from a device's kernels, for whatever a device does not fuse. On the
 * scalar device it defines a step; fused steps return the same bits.
 *
 * <p>Order of operations beyond that of the kernels; factors are computed in double and rounded
 * once:
 *
 * <ul>
 *   <li>The batch is multiplied by the input factor, one rounding.
 *   <li>Every term's class gives the order of its own operations: {@code ReconstructionTerm},
 *       {@code MultiTopKTerm}, {@code AuxKTerm}; where activity is penalised, {@code TiledPass}.
 *   <li>Gradient by latent and of b_dec: the terms' gradients added in the objective's order (rule
 *       4); then from b_dec's, if b_dec is subtracted from the input, the product db_enc W_enc.
 *   <li>Projection, clipping and Adam: {@code Update}.
 * </ul>
 */
public final class ComposedTrainingStep implements TrainingStep {
  private final Kernels device;
  private final StepSpec spec;
  private final TrainingState state;
  private final Consumer<Observation> observer;
  private final TiledPass.Limits limits;
  private final Update update;
  private final OffHeap memory;
  private final Gradients gradients;
  private final Flight.Span encoding = Flight.phase(Phase.ENCODE);
  private final Flight.Span decoding = Flight.phase(Phase.DECODE);
  private final Flight.Span gradient = Flight.phase(Phase.GRADIENTS);
  private final Flight.Span updating = Flight.phase(Phase.UPDATE);

  /**
   * Composes a step.
   *
   * @param device runs the kernels
   * @param spec the step
   * @param state updated in place
   */
  public ComposedTrainingStep(Kernels device, StepSpec spec, TrainingState state) {
    this(device, spec, state, null);
  }

  /**
   * Composes a step that exposes its intermediate results.
   *
   * @param device runs the kernels
   * @param spec the step
   * @param state updated in place
   * @param observer called once per step, after the backward pass; or null
   */
  public ComposedTrainingStep(
      Kernels device, StepSpec spec, TrainingState state, Consumer<Observation> observer) {
    this(device, spec, state, observer, TiledPass.Limits.USUAL);
  }

  /** The same with other bounds of tiles. */
  ComposedTrainingStep(
      Kernels device,
      StepSpec spec,
      TrainingState state,
      Consumer<Observation> observer,
      TiledPass.Limits limits) {
    Shapes.expect("W_enc", state.wEnc(), spec.shape().dSae(), spec.shape().dIn());
    Shapes.expect("W_dec", state.wDec(), spec.shape().dSae(), spec.shape().dOut());
    this.device = device;
    this.spec = spec;
    this.state = state;
    this.observer = observer;
    this.limits = limits;
    this.update = new Update(device, spec, state);
    this.memory = device.openMemory();
    this.gradients = Gradients.of(state, memory);
  }

  @Override
  public StepReport run(Matrix x, double learningRate, long number, boolean withVariance) {
    spec.shape().expectBatch(x);
    try (OffHeap scratch = device.openMemory()) {
      if (spec.objective().find(Contrast.class).isPresent()) {
        update.normalizeDecoder(DecoderNormRule.When.BEFORE_FORWARD);
        return contrast(x, learningRate, number, withVariance, scratch);
      }
      boolean tiled = spec.penalisesActivity();
      if (!tiled) {
        encoding.begin();
      }
      update.normalizeDecoder(DecoderNormRule.When.BEFORE_FORWARD);
      Pass pass = new Pass(device, spec.at(number), state, x, scratch);
      if (tiled) {
        return runTiled(pass, number, learningRate, withVariance);
      }
      List<ComposedTerm> terms = ComposedTerm.of(spec.objective(), pass);
      Firing firing = Firing.count(pass, terms);
      pass.dead = firing.dead();
      spec.forward()
          .threshold()
          .ifPresent(rule -> state.keepThreshold(rule, number, firing.least()));
      encoding.end(number, x.rows());
      decoding.begin();
      terms.forEach(ComposedTerm::forward);
      Losses losses = new Losses(pass, terms, withVariance);
      decoding.end(number, x.rows());
      gradient.begin();
      backward(pass, terms);
      gradient.end(number, x.rows());
      observe(
          terms.stream().map(ComposedTerm::view).filter(Objects::nonNull).toList(), firing.dead());
      updating.begin();
      double norm = update.apply(gradients, learningRate, number, scratch);
      updating.end(number, x.rows());
      return losses.report(firing, norm);
    }
  }

  private StepReport contrast(
      Matrix x, double learningRate, long number, boolean withVariance, OffHeap scratch) {
    gradient.begin();
    ContrastivePass pass =
        new ContrastivePass(device, spec.at(number), state, x, gradients, scratch);
    throughInput(scratch);
    device.add(gradients.wEnc(), gradients.wDec());
    gradient.end(number, x.rows());
    observe(pass.views(), pass.dead());
    updating.begin();
    double norm = update.apply(gradients, learningRate, number, scratch);
    updating.end(number, x.rows());
    return pass.report(norm, withVariance);
  }

  private StepReport runTiled(Pass pass, long number, double learningRate, boolean withVariance) {
    TiledPass tiles = new TiledPass(pass, number, gradients, limits, observer != null);
    int rows = pass.rows();
    gradient.begin(); // tile by tile with codes and reconstructions
    tiles.run();
    gradient.end(number, rows);
    if (observer != null) {
      observer.accept(tiles.observation());
    }
    updating.begin();
    double norm = update.apply(gradients, learningRate, number, pass.scratch);
    updating.end(number, rows);
    return tiles.report(withVariance, norm);
  }

  private void backward(Pass pass, List<ComposedTerm> terms) {
    gradients.clearOthers();
    terms.forEach(term -> term.backward(gradients));
    throughInput(pass.scratch);
  }

  /** The gradient that b_dec has because it is subtracted from the encoder's input. */
  private void throughInput(OffHeap scratch) {
    if (spec.forward().subtractBDec()) {
      Matrix throughInput = scratch.vector(spec.shape().dIn());
      device.product(gradients.bEnc(), false, state.wEnc(), false, throughInput);
      device.subtract(gradients.bDec(), throughInput, gradients.bDec());
    }
  }

  private void observe(List<Observation.TermView> views, int[] dead) {
    if (observer == null) {
      return;
    }
    boolean[] mask = new boolean[spec.shape().dSae()];
    for (int latent : dead) {
      mask[latent] = true;
    }
    observer.accept(new Observation(views, mask, gradients));
  }

  @Override
  public void synchronize() {
    // The state is updated in place.
  }

  @Override
  public void close() {
    memory.close();
  }
}
