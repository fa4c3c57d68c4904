package io.github.sae4j.sae;

import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;
import java.util.StringJoiner;

/**
 * Edits of the activations of some latents, for {@link SparseAutoencoder#edit}: set, scale, add to
 * or ablate each. Activations are those that {@code encode} gives; a latent that is not active has
 * 0, so that setting and adding can make it active, and scaling cannot. Immutable; one edit per
 * latent.
 *
 * <pre>{@code
 * LatentEdits edits = LatentEdits.NONE.set(17, 4f).scale(93, 0.5f).ablate(5);
 * }</pre>
 */
public final class LatentEdits {
  /** No edits. */
  public static final LatentEdits NONE = new LatentEdits(new int[0], new float[0], new float[0]);

  /** Ascending. */
  private final int[] latents;

  // The edited activation is factor · a + offset: 0 and v to set, f and 0 to scale, 1 and v to add.
  private final float[] factors;
  private final float[] offsets;

  private LatentEdits(int[] latents, float[] factors, float[] offsets) {
    this.latents = latents;
    this.factors = factors;
    this.offsets = offsets;
  }

  /**
   * Adds an edit: an activation is replaced.
   *
   * @param latent the latent, not edited so far
   * @param value its activation from then on, finite
   * @return all edits
   * @throws IllegalArgumentException if the latent is negative or edited already, or the value is
   *     not finite
   */
  public LatentEdits set(int latent, float value) {
    return with(latent, 0f, value);
  }

  /**
   * Adds an edit: an activation is multiplied, in one rounding.
   *
   * @param latent the latent, not edited so far
   * @param factor the factor, finite
   * @return all edits
   * @throws IllegalArgumentException as for {@link #set}
   */
  public LatentEdits scale(int latent, float factor) {
    return with(latent, factor, 0f);
  }

  /**
   * Adds an edit: a number is added to an activation, in one rounding.
   *
   * @param latent the latent, not edited so far
   * @param value what is added, finite
   * @return all edits
   * @throws IllegalArgumentException as for {@link #set}
   */
  public LatentEdits add(int latent, float value) {
    return with(latent, 1f, value);
  }

  /**
   * Adds an edit: an activation becomes 0.
   *
   * @param latent the latent, not edited so far
   * @return all edits
   * @throws IllegalArgumentException as for {@link #set}
   */
  public LatentEdits ablate(int latent) {
    return with(latent, 0f, 0f);
  }

  private LatentEdits with(int latent, float factor, float offset) {
    Shapes.expect(latent >= 0, "latent", "at least 0", latent);
    Shapes.expect(Float.isFinite(factor), "factor", "a finite number", factor);
    Shapes.expect(Float.isFinite(offset), "value", "a finite number", offset);
    int found = Arrays.binarySearch(latents, latent);
    Shapes.expect(found < 0, "latent", "one edit for each", "a second one for " + latent);
    int at = -found - 1;
    int[] more = new int[latents.length + 1];
    System.arraycopy(latents, 0, more, 0, at);
    System.arraycopy(latents, at, more, at + 1, latents.length - at);
    more[at] = latent;
    return new LatentEdits(more, inserted(factors, at, factor), inserted(offsets, at, offset));
  }

  private static float[] inserted(float[] values, int at, float value) {
    float[] more = new float[values.length + 1];
    System.arraycopy(values, 0, more, 0, at);
    System.arraycopy(values, at, more, at + 1, values.length - at);
    more[at] = value;
    return more;
  }

  /**
   * The latents that are edited.
   *
   * @return their indices, ascending
   */
  public int[] latents() {
    return latents.clone();
  }

  /**
   * How many latents are edited.
   *
   * @return number of edits
   */
  public int size() {
    return latents.length;
  }

  /**
   * Edits a code. Decoding it gives the reconstruction without the error term.
   *
   * @param code indices ascending
   * @return the edited code: latents whose edited activation is 0 are not in it
   */
  public SparseCode apply(SparseCode code) {
    int[] indices = new int[code.length() + latents.length];
    float[] values = new float[indices.length];
    int count = 0;
    int slot = 0;
    int edit = 0;
    while (slot < code.length() || edit < latents.length) {
      int index = slot < code.length() ? code.indices()[slot] : Integer.MAX_VALUE;
      int latent = edit < latents.length ? latents[edit] : Integer.MAX_VALUE;
      float value = index <= latent ? code.values()[slot] : 0f;
      boolean edited = latent <= index;
      if (edited) {
        value = edited(edit, value);
      }
      if (!edited || value != 0f) {
        indices[count] = Math.min(index, latent);
        values[count] = value;
        count++;
      }
      slot += index <= latent ? 1 : 0;
      edit += edited ? 1 : 0;
    }
    return new SparseCode(Arrays.copyOf(indices, count), Arrays.copyOf(values, count));
  }

  /**
   * The changes that the edits make in each row.
   *
   * @param codes rows, each ascending
   * @param changes as many rows; each receives every edited latent with the difference of its
   *     activations, after less before, in one rounding
   */
  void changes(SparseCodes codes, SparseCodes changes) {
    changes.equalRows(latents.length);
    for (int row = 0; row < codes.rows(); row++) {
      int length = codes.length(row);
      int slot = 0;
      for (int edit = 0; edit < latents.length; edit++) {
        while (slot < length && codes.index(row, slot) < latents[edit]) {
          slot++;
        }
        boolean active = slot < length && codes.index(row, slot) == latents[edit];
        float before = active ? codes.value(row, slot) : 0f;
        changes.set(row, edit, latents[edit], edited(edit, before) - before);
      }
    }
  }

  /** One rounding: a factor of 0 or 1, or an offset of 0, is exact. */
  private float edited(int edit, float activation) {
    return factors[edit] * activation + offsets[edit];
  }

  /** Checks that an SAE has all of them. */
  void expectWithin(int dSae) {
    Shapes.expect(
        latents.length == 0 || latents[latents.length - 1] < dSae,
        "edits",
        "latents in [0, " + dSae + ")",
        latents.length == 0 ? -1 : latents[latents.length - 1]);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LatentEdits that
        && Arrays.equals(latents, that.latents)
        && Arrays.equals(factors, that.factors)
        && Arrays.equals(offsets, that.offsets);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Arrays.hashCode(latents) + Arrays.hashCode(factors))
        + Arrays.hashCode(offsets);
  }

  /**
   * The edits as text.
   *
   * @return for instance {@code LatentEdits{5: 0.0, 93: 0.5 * a, 17: a + 4.0}}
   */
  @Override
  public String toString() {
    StringJoiner all = new StringJoiner(", ", "LatentEdits{", "}");
    for (int edit = 0; edit < latents.length; edit++) {
      String what =
          factors[edit] == 0f
              ? Float.toString(offsets[edit])
              : factors[edit] == 1f ? "a + " + offsets[edit] : factors[edit] + " * a";
      all.add(latents[edit] + ": " + what);
    }
    return all.toString();
  }
}
