package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.internal.json.JsonObject;
import java.util.OptionalDouble;

/** Values that configurations declare and no computation uses: nonsense is ignored, not refused. */
public final class Declared {
  private Declared() {}

  /** A mean number of active latents, if the member is one. */
  public static OptionalDouble l0(JsonObject config, String name) {
    return config.members().get(name) instanceof Number number
            && number.doubleValue() >= 0
            && Double.isFinite(number.doubleValue())
        ? OptionalDouble.of(number.doubleValue())
        : OptionalDouble.empty();
  }
}
