package io.github.sae4j.internal.health;

import java.util.Map;
import java.util.Optional;

/** Looks for one kind of trouble, step by step. */
interface Watch {
  /** The kind of its warnings. */
  String kind();

  /**
   * Takes the next step.
   *
   * @param step the step; it had rows
   * @return a warning, if the step gives reason for one; the caller says only the first
   */
  Optional<Warning> see(Step step);

  /**
   * What it remembers, as JSON's values. A run that goes on from a checkpoint takes it up again, so
   * that it sees what a run that was not interrupted would have seen.
   */
  Map<String, Object> memory();

  /** Takes up a memory; what is missing or of another type counts as nothing seen yet. */
  void recall(Map<?, ?> memory);

  /** A number of a memory. */
  static double number(Map<?, ?> memory, String name) {
    return memory.get(name) instanceof Number number ? number.doubleValue() : 0;
  }
}
