package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.TorchFile;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * saev: a line of JSON, then a torch archive of {@code W_enc [d, n]}, {@code W_dec [n, d]}, {@code
 * b_enc}, {@code b_dec}. b_dec is not subtracted; TopK keeps negative values. Schemas 1 to 5, and
 * the form before them, which was always ReLU. BatchTopK has a threshold in versions that estimate
 * one; earlier ones took the largest of each row.
 */
final class SaevFamily implements TorchLayouts.Family {
  private static final String THRESHOLD = "activation.threshold";

  @Override
  public Optional<Blueprint> read(
      TorchFile file, WeightTensors tensors, SaeFiles files, ReadOptions options)
      throws IOException {
    if (file.header().isEmpty()) {
      return Optional.empty();
    }
    tensors.expectOnly(Set.of("W_enc", "W_dec", "b_enc", "b_dec", THRESHOLD));
    int[] sizes = tensors.sizes("W_enc", 2);
    int d = sizes[0];
    int n = sizes[1];
    JsonObject header = JsonObject.of(tensors.path(), file.header().get());
    Chosen chosen = activation(header, tensors, n, options);
    SaeConfig config = SaeConfig.of(d, n, chosen.activation()).withBDecApplied(false);
    Blueprint blueprint =
        new Blueprint("saev", tensors, config)
            .encoder(tensors.columns("W_enc", n, d), tensors.vector("b_enc", n))
            .decoder(tensors.rows("W_dec", n, d), tensors.vector("b_dec", d));
    chosen.warning().ifPresent(blueprint::warn);
    return Optional.of(blueprint);
  }

  private record Chosen(Activation activation, Optional<String> warning) {
    static Chosen of(Activation activation) {
      return new Chosen(activation, Optional.empty());
    }
  }

  private static Chosen activation(
      JsonObject header, WeightTensors tensors, int n, ReadOptions options) throws IOException {
    Path path = header.path();
    if (!header.has("schema")) {
      Asked.expectActivation(options, "relu", Choice.RELU, path);
      return Chosen.of(Threshold.RELU);
    }
    long schema = header.natural("schema");
    if (schema < 1 || schema > 5) {
      throw header.bad("schema", "1 to 5");
    }
    JsonObject cfg = header.inside("cfg");
    String name;
    JsonObject parameters;
    // The first schema has two forms: the activation's class at the top, or inside the
    // configuration.
    String outer = header.text("cls", "SparseAutoencoderConfig");
    if (schema == 1 && Set.of("Relu", "TopK", "BatchTopK").contains(outer)) {
      name = outer;
      parameters = cfg;
    } else {
      JsonObject activation = cfg.inside("activation");
      name = activation.text("cls");
      parameters = activation.inside("params");
    }
    OptionalInt k =
        parameters.has("top_k") ? OptionalInt.of(parameters.count("top_k")) : OptionalInt.empty();
    return switch (name) {
      case "Relu" -> {
        Asked.expectActivation(options, "relu", Choice.RELU, path);
        yield Chosen.of(Threshold.RELU);
      }
      case "TopK" -> {
        Asked.expectActivation(options, "topk", Choice.TOPK, path);
        yield Chosen.of(Ranked.topK(Asked.k(options, k, n, path), Relu.NONE));
      }
      case "BatchTopK" -> batchTopK(tensors, k, n, options);
      default ->
          throw new BadFileException(
              path, "activation: expected Relu, TopK or BatchTopK, got '" + name + "'");
    };
  }

  private static Chosen batchTopK(WeightTensors tensors, OptionalInt k, int n, ReadOptions options)
      throws IOException {
    Path path = tensors.path();
    boolean estimates = tensors.has(THRESHOLD);
    double threshold = estimates ? tensors.scalar(THRESHOLD) : 0;
    if (threshold > 0 && options.activation().orElse(Choice.JUMPRELU) == Choice.JUMPRELU) {
      return Chosen.of(Threshold.jumpRelu((float) threshold));
    }
    if (estimates && threshold <= 0 && options.activation().equals(Optional.of(Choice.RELU))) {
      return Chosen.of(Threshold.RELU);
    }
    Asked.expectActivation(options, "batchtopk", Choice.TOPK, path);
    Activation perRow = Ranked.topK(Asked.k(options, k, n, path), Relu.NONE);
    return estimates && threshold <= 0 && options.activation().isEmpty()
        ? new Chosen(
            perRow,
            Optional.of(
                "the threshold of BatchTopK was never estimated: read as TopK of each row,"
                    + " where saev would apply plain ReLU (--activation relu)"))
        : Chosen.of(perRow);
  }
}
