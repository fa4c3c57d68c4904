package io.github.sae4j.options;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * An option: a row of an {@link OptionTable}, with everything that the command line, its help,
 * configuration files, recipes and documents need to know about it.
 *
 * @param name its name in files; on a command line with dashes for underscores
 * @param aliases other names, which the peers' users know
 * @param concern what it is about
 * @param type what values it takes
 * @param start its default in the recipe {@code saelens}, as text
 * @param variants its default in the recipes that differ, as text
 * @param rivals options that set the same thing in another way: exactly one of them has a value,
 *     and setting one clears the others
 * @param meaning one line for the help, without the default and the names to choose from
 * @param <T> type of its values
 */
public record Option<T>(
    String name,
    List<String> aliases,
    Concern concern,
    OptionType<T> type,
    String start,
    Map<Recipe, String> variants,
    List<String> rivals,
    String meaning) {

  /** Copies the collections. */
  public Option {
    aliases = List.copyOf(aliases);
    variants = Map.copyOf(variants);
    rivals = List.copyOf(rivals);
  }

  /**
   * An option with one name and one default.
   *
   * @param name its name in files
   * @param concern what it is about
   * @param type what values it takes
   * @param start its default as text
   * @param meaning one line
   */
  public Option(String name, Concern concern, OptionType<T> type, String start, String meaning) {
    this(name, List.of(), concern, type, start, Map.of(), List.of(), meaning);
  }

  /**
   * Adds other names.
   *
   * @param more names
   * @return the option
   */
  public Option<T> alias(String... more) {
    return new Option<>(
        name, joined(aliases, more), concern, type, start, variants, rivals, meaning);
  }

  /**
   * Sets another default in some recipes.
   *
   * @param value the default there, as text
   * @param recipes where
   * @return the option
   */
  public Option<T> in(String value, Recipe... recipes) {
    Map<Recipe, String> all = new EnumMap<>(Recipe.class);
    all.putAll(variants);
    for (Recipe recipe : recipes) {
      all.put(recipe, value);
    }
    return new Option<>(name, aliases, concern, type, start, all, rivals, meaning);
  }

  /**
   * Declares rivals.
   *
   * @param more names of options of which only one may be given
   * @return the option
   */
  public Option<T> insteadOf(String... more) {
    return new Option<>(
        name, aliases, concern, type, start, variants, joined(rivals, more), meaning);
  }

  private static List<String> joined(List<String> some, String... more) {
    List<String> all = new ArrayList<>(some);
    all.addAll(List.of(more));
    return all;
  }

  /** {@return the name, then the aliases} */
  public List<String> names() {
    List<String> all = new ArrayList<>(List.of(name));
    all.addAll(aliases);
    return all;
  }

  /**
   * The default.
   *
   * @param recipe in which recipe
   * @return the value
   */
  public T startIn(Recipe recipe) {
    return type.parse(name, variants.getOrDefault(recipe, start));
  }

  /**
   * A name in the spelling of the command line.
   *
   * @param name a name in files
   * @return for instance {@code --d-sae}
   */
  public static String flag(String name) {
    return "--" + name.replace('_', '-');
  }
}
