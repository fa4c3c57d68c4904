package io.github.sae4j.internal.layout.writing;

import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.SaeLensLayout;
import io.github.sae4j.internal.tensors.SafetensorsOutput;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Activation.Threshold.Magnitude;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.WriteOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes SAELens's folder as SAELens 6 reads it: {@code cfg.json} and {@code
 * sae_weights.safetensors} with {@code W_enc [d_in, d_sae]}; and {@code sparsity.safetensors},
 * which SAELens does not need, where it is known how often latents fire.
 *
 * <p>Weights are folded, so {@code rescale_acts_by_decoder_norm} is written as false: with true,
 * SAELens would divide and multiply by norms that are 1.
 */
public final class SaeLensWriter {
  /** Marks the present layout: without it, or below 6, SAELens re-maps keys. */
  private static final String VERSION = "6.18.0";

  private static final String RESHAPE = "reshape_activations";

  private final SaeConfig config;
  private final SaeWeights weights;
  private final Folding folding;
  private final WriteOptions options;

  private SaeLensWriter(
      SaeConfig config, SaeWeights weights, Folding folding, WriteOptions options) {
    this.config = config;
    this.weights = weights;
    this.folding = folding;
    this.options = options;
  }

  /**
   * Writes an SAE into a folder that exists, as F32. Weights are folded while they are written;
   * nothing of their size is allocated.
   *
   * @param folder receives {@code cfg.json} and {@code sae_weights.safetensors}
   * @param config what the SAE computes once folded; its metadata is written with the layout's
   *     version in it
   * @param weights weights before folding
   * @param folding what to fold into them
   * @throws IllegalArgumentException if SAELens has no architecture for it; says what it lacks
   * @throws IOException if writing fails
   */
  public static void write(Path folder, SaeConfig config, SaeWeights weights, Folding folding)
      throws IOException {
    new SaeLensWriter(config, weights, folding, WriteOptions.DEFAULT).write(folder);
  }

  /** Writes an SAE in whose weights everything is folded. */
  static void write(Path folder, SaeConfig config, SaeWeights weights, WriteOptions options)
      throws IOException {
    Folding nothing = Folding.of(weights.wDec(), 1f, false);
    new SaeLensWriter(config, weights, nothing, options).write(folder);
  }

  private void write(Path folder) throws IOException {
    String architecture = architecture();
    DiskFile.write(folder.resolve(SaeLensLayout.CONFIG), Json.pretty(members(architecture)));
    Map<String, float[]> extras = extras();
    long d = config.dIn();
    long n = config.dSae();
    String bias = architecture.equals("gated") ? "b_gate" : "b_enc";
    List<TensorInfo> tensors = new ArrayList<>();
    tensors.add(tensor("W_enc", d, n));
    tensors.add(tensor(bias, n));
    tensors.add(tensor("W_dec", n, (long) config.dOut()));
    tensors.add(tensor("b_dec", (long) config.dOut()));
    extras.keySet().forEach(name -> tensors.add(tensor(name, n)));
    if (weights.wSkip() != null) {
      tensors.add(tensor("W_skip", (long) config.dOut(), d));
    }
    try (SafetensorsOutput output =
        SafetensorsOutput.create(folder.resolve(SaeLensLayout.WEIGHTS), Map.of(), tensors)) {
      FoldedWeights folded = new FoldedWeights(weights, folding, options.type(), output);
      folded.encoderColumns("W_enc");
      folded.decoder("W_dec");
      folded.encoderBias(bias);
      folded.decoderBias("b_dec");
      for (Map.Entry<String, float[]> extra : extras.entrySet()) {
        folded.vector(extra.getKey(), extra.getValue());
      }
      folded.skip("W_skip");
      output.finish();
    }
    if (options.sparsity().isPresent()) {
      float[] sparsity = options.sparsity().get();
      Shapes.expect(sparsity.length == n, "sparsity", "d_sae = " + n + " numbers", sparsity.length);
      new SafetensorsWriter()
          .floats("sparsity", sparsity, n)
          .write(folder.resolve(SaeLensLayout.SPARSITY));
    }
  }

  private TensorInfo tensor(String name, Long... shape) {
    return new TensorInfo(name, options.type(), List.of(shape));
  }

