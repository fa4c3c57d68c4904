package io.github.sae4j.training;

import io.github.sae4j.objective.AuxK;
import io.github.sae4j.step.DecoderNormRule;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The options of {@link TrainingConfig} by name: each record component is an option, its name in
 * files and on the command line the component's in snake case.
 */
final class ConfigOptions {
  /** Other names that users of the peers know. */
  private static final Map<String, String> ALIASES =
      Map.of(
          "auxk_alpha", "aux_loss_coefficient",
          "k_aux", "auxk",
          "dead_feature_threshold", "dead_feature_tokens",
          "lr_scheduler_name", "lr_scheduler",
          "lr_warmup_steps", "lr_warm_up_steps",
          "train_batch_size_samples", "train_batch_size",
          "train_batch_size_tokens", "train_batch_size",
          "training_tokens", "training_samples");

  /** Options of which a configuration holds exactly one; setting one clears the others. */
  private static final List<List<String>> RIVALS =
      List.of(
          List.of("d_sae", "expansion_factor"),
          List.of("training_samples", "epochs", "steps"),
          List.of("dead_feature_window", "dead_feature_tokens"));

  private static final Map<String, RecordComponent> COMPONENTS = new LinkedHashMap<>();

  static {
    for (RecordComponent component : TrainingConfig.class.getRecordComponents()) {
      COMPONENTS.put(snakeCase(component.getName()), component);
    }
  }

  private ConfigOptions() {}

  /** All names, in the order of the record. */
  static List<String> names() {
    return List.copyOf(COMPONENTS.keySet());
  }

  /** An option's value in a configuration, as a component of the record. */
  static Object get(TrainingConfig config, String name) {
    try {
      return COMPONENTS.get(name).getAccessor().invoke(config);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new AssertionError(name, e);
    }
  }

