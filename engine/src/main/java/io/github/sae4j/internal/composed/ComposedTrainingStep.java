package io.github.sae4j.internal.composed;

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
 *       {@code MultiTopKTerm}, {@code AuxKTerm}.
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
  private final Update update;
  private final OffHeap memory;
  private final Gradients gradients;

  /**
   * Composes a step.
   *
   * @param device runs the kernels
   * @param spec the step
   * @param state updated in place
   */
  public ComposedTrainingStep(Kernels device, StepSpec spec, TrainingState state) {
    this(device, spec, state, observation -> {});
  }

  /**
   * Composes a step that exposes its intermediate results.
   *
   * @param device runs the kernels
   * @param spec the step
   * @param state updated in place
   * @param observer called once per step, after the backward pass
   */
  public ComposedTrainingStep(
      Kernels device, StepSpec spec, TrainingState state, Consumer<Observation> observer) {
    Shapes.expect("W_enc", state.wEnc(), spec.shape().dSae(), spec.shape().dIn());
    Shapes.expect("W_dec", state.wDec(), spec.shape().dSae(), spec.shape().dOut());
    this.device = device;
    this.spec = spec;
    this.state = state;
    this.observer = observer;
    this.update = new Update(device, spec, state);
    this.memory = device.openMemory();
    this.gradients = Gradients.of(state, memory);
  }

  @Override
  public StepReport run(Matrix x, double learningRate, long number, boolean withVariance) {
    spec.shape().expectBatch(x);
    try (OffHeap scratch = device.openMemory()) {
      update.normalizeDecoder(DecoderNormRule.When.BEFORE_FORWARD);
      if (spec.objective().find(Contrast.class).isPresent()) {
        return contrast(x, learningRate, number, withVariance, scratch);
      }
      Pass pass = new Pass(device, spec.at(number), state, x, scratch);
      List<ComposedTerm> terms = ComposedTerm.of(spec.objective(), pass);
      Firing firing = Firing.count(pass, terms);
      pass.dead = firing.dead();
      spec.forward()
          .threshold()
          .ifPresent(rule -> state.keepThreshold(rule, number, firing.least()));
      terms.forEach(ComposedTerm::forward);
      Losses losses = new Losses(pass, terms, withVariance);
      backward(pass, terms);
      observe(
          terms.stream().map(ComposedTerm::view).filter(Objects::nonNull).toList(), firing.dead());
      double norm = update.apply(gradients, learningRate, number, scratch);
      return losses.report(firing, norm);
    }
  }

  private StepReport contrast(
      Matrix x, double learningRate, long number, boolean withVariance, OffHeap scratch) {
    ContrastivePass pass =
        new ContrastivePass(device, spec.at(number), state, x, gradients, scratch);
    throughInput(scratch);
    device.add(gradients.wEnc(), gradients.wDec());
    observe(pass.views(), pass.dead());
    double norm = update.apply(gradients, learningRate, number, scratch);
    return pass.report(norm, withVariance);
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
