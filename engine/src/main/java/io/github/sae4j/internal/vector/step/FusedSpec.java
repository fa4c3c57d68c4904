package io.github.sae4j.internal.vector.step;

import io.github.sae4j.internal.vector.select.BatchTopKEncoding;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Term;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import java.util.Optional;

/**
 * A step that this device has fused passes for, flattened into the values that its loops read. Its
 * form is TopK by value with ReLU before or after, or BatchTopK with ReLU before; its terms are the
 * reconstruction, Multi-TopK (with TopK), nested prefixes and AuxK.
 *
 * @param step the whole step
 * @param dIn width of input and output
 * @param dSae number of latents
 * @param maxRows most rows of a batch
 * @param microBatchRows rows of a micro-batch
 * @param batch whether the latents of a whole batch compete
 * @param k latents of a row, of a batch on average
 * @param multiK latents of a row for Multi-TopK; 0 without
 * @param relu where main codes are cut
 * @param reconstruction the main term
 * @param multi Multi-TopK, or null
 * @param nested nested prefixes, or null
 * @param aux AuxK, or null
 * @param clips whether gradients are clipped
 */
public record FusedSpec(
    StepSpec step,
    int dIn,
    int dSae,
    int maxRows,
    int microBatchRows,
    boolean batch,
    int k,
    int multiK,
    Ranked.Relu relu,
    Reconstruction reconstruction,
    MultiTopK multi,
    Matryoshka nested,
    AuxK aux,
    boolean clips) {

  /** Whether there are fused passes for a step, and if not, why. */
  public static StepExecution execution(StepSpec step) {
    if (step.penalisesActivity()) {
      return StepExecution.composed("no passes for thresholds and gates that are trained");
    }
    // The pattern names all components: one that is added has to be decided on here to compile.
    if (!(step.forward() instanceof Forward(Ranked ranked, _, _, _, _, _, var annealing, _))
        || !hasPasses(ranked)) {
      return StepExecution.composed("no passes for " + step.forward().activation());
    }
    if (step.shape().pairs() != Pairs.NONE) {
      return StepExecution.composed("no passes for pairs of rows");
    }
    if (annealing.isPresent()) {
      return StepExecution.composed("no passes for a k that changes");
    }
    if (ranked.scope() == Ranked.Scope.BATCH
        && step.objective().find(MultiTopK.class).isPresent()) {
      return StepExecution.composed("no passes for Multi-TopK of a whole batch");
    }
    for (Term term : step.objective().terms()) {
      switch (term) {
        case Reconstruction reconstruction -> {}
        case MultiTopK multi -> {}
        case AuxK aux -> {}
        case DeadTopK multi -> {
          return StepExecution.composed("no passes for contrastive codes");
        }
        case Contrast contrast -> {
          return StepExecution.composed("no passes for contrastive codes");
        }
        case Sparsity _, PreActivation _, GateReconstruction _ -> {
          throw new AssertionError(term + " was found before");
        }
        case Matryoshka nested -> {
          if (nested.auxPerLevel() && step.objective().find(AuxK.class).isPresent()) {
            return StepExecution.composed("no passes for AuxK level by level");
          }
          if (step.objective().find(MultiTopK.class).isPresent()) {
            return StepExecution.composed("no passes for nested prefixes with Multi-TopK");
          }
        }
      }
    }
    return StepExecution.fused("passes by sample and by latent");
  }

  private static boolean hasPasses(Ranked ranked) {
    return ranked.order() == Ranked.Order.VALUE
        && switch (ranked.scope()) {
          case ROW -> ranked.relu() != Ranked.Relu.NONE;
          case BATCH -> ranked.relu() == Ranked.Relu.BEFORE && ranked.k() == (int) ranked.k();
          case GROUP -> false;
        };
  }

  /**
   * Flattens a step.
   *
   * @param step a step that {@link #execution} calls fused
   */
  public static FusedSpec of(StepSpec step) {
    Ranked activation = (Ranked) step.forward().activation();
    int dSae = step.shape().dSae();
    Optional<MultiTopK> multi = step.objective().find(MultiTopK.class);
    return new FusedSpec(
        step,
        step.shape().dIn(),
        dSae,
        step.shape().rows(),
        step.shape().microBatchRows(),
        activation.scope() == Ranked.Scope.BATCH,
        (int) activation.k(),
        multi.map(term -> (int) term.activation(activation, dSae).k()).orElse(0),
        activation.relu(),
        step.objective().reconstruction(),
        multi.orElse(null),
        step.objective().find(Matryoshka.class).orElse(null),
        step.objective().find(AuxK.class).orElse(null),
        step.optimizer().clips());
  }

  /** Whether there is a Multi-TopK term. */
  boolean multiTopK() {
    return multi != null;
  }

  /** Codes per row that the encoder finds. */
  int encodedK() {
    return batch ? BatchTopKEncoding.firstCandidates(k, dSae) : Math.max(k, multiK);
  }

  /** Whether latents are ranked by pre-activation times decoder norm. */
  boolean rescaleByDecoderNorm() {
    return step.forward().rescaleByDecoderNorm();
  }

  /** Whether b_dec is subtracted from the input. */
  boolean subtractBDec() {
    return step.forward().subtractBDec();
  }

  /** Whether input rows are normalised. */
  boolean normalizes() {
    return step.forward().normalization() != InputNormalization.NONE;
  }

  /** The batch's input factor. */
  float inputFactor() {
    return step.forward().inputFactor();
  }

  /** How decoder rows are kept at unit norm. */
  DecoderNormRule decoderNorm() {
    return step.decoderNorm();
  }
}
