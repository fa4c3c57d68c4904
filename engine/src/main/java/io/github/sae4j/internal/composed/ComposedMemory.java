package io.github.sae4j.internal.composed;

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
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.MemoryPlan.Part;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** The memory of a {@link ComposedTrainingStep}, as formulas; a test holds real steps to them. */
public final class ComposedMemory {
  /** Index, value and gradient of a code. */
  private static final long CODE_BYTES = 12;

  private ComposedMemory() {}

  /**
   * The plan of a step, without the memory that the device's kernels take for themselves.
   *
   * @param step what a step computes
   * @return sizes by part; where the activation does not fix the length of code rows, a usual
   *     length is assumed
   */
  public static MemoryPlan of(StepSpec step) {
    StepSpec spec = step.widest();
    if (spec.penalisesActivity()) {
      return tiled(spec);
    }
    List<Part> parts = new ArrayList<>();
    long n = spec.shape().dSae();
    long in = spec.shape().dIn();
    long d = spec.shape().dOut();
    boolean paired = spec.shape().pairs() != Pairs.NONE;
    long batch = 4L * spec.shape().rows() * d;
    parts.add(part("4 (2 n d + n + d): gradients", gradients(n, in, d)));
    if (spec.shape().skip()) {
      parts.add(part("4 d d_out + 4 B d_out: gradient of the skip connection", 4 * in * d + batch));
    }
    parts.add(
        paired
            ? part("4 B (d + d_out): inputs and targets", 4L * spec.shape().rows() * (in + d))
            : part("4 B d each: input, before b_dec, normalised, scaled", inputs(spec) * batch));
    OptionalInt length = spec.forward().activation().fixedLength();
    parts.add(
        part(
            "12 B k + 8 B + 12 n: codes and their gradients, norms"
                + (length.isPresent() ? "" : "; k at " + Pass.USUAL_LENGTH + ", more if needed"),
            codes(spec, length.orElse(Pass.USUAL_LENGTH)) + 12 * n));
    // Metrics of micro-batches need two scalars per row, and means.
    long micros = spec.shape().microBatches(spec.shape().rows());
    for (Term term : spec.objective().terms()) {
      long scalars = 16L * spec.shape().rows() + 8 * micros * d;
      parts.add(
          switch (term) {
            case Reconstruction main ->
                part("12 B d + 16 B: reconstruction, error, gradient", 3 * batch + scalars);
            case MultiTopK multi ->
                part(
                    "8 B d + 12 B 4k + 4 (2 n d + n + d): Multi-TopK",
                    2 * batch
                        + scalars
                        + codes(
                            spec,
                            (int)
                                Math.min(
                                    n, (long) multi.multiple() * length.orElse(Pass.USUAL_LENGTH)))
                        + gradients(n, in, d));
            case Matryoshka nested ->
                part(
                    "8 B d + 12 B k a width: nested reconstructions",
                    nested.widths().size()
                        * (2 * batch
                            + scalars
                            + 2 * codes(spec, length.orElse(Pass.USUAL_LENGTH))));
            case DeadTopK multi ->
                part(
                    "8 B d + 12 B 4k + 12 n d: Multi-TopK of the dead, all latents dead",
                    2 * batch
                        + scalars
                        + codes(spec, multi, length)
                        + 4 * n * (in + 1)
                        + gradients(n, in, d));
            case Contrast contrast ->
                spec.shape().pairs() == Pairs.NONE
                    ? part("columns for positives", 0)
                    : part(
                        "a second column for positives",
                        (inputs(spec) + 8) * batch
                            + 3 * scalars
                            + 4 * n * (in + 1)
                            + codes(spec, length.orElseThrow())
                            + codes(spec, DeadTopK.SENTENCE_TRANSFORMERS, length)
                            + spec.objective()
                                .find(AuxK.class)
                                .map(aux -> codes(spec, aux.k((int) n)))
                                .orElse(0L)
                            + 3 * gradients(n, in, d));
            case AuxK aux when spec.shape().tied() ->
                part(
                    "12 B d + 12 B k_aux + 8 n d: AuxK with all latents dead",
                    3 * batch + scalars + codes(spec, aux.k((int) n)) + gradients(n, in, d));
            case Sparsity _, PreActivation _, GateReconstruction _ ->
                throw new AssertionError(term + " is formed by tiles");
            case AuxK aux ->
                part(
                    "4 B d + 12 B k_aux + 16 n d: AuxK with all latents dead",
                    batch
                        + scalars
                        + codes(spec, aux.k((int) n))
                        + 4 * n * (in + d + 2)
                        + gradients(n, in, d));
          });
    }
    if (spec.objective().find(Contrast.class).isPresent()) {
      long all = (long) spec.shape().rows() * length.orElseThrow();
      int sides = paired ? 2 : 1;
      parts.add(
          new Part(
              "(20 B k + 8 n) a column + 4 B k + 24 B: codes by row and by latent",
              CodeContrast.heapBytes(all, spec.shape().rows(), n, sides),
              true));
    }
    return MemoryPlan.ofState(spec).plus(parts);
  }

