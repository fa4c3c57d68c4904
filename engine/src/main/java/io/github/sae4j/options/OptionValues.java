package io.github.sae4j.options;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** A value for each option of a table. Immutable. */
public final class OptionValues {
  private final Map<String, Object> values;

  /**
   * Creates the values.
   *
   * @param values by name, each of its option's type
   */
  OptionValues(Map<String, Object> values) {
    this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /**
   * The value of an option.
   *
   * @param option an option of the table
   * @param <T> type of its values
   * @return the value
   */
  @SuppressWarnings("unchecked") // the table parsed it with the option's own type
  public <T> T get(Option<T> option) {
    return (T) Objects.requireNonNull(values.get(option.name()), option.name());
  }

  /**
   * All values, in the order of the table.
   *
   * @return plain values by name: {@code Long}, {@code Double}, {@code Boolean}, {@code String} or
   *     null
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    values.forEach((name, value) -> map.put(name, OptionType.plain(value)));
    return map;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof OptionValues that && values.equals(that.values);
  }

  @Override
  public int hashCode() {
    return values.hashCode();
  }

  @Override
  public String toString() {
    return toMap().toString();
  }
}
