package io.github.sae4j.step;

import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Everything that a training step changes: trained tensors with Adam's moments, the counters of
 * dead latents, and numbers that a step keeps for inference. Every autoencoder has the four tensors
 * named here; an architecture may have more. Encoder and decoder are both {@code [d_sae, width]}.
 */
public final class TrainingState {
  /** Name of the encoder, {@code [d_sae, d_in]}. */
  public static final String W_ENC = "W_enc";

  /** Name of the decoder, {@code [d_sae, d_out]}. */
  public static final String W_DEC = "W_dec";

  /** Name of the encoder's bias, {@code [1, d_sae]}. */
  public static final String B_ENC = "b_enc";

  /** Name of the decoder's bias, {@code [1, d_out]}. */
  public static final String B_DEC = "b_dec";

  /** Name of the skip connection, {@code [d_out, d_in]}. */
  public static final String W_SKIP = "W_skip";

  /** Blocks of rows into which a tensor is divided while averages are kept. */
  private static final int AVERAGED_PARTS = 256;

  private static final List<String> PLAIN = List.of(W_ENC, W_DEC, B_ENC, B_DEC);

  private final List<Parameter> parameters;
  private final long[] sinceFired;
  private final Map<String, Double> statistics = new TreeMap<>();

  /** Running averages of the trained tensors, by name; empty unless they are kept. */
  private final Map<String, Matrix> averages = new LinkedHashMap<>();

  private final Matrix wEnc;
  private final Matrix wDec;
  private final Matrix bEnc;
  private final Matrix bDec;

  /**
   * A state of the given tensors.
   *
   * @param parameters trained tensors, W_enc, W_dec, b_enc and b_dec among them, without W_dec if
   *     the decoder is the encoder; their order is that of files and of the sum of squares that
   *     clipping takes (numerics rule 7)
   * @param sinceFired per latent, steps or rows since it fired; see {@link DeadLatentRule.Counting}
   */
  public TrainingState(List<Parameter> parameters, long[] sinceFired) {
    this.parameters = List.copyOf(parameters);
    this.sinceFired = sinceFired;
    this.wEnc = parameter(W_ENC).value();
    boolean tied = parameters.stream().noneMatch(parameter -> parameter.name().equals(W_DEC));
    this.wDec = tied ? wEnc : parameter(W_DEC).value();
    this.bEnc = parameter(B_ENC).value();
    this.bDec = parameter(B_DEC).value();
  }

  /**
   * Allocates a zeroed state.
   *
   * @param memory where
   * @param dIn width of input and output
   * @param dSae number of latents
   * @return zero weights, moments and counters
   */
  public static TrainingState allocate(OffHeap memory, int dIn, int dSae) {
    return new TrainingState(
        List.of(
            Parameter.allocate(memory, W_ENC, dSae, dIn),
            Parameter.allocate(memory, W_DEC, dSae, dIn),
            Parameter.allocate(memory, B_ENC, 1, dSae),
            Parameter.allocate(memory, B_DEC, 1, dIn)),
        new long[dSae]);
  }

  /**
   * Allocates the zeroed state of a step, with the vectors of its gate.
   *
   * @param memory where
   * @param spec what the step computes
   * @return zero weights, moments and counters
   */
  public static TrainingState allocate(OffHeap memory, StepSpec spec) {
    TrainingState state = allocate(memory, spec.shape());
    for (String name : spec.forward().gate().map(TrainedGate::parameters).orElse(List.of())) {
      state = state.plus(Parameter.allocate(memory, name, 1, spec.shape().dSae()));
    }
    return state;
  }

