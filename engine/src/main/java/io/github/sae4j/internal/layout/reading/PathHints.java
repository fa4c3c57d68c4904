package io.github.sae4j.internal.layout.reading;

import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Hints in folder names about an SAE whose files say little. Used only for what does not change the
 * numbers: metadata, and whether the output approximates another activation.
 */
public final class PathHints {
  private static final Pattern L0 = Pattern.compile("average_l0_(\\d{1,9})");
  private static final Pattern LAYER = Pattern.compile("layer_?(\\d{1,6})(?:[_.].*)?");

  private final Path path;

  public PathHints(Path path) {
    this.path = path.toAbsolutePath();
  }

  /** The mean number of active latents: {@code average_l0_71}. */
  public OptionalDouble l0() {
    Matcher found = last(L0);
    return found == null
        ? OptionalDouble.empty()
        : OptionalDouble.of(Double.parseDouble(found.group(1)));
  }

  /** The layer: {@code layer_20}, {@code layer_20_width_16k}, {@code layer3.sae.pt}. */
  public OptionalInt layer() {
    Matcher found = last(LAYER);
    return found == null ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(found.group(1)));
  }

  /** Whether a folder's name contains this word. */
  public boolean says(String word) {
    for (Path name : path) {
      if (name.toString().contains(word)) {
        return true;
      }
    }
    return false;
  }

  private Matcher last(Pattern pattern) {
    for (int i = path.getNameCount() - 1; i >= 0; i--) {
      Matcher matcher = pattern.matcher(path.getName(i).toString());
      if (matcher.matches()) {
        return matcher;
      }
    }
    return null;
  }
}
