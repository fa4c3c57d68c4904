package io.github.sae4j.training;

import io.github.sae4j.config.ActivationNormalization;
import io.github.sae4j.config.Architecture;
import io.github.sae4j.config.BDecInit;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.Batch;
import io.github.sae4j.data.BatchStream;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.start.Centers;
import io.github.sae4j.internal.start.InitialWeights;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.OptionType;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.TrainedGate.Gated;
import io.github.sae4j.step.TrainedGate.JumpRelu;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.util.function.IntToDoubleFunction;

/**
 * The initial state of a run: random weights and a centred b_dec, or the weights of a trained SAE.
 */
final class InitialState {
  private final TrainingConfig config;
  private final TrainingState state;

  /**
   * Creates the initialisation of a state.
   *
   * @param config the configuration
   * @param state all zeros; receives the weights
   */
  InitialState(TrainingConfig config, TrainingState state) {
    this.config = config;
    this.state = state;
  }

  /**
   * Draws weights and initialises b_dec and thresholds as configured; other biases stay 0. With
   * targets b_dec starts at the centre of theirs, and b_enc at −W_enc times the mean of the inputs,
   * in double over ascending columns, as sparsify has it.
   *
   * @param data rows to train on
   * @param measured what is done to rows before they are encoded
   * @param device whitens them
   */
  void draw(TrainingData data, Trainer.Measured measured, Device device) throws IOException {
    InitialWeights.draw(
        config.start().weightInit(),
        config.start().decoderInitNorm(),
        Math.min(config.sae().k(), state.dSae()), // some architectures have no k
        config.run().seed(),
        state.wEnc(),
        state.wDec());
    if (config.start().bDecInitMethod() != BDecInit.ZEROS) {
      center(data, measured, device);
    }
    if (config.sae().architecture() == Architecture.JUMPRELU) {
      double threshold = config.sparsity().initThreshold();
      fillThresholds(latent -> threshold);
    }
  }

  private void fillThresholds(IntToDoubleFunction thresholds) {
    boolean log = config.sparsity().logThreshold();
    Matrix vector = state.parameter(log ? JumpRelu.LOG_THRESHOLD : JumpRelu.THRESHOLD).value();
    for (int i = 0; i < vector.cols(); i++) {
      double threshold = thresholds.applyAsDouble(i);
      vector.set(0, i, (float) (log ? StrictMath.log(threshold) : threshold));
    }
  }

  /** The centre of the first batch, as the SAE will see it. */
  private void center(TrainingData data, Trainer.Measured measured, Device device)
      throws IOException {
    float factor = measured.normalizationFactor();
    long seed = config.data().shuffleSeed().orElse(config.run().seed());
    long samples = config.samples(data.training().rows());
    int rows = (int) Math.min(config.rowsPerStep(), samples);
    try (BatchStream stream =
            new BatchStream(
                data.training(), seed, rows, 0, samples, data.rules().withFactor(measured.gain()));
        OffHeap scratch = device.openMemory()) {
      Batch batch = stream.next();
      while (batch.rows() == 0 && stream.hasNext()) {
        batch = stream.next();
      }
      Matrix x = batch.x();
      if (x.rows() == 0) {
        return; // every row of the run is left out; no step needs a centre
      }
      if (config.sae().pairs() == Pairs.TARGETS) {
        offset(Centers.mean(columns(x, 0, data.dIn(), scratch)));
        x = columns(x, data.dIn(), data.dOut(), scratch);
      } else {
        x = columns(x, 0, data.dIn(), scratch);
      }
      multiply(x, factor);
      if (measured.whitening().isPresent()) {
        Matrix raw = scratch.matrix(x.rows(), x.cols());
        raw.copyFrom(x);
        x = measured.whitening().get().on(device, scratch, x.rows()).apply(raw);
      }
      InputNormalization normalization = config.data().normalizeActivations().inputNormalization();
      normalization.apply(x, x, scratch.vector(x.rows()), scratch.vector(x.rows()));
      double[] center =
          config.start().bDecInitMethod() == BDecInit.MEAN
              ? Centers.mean(x)
              : Centers.geometricMedian(x);
      for (int j = 0; j < center.length; j++) {
        state.bDec().set(0, j, (float) center[j]);
      }
    }
  }

  private static Matrix columns(Matrix rows, int from, int count, OffHeap memory) {
    if (count == rows.cols()) {
      return rows;
    }
    Matrix some = memory.matrix(rows.rows(), count);
    for (int b = 0; b < some.rows(); b++) {
      for (int j = 0; j < count; j++) {
        some.set(b, j, rows.get(b, from + j));
      }
    }
    return some;
  }

  /** Takes the mean of the inputs from the pre-activations. */
  private void offset(double[] mean) {
    float[] row = new float[mean.length];
    for (int i = 0; i < state.dSae(); i++) {
      state.wEnc().read(i, 1, row, 0);
      double sum = 0;
      for (int j = 0; j < mean.length; j++) {
        sum += row[j] * mean[j];
      }
      state.bEnc().set(0, i, (float) -sum);
    }
  }

