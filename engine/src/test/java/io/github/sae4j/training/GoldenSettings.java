package io.github.sae4j.training;

import io.github.sae4j.config.TrainingConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The settings of a golden case as a training configuration. Every key of the metadata is mapped; a
 * value that is not understood is an error, since ignoring it would compare us with the wrong
 * formula.
 *
 * @param config the configuration
 * @param lr learning rate of every step
 * @param firstStep the peer's own number of the first step
 * @param notUnderstood keys that have no meaning here, for failure messages
 */
record GoldenSettings(
    TrainingConfig config, double lr, long firstStep, List<String> notUnderstood) {
  private static final Map<String, String> RECIPES =
      Map.of(
          "saelens", "saelens",
          "pr370", "saelens-pr370",
          "saelens-pr370", "saelens-pr370",
          "eleuther", "eleuther",
          "sparsify", "eleuther",
          "dictionary-learning", "dictionary-learning",
          "openai", "openai",
          "sentence-transformers", "sentence-transformers");

  private static final Pattern HALF = Pattern.compile("(d_in|d_sae)\\s*//\\s*(\\d+)");
  private static final Pattern AT_MOST_DEAD = Pattern.compile("min\\((.+),\\s*n_dead\\)");
  private static final Pattern DEAD =
      Pattern.compile(
          "(steps|tokens) since (selected|fired|an activation > 1e-3|an activation > 0)"
              + " (>=|>|exceeds?) (window|dead_tokens), counters updated (before|after) the mask");

  /**
   * Maps the metadata.
   *
   * @param metadata the JSON of the key {@code case}
   */
  static GoldenSettings of(Map<String, Object> metadata) {
    Map<String, Object> options = new LinkedHashMap<>();
    List<String> unknown = new ArrayList<>();
    metadata.forEach((key, value) -> map(key, value, metadata, options, unknown));
    if (!metadata.containsKey("dead_threshold")) {
      count(metadata, options);
    }
    if (Boolean.TRUE.equals(metadata.get("published_backward"))
        && (number("auxk_alpha", metadata.getOrDefault("auxk_alpha", 0L)) > 0
            || Boolean.TRUE.equals(metadata.get("multi_topk")))) {
      throw new IllegalArgumentException(
          "published_backward with AuxK or Multi-TopK drops a part of the gradient: no recipe"
              + " does");
    }
    return new GoldenSettings(
        TrainingConfig.fromMap(options),
        number("lr", metadata.get("lr")),
        (long) number("first_step", metadata.getOrDefault("first_step", 0L)),
        List.copyOf(unknown));
  }

  private static void map(
      String key,
      Object value,
      Map<String, Object> metadata,
      Map<String, Object> options,
      List<String> unknown) {
    switch (key) {
      case "peer" -> options.put("recipe", choose(key, value, RECIPES));
      case "k" -> options.put(key, Math.round(number(key, value)));
      case "topk" -> {
        expect(
            key,
            value.toString().replace("int(k * batch) largest", "k*batch largest"),
            "over the whole batch: k*batch largest of relu(pre)",
            "over the whole batch: k*batch largest of relu(pre); zeros may be among them");
        options.putIfAbsent("architecture", "batchtopk");
      }
      case "matryoshka" -> {
        expect(
            key,
            value,
            "loss = mse + aux + sum over inner widths of the mse of the first `width` latents"
                + " (+ b_dec); the last width adds none",
            "loss = mean over groups of (weight_g * mse of the first g groups) + auxk: the weights"
                + " (1/G) AND the mean (1/G) apply");
        options.put("architecture", "matryoshka");
      }
      case "group_sizes" -> options.put("matryoshka_widths", sums((List<?>) value));
      case "group_weights" -> {
        int groups = ((List<?>) value).size();
        for (Object weight : (List<?>) value) {
          expect(key, number(key, weight) * groups, "1.0");
        }
      }
      case "threshold_update" ->
          expect(
              key,
              value,
              "after the forward pass, in float64: t = (1 - lr) * t + lr * min(positive acts); t"
                  + " starts at 0; unchanged when nothing is positive",
              "from step > threshold_start_step, in float32, before the loss: first value"
                  + " min(positive acts), then t = beta*t + (1-beta)*min");
      case "threshold_beta" -> options.put("topk_threshold_lr", 1 - number(key, value));
      case "threshold_start_step", "k_anneal_steps" -> options.put(key, value);
      case "k_anneal" ->
          expect(
              key,
              value,
              "k of step s+1 = int(d_in*(1-r) + k*r), r = min(s, k_anneal_steps)/k_anneal_steps,"
                  + " set after step s; the first step uses k");
      case "first_step" -> expect(key, value, "0", "1");
      // SAELens has one architecture each by its name in config.
      case "threshold" -> {
        expect(
            key,
            value,
            "trained directly; relu(threshold) is used in the gate and the losses",
            "exp(log_threshold); log_threshold is the trained parameter (6.18 to 6.47)");
        options.put("log_threshold", value.toString().startsWith("exp"));
      }
      case "ste" ->
          expect(
              key,
              value,
              "rectangle: 1 if -0.5 < (pre - t)/bandwidth < 0.5; gradients by it reach the"
                  + " threshold only, never the encoder",
              "rectangle, to the threshold only",
              "rectangle, to the threshold only; summed over the batch");
      case "bandwidth" -> {
        options.put("architecture", "jumprelu");
        options.put("jumprelu_bandwidth", value);
      }
      case "sparsity" ->
          expect(
              key,
              value,
              "sparsity_penalty * scale * (mean L0 / target_l0 - 1)^2, L0 by the step function"
                  + " applied to the CODES f (not to pre): its rectangle only sees values above the"
                  + " threshold (or 0 where threshold < bandwidth/2)");
      case "sparsity_penalty", "sparsity_warmup_steps", "target_l0", "l1_penalty" ->
          options.put(key, value);
      case "l1" -> {
        expect(
            key,
            value,
            "mean over the batch of sum |f|, not scaled by decoder norms",
            "AutoEncoderNew returns f * decoder norm, and the trainer multiplies by the norm AGAIN:"
                + " sum f * norm^2; step*.acts holds f * norm");
        options.put("architecture", "standard");
        options.put("april_update", value.toString().startsWith("AutoEncoderNew"));
      }
      case "gated" -> {
        expect(
            key,
            value,
            "loss = mse + penalty*scale*sum relu(pi_gate) + mse through the gate with decoder and"
                + " decoder_bias DETACHED; r_mag enters as exp(r_mag)");
        options.put("architecture", "gated");
      }
      case "p" -> options.put("lp_norm", value);
      case "d_sae", "multi_topk", "mse_scale", "rescale_acts_by_decoder_norm" ->
          options.put(key, value);
      case "apply_b_dec_to_input", "relu_before_topk", "detach_residual", "clip_grad_norm" ->
          options.put(key, value);
      case "aux_loss_coefficient", "auxk_alpha" -> options.put("aux_loss_coefficient", value);
      case "batch" -> options.put("train_batch_size", value);
      case "adam_eps" -> options.put("adam_epsilon", value);
      case "betas" -> {
        options.put("adam_beta1", ((List<?>) value).get(0));
        options.put("adam_beta2", ((List<?>) value).get(1));
      }
      case "auxk", "k_aux" -> options.put("auxk", kAux(key, value, metadata));
      case "normalize_decoder" ->
          options.put(
              key,
              choose(
                  key,
                  value,
                  Map.of(
                      "false", "free",
                      "true", "before_forward",
                      "before every forward", "before_forward",
                      "before the optimizer step, after backward", "after_backward",
                      "after the step", "after_step",
                      "after the step (norm exactly 1, no epsilon)", "after_step")));
      case "project_decoder_gradient" ->
          options.put(
              key,
              choose(
                  key,
                  value,
                  Map.of(
                      "false", "false",
                      "true", "true",
                      "before clipping", "true",
                      "before the step", "true",
                      "after renormalising, before the step", "true")));
      case "aux_normaliser" ->
          options.put(
              "aux_normalizer",
              choose(
                  key,
                  value,
                  Map.of(
                      "null", "rows",
                      "rows", "rows",
                      "total variance of the batch", "total_variance",
                      "variance of the residual around its batch mean", "residual_variance",
                      "mean square of the residual around its batch mean", "residual_variance")));
      // The recipe knows what SAELens does from 6.36.2 on.
      case "aux" ->
          expect(
              key,
              value,
              "pre-activations without relu, no b_dec in the reconstruction, residual detached",
              "relu(pre), no bias, normalised by the residual's variance around its batch mean");
      case "mse" -> expect(key, value, "sum over d_in, mean over the batch");
      case "config" ->
          ((Map<?, ?>) value)
              .forEach((name, one) -> mapSaeLens((String) name, one, options, unknown));
      // "cancels": added to both sides, in the value and in the gradient.
      case "b_dec_in_aux" ->
          options.put(
              "aux_b_dec",
              choose(
                  key,
                  value,
                  Map.of("true", "included", "false", "excluded", "cancels", "excluded")));
      case "loss" ->
          options.put(
              "main_loss",
              choose(
                  key,
                  value,
                  Map.of(
                      "fvu + alpha*auxk + multi/8",
                      "fvu",
                      "fvu + alpha*auxk + multi/8; variance of the targets y",
                      "fvu",
                      "mse_scale * mean(e^2) + alpha * auxk",
                      "scaled_mse",
                      "mse_k + mse_4k/8 + beta * L_aux + gamma * InfoNCE(dot product, scale 1), the"
                          + " first three averaged over the two columns; mse = mean over all"
                          + " elements",
                      "scaled_mse")));
      case "transcode" -> options.put("pairs", choose(key, value, Map.of("true", "targets")));
      case "skip_connection" -> options.put(key, value);
      case "skip" -> {
        expect(
            key,
            value,
            "sae_out = acts @ W_dec + b_dec + x @ W_skip^T (W_skip [d_out, d_in]); neither the AuxK"
                + " nor the Multi-TopK reconstruction contains the skip term; both contain b_dec");
        options.put("aux_b_dec", "included");
      }
      case "d_out" -> {}
      case "dead_threshold" -> options.put("dead_feature_window", value);
      case "normalize" ->
          options.put(
              "normalize_activations",
              choose(key, value, Map.of("true", "layer_norm", "false", "none")));
      case "beta" -> options.put("aux_loss_coefficient", value);
      case "gamma" -> {
        options.put("contrastive_coefficient", value);
        options.put("pairs", "positives");
      }
      case "optimizer" -> expect(key, value, "Adam");
      case "forward" ->
          expect(
              key,
              value,
              "per column: top-k (codes), counters, dead mask written INTO the pre-activations, aux"
                  + " top-k; then the 4k selection reads those masked pre-activations, so it holds"
                  + " dead latents only; counters again");
      case "published_backward", "dead", "window", "dead_tokens", "since_fired_unit" -> {}
      case "seed", "version", "losses", "lr", "d_in", "steps" -> {}
      case "case", "smallest_selection_margin", "export_cfg", "final_topk_threshold_f64" -> {}
      // What init.b_dec is; the case starts from it.
      case "b_dec" -> {}
      default -> unknown.add(key + " = " + value);
    }
  }

  /** A member of SAELens's own configuration. */
  private static void mapSaeLens(
      String key, Object value, Map<String, Object> options, List<String> unknown) {
    switch (key) {
      case "aux_loss_coefficient", "rescale_acts_by_decoder_norm", "normalize_activations" ->
          options.put(key, value);
      case "d_in", "d_sae", "k", "apply_b_dec_to_input", "decoder_init_norm" -> {}
      case "dtype", "device", "reshape_activations", "use_sparse_activations" -> {}
      case "topk_threshold_lr" -> options.put(key, value);
      case "matryoshka_widths" -> options.put(key, value);
      case "use_matryoshka_aux_loss" -> options.put(key, value);
      case "jumprelu_bandwidth", "jumprelu_sparsity_loss_mode", "jumprelu_tanh_scale" ->
          options.put(key, value);
      case "l0_coefficient", "l0_warm_up_steps", "pre_act_loss_coefficient" ->
          options.put(key, value);
      case "l1_coefficient", "l1_warm_up_steps", "lp_norm" -> options.put(key, value);
      case "jumprelu_init_threshold" -> {}
      case "architecture" ->
          options.put(key, value.equals("matryoshka_batchtopk") ? "matryoshka" : value);
      default -> unknown.add("config." + key + " = " + value);
    }
  }

  private static void expect(String key, Object value, String... expected) {
    if (!List.of(expected).contains(String.valueOf(value))) {
      throw new IllegalArgumentException(
          key + ": expected one of " + List.of(expected) + ", got " + value);
    }
  }

  /** Widths of prefixes of groups. */
  private static List<Long> sums(List<?> sizes) {
    List<Long> widths = new ArrayList<>();
    long width = 0;
    for (Object size : sizes) {
      widths.add(width += (Long) size);
    }
    return widths;
  }

  /** When a latent is dead. */
  private static void count(Map<String, Object> metadata, Map<String, Object> options) {
    boolean tokens = "tokens".equals(metadata.get("since_fired_unit"));
    if (metadata.get("dead") instanceof String text) {
      Matcher words = DEAD.matcher(text);
      if (!words.matches()) {
        throw new IllegalArgumentException("dead: not understood: " + text);
      }
      tokens = words.group(1).equals("tokens");
      options.put(
          "fired",
          choose(
              "dead",
              words.group(2),
              Map.of(
                  "selected", "selected",
                  "fired", "positive",
                  "an activation > 1e-3", "above_threshold",
                  "an activation > 0", "positive")));
      options.put("dead_inclusive", words.group(3).equals(">="));
      options.put("dead_mask_after_step", words.group(5).equals("before"));
    }
    if (tokens) {
      options.put("dead_tokens_as_steps", false);
      options.put("dead_feature_tokens", metadata.get("dead_tokens"));
    } else {
      options.put("dead_feature_window", metadata.get("window"));
    }
  }

  /** A number, a fraction of a width, or the smaller of that and the number of dead latents. */
  private static Object kAux(String key, Object value, Map<String, Object> metadata) {
    if (value instanceof Long) {
      return value;
    }
    String text = String.valueOf(value).strip();
    Matcher atMostDead = AT_MOST_DEAD.matcher(text);
    if (atMostDead.matches()) {
      text = atMostDead.group(1).strip();
    }
    text = text.replace(", scale min(n_dead/k_aux, 1)", "");
    Matcher half = HALF.matcher(text);
    if (half.matches()) {
      return (long) number(half.group(1), metadata.get(half.group(1)))
          / Long.parseLong(half.group(2));
    }
    if (text.matches("\\d+")) {
      return Long.parseLong(text);
    }
    throw new IllegalArgumentException(key + ": not understood: " + value);
  }

  private static String choose(String key, Object value, Map<String, String> meanings) {
    String meaning = meanings.get(String.valueOf(value));
    if (meaning == null) {
      throw new IllegalArgumentException(
          key + ": expected one of " + meanings.keySet() + ", got " + value);
    }
    return meaning;
  }

  private static double number(String key, Object value) {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw new IllegalArgumentException(key + ": expected a number, got " + value);
  }
}
