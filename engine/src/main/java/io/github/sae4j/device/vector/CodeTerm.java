package io.github.sae4j.device.vector;

import java.util.Arrays;

/**
 * The gradient by latent of codes that were turned around: sums of rows of the batch over the
 * samples that selected the latent, in ascending order.
 *
 * @param codes codes, their gradients and their index by latent
 * @param gradient gradient at the codes' reconstruction, {@code [rows, padded]}
 * @param memory holds the encoder's input
 */
record CodeTerm(HeapCodes codes, float[] gradient, StepMemory memory) implements LatentTerm {
  @Override
  public boolean touches(int latent) {
    return codes.byLatent.from(latent) < codes.byLatent.to(latent);
  }

  @Override
  public float biasGradient(int latent) {
    float sum = 0f;
    int to = codes.byLatent.to(latent);
    for (int p = codes.byLatent.from(latent); p < to; p++) {
      sum += codes.deltas[codes.byLatent.place(p)];
    }
    return sum;
  }

  @Override
  public void addTo(int latent, StepMemory.Worker scratch) {
    Arrays.fill(scratch.term, 0f);
    Arrays.fill(scratch.out, 0f);
    accumulate(latent, scratch, scratch.term, scratch.out);
    RowKernels.add(scratch.encoderGradient, 0, scratch.term, 0, memory.padded);
    RowKernels.add(scratch.decoderGradient, 0, scratch.out, 0, memory.padded);
  }

  /** Chains over ascending samples that go on from what both rows hold. */
  void accumulate(int latent, StepMemory.Worker scratch, float[] encoder, float[] decoder) {
    int from = codes.byLatent.from(latent);
    int count = codes.byLatent.to(latent) - from;
    int padded = memory.padded;
    scratch.samples(count);
    for (int p = 0; p < count; p++) {
      int place = codes.byLatent.place(from + p);
      scratch.weights[p] = codes.values[place];
      scratch.deltas[p] = codes.deltas[place];
      scratch.rowAt[p] = place / codes.k * padded;
    }
    RowKernels.combine(scratch.weights, 0, scratch.rowAt, 0, count, gradient, padded, decoder, 0);
    RowKernels.combine(
        scratch.deltas, 0, scratch.rowAt, 0, count, memory.input, padded, encoder, 0);
  }
}
