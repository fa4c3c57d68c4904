package io.github.sae4j.internal.records;

import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a checkpoint records about rows that were left out: the rules, the step from which they
 * apply, and the number of rows.
 *
 * @param onBadRows what to do with bad rows
 * @param removals rules that were added during the run, in order
 * @param leftOut rows left out so far
 * @param passedOver batches that lost all their rows
 */
public record RowRecord(
    OnBadRows onBadRows, List<Removal> removals, LeftOut leftOut, long passedOver) {
  public static final String NAME = "rows";

  /** No row was left out. */
  public static final RowRecord NONE = new RowRecord(OnBadRows.ERROR, List.of(), LeftOut.NONE, 0);

  /**
   * A rule that was added to a run.
   *
   * @param fromStep steps done before it applied
   * @param onBadRows what to do with bad rows from then on
   * @param masks hashes of all masks that remove rows from then on
   */
  public record Removal(long fromStep, OnBadRows onBadRows, List<String> masks) {
    Map<String, Object> toMap() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("from_step", fromStep);
      map.put("on_bad_rows", onBadRows.toString());
      map.put("masks", new ArrayList<Object>(masks));
      return map;
    }
  }

  public RowRecord {
    removals = List.copyOf(removals);
  }

  /** Hashes of the masks that apply now. */
  public List<String> masks() {
    return removals.isEmpty() ? List.of() : removals.getLast().masks();
  }

  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("on_bad_rows", onBadRows.toString());
    map.put("removals", new ArrayList<Object>(removals.stream().map(Removal::toMap).toList()));
    map.put("bad", leftOut.bad());
    map.put("masked", leftOut.masked());
    map.put("named", new ArrayList<Object>(leftOut.named()));
    map.put("batches_passed_over", passedOver);
    return map;
  }

  /**
   * Reads back what {@link #toMap} gave.
   *
   * @param file where it comes from, for messages
   * @param value the member of that name, or null in a checkpoint older than that member
   */
  public static RowRecord fromMap(Path file, Object value) throws BadFileException {
    if (value == null) {
      return NONE;
    }
    try {
      Map<?, ?> map = (Map<?, ?>) value;
      List<Removal> removals = new ArrayList<>();
      for (Object each : (List<?>) map.get("removals")) {
        Map<?, ?> removal = (Map<?, ?>) each;
        removals.add(
            new Removal(
                (Long) removal.get("from_step"),
                policy(removal.get("on_bad_rows")),
                texts(removal.get("masks"))));
      }
      return new RowRecord(
          policy(map.get("on_bad_rows")),
          removals,
          new LeftOut((Long) map.get("bad"), (Long) map.get("masked"), texts(map.get("named"))),
          (Long) map.get("batches_passed_over"));
    } catch (ClassCastException | NullPointerException | IllegalArgumentException e) {
      throw new BadFileException(file, NAME + ": expected a record of rows left out", e);
    }
  }

  private static OnBadRows policy(Object name) {
    for (OnBadRows each : OnBadRows.values()) {
      if (each.toString().equals(name)) {
        return each;
      }
    }
    throw new IllegalArgumentException("on_bad_rows: " + name);
  }

  private static List<String> texts(Object list) {
    List<String> texts = new ArrayList<>();
    ((List<?>) list).forEach(each -> texts.add((String) each));
    return texts;
  }
}
