package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.HeaderMetadata;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The folder of EleutherAI's sparsify: {@code cfg.json} and {@code sae.safetensors} ({@code
 * encoder.weight [n, d]}, {@code encoder.bias [n]}, {@code W_dec [n, d]}, {@code b_dec [d]}, with a
 * skip connection {@code W_skip [d, d]}). TopK and groupmax, autoencoders and transcoders.
 */
public final class SparsifyLayout implements Layout {
  /** What it computes. */
  public static final String CONFIG = "cfg.json";

  /** Its tensors. */
  public static final String WEIGHTS = "sae.safetensors";

  /** Width of a transcoder's output where it is not d_in: a member that sparsify does not have. */
  public static final String D_OUT = "d_out";

  /** Members that do not affect what is computed, and those that are read. */
  private static final Set<String> KNOWN =
      Set.of(
          "activation",
          "expansion_factor",
          "normalize_decoder",
          "num_latents",
          "k",
          "multi_topk",
          "skip_connection",
          "transcode",
          "signed",
          "d_in",
          D_OUT);

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    Optional<Path> path = files.weights(WEIGHTS);
    if (path.isEmpty()) {
      return Optional.empty();
    }
    JsonObject cfg = JsonObject.readForeign(files.folder().resolve(CONFIG));
    expectKnown(cfg);
    WeightTensors tensors = new WeightTensors(SafetensorsFile.open(path.get()));
    try {
      return Optional.of(blueprint(cfg, tensors, options));
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  private static Blueprint blueprint(JsonObject cfg, WeightTensors tensors, ReadOptions options)
      throws IOException {
    int dIn = cfg.count("d_in");
    int dSae = latents(cfg, dIn);
    boolean transcoder = cfg.flag("transcode", false);
    int dOut = cfg.has(D_OUT) ? cfg.count(D_OUT) : dIn;
    if (dOut != dIn && !transcoder) {
      throw cfg.bad(D_OUT, "d_in = " + dIn + " of an autoencoder");
    }
    boolean skip = cfg.flag("skip_connection", false);
    Ranked activation = activation(cfg, dSae, options);
    tensors.expectOnly(
        skip
            ? Set.of("encoder.weight", "encoder.bias", "W_dec", "b_dec", "W_skip")
            : Set.of("encoder.weight", "encoder.bias", "W_dec", "b_dec"));
    WeightTensors.Stored wEnc = tensors.rows("encoder.weight", dSae, dIn);
    WeightTensors.Stored wDec = tensors.rows("W_dec", dSae, dOut);
    WeightTensors.Stored wSkip = skip ? tensors.rows("W_skip", dOut, dIn) : null;
    SaeConfig config =
        new SaeConfig(
            dIn,
            dOut,
            dSae,
            activation,
            transcoder,
            !transcoder,
            InputNormalization.NONE,
            HeaderMetadata.read(tensors.path(), tensors.metadata()));
    return new Blueprint("sparsify", tensors, config)
        .encoder(wEnc, tensors.vector("encoder.bias", dSae))
        .decoder(wDec, tensors.vector("b_dec", dOut))
        .skip(wSkip);
  }

  private static void expectKnown(JsonObject cfg) throws BadFileException {
    for (String name : cfg.members().keySet()) {
      if (!KNOWN.contains(name)) {
        throw new BadFileException(
            cfg.path(), "'" + name + "' is not a member known to change nothing");
      }
    }
  }

  private static Ranked activation(JsonObject cfg, int dSae, ReadOptions options)
      throws BadFileException {
    if (cfg.flag("signed", false)) {
      throw cfg.bad("signed", "false");
    }
    OptionalInt said = cfg.has("k") ? OptionalInt.of(cfg.count("k")) : OptionalInt.empty();
    String name = cfg.text("activation", "topk");
    return switch (name) {
      case "topk" -> {
        Asked.expectActivation(options, name, Choice.TOPK, cfg.path());
        yield Ranked.topK(Asked.k(options, said, dSae, cfg.path()), Relu.BEFORE);
      }
      case "groupmax" -> {
        Asked.expectActivation(options, name, null, cfg.path());
        int k = Asked.k(options, said, dSae, cfg.path());
        if (dSae % k != 0) {
          throw cfg.bad("k", "a divisor of num_latents = " + dSae + " with groupmax");
        }
        yield new Ranked(Scope.GROUP, k, Order.VALUE, Relu.BEFORE);
      }
      default -> throw cfg.bad("activation", "topk or groupmax");
    };
  }

  /** {@code num_latents}, or d_in times {@code expansion_factor} where that is 0. */
  private static int latents(JsonObject cfg, int dIn) throws BadFileException {
    if (cfg.has("num_latents") && cfg.natural("num_latents") > 0) {
      return cfg.count("num_latents");
    }
    long latents = (long) dIn * cfg.count("expansion_factor");
    if (latents > Integer.MAX_VALUE) {
      throw cfg.bad("expansion_factor", "less than 2^31 latents");
    }
    return (int) latents;
  }
}
