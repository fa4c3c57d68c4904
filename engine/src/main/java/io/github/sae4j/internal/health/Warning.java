package io.github.sae4j.internal.health;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Something that a user should know of a run.
 *
 * @param step the step after which it was seen; 0 before the first
 * @param kind what it is about, the same word for all warnings of the kind: of each kind a run says
 *     one only
 * @param message what was seen, with the numbers
 * @param advice the options that help, by name; empty if there are none
 */
public record Warning(long step, String kind, String message, String advice) {
  /** {@return message and advice in one line} */
  public String text() {
    return advice.isEmpty() ? message : message + "; " + advice;
  }

  /** {@return the members of a line of {@code warnings.jsonl}} */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("step", step);
    map.put("kind", kind);
    map.put("message", message);
    map.put("advice", advice);
    return map;
  }

  /**
   * Reads back what {@link #toMap} gave.
   *
   * @param line a parsed line
   * @return the warning; empty if the line is not one
   */
  public static Optional<Warning> fromMap(Object line) {
    return line instanceof Map<?, ?> map
            && map.get("step") instanceof Long step
            && map.get("kind") instanceof String kind
            && map.get("message") instanceof String message
            && map.get("advice") instanceof String advice
        ? Optional.of(new Warning(step, kind, message, advice))
        : Optional.empty();
  }
}