  /** The plan where rows are taken in tiles: no part grows with rows times d_sae. */
  private static MemoryPlan tiled(StepSpec spec) {
    TiledPass.Limits limits = TiledPass.Limits.USUAL;
    int rows = spec.shape().rows();
    int latents = spec.shape().dSae();
    long n = latents;
    long in = spec.shape().dIn();
    long d = spec.shape().dOut();
    long batch = 4L * rows * d;
    long candidates = limits.capacity(rows, latents);
    Optional<GateReconstruction> gates = spec.objective().find(GateReconstruction.class);
    int vectors = spec.forward().gate().map(gate -> gate.parameters().size()).orElse(0);
    List<Part> parts = new ArrayList<>();
    parts.add(part("4 (2 n d + n + d): gradients", gradients(n, in, d) + 4 * n * vectors));
    parts.add(
        spec.shape().pairs() == Pairs.NONE
            ? part("4 B d each: input, before b_dec, normalised, scaled", inputs(spec) * batch)
            : part("4 B (d + d_out): inputs and targets", 4L * rows * (in + d)));
    parts.add(
        part("4 d d_out: gradient of the skip connection", spec.shape().skip() ? 4 * in * d : 0));
    parts.add(part("8 B d + 8 B: reconstruction, gradient", 2 * batch + 8L * rows + 8 * d));
    if (gates.isPresent()) {
      boolean detached = gates.get().detached();
      parts.add(
          part(
              detached
                  ? "4 B d + 4 B: reconstruction from gates"
                  : "4 B d + 4 B + 4 n d: reconstruction from gates, its decoder's gradient",
              batch + 4L * rows + (detached ? 0 : 4 * n * d)));
    }
    parts.add(
        part("4 n a row: tile of products, at most", 4 * n * limits.productRows(rows, latents)));
    parts.add(
        part(
            "12 a candidate, 20 with gates: codes of a tile, at most",
            (gates.isPresent() ? 20 : 12) * (candidates + rows)));
    parts.add(
        new Part(
            "16 a candidate, 24 with gates: the same on the heap, at most",
            (gates.isPresent() ? 24 : 16) * candidates,
            true));
    parts.add(new Part("96 n: sums by latent", 96 * n, true));
    parts.add(part("1024 d + 12 n: decoder rows, norms", 1024 * d + 12 * n));
    if (spec.objective().find(PreActivation.class).isPresent()) {
      long run = TiledPass.deadAtOnce(limits, rows, latents);
      parts.add(
          part(
              "8 d + 4 B a latent of a run: pre-activations of dead latents",
              run * (8 * in + 4L * rows)));
    }
    return MemoryPlan.ofState(spec).plus(parts);
  }

  private static Part part(String name, long bytes) {
    return new Part(name, bytes, false);
  }

  private static long gradients(long n, long in, long out) {
    return 4 * (n * (in + out) + n + out);
  }

  private static long codes(StepSpec spec, DeadTopK multi, OptionalInt length) {
    long places = (long) multi.multiple() * length.orElseThrow();
    return codes(spec, (int) Math.min(spec.shape().dSae(), places));
  }

  private static long codes(StepSpec spec, int perRow) {
    return spec.shape().rows() * (CODE_BYTES * perRow + 8L);
  }

  private static int inputs(StepSpec spec) {
    Forward forward = spec.forward();
    return (forward.inputFactor() == 1f ? 0 : 1)
        + (forward.normalization() == InputNormalization.NONE ? 0 : 1)
        + (forward.subtractBDec() ? 1 : 0);
  }
}
