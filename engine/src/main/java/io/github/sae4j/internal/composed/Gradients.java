package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.TrainingState;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** A gradient for each trained tensor of a state, by its name. */
public final class Gradients {
  private static final Set<String> COMMON =
      Set.of(TrainingState.W_ENC, TrainingState.W_DEC, TrainingState.B_ENC, TrainingState.B_DEC);

  private final Map<String, Matrix> tensors = new LinkedHashMap<>();

  private Gradients() {}

  /** Zero gradients of all tensors of a state. */
  static Gradients of(TrainingState state, OffHeap memory) {
    Gradients gradients = new Gradients();
    for (Parameter parameter : state.parameters()) {
      Matrix value = parameter.value();
      gradients.tensors.put(parameter.name(), memory.matrix(value.rows(), value.cols()));
    }
    if (state.tied()) {
      Matrix value = state.wDec();
      gradients.tensors.put(TrainingState.W_DEC, memory.matrix(value.rows(), value.cols()));
    }
    return gradients;
  }

  /** Zero gradients of the four tensors that every autoencoder has, restricted to some latents. */
  static Gradients ofLatents(int latents, TrainingState state, OffHeap memory) {
    Gradients gradients = new Gradients();
    gradients.tensors.put(TrainingState.W_ENC, memory.matrix(latents, state.wEnc().cols()));
    gradients.tensors.put(TrainingState.W_DEC, memory.matrix(latents, state.wDec().cols()));
    gradients.tensors.put(TrainingState.B_ENC, memory.vector(latents));
    gradients.tensors.put(TrainingState.B_DEC, memory.vector(state.bDec().cols()));
    return gradients;
  }

  /**
   * The gradients of latents [from, to) in this one's memory, but for b_enc, whose part cannot be
   * taken out of its row and is a vector of its own; b_dec is this one's.
   */
  Gradients ofLatents(int from, int to, OffHeap memory) {
    Gradients some = new Gradients();
    some.tensors.put(TrainingState.W_ENC, wEnc().rows(from, to - from));
    some.tensors.put(TrainingState.W_DEC, wDec().rows(from, to - from));
    some.tensors.put(TrainingState.B_ENC, memory.vector(to - from));
    some.tensors.put(TrainingState.B_DEC, bDec());
    return some;
  }

  /** Zeroes the gradients of tensors that only some architectures have; terms add to them. */
  void clearOthers() {
    tensors.forEach(
        (name, gradient) -> {
          if (!COMMON.contains(name)) {
            gradient.fill(0f);
          }
        });
  }

  /**
   * The gradient of a tensor.
   *
   * @param name the tensor's name
   * @return a matrix of the tensor's shape
   */
  public Matrix of(String name) {
    return tensors.get(name);
  }

  /**
   * The encoder's gradient.
   *
   * @return {@code [d_sae, d_in]}
   */
  public Matrix wEnc() {
    return of(TrainingState.W_ENC);
  }

  /**
   * The decoder's gradient; with tied weights what W_enc's has from the decoder, and is added to
   * it.
   *
   * @return {@code [d_sae, d_out]}
   */
  public Matrix wDec() {
    return of(TrainingState.W_DEC);
  }

  /**
   * The gradient of the encoder's bias.
   *
   * @return {@code [1, d_sae]}
   */
  public Matrix bEnc() {
    return of(TrainingState.B_ENC);
  }

  /**
   * The gradient of the decoder's bias.
   *
   * @return {@code [1, d_out]}
   */
  public Matrix bDec() {
    return of(TrainingState.B_DEC);
  }
}
