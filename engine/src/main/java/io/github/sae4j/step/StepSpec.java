package io.github.sae4j.step;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Sparsity;
import java.util.Optional;

/**
 * What one training step computes: its parts, and nothing that changes from step to step. The order
 * of a step is fixed:
 *
 * <ol>
 *   <li>decoder rows to unit norm ({@link DecoderNormRule.When#BEFORE_FORWARD})
 *   <li>the batch times the input factor; encode, select latents, for Multi-TopK more of them;
 *       count which fired, fix the dead mask
 *   <li>per micro-batch: decode, residual, loss and gradient at the output of every term
 *   <li>gradients by latent, gradient of b_dec
 *   <li>decoder rows to unit norm ({@link DecoderNormRule.When#AFTER_BACKWARD}); parallel part of
 *       the decoder's gradient removed; global-norm clipping
 *   <li>Adam
 *   <li>decoder rows to unit norm ({@link DecoderNormRule.When#AFTER_STEP})
 * </ol>
 *
 * @param shape sizes
 * @param forward the forward pass
 * @param objective what is minimised
 * @param optimizer how gradients change the weights
 * @param deadLatents which latents are dead
 * @param decoderNorm how the decoder's rows are kept at unit norm
 */
public record StepSpec(
    StepShape shape,
    Forward forward,
    Objective objective,
    Optimizer optimizer,
    DeadLatentRule deadLatents,
    DecoderNormRule decoderNorm) {

  /** Checks combinations. */
  public StepSpec {
    if (shape.pairs() == Pairs.TARGETS) {
      Shapes.expect(
          !forward.subtractBDec(),
          "apply_b_dec_to_input",
          "false with targets: b_dec belongs to the output",
          true);
      Shapes.expect(
          forward.normalization() == InputNormalization.NONE && forward.inputFactor() == 1f,
          "normalize_activations",
          "none with targets, whose rows are of another space",
          forward.normalization());
      Shapes.expect(
          objective.find(Matryoshka.class).isEmpty(),
          "matryoshka widths",
          "none with targets",
          objective);
    }
    forward.activation().checkLatents(shape.dSae());
    forward.widest().activation().checkLatents(shape.dSae());
    Shapes.expect(
        !(forward.activation() instanceof Activation.Threshold threshold)
            || threshold.magnitude().isEmpty(),
        "activation",
        "one whose values are pre-activations: the gated form has no gradient yet",
        forward.activation());
    Shapes.expect(
        forward.activation().rowByRow() || shape.microBatchRows() == shape.rows(),
        "micro-batch rows",
        shape.rows() + " where latents of a whole batch compete",
        shape.microBatchRows());
    Shapes.expect(
        objective.find(MultiTopK.class).isEmpty()
            || forward.activation() instanceof Activation.Ranked,
        "Multi-TopK",
        "an activation that ranks",
        forward.activation());
    if (ofActivity(objective) || forward.gate().isPresent()) {
      checkActivity(shape, forward, objective, deadLatents);
    }
    objective
        .find(Matryoshka.class)
        .ifPresent(
            nested -> {
              Shapes.expect(
                  nested.widths().getLast() < shape.dSae(),
                  "matryoshka widths",
                  "numbers less than d_sae = " + shape.dSae(),
                  nested.widths());
              Shapes.expect(
                  !nested.auxPerLevel()
                      || objective.find(AuxK.class).map(AuxK::residualDetached).orElse(true),
                  "AuxK by level",
                  "a detached residual",
                  objective);
            });
    Optional<Contrast> contrast = objective.find(Contrast.class);
    Shapes.expect(
        contrast.isPresent() == shape.tied(),
        "tied weights",
        "a contrastive term with tied weights, and none without",
        objective);
    Shapes.expect(
        contrast.isPresent() || shape.pairs() != Pairs.POSITIVES,
        "positives",
        "a contrastive term",
        objective);
    contrast.ifPresent(term -> expectContrast(shape, forward, objective));
    Shapes.expect(
        objective.find(AuxK.class).isEmpty()
            || contrast.isPresent()
            || forward.normalization() == InputNormalization.NONE,
        "AuxK coefficient",
        "0 with input normalisation " + forward.normalization(),
        objective.find(AuxK.class).map(AuxK::weight).orElse(0.0));
  }

  /** A contrastive step is that of sentence-transformers, with few choices. */
  private static void expectContrast(StepShape shape, Forward forward, Objective objective) {
    Shapes.expect(
        shape.microBatchRows() == shape.rows(),
        "micro-batch rows",
        shape.rows() + " where the rows of a whole batch are compared",
        shape.microBatchRows());
    Shapes.expect(
        forward.activation() instanceof Activation.Ranked ranked
            && ranked.isTopK()
            && ranked.cutsNegatives()
            && !forward.rescaleByDecoderNorm()
            && forward.subtractBDec(),
        "forward pass",
        "TopK with ReLU, not rescaled, of x - b_dec with a contrastive term",
        forward);
    Shapes.expect(
        objective.reconstruction().measure() == Reconstruction.Measure.SCALED_MSE
            && objective.find(MultiTopK.class).isEmpty()
            && objective.find(Matryoshka.class).isEmpty(),
        "objective",
        "a mean squared error beside a contrastive term",
        objective);
    objective
        .find(AuxK.class)
        .ifPresent(
            aux ->
                Shapes.expect(
                    aux.relu()
                        && aux.residualDetached()
                        && !aux.scaledByDead()
                        && aux.bDec() == AuxK.BDec.CANCELS
                        && aux.normalizer() == AuxK.Normalizer.RESIDUAL_VARIANCE,
                    "AuxK",
                    "ReLU, a detached residual and its variance, not scaled by the dead, b_dec"
                        + " cancelling",
                    aux));
  }

  /** What goes together where a threshold decides and activity is penalised. */
  private static void checkActivity(
      StepShape shape, Forward forward, Objective objective, DeadLatentRule deadLatents) {
    boolean jumpRelu = forward.gate().orElse(null) instanceof TrainedGate.JumpRelu;
    boolean gated = forward.gate().orElse(null) instanceof TrainedGate.Gated;
    Shapes.expect(
        forward.activation().equals(Activation.Threshold.RELU) && !forward.rescaleByDecoderNorm(),
        "activation",
        "ReLU without rescaling where activity is penalised",
        forward);
    Shapes.expect(
        objective.reconstruction().measure() == Reconstruction.Measure.SQUARED_ERROR
            && objective.terms().stream()
                .noneMatch(
                    term ->
                        term instanceof MultiTopK
                            || term instanceof Matryoshka
                            || term instanceof AuxK),
        "objective",
        "the squared error and penalties of activity only",
        objective);
    Shapes.expect(
        shape.microBatchRows() == shape.rows(),
        "micro-batch rows",
        shape.rows() + " where activity is penalised",
        shape.microBatchRows());
    objective
        .find(Sparsity.class)
        .ifPresent(
            term ->
                Shapes.expect(
                    switch (term.penalty()) {
                      case Sparsity.Penalty.Norm norm -> !jumpRelu && (norm.p() == 1 || !gated);
                      default -> jumpRelu;
                    },
                    "penalty",
                    "one that goes with " + forward.gate(),
                    term.penalty()));
    Shapes.expect(
        objective.find(PreActivation.class).isEmpty()
            || (jumpRelu && !deadLatents.counting().afterStep()),
        "pre-activation loss",
        "JumpReLU and a dead mask from before the step",
        objective);
    Shapes.expect(
        objective.find(GateReconstruction.class).isEmpty()
            || (gated && forward.normalization() == InputNormalization.NONE),
        "gate reconstruction",
        "gates and no input normalisation",
        objective);
  }

  private static boolean ofActivity(Objective objective) {
    return objective.terms().stream()
        .anyMatch(
            term ->
                term instanceof Sparsity
                    || term instanceof PreActivation
                    || term instanceof GateReconstruction);
  }

  /**
   * Whether latents are those above a threshold and their activity is penalised, so that any number
   * of them may be active: such a step goes over the batch in tiles of rows.
   *
   * @return true for JumpReLU, standard and gated SAEs
   */
  public boolean penalisesActivity() {
    return ofActivity(objective) || forward.gate().isPresent();
  }

  /**
   * The same step with another activation.
   *
   * @param activation how latents become active
   * @return the changed step
   */
  public StepSpec withActivation(Activation activation) {
    return with(forward.withActivation(activation));
  }

  /**
   * The step as it is at some point of a run, with the k of that point and not annealed.
   *
   * @param number number of the step, from 1
   * @return this one if its k does not change
   */
  public StepSpec at(long number) {
    return forward.annealing().isEmpty() ? this : with(forward.at(number));
  }

  /**
   * The step with the largest k that it ever has.
   *
   * @return this one if its k does not change
   */
  public StepSpec widest() {
    return forward.annealing().isEmpty() ? this : with(forward.widest());
  }

  /**
   * The step once its k is annealed.
   *
   * @return this one if its k does not change
   */
  public StepSpec annealed() {
    return forward.annealing().isEmpty() ? this : with(forward.annealed());
  }

  private StepSpec with(Forward other) {
    return new StepSpec(shape, other, objective, optimizer, deadLatents, decoderNorm);
  }

  /**
   * The same step with another input factor.
   *
   * @param factor see {@link Forward#inputFactor}
   * @return the changed step
   */
  public StepSpec withInputFactor(float factor) {
    return with(forward.withInputFactor(factor));
  }
}
