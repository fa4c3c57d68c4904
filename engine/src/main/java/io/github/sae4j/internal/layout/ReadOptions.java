package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.kernels.Shapes;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a reader is told beside the files, for formats that leave it to the name of a repository or
 * to the code that loads them. What contradicts a file is an error.
 *
 * @param k latents per row
 * @param activation the activation
 */
public record ReadOptions(OptionalInt k, Optional<Choice> activation) {
  /** Everything is as the files say. */
  public static final ReadOptions NONE = new ReadOptions(OptionalInt.empty(), Optional.empty());

  /** Activations that a format may leave open. */
  public enum Choice {
    /** All positive pre-activations. */
    RELU,
    /** The k largest pre-activations of each row. */
    TOPK,
    /** Pre-activations above the thresholds in the file. */
    JUMPRELU
  }

  /** Checks the range. */
  public ReadOptions {
    Shapes.expect(k.isEmpty() || k.getAsInt() >= 1, "k", "at least 1", k);
  }

  /** Refuses a wish for another activation than the file has. */
  void expectActivation(String said, Choice same, Path path) throws BadFileException {
    if (activation.isPresent() && activation.get() != same) {
      String asked = activation.get().name().toLowerCase(Locale.ROOT);
      throw new BadFileException(
          path, "activation: is " + said + " by the file, asked for " + asked);
    }
  }

  /** The number of latents per row, which the file and this must not say differently. */
  int k(OptionalInt said, int dSae, Path path) throws BadFileException {
    if (said.isEmpty() && k.isEmpty()) {
      throw new BadFileException(
          path,
          "k: expected in the file, found nothing; give it (--k), a repository's name has it");
    }
    if (said.isPresent() && k.isPresent() && said.getAsInt() != k.getAsInt()) {
      throw new BadFileException(
          path, "k: is " + said.getAsInt() + " by the file, asked for " + k.getAsInt());
    }
    int value = said.isPresent() ? said.getAsInt() : k.getAsInt();
    if (value < 1 || value > dSae) {
      throw new BadFileException(path, "k: expected at most d_sae = " + dSae + ", got " + value);
    }
    return value;
  }
}