  /**
   * Builds the configuration that holds these values.
   *
   * @param values for every name a value as {@link #parse} gives it
   */
  static TrainingConfig build(Map<String, Object> values) {
    Class<?>[] types =
        COMPONENTS.values().stream().map(RecordComponent::getType).toArray(Class<?>[]::new);
    Object[] arguments = COMPONENTS.keySet().stream().map(values::get).toArray();
    try {
      return TrainingConfig.class.getDeclaredConstructor(types).newInstance(arguments);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof ConfigException problem) {
        throw problem;
      }
      throw new AssertionError(e);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Sets options among values.
   *
   * @param values for every name a value; changed
   * @param changes option names in any spelling, and plain values
   */
  static void apply(Map<String, Object> values, Map<String, ?> changes) {
    Map<String, Object> parsed = new LinkedHashMap<>();
    changes.forEach(
        (option, value) -> {
          String name = canonical(option);
          if (parsed.put(name, parse(name, value)) != null) {
            throw new ConfigException(name, "given twice, the second time as '" + option + "'");
          }
        });
    for (List<String> rivals : RIVALS) {
      List<String> given =
          rivals.stream()
              .filter(name -> parsed.containsKey(name) && !isEmpty(parsed.get(name)))
              .toList();
      if (given.size() > 1) {
        throw new ConfigException(given.get(1), "cannot be given together with " + given.get(0));
      }
      if (given.size() == 1) {
        rivals.forEach(name -> values.put(name, parse(name, null)));
      }
    }
    values.putAll(parsed);
  }

  /** The name of an option given as {@code d_sae}, {@code d-sae}, {@code --d-sae}, {@code dSae}. */
  static String canonical(String option) {
    String dashed = option.startsWith("--") ? option.substring(2) : option;
    String name = snakeCase(dashed.replace('-', '_'));
    name = ALIASES.getOrDefault(name, name);
    if (!COMPONENTS.containsKey(name)) {
      throw new ConfigException(option, "no such option; the nearest is " + nearest(name));
    }
    return name;
  }

  private static String snakeCase(String camelCase) {
    StringBuilder snake = new StringBuilder();
    for (char c : camelCase.toCharArray()) {
      if (Character.isUpperCase(c) && !snake.isEmpty() && snake.charAt(snake.length() - 1) != '_') {
        snake.append('_');
      }
      snake.append(Character.toLowerCase(c));
    }
    return snake.toString();
  }

  private static String nearest(String name) {
    String best = "";
    int least = Integer.MAX_VALUE;
    for (String known : COMPONENTS.keySet()) {
      int distance = editDistance(name, known);
      if (distance < least) {
        least = distance;
        best = known;
      }
    }
    return best;
  }

  /** Levenshtein distance: the fewest characters to insert, delete or replace. */
  private static int editDistance(String a, String b) {
    int[] row = new int[b.length() + 1];
    Arrays.setAll(row, j -> j);
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }

  /** A plain value (number, boolean, text or null) as the option's type. */
  static Object parse(String name, Object value) {
    Class<?> type = COMPONENTS.get(name).getType();
    boolean empty = value == null || value.equals("auto") || value.equals("none");
    if (type == OptionalInt.class) {
      return empty ? OptionalInt.empty() : OptionalInt.of(toInt(name, value));
    }
    if (type == OptionalLong.class) {
      return empty ? OptionalLong.empty() : OptionalLong.of(toLong(name, value));
    }
    if (type == OptionalDouble.class) {
      return empty ? OptionalDouble.empty() : OptionalDouble.of(toDouble(name, value));
    }
    if (value == null) {
      throw new ConfigException(name, "expected a value, got null");
    }
    if (type == int.class) {
      return toInt(name, value);
    }
    if (type == long.class) {
      return toLong(name, value);
    }
    if (type == double.class) {
      return toDouble(name, value);
    }
    if (type == boolean.class) {
      return toBoolean(name, value);
    }
    return toEnum(name, type, value);
  }

  /** A component's value as number, boolean, text or null, such as JSON holds. */
  static Object plain(Object value) {
    return switch (value) {
      case OptionalInt some -> some.isPresent() ? (Object) (long) some.getAsInt() : null;
      case OptionalLong some -> some.isPresent() ? some.getAsLong() : null;
      case OptionalDouble some -> some.isPresent() ? some.getAsDouble() : null;
      case Integer number -> number.longValue();
      case Recipe recipe -> recipe.toString();
      case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
      default -> value;
    };
  }

  private static boolean isEmpty(Object value) {
    return plain(value) == null;
  }

  private static int toInt(String name, Object value) {
    long number = toLong(name, value);
    if (number != (int) number) {
      throw new ConfigException(name, "expected a 32-bit integer, got " + value);
    }
    return (int) number;
  }

  private static long toLong(String name, Object value) {
    try {
      return new BigDecimal(text(name, value, "an integer")).longValueExact();
    } catch (ArithmeticException | NumberFormatException e) {
      throw new ConfigException(name, "expected an integer, got " + value);
    }
  }

  private static double toDouble(String name, Object value) {
    try {
      double number = Double.parseDouble(text(name, value, "a number"));
      if (Double.isFinite(number)) {
        return number;
      }
    } catch (NumberFormatException e) {
      // The message below serves for both.
    }
    throw new ConfigException(name, "expected a finite number, got " + value);
  }

  private static String text(String name, Object value, String expected) {
    if (value instanceof Number || value instanceof CharSequence) {
      return value.toString().strip();
    }
    throw new ConfigException(name, "expected " + expected + ", got " + value);
  }

  private static boolean toBoolean(String name, Object value) {
    return switch (value.toString().toLowerCase(Locale.ROOT)) {
      case "true", "yes", "on" -> true;
      case "false", "no", "off" -> false;
      default -> throw new ConfigException(name, "expected true or false, got " + value);
    };
  }

  private static Object toEnum(String name, Class<?> type, Object value) {
    String word = value.toString().strip().toLowerCase(Locale.ROOT).replace('-', '_');
    word = switchWord(type, word);
    Object[] constants = type.getEnumConstants();
    for (Object constant : constants) {
      if (((Enum<?>) constant).name().toLowerCase(Locale.ROOT).equals(word)) {
        return constant;
      }
    }
    throw new ConfigException(
        name,
        "expected one of "
            + Arrays.stream(constants).map(ConfigOptions::plain).toList()
            + ", got "
            + value);
  }

  /** Some options are plain switches in the peers: true and false are understood there. */
  private static String switchWord(Class<?> type, String word) {
    boolean on = word.equals("true") || word.equals("yes");
    boolean off = word.equals("false") || word.equals("no");
    if (type == AuxK.BDec.class) {
      return on ? "included" : off ? "excluded" : word;
    }
    if (type == DecoderNormRule.When.class) {
      return on ? "before_forward" : off ? "free" : word;
    }
    return word;
  }
}
