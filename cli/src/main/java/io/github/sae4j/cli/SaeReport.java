package io.github.sae4j.cli;

import io.github.sae4j.evaluation.LoadCheck;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.WeightSummary;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Describes an SAE: how it was stored, what it computes, statistics of its weights. */
final class SaeReport {
  private SaeReport() {}

  /** The description, for the console and for JSON. */
  static Map<String, Object> of(LoadedSae loaded) {
    SaeConfig config = loaded.sae().config();
    SaeWeights weights = loaded.sae().weights();
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("family", loaded.family());
    report.put("kind", config.transcoder() ? "transcoder" : "autoencoder");
    report.put("activation", activation(config.activation()));
    report.put("normalize_activations", normalization(config));
    report.put("apply_b_dec_to_input", config.applyBDecToInput());
    report.put("skip_connection", weights.wSkip() != null);
    report.put("tied", weights.tied());
    report.put("d_in", config.dIn());
    if (config.transcoder()) {
      report.put("d_out", config.dOut());
    }
    report.put("d_sae", config.dSae());
    report.put("dtype", loaded.type().name());
    LoadCheck.declaredL0(config).ifPresent(l0 -> report.put("declared_l0", l0));
    WeightSummary summary = WeightSummary.of(weights);
    report.put("dead_encoder_rows", summary.deadEncoderRows());
    report.put("dead_decoder_rows", summary.deadDecoderRows());
    report.put("decoder_norm_min", summary.smallestNorm());
    report.put("decoder_norm_mean", summary.meanNorm());
    report.put("decoder_norm_max", summary.largestNorm());
    report.put("memory", memory(weights));
    Map<String, Object> metadata = config.metadata().toMap();
    if (!metadata.isEmpty()) {
      report.put("metadata", metadata);
    }
    if (!loaded.warnings().isEmpty()) {
      report.put("warnings", List.<Object>copyOf(loaded.warnings()));
    }
    return report;
  }

  /** Bytes of the weights as they are served, and of what a copy for serving adds. */
  private static Map<String, Object> memory(SaeWeights weights) {
    long wEnc = (long) weights.dSae() * weights.dIn();
    long wDec = weights.tied() ? 0 : (long) weights.dSae() * weights.dOut();
    long wSkip = weights.wSkip() == null ? 0 : (long) weights.dOut() * weights.dIn();
    Map<String, Object> memory = new LinkedHashMap<>();
    memory.put("weights_f32", 4 * (wEnc + wDec + wSkip + weights.dSae() + weights.dOut()));
    for (ServingPrecision precision : List.of(ServingPrecision.BF16, ServingPrecision.INT8)) {
      memory.put(
          "copy_" + precision.name().toLowerCase(Locale.ROOT),
          precision.copyBytes(weights.dIn(), weights.dSae()));
    }
    return memory;
  }

  private static String activation(Activation activation) {
    return switch (activation) {
      case Ranked ranked -> ranked(ranked);
      case Threshold threshold when threshold.magnitude().isPresent() -> "gated";
      case Threshold threshold when threshold.equals(Threshold.RELU) -> "relu";
      case Threshold threshold -> {
        float[] sorted = threshold.theta().clone();
        Arrays.sort(sorted);
        yield sorted.length == 1
            ? "jumprelu, threshold " + sorted[0]
            : String.format(
                Locale.ROOT,
                "jumprelu, thresholds %.4g to %.4g, median %.4g",
                sorted[0],
                sorted[sorted.length - 1],
                sorted[sorted.length / 2]);
      }
    };
  }

  private static String ranked(Ranked ranked) {
    String name =
        ranked.scope() == Scope.GROUP
            ? "groupmax"
            : ranked.order() == Order.MAGNITUDE ? "abs_topk" : "topk";
    boolean signed = ranked.relu() == Relu.NONE && ranked.order() == Order.VALUE;
    return name + ", k " + (long) ranked.k() + (signed ? ", without ReLU" : "");
  }

  private static String normalization(SaeConfig config) {
    return switch (config.normalization()) {
      case NONE -> "none";
      case CONSTANT_NORM -> "constant_norm_rescale";
      case LAYER_NORM -> "layer_norm";
    };
  }
}