  /**
   * Allocates a zeroed state for a step.
   *
   * @param memory where
   * @param shape its sizes
   * @return zero weights, moments and counters; with {@link #W_SKIP} as the last tensor where the
   *     input is mapped to the output as well
   */
  public static TrainingState allocate(OffHeap memory, StepShape shape) {
    List<Parameter> parameters = new ArrayList<>();
    parameters.add(Parameter.allocate(memory, W_ENC, shape.dSae(), shape.dIn()));
    if (!shape.tied()) {
      parameters.add(Parameter.allocate(memory, W_DEC, shape.dSae(), shape.dOut()));
    }
    parameters.add(Parameter.allocate(memory, B_ENC, 1, shape.dSae()));
    parameters.add(Parameter.allocate(memory, B_DEC, 1, shape.dOut()));
    if (shape.skip()) {
      parameters.add(Parameter.allocate(memory, W_SKIP, shape.dOut(), shape.dIn()));
    }
    return new TrainingState(parameters, new long[shape.dSae()]);
  }

  /**
   * This state with one more tensor.
   *
   * @param parameter the tensor, with a new name
   * @return a state on the same memory
   */
  public TrainingState plus(Parameter parameter) {
    List<Parameter> more = new ArrayList<>(parameters);
    more.add(parameter);
    TrainingState state = new TrainingState(more, sinceFired);
    state.statistics.putAll(statistics);
    state.averages.putAll(averages);
    return state;
  }

  /**
   * Numbers in double that a step keeps beside what it trains, for instance {@link
   * RunningThreshold#NAME}.
   *
   * @return by name; the map itself, which steps change
   */
  public Map<String, Double> statistics() {
    return statistics;
  }

  /**
   * Takes a step into a running threshold.
   *
   * @param rule the threshold's rule
   * @param step number of the step, from 1
   * @param least the smallest positive activation of the step; infinity if there was none
   */
  public void keepThreshold(RunningThreshold rule, long step, float least) {
    double before = statistics.getOrDefault(RunningThreshold.NAME, rule.initial());
    statistics.put(RunningThreshold.NAME, rule.next(before, step, least));
  }

  /**
   * Makes room for a running average of every trained tensor.
   *
   * @param memory where
   */
  public void allocateAverages(OffHeap memory) {
    for (Parameter parameter : parameters) {
      Matrix value = parameter.value();
      averages.put(parameter.name(), memory.matrix(value.rows(), value.cols()));
    }
  }

  /**
   * Takes the present tensors into their running averages: with the rate r = (1 − decay) / (1 −
   * decay^step), rounded to float, a ← fma(r, w − a, a), which is the exponential average with the
   * bias of its start corrected.
   *
   * @param kernels whose threads divide the rows
   * @param decay of the average, at least 0 and below 1
   * @param step number of the step, from 1
   */
  public void keepAverages(Kernels kernels, double decay, long step) {
    float rate = (float) ((1 - decay) / (1 - StrictMath.pow(decay, step)));
    for (Parameter parameter : parameters) {
      Matrix value = parameter.value();
      Matrix average = averages.get(parameter.name());
      int rows = value.rows();
      int parts = Math.min(rows, AVERAGED_PARTS);
      kernels.onHost(
          parts,
          part -> {
            int end = (int) ((long) rows * (part + 1) / parts);
            float[] now = new float[value.cols()];
            float[] mean = new float[value.cols()];
            for (int i = (int) ((long) rows * part / parts); i < end; i++) {
              value.read(i, 1, now, 0);
              average.read(i, 1, mean, 0);
              for (int j = 0; j < mean.length; j++) {
                mean[j] = Math.fma(rate, now[j] - mean[j], mean[j]);
              }
              average.write(i, 1, mean, 0);
            }
          });
    }
  }

  /**
   * The state with the tensors that an SAE is made of.
   *
   * @return the running averages in the place of the trained tensors, on the same memory; this
   *     state if none are kept
   */
  public TrainingState served() {
    if (averages.isEmpty()) {
      return this;
    }
    List<Parameter> averaged = new ArrayList<>();
    for (Parameter parameter : parameters) {
      averaged.add(
          new Parameter(
              parameter.name(),
              averages.getOrDefault(parameter.name(), parameter.value()),
              parameter.m(),
              parameter.v()));
    }
    TrainingState state = new TrainingState(averaged, sinceFired);
    state.statistics.putAll(statistics);
    return state;
  }

  /** {@return the trained tensors, in the order of files} */
  public List<Parameter> parameters() {
    return parameters;
  }