  /** SAELens's name for what the SAE computes. */
  private String architecture() {
    boolean skip = weights.wSkip() != null;
    if (skip && !config.transcoder()) {
      throw lacks("an autoencoder with a skip connection");
    }
    String kind = !config.transcoder() ? "" : skip ? "_skip_transcoder" : "_transcoder";
    return switch (config.activation()) {
      case Ranked ranked -> {
        if (!ranked.isTopK() || ranked.relu() == Relu.NONE) {
          throw lacks("activation " + ranked);
        }
        if (config.transcoder()) {
          throw lacks("a transcoder with TopK");
        }
        yield "topk";
      }
      case Threshold threshold when threshold.magnitude().isPresent() -> {
        if (config.transcoder()
            || !threshold.equals(Threshold.gated(threshold.magnitude().get()))) {
          throw lacks("a gated transcoder, or a gate that opens elsewhere than at 0");
        }
        yield "gated";
      }
      case Threshold threshold -> {
        boolean relu = threshold.equals(Threshold.RELU);
        String plain = kind.isEmpty() ? "standard" : kind.substring(1);
        yield relu ? plain : "jumprelu" + kind;
      }
    };
  }

  private static IllegalArgumentException lacks(String what) {
    return new IllegalArgumentException("SAELens has no architecture for " + what);
  }

  /**
   * Vectors {@code [d_sae]} beside the encoder's bias. Folding leaves pre-activations as ranked.
   */
  private Map<String, float[]> extras() {
    Map<String, float[]> extras = new LinkedHashMap<>();
    if (config.activation() instanceof Threshold threshold) {
      if (threshold.magnitude().isPresent()) {
        Magnitude magnitude = threshold.magnitude().get();
        extras.put("b_mag", magnitude.bias());
        extras.put("r_mag", logarithms(magnitude.gain()));
      } else if (!threshold.equals(Threshold.RELU)) {
        float[] theta = new float[config.dSae()];
        for (int i = 0; i < theta.length; i++) {
          theta[i] = threshold.theta(i);
        }
        extras.put("threshold", theta);
      }
    }
    return extras;
  }

  /** {@code r_mag} of gains: the logarithm whose exp is exactly the gain, where there is one. */
  private static float[] logarithms(float[] gain) {
    float[] logs = new float[gain.length];
    for (int i = 0; i < logs.length; i++) {
      float near = (float) StrictMath.log(gain[i]);
      logs[i] = near;
      for (float down = near, up = near, step = 0; step < 4; step++) {
        if ((float) StrictMath.exp(down) == gain[i]) {
          logs[i] = down;
          break;
        }
        if ((float) StrictMath.exp(up) == gain[i]) {
          logs[i] = up;
          break;
        }
        down = Math.nextDown(down);
        up = Math.nextUp(up);
      }
    }
    return logs;
  }

  @SuppressWarnings("unchecked") // a copy of a map of strings
  private static Map<String, Object> finite(Map<String, Object> metadata) {
    return (Map<String, Object>) Json.finite(metadata, number -> null);
  }

  private Map<String, Object> members(String architecture) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("sae_lens_version", VERSION);
    metadata.put("sae_lens_training_version", null); // as SAELens's own converters write it
    metadata.put("generator", "sae4j");
    // Metadata read from Python's JSON may hold NaN, which strict readers would not accept.
    metadata.putAll(finite(config.metadata().toMap()));
    metadata.put("sae_lens_version", VERSION); // not that of the layout it was read from
    metadata.remove(RESHAPE);
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("architecture", architecture);
    members.put("d_in", config.dIn());
    if (config.transcoder()) {
      members.put("d_out", config.dOut());
    }
    members.put("d_sae", config.dSae());
    if (config.activation() instanceof Ranked ranked) {
      members.put("k", (int) ranked.k());
    }
    members.put(
        "dtype",
        switch (options.type()) {
          case BF16 -> "bfloat16";
          case F16 -> "float16";
          default -> "float32";
        });
    members.put("device", "cpu");
    members.put("apply_b_dec_to_input", config.applyBDecToInput());
    members.put(
        "normalize_activations",
        switch (config.normalization()) {
          case NONE -> "none";
          case CONSTANT_NORM -> "constant_norm_rescale";
          case LAYER_NORM -> "layer_norm";
        });
    members.put(RESHAPE, config.metadata().headsFlattened() ? "hook_z" : "none");
    if (config.activation() instanceof Activation.Ranked) {
      members.put("rescale_acts_by_decoder_norm", false);
    }
    members.put("metadata", metadata);
    return members;
  }
}
