package io.github.sae4j.config;

import io.github.sae4j.options.ConfigException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One option of a sweep with the values that it takes.
 *
 * @param option its name, as in {@link TrainingOptions}
 * @param values its values, at least one, each once
 */
public record SweepAxis(String option, List<String> values) {
  /** Checks the option and its values. */
  public SweepAxis {
    option = TrainingOptions.TABLE.expect(option).name();
    values = List.copyOf(values);
    if (values.isEmpty() || values.stream().anyMatch(String::isBlank)) {
      throw new ConfigException("sweep", "expected values of " + option + ", got " + values);
    }
    if (new HashSet<>(values).size() < values.size()) {
      throw new ConfigException(
          "sweep", "expected each value of " + option + " once, got " + values);
    }
  }

  /**
   * Parses {@code k=16,32,64}. Where values hold commas themselves they are separated by
   * semicolons: {@code matryoshka_widths=128,512;64,256}.
   *
   * @param text the option and its values
   * @return the axis
   * @throws ConfigException if there is no such option, or no value
   */
  public static SweepAxis parse(String text) {
    int equals = text.indexOf('=');
    if (equals < 1) {
      throw new ConfigException("sweep", "expected OPTION=VALUE,VALUE, got '" + text + "'");
    }
    String values = text.substring(equals + 1);
    return new SweepAxis(
        text.substring(0, equals).strip(),
        Arrays.stream(values.split(values.indexOf(';') < 0 ? "," : ";", -1))
            .map(String::strip)
            .toList());
  }

  /**
   * Every combination of the axes' values, the last axis changing fastest.
   *
   * @param axes the axes, each option once
   * @return option values of each run
   * @throws ConfigException if an option has two axes
   */
  public static List<Map<String, String>> combinations(List<SweepAxis> axes) {
    Set<String> seen = new HashSet<>();
    List<Map<String, String>> all = List.of(Map.of());
    for (SweepAxis axis : axes) {
      if (!seen.add(axis.option())) {
        throw new ConfigException("sweep", "expected " + axis.option() + " once, got it twice");
      }
      List<Map<String, String>> longer = new ArrayList<>();
      for (Map<String, String> before : all) {
        for (String value : axis.values()) {
          Map<String, String> options = new LinkedHashMap<>(before);
          options.put(axis.option(), value);
          longer.add(options);
        }
      }
      all = longer;
    }
    return all;
  }
}
