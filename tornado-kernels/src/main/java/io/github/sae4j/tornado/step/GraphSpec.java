package io.github.sae4j.tornado.step;

import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Term;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.util.Optional;

/**
 * A step that is one task graph on this device, with its parts laid flat. Its form is TopK by value
 * with ReLU before or after; its terms are the reconstruction, Multi-TopK and AuxK.
 *
 * @param step the whole step
 * @param dIn width of input and output
 * @param dSae number of latents
 * @param rows most rows of a batch
 * @param microBatchRows rows of a micro-batch
 * @param k latents of a row
 * @param multiK latents of a row for Multi-TopK; 0 without
 * @param auxK most latents of a row for AuxK; 0 without
 * @param relu where main codes are cut
 * @param multi Multi-TopK, or null
 * @param aux AuxK, or null
 */
public record GraphSpec(
    StepSpec step,
    int dIn,
    int dSae,
    int rows,
    int microBatchRows,
    int k,
    int multiK,
    int auxK,
    Ranked.Relu relu,
    MultiTopK multi,
    AuxK aux) {

  /**
   * Whether a step is one task graph, and if not, why.
   *
   * @param step the step
   * @param doubles whether the device has doubles that can be relied on
   * @return fused or composed
   */
  public static StepExecution execution(StepSpec step, boolean doubles) {
    if (!doubles) {
      return StepExecution.composed(
          "the device has no exact doubles, so the host adds between kernels");
    }
    // The pattern names all components: one that is added has to be decided on here to compile.
    if (!(step.forward()
            instanceof Forward(Ranked ranked, _, _, _, _, var threshold, var annealing, var gate))
        || !ranked.isTopK()
        || ranked.relu() == Ranked.Relu.NONE) {
      return StepExecution.composed("no task graph for " + step.forward().activation());
    }
    if (threshold.isPresent()) {
      return StepExecution.composed("no task graph that keeps a threshold for inference");
    }
    if (step.shape().pairs() != Pairs.NONE) {
      return StepExecution.composed("no task graph for pairs of rows");
    }
    if (gate.isPresent()) {
      return StepExecution.composed("no task graph that trains a gate");
    }
    if (step.deadLatents().fired() == DeadLatentRule.Fired.ABOVE_SMALL_THRESHOLD) {
      return StepExecution.composed("no task graph that counts activations above 1e-5");
    }
    if (annealing.isPresent()) {
      return StepExecution.composed("no task graph for a k that changes");
    }
    for (Term term : step.objective().terms()) {
      switch (term) {
        case Reconstruction reconstruction -> {}
        case MultiTopK multi -> {}
        case AuxK aux -> {}
        case DeadTopK multi -> {
          return StepExecution.composed("no task graph for contrastive codes");
        }
        case Contrast contrast -> {
          return StepExecution.composed("no task graph for contrastive codes");
        }
        case Sparsity _, PreActivation _, GateReconstruction _ -> {
          return StepExecution.composed("no task graph for a penalty on activations");
        }
        case Matryoshka nested -> {
          return StepExecution.composed("no task graph for nested prefixes");
        }
      }
    }
    return StepExecution.fused("one task graph");
  }

  /**
   * Whether a step on a state is one task graph: the graph knows the weights of an encoder and a
   * decoder, and would leave tensors besides as they are.
   *
   * @param step the step
   * @param state what it trains
   * @param doubles whether the device has doubles that can be relied on
   * @return true if {@link TornadoTrainingStep} takes it
   */
  public static boolean takes(StepSpec step, TrainingState state, boolean doubles) {
    return state.isPlain() && execution(step, doubles).fused();
  }

  /**
   * Lays a step flat.
   *
   * @param step a step that {@link #execution} calls fused
   * @return its parts
   */
  public static GraphSpec of(StepSpec step) {
    Ranked activation = (Ranked) step.forward().activation();
    int dSae = step.shape().dSae();
    Optional<MultiTopK> multi = step.objective().find(MultiTopK.class);
    Optional<AuxK> aux = step.objective().find(AuxK.class);
    return new GraphSpec(
        step,
        step.shape().dIn(),
        dSae,
        step.shape().rows(),
        step.shape().microBatchRows(),
        (int) activation.k(),
        multi.map(term -> (int) term.activation(activation, dSae).k()).orElse(0),
        aux.map(term -> term.k(dSae)).orElse(0),
        activation.relu(),
        multi.orElse(null),
        aux.orElse(null));
  }

  /**
   * What is minimised.
   *
   * @return all terms
   */
  Objective objective() {
    return step.objective();
  }

  /**
   * Whether input rows are normalised.
   *
   * @return true if they are
   */
  boolean normalizes() {
    return step.forward().normalization() != InputNormalization.NONE;
  }

  /**
   * Whether the batch is multiplied by a factor first.
   *
   * @return true if the factor is not 1
   */
  boolean scales() {
    return step.forward().inputFactor() != 1f;
  }

  /**
   * How gradients change the weights.
   *
   * @return clipping and Adam
   */
  Optimizer optimizer() {
    return step.optimizer();
  }

  /**
   * Which latents are dead.
   *
   * @return the rule
   */
  DeadLatentRule deadLatents() {
    return step.deadLatents();
  }

  /**
   * How the decoder's rows are kept at unit norm.
   *
   * @return the rule
   */
  DecoderNormRule decoderNorm() {
    return step.decoderNorm();
  }

  /**
   * Whether a step forms the batch's variance even if the caller does not ask for it and no latent
   * is dead.
   *
   * @return true if the main terms need it
   */
  boolean needsVariance() {
    return objective().terms().stream()
        .anyMatch(term -> !(term instanceof AuxK) && term.needsVariance());
  }
}
