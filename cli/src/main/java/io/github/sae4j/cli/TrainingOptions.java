package io.github.sae4j.cli;

import io.github.sae4j.training.Recipe;
import io.github.sae4j.training.TrainingConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * The options of {@link TrainingConfig} on the command line, one for each. Values stay text here:
 * the configuration parses and checks them, so that a file and the command line are read alike.
 */
final class TrainingOptions {
  /** Option, label of its value, description; an option's other names follow it after commas. */
  private static final List<List<String>> TABLE =
      List.of(
          row("recipe", "NAME", "saelens, saelens-pr370, eleuther, openai or dictionary-learning"),
          row("d_sae", "N", "number of latents"),
          row("expansion_factor", "X", "number of latents over the width of the activations"),
          row("k", "N", "latents per row"),
          row("train_batch_size,train_batch_size_tokens", "N", "rows of a batch"),
          row("gradient_accumulation", "N", "batches of an optimizer step"),
          row("training_samples,training_tokens", "N", "length of the run in rows"),
          row("epochs", "X", "length of the run in passes over the training rows"),
          row("steps", "N", "length of the run in optimizer steps"),
          row("lr", "X", "learning rate; auto: 3e-4 for saelens, other recipes have their own"),
          row(
              "lr_scheduler,lr_scheduler_name",
              "NAME",
              "constant, cosineannealing, cosineannealingwarmrestarts, linear or"
                  + " constant_with_warmup"),
          row("lr_warm_up_steps,lr_warmup_steps", "N", "steps of warm-up"),
          row("lr_decay_steps", "N", "steps of decay to 0 at the end"),
          row("lr_end", "X", "floor of the cosine schedules; auto: lr / 10"),
          row("n_restart_cycles", "N", "cycles of cosineannealingwarmrestarts"),
          row("adam_beta1", "X", "Adam's first beta"),
          row("adam_beta2", "X", "Adam's second beta"),
          row("adam_epsilon", "X", "Adam's epsilon"),
          row("clip_grad_norm", "X", "largest global norm of the gradient, or none"),
          row("main_loss", "NAME", "squared_error, fvu or scaled_mse"),
          row("mse_scale", "X", "factor of scaled_mse; auto: 1 / variance of the data"),
          row("relu_before_topk", "BOOL", "rank max(v, 0) instead of v"),
          row("rescale_acts_by_decoder_norm", "BOOL", "rank by activation times decoder norm"),
          row("apply_b_dec_to_input", "BOOL", "encode x - b_dec instead of x"),
          row(
              "normalize_activations",
              "NAME",
              "none, expected_average_only_in, constant_norm_rescale or layer_norm; AuxK needs one"
                  + " of the first two"),
          row("multi_topk", "BOOL", "add a 4k reconstruction with weight 1/8"),
          row("aux_loss_coefficient,auxk_alpha", "X", "weight of AuxK; 0 switches it off"),
          row("auxk,k_aux", "N", "dead latents per row in AuxK; auto: by auxk-rule"),
          row("auxk_rule", "NAME", "half_d_in or half_d_sae"),
          row("aux_scaled_by_dead", "BOOL", "AuxK times min(dead / k_aux, 1)"),
          row("detach_residual", "BOOL", "AuxK's target is a constant for the gradient"),
          row("aux_relu", "BOOL", "AuxK's codes pass through ReLU"),
          row(
              "aux_b_dec",
              "NAME",
              "b_dec in AuxK's reconstruction: included, excluded, or cancels: in the gradient"
                  + " only"),
          row("aux_normalizer", "NAME", "AuxK over rows, total_variance or residual_variance"),
          row("fired", "NAME", "a latent fires when positive, selected or above_threshold (1e-3)"),
          row("dead_feature_window", "N", "steps without firing after which a latent is dead"),
          row(
              "dead_feature_tokens,dead_feature_threshold",
              "N",
              "rows without firing after which a latent is dead"),
          row("dead_tokens_as_steps", "BOOL", "divide dead-feature-tokens by the rows of a step"),
          row("dead_inclusive", "BOOL", "dead at the window, not only past it"),
          row("dead_mask_after_step", "BOOL", "take the dead mask after the step's own count"),
          row("since_fired_restart", "N", "counter of a latent that has just fired"),
          row(
              "normalize_decoder,normalize_sae_decoder",
              "NAME",
              "decoder rows to unit norm: free, before_forward, after_backward or after_step"),
          row("normalize_decoder_epsilon", "X", "added to that norm"),
          row("project_decoder_gradient", "BOOL", "remove the gradient parallel to decoder rows"),
          row("project_epsilon", "X", "added to the norm there"),
          row(
              "weight_init",
              "NAME",
              "decoder_transpose, independent, encoder_clone or calibrated_encoder_clone"),
          row("decoder_init_norm", "X", "norm of decoder rows at the start, or none"),
          row("b_dec_init_method", "NAME", "zeros, mean or geometric_median of the first batch"),
          row("seed", "N", "seed of everything random"),
          row("shuffle_seed", "N", "seed of the order of rows; auto: seed"),
          row("eval_fraction", "X", "share of the rows held out of training"));

  private static final String SWITCH = "BOOL";

  private TrainingOptions() {}

  private static List<String> row(String names, String label, String description) {
    return List.of(names, label, description);
  }

  /** The options' first names, as in files. */
  static List<String> names() {
    return TABLE.stream().map(row -> row.getFirst().split(",")[0]).toList();
  }

  /** Whether an option, dashes included, is one of them, by any of its names. */
  static boolean has(String option) {
    return TABLE.stream()
        .flatMap(row -> Stream.of(row.getFirst().split(",")))
        .anyMatch(name -> option.equals("--" + name.replace('_', '-')));
  }

  /** Adds the options to a command, under a heading of their own. */
  static void addTo(CommandSpec command) {
    Map<String, Object> defaults = TrainingConfig.of(Recipe.SAELENS).toMap();
    ArgGroupSpec.Builder group =
        ArgGroupSpec.builder()
            .exclusive(false)
            .heading("%nWhat is trained, and how (in parentheses the recipe saelens):%n");
    for (List<String> row : TABLE) {
      List<String> names = new ArrayList<>();
      for (String name : row.getFirst().split(",")) {
        names.add("--" + name.replace('_', '-'));
      }
      String value = text(defaults.get(row.getFirst().split(",")[0]));
      OptionSpec.Builder option =
          OptionSpec.builder(names.toArray(String[]::new))
              .type(String.class)
              .paramLabel(row.get(1))
              .description(row.get(2) + value);
      if (row.get(1).equals(SWITCH)) {
        option.arity("0..1").fallbackValue("true");
      }
      group.addArg(option.build());
    }
    command.addArgGroup(group.build());
  }

  private static String text(Object value) {
    String plain = value == null ? "" : value.toString();
    return plain.isEmpty() ? "" : " (" + plain.replaceAll("\\.0$", "") + ")";
  }

  /** What was given on the line, by first name. */
  static Map<String, String> given(ParseResult parsed) {
    Map<String, String> given = new LinkedHashMap<>();
    for (String name : names()) {
      String option = "--" + name.replace('_', '-');
      if (parsed.hasMatchedOption(option)) {
        given.put(name, parsed.matchedOptionValue(option, ""));
      }
    }
    return given;
  }
}
