package io.github.sae4j.vector;

import io.github.sae4j.step.TrainingState;

/** AuxK along the selected pairs: a small part of many dead latents. */
final class SparseAux implements AuxTerm.Method {
  private final FusedSpec spec;
  private final TrainingState state;
  private final StepMemory memory;
  private final Encoding encoding;
  private final SamplePass samples;
  private final BatchSums sums;
  private final HeapCodes codes = new HeapCodes();

  /** Packed inputs while encoding; then h, {@code [rows, padded]}. */
  private float[] h = {};

  private CodeTerm byLatent;

  SparseAux(
      FusedSpec spec,
      TrainingState state,
      StepMemory memory,
      Encoding encoding,
      SamplePass samples,
      BatchSums sums) {
    this.spec = spec;
    this.state = state;
    this.memory = memory;
    this.encoding = encoding;
    this.samples = samples;
    this.sums = sums;
  }

  /** Bytes of the term with so many dead latents: h, codes, and the running selection. */
  static long bytes(FusedSpec spec, int dead) {
    int rows = spec.maxRows();
    int k = spec.aux().k(dead);
    // Panels and the state of the running selection are the main codes'; the latter may grow.
    int mainK = spec.encodedK();
    boolean scaled = spec.rescaleByDecoderNorm();
    long there = Encoding.selectionBytes(spec.dSae(), mainK, rows, scaled);
    long selection = Math.max(0, Encoding.selectionBytes(dead, k, rows, scaled) - there);
    return 4 * StepMemory.gradientFloats(spec) + HeapCodes.bytes(rows, k, spec.dSae()) + selection;
  }

  @Override
  public void run(AuxTerm.Work work) {
    if (h.length == 0) {
      h = new float[memory.gradient.length];
      byLatent = new CodeTerm(codes, h, memory);
    }
    int rows = work.rows();
    encoding.packRows(memory.input, memory.padded, rows, spec.dIn(), h);
    encoding.run(
        new Encoding.Spec(
            state.wEnc(), work.dead(), work.bEnc(), work.norms(), AuxTerm.relu(spec.aux())),
        h,
        rows,
        work.k(),
        codes,
        0,
        null);
    for (int i = 0; i < codes.size(); i++) {
      codes.indices[i] = work.dead()[codes.indices[i]];
    }
    samples.decodeAux(rows, codes, h);
    samples.auxGradient(0, rows, h, work.factors(), work.squares());
    samples.gradient(
        0, rows, work.main(), work.mainFactors(), spec.aux().residualDetached() ? null : h);
    samples.codeGradients(rows, codes, h, spec.aux().relu());
    sums.addColumnSums(Rows.of(h, 0, memory.padded), rows, spec.dIn(), work.columnSums());
    codes.indexByLatent(spec.dSae());
  }

  @Override
  public boolean touches(int latent) {
    return byLatent.touches(latent);
  }

  @Override
  public float biasGradient(int latent) {
    return byLatent.biasGradient(latent);
  }

  @Override
  public void addTo(Side side, int latent, StepMemory.Worker scratch) {
    byLatent.addTo(side, latent, scratch);
  }
}
