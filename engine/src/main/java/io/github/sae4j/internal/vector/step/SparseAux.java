package io.github.sae4j.internal.vector.step;

import io.github.sae4j.internal.vector.rows.BatchSums;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.internal.vector.select.TopKEncoding;
import io.github.sae4j.step.TrainingState;

/**
 * AuxK over the selected pairs, for a small selection of many dead latents. Where the main codes
 * are decoded by latent, these are too, and their gradients are left to the pass over latents.
 */
final class SparseAux implements AuxTerm.Method {
  private final WorkerPool pool;
  private final FusedSpec spec;
  private final TrainingState state;
  private final StepScratch memory;
  private final TopKEncoding encoding;
  private final SamplePass samples;
  private final DecodeByLatent decoder;
  private final BatchSums sums;
  private final HeapCodes codes = new HeapCodes();

  /** One array: the packed inputs while encoding, then h {@code [rows, padded]}. */
  private float[] reused = {};

  private CodeTerm byLatent;

  SparseAux(
      WorkerPool pool,
      FusedSpec spec,
      TrainingState state,
      StepScratch memory,
      TopKEncoding encoding,
      SamplePass samples,
      DecodeByLatent decoder,
      BatchSums sums) {
    this.pool = pool;
    this.spec = spec;
    this.state = state;
    this.memory = memory;
    this.encoding = encoding;
    this.samples = samples;
    this.decoder = decoder;
    this.sums = sums;
  }

  /** Bytes of the term with this many dead latents: h, codes, and the running selection. */
  static long bytes(FusedSpec spec, int dead) {
    int rows = spec.maxRows();
    int k = spec.aux().k(dead);
    // Panels and the running selection's state are shared with the main codes; the latter may grow.
    int mainK = spec.encodedK();
    boolean scaled = spec.rescaleByDecoderNorm();
    long there = TopKEncoding.selectionBytes(spec.dSae(), mainK, rows, scaled);
    long selection = Math.max(0, TopKEncoding.selectionBytes(dead, k, rows, scaled) - there);
    return 4 * StepScratch.reusedFloats(spec) + HeapCodes.bytes(rows, k, spec.dSae()) + selection;
  }

  @Override
  public void run(AuxTerm.Work work) {
    if (reused.length == 0) {
      reused = new float[memory.packedInput().length];
      boolean gated = spec.aux().relu();
      byLatent = new CodeTerm(codes, reused, null, decoder != null, gated, memory);
    }
    pool.phase("AuxK: encode, select");
    encode(work, reused);
    float[] h = reused;
    int rows = work.rows();
    pool.phase("AuxK: codes by latent");
    codes.indexByLatent(spec.dSae(), pool);
    pool.phase("AuxK: decode");
    if (decoder != null) {
      decoder.run(codes, rows);
    } else {
      samples.decodeAux(rows, codes, h);
    }
    pool.phase("AuxK: residual");
    samples.auxGradient(0, rows, decoder, h, work.factors(), work.squares());
    samples.gradient(
        0, rows, work.main(), work.mainFactors(), spec.aux().residualDetached() ? null : h);
    sums.addColumnSums(Rows.of(h, 0, memory.padded), rows, spec.dIn(), work.columnSums());
    if (decoder == null) {
      pool.phase("AuxK: code gradients");
      samples.codeGradients(rows, codes, h, spec.aux().relu());
      codes.deltasByLatent(pool);
    }
  }

  private void encode(AuxTerm.Work work, float[] packedInput) {
    int rows = work.rows();
    encoding.packRows(memory.input, memory.padded, rows, spec.dIn(), packedInput);
    encoding.run(
        new TopKEncoding.Spec(
            state.wEnc(), work.dead(), work.bEnc(), work.norms(), AuxTerm.relu(spec.aux())),
        packedInput,
        rows,
        work.k(),
        codes,
        0,
        null);
    int[] dead = work.dead();
    int[] indices = codes.indices;
    samples.forEach(
        rows,
        (b, scratch) -> {
          for (int i = codes.starts[b]; i < codes.starts[b + 1]; i++) {
            indices[i] = dead[indices[i]];
          }
        });
  }

  @Override
  public LatentTerm byLatent() {
    return byLatent;
  }
}
