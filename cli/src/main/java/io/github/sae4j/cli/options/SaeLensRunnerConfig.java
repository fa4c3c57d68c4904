package io.github.sae4j.cli.options;

import io.github.sae4j.config.Architecture;
import io.github.sae4j.config.TrainingOptions;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A configuration of SAELens's own training runner, nested as in version 6 or flat as in older
 * ones: members with an option of ours are taken, the others are named.
 *
 * @param members options by their SAELens names, which are ours or aliases of ours
 * @param leftOut names of members without an option
 */
public record SaeLensRunnerConfig(Map<String, Object> members, List<String> leftOut) {
  private static final String SAE = "sae";
  private static final String ARCHITECTURE = "architecture";
  private static final String ACTIVATION = "activation_fn_kwargs";

  /** Its architectures that are trained, by its names for them, and ours. */
  private static final Map<String, String> ARCHITECTURES = new LinkedHashMap<>();

  static {
    for (Architecture ours : Architecture.values()) {
      if (ours.recipes().contains(Recipe.SAELENS)) {
        String name = ours.name().toLowerCase(Locale.ROOT);
        ARCHITECTURES.put(ours == Architecture.MATRYOSHKA ? "matryoshka_batchtopk" : name, name);
      }
    }
  }

  /** Options of the command that are not part of the training configuration. */
  private static final Set<String> OF_THE_COMMAND =
      Set.of("n_checkpoints", "model_name", "hook_name", "hook_layer", "output_path");

  /** The same name with another meaning: a frequency in old SAELens, a number of rows here. */
  private static final Set<String> OTHER_MEANING = Set.of("dead_feature_threshold");

  /** Members that would change training and are not supported, if they are set. */
  private static final Set<String> CHANGES_TRAINING =
      Set.of("noise_scale", "mse_loss_normalization", "use_ghost_grads");

  /** Whether a file's members are such a configuration. */
  public static boolean isOne(Map<String, Object> members) {
    return members.get(SAE) instanceof Map<?, ?> sae && sae.containsKey("d_in")
        || members.containsKey(ARCHITECTURE) && members.containsKey("d_in");
  }

  /**
   * Sorts the members.
   *
   * @throws ConfigException if it asks for unsupported training; names all such members at once
   */
  public static SaeLensRunnerConfig of(Map<String, Object> file) {
    Map<String, Object> all = new LinkedHashMap<>(file);
    if (all.remove(SAE) instanceof Map<?, ?> sae) {
      sae.forEach((key, value) -> all.put((String) key, value));
    }
    if (all.remove(ACTIVATION) instanceof Map<?, ?> activation && activation.get("k") != null) {
      all.putIfAbsent("k", activation.get("k"));
    }
    if (all.get("d_sae") != null) {
      all.remove("expansion_factor"); // old versions write both
    }
    Map<String, Object> taken = new LinkedHashMap<>();
    List<String> leftOut = new ArrayList<>();
    List<String> unsupported = new ArrayList<>();
    all.forEach(
        (key, value) -> {
          if (key.equals(ARCHITECTURE)) {
            if (ARCHITECTURES.containsKey(value)) {
              taken.put(key, ARCHITECTURES.get(value));
            } else {
              unsupported.add(
                  key
                      + " "
                      + value
                      + " (expected one of "
                      + String.join(", ", ARCHITECTURES.keySet())
                      + ")");
            }
          } else if (CHANGES_TRAINING.contains(key)) {
            if (isSet(value)) {
              unsupported.add(key + " " + value);
            }
          } else if (!OTHER_MEANING.contains(key)
              && (OF_THE_COMMAND.contains(key) || TrainingOptions.TABLE.find(key).isPresent())) {
            taken.put(key, value);
          } else {
            leftOut.add(key);
          }
        });
    if (!unsupported.isEmpty()) {
      throw new ConfigException(
          "config",
          "a configuration of SAELens with what sae4j does not train: "
              + String.join(", ", unsupported));
    }
    return new SaeLensRunnerConfig(taken, leftOut);
  }

  private static boolean isSet(Object value) {
    return value != null
        && !value.equals(false)
        && !value.equals("none")
        && !(value instanceof Number number && number.doubleValue() == 0);
  }
}
