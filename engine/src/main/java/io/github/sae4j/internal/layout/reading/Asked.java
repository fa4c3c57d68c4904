package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalInt;

/** Checks what the caller asked for against what the files say. */
public final class Asked {
  private Asked() {}

  /** Refuses a requested activation that is not the file's. */
  public static void expectActivation(ReadOptions options, String said, Choice same, Path path)
      throws BadFileException {
    if (options.activation().isPresent() && options.activation().get() != same) {
      String asked = options.activation().get().name().toLowerCase(Locale.ROOT);
      throw new BadFileException(
          path, "activation: is " + said + " by the file, asked for " + asked);
    }
  }

  /** The number of latents per row; the file and the caller must not differ. */
  public static int k(ReadOptions options, OptionalInt said, int dSae, Path path)
      throws BadFileException {
    if (said.isEmpty() && options.k().isEmpty()) {
      throw new BadFileException(
          path,
          "k: expected in the file, found nothing; give it (--k), usually it is in the repository's"
              + " name");
    }
    if (said.isPresent() && options.k().isPresent() && said.getAsInt() != options.k().getAsInt()) {
      throw new BadFileException(
          path, "k: is " + said.getAsInt() + " by the file, asked for " + options.k().getAsInt());
    }
    int value = said.isPresent() ? said.getAsInt() : options.k().getAsInt();
    if (value < 1 || value > dSae) {
      throw new BadFileException(path, "k: expected at most d_sae = " + dSae + ", got " + value);
    }
    return value;
  }
}
