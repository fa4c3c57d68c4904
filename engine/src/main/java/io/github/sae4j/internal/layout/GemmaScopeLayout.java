package io.github.sae4j.internal.layout;

import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.PathHints;
import io.github.sae4j.internal.layout.reading.Rescaling;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.NpzFile;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Gemma Scope (2024): {@code params.npz} with {@code W_enc [d, n]}, {@code W_dec [n, d]}, {@code
 * b_enc}, {@code b_dec}, {@code threshold [n]}, in some files in lower case. JumpReLU, b_dec is not
 * subtracted. In a folder {@code embedding} the weights are scaled by √d.
 */
final class GemmaScopeLayout implements Layout {
  static final String WEIGHTS = "params.npz";

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    Optional<Path> path = files.weights(WEIGHTS);
    if (path.isEmpty()) {
      return Optional.empty();
    }
    WeightTensors tensors = new WeightTensors(NpzFile.open(path.get()));
    try {
      return Optional.of(blueprint(path.get(), tensors, options));
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  private static Blueprint blueprint(Path path, WeightTensors tensors, ReadOptions options)
      throws IOException {
    Asked.expectActivation(options, "jumprelu", Choice.JUMPRELU, path);
    boolean small = tensors.has("w_enc");
    String wEnc = small ? "w_enc" : "W_enc";
    String wDec = small && tensors.has("w_dec") ? "w_dec" : "W_dec";
    tensors.expectOnly(Set.of(wEnc, wDec, "b_enc", "b_dec", "threshold"));
    int[] sizes = tensors.sizes(wEnc, 2);
    int d = sizes[0];
    int n = sizes[1];
    PathHints hints = new PathHints(path);
    boolean transcoder = hints.says("transcoder");
    SaeConfig config =
        new SaeConfig(
            d,
            d,
            n,
            Threshold.jumpRelu(tensors.vector("threshold", n)),
            transcoder,
            false,
            InputNormalization.NONE,
            metadata(hints));
    Blueprint blueprint =
        new Blueprint("Gemma Scope", tensors, config)
            .encoder(tensors.columns(wEnc, n, d), tensors.vector("b_enc", n))
            .decoder(tensors.rows(wDec, n, d), tensors.vector("b_dec", d));
    if (hints.says("embedding")) {
      float root = (float) Math.sqrt(d);
      blueprint.fold(
          weights -> {
            Rescaling.divide(weights.wEnc(), root);
            Rescaling.multiply(weights.wDec(), root);
          });
      blueprint.warn("a folder is called embedding: W_enc is divided and W_dec multiplied by √d");
    }
    return blueprint;
  }

  private static SaeMetadata metadata(PathHints hints) {
    return new SaeMetadata(
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        hints.layer(),
        Optional.empty(),
        Optional.empty(),
        hints.l0(),
        false,
        Map.of());
  }
}
