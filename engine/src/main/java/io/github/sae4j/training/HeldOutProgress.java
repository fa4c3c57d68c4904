package io.github.sae4j.training;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The evaluations of a run so far, as far as its end and its best SAE depend on them.
 *
 * @param bestStep the step with the lowest FVU, 0 before the first evaluation
 * @param bestFvu its FVU
 * @param since evaluations since then
 */
record HeldOutProgress(long bestStep, double bestFvu, int since) {
  static final HeldOutProgress NONE = new HeldOutProgress(0, Double.POSITIVE_INFINITY, 0);

  /** After one evaluation more; an FVU that is not defined is no improvement. */
  HeldOutProgress and(long step, double fvu) {
    return fvu < bestFvu
        ? new HeldOutProgress(step, fvu, 0)
        : new HeldOutProgress(bestStep, bestFvu, since + 1);
  }

  /** The same, with no evaluation counted since the best one. */
  HeldOutProgress anew() {
    return new HeldOutProgress(bestStep, bestFvu, 0);
  }

  /** Members of a checkpoint's state. */
  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("best_step", bestStep);
    map.put("best_fvu", bestStep == 0 ? null : (Object) bestFvu);
    map.put("evaluations_since", (long) since);
    return map;
  }

  /** The inverse; what earlier versions did not write counts as no evaluation. */
  static HeldOutProgress fromMap(Object saved) {
    return saved instanceof Map<?, ?> map
            && map.get("best_step") instanceof Long step
            && map.get("evaluations_since") instanceof Long since
        ? new HeldOutProgress(
            step,
            map.get("best_fvu") instanceof Double fvu ? fvu : Double.POSITIVE_INFINITY,
            Math.toIntExact(since))
        : NONE;
  }
}