  /**
   * A trained tensor.
   *
   * @param name its name in files
   * @return the tensor with its moments
   * @throws IllegalArgumentException if there is none of that name
   */
  public Parameter parameter(String name) {
    return parameters.stream()
        .filter(parameter -> parameter.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "parameter: expected one of "
                        + parameters.stream().map(Parameter::name).toList()
                        + ", got "
                        + name));
  }

  /**
   * Whether the state has the four tensors of every autoencoder, in the order above, and no others.
   * Fused steps know only those; any other state is updated by a composed step.
   *
   * @return true if nothing else is trained
   */
  public boolean isPlain() {
    return parameters.stream().map(Parameter::name).toList().equals(PLAIN);
  }

  /**
   * The encoder.
   *
   * @return {@code [d_sae, d_in]}
   */
  public Matrix wEnc() {
    return wEnc;
  }

  /**
   * The decoder.
   *
   * @return {@code [d_sae, d_out]}
   */
  public Matrix wDec() {
    return wDec;
  }

  /**
   * The encoder's bias.
   *
   * @return {@code [1, d_sae]}
   */
  public Matrix bEnc() {
    return bEnc;
  }

  /**
   * The decoder's bias.
   *
   * @return {@code [1, d_out]}
   */
  public Matrix bDec() {
    return bDec;
  }

  /**
   * The skip connection.
   *
   * @return {@code [d_out, d_in]}, or null where there is none
   */
  public Matrix wSkip() {
    return parameters.stream()
        .filter(parameter -> parameter.name().equals(W_SKIP))
        .map(Parameter::value)
        .findFirst()
        .orElse(null);
  }

  /**
   * Whether encoder and decoder are one matrix, trained as W_enc.
   *
   * @return true if there is no W_dec
   */
  public boolean tied() {
    return wDec == wEnc;
  }

  /**
   * Per latent, steps or rows since it fired; see {@link DeadLatentRule.Counting}.
   *
   * @return the counters themselves, {@code [d_sae]}
   */
  public long[] sinceFired() {
    return sinceFired;
  }

  /**
   * A tensor of the state.
   *
   * @param name its name in files
   * @param matrix the tensor
   */
  public record Named(String name, Matrix matrix) {}

  /**
   * All tensors in the order of files: values, then of each parameter first and second moments,
   * named {@code W_enc.m}, {@code W_enc.v} and so on, then the running averages that are kept,
   * {@code W_enc.average} and so on.
   *
   * @return names and tensors
   */
  public List<Named> tensors() {
    List<Named> tensors = new ArrayList<>();
    for (Parameter parameter : parameters) {
      tensors.add(new Named(parameter.name(), parameter.value()));
    }
    for (Parameter parameter : parameters) {
      tensors.add(new Named(parameter.name() + ".m", parameter.m()));
      tensors.add(new Named(parameter.name() + ".v", parameter.v()));
    }
    averages.forEach((name, average) -> tensors.add(new Named(name + ".average", average)));
    return tensors;
  }

  /** {@return the number of latents, d_sae} */
  public int dSae() {
    return wEnc.rows();
  }

  /** {@return the width of the input, d_in} */
  public int dIn() {
    return wEnc.cols();
  }

  /**
   * Copies another state of the same shape into this one.
   *
   * @param source the other state
   */
  public void copyFrom(TrainingState source) {
    Map<String, Matrix> from = new LinkedHashMap<>();
    source.tensors().forEach(tensor -> from.put(tensor.name(), tensor.matrix()));
    List<Named> to = tensors();
    List<String> names = to.stream().map(Named::name).toList();
    if (!from.keySet().equals(Set.copyOf(names))) {
      throw new IllegalArgumentException(
          "source: expected a state of " + names + ", got one of " + from.keySet());
    }
    to.forEach(tensor -> tensor.matrix().copyFrom(from.get(tensor.name())));
    System.arraycopy(source.sinceFired, 0, sinceFired, 0, sinceFired.length);
    statistics.clear();
    statistics.putAll(source.statistics);
  }
}
