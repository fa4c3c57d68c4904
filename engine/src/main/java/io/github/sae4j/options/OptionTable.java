package io.github.sae4j.options;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A table of options, one row each, and the only place where they are defined. */
public final class OptionTable {
  /** Characters from which the beginning of a name says which is meant. */
  private static final int LEAST_BEGINNING = 4;

  private final Map<String, Option<?>> rows = new LinkedHashMap<>();
  private final Map<String, Option<?>> byAnyName = new HashMap<>();

  /** An empty table. */
  public OptionTable() {}

  /**
   * Adds a row; for the class that holds the table.
   *
   * @param option the row
   * @param <T> type of its values
   * @return the row
   * @throws IllegalArgumentException if one of its names is taken
   */
  public <T> Option<T> add(Option<T> option) {
    for (String name : option.names()) {
      if (byAnyName.put(name, option) != null) {
        throw new IllegalArgumentException("two options are named " + name);
      }
    }
    rows.put(option.name(), option);
    return option;
  }

  /** {@return all options, in the order in which files hold them} */
  public List<Option<?>> options() {
    return List.copyOf(rows.values());
  }

  /**
   * Finds an option.
   *
   * @param name any of its names, as {@code d_sae}, {@code d-sae}, {@code --d-sae} or {@code dSae}
   * @return the option, if there is one
   */
  public Optional<Option<?>> find(String name) {
    String dashed = name.startsWith("--") ? name.substring(2) : name;
    return Optional.ofNullable(byAnyName.get(snakeCase(dashed.replace('-', '_'))));
  }

  /**
   * An option that must be there.
   *
   * @param name any of its names, as for {@link #find}
   * @return the option
   * @throws ConfigException if there is none; names the nearest
   */
  public Option<?> expect(String name) {
    return find(name)
        .orElseThrow(
            () -> new ConfigException(name, "no such option; the nearest is " + nearest(name)));
  }

  /**
   * Checks that options exist, all at once.
   *
   * @param names any of their names, as for {@link #find}
   * @throws ConfigException if some are not; names each of those and its nearest
   */
  public void expectAll(Collection<String> names) {
    List<String> unknown = names.stream().filter(name -> find(name).isEmpty()).toList();
    if (unknown.size() == 1) {
      expect(unknown.getFirst());
    }
    if (!unknown.isEmpty()) {
      throw new ConfigException(
          String.join(", ", unknown),
          "no such options; the nearest are "
              + String.join(", ", unknown.stream().map(this::nearest).toList()));
    }
  }

  /**
   * Reads values from several sources, later ones winning: for instance a file, then the command
   * line. Values that none of them gives are the recipe's.
   *
   * @param recipe gives the defaults
   * @param layers option names in any spelling and plain values: numbers, booleans, text, or null
   * @return a value for each option
   * @throws ConfigException if an option is unknown, given twice in one layer, or out of range, or
   *     if of rivals none or several are given
   */
  public OptionValues read(Recipe recipe, List<? extends Map<String, ?>> layers) {
    layers.forEach(layer -> expectAll(layer.keySet()));
    Map<String, Object> values = new LinkedHashMap<>();
    rows.forEach((name, option) -> values.put(name, option.startIn(recipe)));
    for (Map<String, ?> layer : layers) {
      apply(values, layer);
    }
    OptionValues read = new OptionValues(values);
    expectOneOfRivals(read);
    return read;
  }

  /**
   * Several sources as one: later values win, and those of options that they replace are left out.
   *
   * @param layers option names in any spelling and plain values
   * @return values of what was given, by the options' names in files
   * @throws ConfigException if an option is unknown
   */
  public Map<String, Object> merged(List<? extends Map<String, ?>> layers) {
    Map<String, Object> given = new LinkedHashMap<>();
    for (Map<String, ?> layer : layers) {
      expectAll(layer.keySet());
      Set<String> names = new LinkedHashSet<>();
      layer.keySet().forEach(name -> names.add(expect(name).name()));
      for (String name : names) {
        rows.get(name).rivals().stream()
            .filter(rival -> !names.contains(rival))
            .forEach(given::remove);
      }
      layer.forEach((name, value) -> given.put(expect(name).name(), value));
    }
    return given;
  }

  private void apply(Map<String, Object> values, Map<String, ?> layer) {
    Map<String, Object> parsed = new LinkedHashMap<>();
    layer.forEach(
        (given, value) -> {
          Option<?> option = expect(given);
          if (parsed.put(option.name(), option.type().parse(option.name(), value)) != null) {
            throw new ConfigException(
                option.name(), "given twice, the second time as '" + given + "'");
          }
        });
    for (String name : parsed.keySet()) {
      if (isEmpty(parsed.get(name))) {
        continue;
      }
      for (String rival : rows.get(name).rivals()) {
        if (parsed.containsKey(rival) && !isEmpty(parsed.get(rival))) {
          List<String> inOrder =
              rows.keySet().stream().filter(List.of(name, rival)::contains).toList();
          throw new ConfigException(
              inOrder.getLast(), "cannot be given together with " + inOrder.getFirst());
        }
        values.put(rival, rows.get(rival).type().parse(rival, null));
      }
    }
    values.putAll(parsed);
  }

  /** Of options that set the same thing one must have a value. */
  private void expectOneOfRivals(OptionValues values) {
    for (Option<?> option : rows.values()) {
      List<String> all = new ArrayList<>(List.of(option.name()));
      all.addAll(option.rivals());
      if (!option.rivals().isEmpty()
          && all.stream().allMatch(name -> isEmpty(values.get(rows.get(name))))) {
        throw new ConfigException(
            option.name(), "expected one of " + String.join(", ", all) + ", got none of them");
      }
    }
  }

  private static boolean isEmpty(Object value) {
    return OptionType.plain(value) == null;
  }

  /**
   * The option that a mistyped name most likely means.
   *
   * @param name what was given
   * @return the name with the fewest characters to change, in the spelling of files
   */
  public String nearest(String name) {
    String plain = snakeCase((name.startsWith("--") ? name.substring(2) : name).replace('-', '_'));
    return nearest(plain, rows.values().stream().flatMap(row -> row.names().stream()).toList());
  }

  /**
   * The word that a mistyped one most likely means.
   *
   * @param word what was given
   * @param known the possible words, at least one
   * @return the one with the fewest characters to change, a word that was broken off counting as
   *     one; the first of several
   */
  public static String nearest(String word, Collection<String> known) {
    return known.stream()
        .min(
            Comparator.comparingInt(
                one ->
                    one.startsWith(word) && word.length() >= LEAST_BEGINNING
                        ? 1
                        : editDistance(word, one)))
        .orElseThrow();
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
}
