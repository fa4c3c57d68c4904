package io.github.sae4j.internal.vector.step;

import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.internal.vector.select.TopKEncoding;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.MemoryPlan.Part;
import java.util.List;

/**
 * The memory of {@link FusedTrainingStep}, as formulas; a test compares them with the real arrays.
 */
public final class FusedMemoryPlan {
  private FusedMemoryPlan() {}

  /** The plan of a step on this many threads. */
  public static MemoryPlan of(FusedSpec spec, int threads) {
    long rows = spec.maxRows();
    long n = spec.dSae();
    long d = spec.dIn();
    long padded = Vectors.padded(spec.dIn());
    int encoded = spec.encodedK();
    return MemoryPlan.ofState(spec.step())
        .plus(
            List.of(
                new Part("4 B d: the encoder's input", 4 * rows * padded, true),
                new Part(
                    "4 B d: packed input, then residual, then gradient",
                    4 * StepScratch.reusedFloats(spec),
                    true),
                new Part(
                    "4 B d: reconstructions by block of columns",
                    4 * decodedFloats(spec, threads),
                    true),
                new Part(
                    "28 B k + 8 n: codes and their gradients, by row and by latent",
                    HeapCodes.bytes(rows, spec.k(), n),
                    true),
                new Part(
                    "48 B k + 32 B k: candidates of BatchTopK; more if rows differ much",
                    spec.batch() ? HeapCodes.bytes(rows, encoded, 0) + 8L * rows * encoded : 0,
                    true),
                new Part(
                    "4 B d each: gradients of nested reconstructions",
                    spec.nested() == null
                        ? 0
                        : NestedLevels.bytes(spec.nested().widths().size(), rows, padded),
                    true),
                new Part(
                    "4 B d + 112 B k + 8 n: gradient and codes of Multi-TopK",
                    spec.multiTopK()
                        ? 4 * rows * padded + HeapCodes.bytes(rows, spec.multiK(), n)
                        : 0,
                    true),
                new Part(
                    "8 n d: gradient rows kept for clipping", spec.clips() ? 8 * n * d : 0, false),
                new Part(
                    "4 B d + 16 B: normalised input",
                    !spec.normalizes() ? 0 : 4 * rows * d + 16 * rows,
                    false),
                new Part(
                    "up to 22 n + 12 B: norms, biases, squares, flags",
                    (9 + (spec.rescaleByDecoderNorm() ? 4 : 0)) * n
                        + (spec.clips() ? 9 : 0) * n
                        + 12 * rows,
                    true),
                new Part(
                    "panels and scratch of " + threads + (threads == 1 ? " thread" : " threads"),
                    threads * StepScratch.workerBytes(spec)
                        + TopKEncoding.bytes(
                            spec.dIn(),
                            spec.dSae(),
                            encoded,
                            rows,
                            threads,
                            spec.rescaleByDecoderNorm()),
                    true),
                new Part(
                    "AuxK at its worst number of dead latents",
                    spec.aux() != null ? AuxTerm.bytes(spec, threads) : 0,
                    true)));
  }

  private static long decodedFloats(FusedSpec spec, int threads) {
    int columns = FusedTrainingStep.Paths.of(spec, threads).blockColumns();
    return columns == 0 ? 0 : DecodeByLatent.floats(spec.dIn(), columns, spec.maxRows());
  }
}
