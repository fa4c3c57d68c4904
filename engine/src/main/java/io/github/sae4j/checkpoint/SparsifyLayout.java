package io.github.sae4j.checkpoint;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.SafetensorsFile;
import io.github.sae4j.format.TensorFile;
import io.github.sae4j.format.TensorInfo;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * The folder of EleutherAI's sparsify: {@code cfg.json} and {@code sae.safetensors} ({@code
 * encoder.weight [n, d]}, {@code encoder.bias [n]}, {@code W_dec [n, d]}, {@code b_dec [d]}). TopK
 * autoencoders only: no transcoders, no skip connections.
 */
final class SparsifyLayout {
  private static final String CONFIG = "cfg.json";
  static final String WEIGHTS = "sae.safetensors";

  private SparsifyLayout() {}

  static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(WEIGHTS));
  }

  static TopKSae read(Path folder, Device device) throws IOException {
    ConfigFile file = ConfigFile.readForeign(folder.resolve(CONFIG));
    String activation = file.text("activation", "topk");
    if (!activation.equals("topk")) {
      throw new BadFileException(file.path(), "activation: expected topk, found " + activation);
    }
    for (String other : new String[] {"transcode", "skip_connection", "signed"}) {
      if (file.flag(other, false)) {
        throw new BadFileException(
            file.path(), other + ": expected a plain TopK autoencoder, found " + other + " true");
      }
    }
    int dIn = file.count("d_in");
    int dSae = latents(file, dIn);
    int k = file.count("k");
    if (k > dSae) {
      throw new BadFileException(
          file.path(), "k: expected at most num_latents = " + dSae + ", got " + k);
    }
    SaeConfig config =
        new SaeConfig(dIn, dSae, k, true, InputNormalization.NONE, Relu.BEFORE, Map.of());
    SaeWeights weights = readWeights(folder.resolve(WEIGHTS), device, config);
    try {
      return new TopKSae(device, config, weights);
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  /** {@code num_latents}, or d_in times {@code expansion_factor} where that is 0. */
  private static int latents(ConfigFile file, int dIn) throws BadFileException {
    if (file.has("num_latents") && file.natural("num_latents") > 0) {
      return file.count("num_latents");
    }
    long latents = (long) dIn * file.count("expansion_factor");
    if (latents > Integer.MAX_VALUE) {
      throw file.bad("expansion_factor", "less than 2^31 latents");
    }
    return (int) latents;
  }

  private static SaeWeights readWeights(Path path, Device device, SaeConfig config)
      throws IOException {
    int d = config.dIn();
    int n = config.dSae();
    try (TensorFile file = SafetensorsFile.open(path)) {
      WeightTensors tensors = new WeightTensors(file);
      tensors.expectOnly(Set.of("encoder.weight", "encoder.bias", "W_dec", "b_dec"));
      TensorInfo wEnc = tensors.check("encoder.weight", n, d);
      TensorInfo bEnc = tensors.check("encoder.bias", n);
      TensorInfo wDec = tensors.check("W_dec", n, d);
      TensorInfo bDec = tensors.check("b_dec", d);
      SaeWeights weights = SaeWeights.allocate(device, d, n);
      try {
        tensors.read(wEnc, weights.wEnc());
        tensors.read(bEnc, weights.bEnc());
        tensors.read(wDec, weights.wDec());
        tensors.read(bDec, weights.bDec());
        return weights;
      } catch (Throwable e) {
        weights.close();
        throw e;
      }
    }
  }
}
