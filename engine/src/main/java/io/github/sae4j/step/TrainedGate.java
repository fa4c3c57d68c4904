package io.github.sae4j.step;

import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Shapes;
import java.util.List;

/**
 * What decides, latent by latent, which pre-activations are passed on, where that is trained: by
 * vectors {@code [1, d_sae]} beside the four tensors of every autoencoder.
 */
public sealed interface TrainedGate {
  /**
   * Names of the vectors, in the order of files and of clipping.
   *
   * @return names of parameters of a {@link TrainingState}
   */
  List<String> parameters();

  /**
   * The activation that serves, with the vectors as they are now.
   *
   * @param state holds the vectors
   * @return a threshold for each latent
   */
  Threshold activation(TrainingState state);

  /**
   * JumpReLU (Rajamanoharan et al. 2024): pre where pre is above θ. Thresholds have no gradient of
   * their own, so one is estimated by a rectangle around them:
   *
   * <pre>
   * rect     = 1 where −½ &lt; (pre − θ) / bandwidth &lt; ½, else 0
   * ∂a/∂θ    = −(θ / bandwidth) · rect
   * ∂L0/∂θ   = −(1 / bandwidth) · rect
   * </pre>
   *
   * <p>The quotient is formed in f32, the difference first.
   *
   * @param form how θ follows from the vector
   * @param bandwidth width of the rectangle
   */
  record JumpRelu(Form form, float bandwidth) implements TrainedGate {
    /** Name of the thresholds in a {@link TrainingState} and in files. */
    public static final String THRESHOLD = "threshold";

    /** Name of their logarithms. */
    public static final String LOG_THRESHOLD = "log_threshold";

    /** How θ follows from what is trained. */
    public enum Form {
      /** θ = relu(threshold): a threshold that is not positive has no gradient (SAELens). */
      RELU,
      /**
       * θ = threshold, of either sign; negative pre-activations above it are passed on in training
       * (dictionary_learning).
       */
      PLAIN,
      /** θ = exp(log_threshold), in double, rounded once (SAELens from 6.18 to 6.47). */
      LOG
    }

    /** Checks the range. */
    public JumpRelu {
      Shapes.expect(
          bandwidth > 0 && bandwidth < Float.POSITIVE_INFINITY,
          "jumprelu_bandwidth",
          "a positive finite number",
          bandwidth);
    }

    @Override
    public List<String> parameters() {
      return List.of(form == Form.LOG ? LOG_THRESHOLD : THRESHOLD);
    }

    /**
     * The thresholds.
     *
     * @param state holds what they follow from
     * @return θ by latent
     */
    public float[] theta(TrainingState state) {
      float[] theta = state.parameter(parameters().getFirst()).value().toArray();
      for (int i = 0; i < theta.length; i++) {
        theta[i] =
            switch (form) {
              case RELU -> theta[i] > 0 ? theta[i] : 0f;
              case PLAIN -> theta[i];
              case LOG -> (float) StrictMath.exp(theta[i]);
            };
      }
      return theta;
    }

    @Override
    public Threshold activation(TrainingState state) {
      return Threshold.jumpRelu(theta(state));
    }
  }

  /**
   * The gated form (Rajamanoharan et al. 2024): with z the product x W_encᵀ, a gate is open where π
   * = z + b_gate is positive, and then the activation is relu(exp(r_mag) z + b_mag). The state
   * holds b_gate as {@code b_enc}. The gate itself has no gradient: {@code GateReconstruction}
   * trains it.
   */
  record Gated() implements TrainedGate {
    /** Name of the biases of magnitudes. */
    public static final String B_MAG = "b_mag";

    /** Name of the logarithms of their gains. */
    public static final String R_MAG = "r_mag";

    @Override
    public List<String> parameters() {
      return List.of(B_MAG, R_MAG);
    }

    /**
     * The gains.
     *
     * @param state holds their logarithms
     * @return exp(r_mag) by latent, in double, rounded once
     */
    public float[] gain(TrainingState state) {
      float[] gain = state.parameter(R_MAG).value().toArray();
      for (int i = 0; i < gain.length; i++) {
        gain[i] = (float) StrictMath.exp(gain[i]);
      }
      return gain;
    }

    @Override
    public Threshold activation(TrainingState state) {
      float[] bias = state.parameter(B_MAG).value().toArray();
      return Threshold.gated(new Threshold.Magnitude(gain(state), bias));
    }
  }
}