  /**
   * Refuses an SAE that cannot be started from.
   *
   * @param config the configuration
   * @param shape what it trains
   * @param sae the SAE
   * @throws ConfigException if the SAE does not fit the configuration
   */
  static void expectFits(TrainingConfig config, StepShape shape, SparseAutoencoder sae) {
    boolean transcoder = config.sae().pairs() == Pairs.TARGETS;
    if (!fits(config, sae.config().activation()) || sae.config().transcoder() != transcoder) {
      throw new ConfigException(
          "from_pretrained",
          "expected "
              + wanted(config)
              + (transcoder ? " transcoder, as there are targets" : " autoencoder")
              + ", got "
              + (sae.config().transcoder() ? "a transcoder, " : "an autoencoder, ")
              + sae.config().activation());
    }
    expect("skip_connection", sae.weights().wSkip() != null, config.sae().skipConnection());
    if (shape.tied() && !sae.weights().tied()) {
      throw new ConfigException(
          "from_pretrained",
          "expected an SAE whose encoder and decoder are one matrix, got one with two");
    }
    expect("d_in", sae.config().dIn(), shape.dIn());
    expect("d_out", sae.config().dOut(), shape.dOut());
    expect("d_sae", sae.config().dSae(), shape.dSae());
    expect(
        "apply_b_dec_to_input", sae.config().applyBDecToInput(), config.sae().applyBDecToInput());
    if (config.data().normalizeActivations().inputNormalization() != sae.config().normalization()) {
      expect(
          "normalize_activations",
          ActivationNormalization.of(sae.config().normalization()),
          config.data().normalizeActivations());
    }
    if (config.sae().architecture() == Architecture.JUMPRELU
        && config.sparsity().logThreshold()
        && sae.config().activation() instanceof Threshold threshold) {
      expectPositive(threshold, shape.dSae());
    }
  }

  private static void expectPositive(Threshold threshold, int latents) {
    for (int i = 0; i < latents; i++) {
      if (!(threshold.theta(i) > 0)) {
        throw new ConfigException(
            "from_pretrained",
            "expected thresholds above 0 with log_threshold, got "
                + threshold.theta(i)
                + " of latent "
                + i);
      }
    }
  }

  /**
   * Starts from a trained SAE that {@linkplain #expectFits fits}, in which everything is folded;
   * the factor is unfolded (W_enc / s, W_dec · s, b_dec · s).
   *
   * @param sae the SAE
   * @param measured holds the normalisation factor s by which rows will be multiplied
   */
  void copy(SparseAutoencoder sae, Trainer.Measured measured) {
    float factor = measured.normalizationFactor();
    float[] row = new float[state.dIn()];
    for (int i = 0; i < state.dSae(); i++) {
      sae.weights().readEncoder(i, 1, row, 0);
      state.wEnc().write(i, 1, row, 0);
    }
    state.wDec().copyFrom(sae.weights().wDec());
    state.bEnc().copyFrom(sae.weights().bEnc());
    state.bDec().copyFrom(sae.weights().bDec());
    if (state.wSkip() != null) {
      state.wSkip().copyFrom(sae.weights().wSkip());
    }
    divide(state.wEnc(), factor);
    multiply(state.wDec(), factor);
    multiply(state.bDec(), factor);
    if (sae.config().activation() instanceof Threshold threshold) {
      copyGate(threshold);
    }
  }

  /** Whether what is trained can begin with such an activation. */
  private static boolean fits(TrainingConfig config, Activation activation) {
    return switch (config.sae().architecture()) {
      case TOPK, BATCHTOPK, MATRYOSHKA ->
          activation instanceof Ranked ranked && ranked.isTopK() && ranked.relu() != Relu.NONE;
      case STANDARD -> activation.equals(Threshold.RELU);
      case JUMPRELU -> activation instanceof Threshold threshold && threshold.magnitude().isEmpty();
      case GATED ->
          activation instanceof Threshold threshold
              && threshold.magnitude().isPresent()
              && threshold.equals(Threshold.gated(threshold.magnitude().get()));
    };
  }

  private static String wanted(TrainingConfig config) {
    return switch (config.sae().architecture()) {
      case TOPK, BATCHTOPK, MATRYOSHKA -> "a TopK";
      case STANDARD -> "a ReLU";
      case JUMPRELU -> "a JumpReLU or ReLU";
      case GATED -> "a gated";
    };
  }

  /** Folding leaves pre-activations as they are, so thresholds and gates need no unfolding. */
  private void copyGate(Threshold threshold) {
    if (config.sae().architecture() == Architecture.JUMPRELU) {
      fillThresholds(threshold::theta);
    }
    if (config.sae().architecture() == Architecture.GATED) {
      Threshold.Magnitude magnitude = threshold.magnitude().orElseThrow();
      Matrix gain = state.parameter(Gated.R_MAG).value();
      for (int i = 0; i < gain.cols(); i++) {
        gain.set(0, i, (float) StrictMath.log(magnitude.gain()[i]));
      }
      state.parameter(Gated.B_MAG).value().write(0, 1, magnitude.bias(), 0);
    }
  }

  private static void expect(String option, Object saved, Object wanted) {
    if (!saved.equals(wanted)) {
      throw new ConfigException(
          option,
          "expected "
              + OptionType.plain(saved)
              + " as in the SAE to start from, got "
              + OptionType.plain(wanted));
    }
  }

  private static void multiply(Matrix a, float factor) {
    float[] row = new float[a.cols()];
    for (int i = 0; factor != 1f && i < a.rows(); i++) {
      a.read(i, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        row[j] *= factor;
      }
      a.write(i, 1, row, 0);
    }
  }

  private static void divide(Matrix a, float divisor) {
    float[] row = new float[a.cols()];
    for (int i = 0; divisor != 1f && i < a.rows(); i++) {
      a.read(i, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        row[j] /= divisor;
      }
      a.write(i, 1, row, 0);
    }
  }
}
