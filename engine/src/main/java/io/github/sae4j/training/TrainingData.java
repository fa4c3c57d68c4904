package io.github.sae4j.training;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.RowRules;
import io.github.sae4j.data.Split;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The rows of a run. The sources are views: closing them leaves the activations open.
 *
 * @param training rows to train on, each with its place in the shuffled stream
 * @param heldOut rows kept out of training, if any; without those that are left out
 * @param identity identity of the activations, by which a resumed run recognises them
 * @param rules which training rows are left out, their places staying empty
 * @param removals masks that were added after the run's rows were laid out
 * @param heldOutLeftOut held-out rows that were left out
 */
public record TrainingData(
    ActivationSource training,
    Optional<ActivationSource> heldOut,
    DataIdentity identity,
    RowRules rules,
    List<RowMask> removals,
    LeftOut heldOutLeftOut) {

  /** Copies the masks. */
  public TrainingData {
    removals = List.copyOf(removals);
  }

  /**
   * Width of the input.
   *
   * @return d_in
   */
  public int dIn() {
    return training.inputWidth();
  }

  /**
   * Whether rows are pairs ({@link io.github.sae4j.data.RowViews}).
   *
   * @return true if another row follows each input
   */
  public boolean paired() {
    return training.width() > training.inputWidth();
  }

  /**
   * Width of what is reconstructed: of the other rows of pairs, else of the input.
   *
   * @return d_out
   */
  public int dOut() {
    return paired() ? training.width() - training.inputWidth() : training.width();
  }

  /**
   * Splits activations. A row that is not finite is an error when it is read.
   *
   * @param activations all rows; must stay open while the data is used
   * @param mask rows to exclude, if any
   * @param evalFraction share of the others to hold out, in {@code [0, 1)}
   * @return the rows to train on and those held out
   * @throws IOException if sampling the activations for their identity fails
   */
  public static TrainingData of(
      ActivationSource activations, Optional<RowMask> mask, double evalFraction)
      throws IOException {
    return of(activations, mask, evalFraction, OnBadRows.ERROR, List.of());
  }

  /**
   * Splits activations. If bad rows are skipped, the held-out rows are read once to find bad ones;
   * bad training rows are found when they are read.
   *
   * @param activations all rows; must stay open while the data is used
   * @param mask rows to exclude, if any; only the others are shuffled
   * @param evalFraction share of the others to hold out, in {@code [0, 1)}
   * @param onBadRows what to do with rows that are not finite
   * @param removals further masks, added after the order was laid out: rows that they exclude leave
   *     their place empty
   * @return the rows to train on and those held out
   * @throws IllegalArgumentException if the activations have another number of rows than a mask
   * @throws io.github.sae4j.format.BadFileException if they cannot be read in any order
   * @throws IOException if reading the activations fails
   */
  public static TrainingData of(
      ActivationSource activations,
      Optional<RowMask> mask,
      double evalFraction,
      OnBadRows onBadRows,
      List<RowMask> removals)
      throws IOException {
    activations.expectAnyOrder();
    Split split =
        mask.isPresent()
            ? Split.of(mask.get(), evalFraction)
            : Split.of(activations.rows(), evalFraction);
    for (RowMask removal : removals) {
      if (removal.rows() != activations.rows()) {
        throw new IllegalArgumentException(
            "removals: expected masks of "
                + activations.rows()
                + " rows, got one of "
                + removal.rows());
      }
    }
    Optional<ActivationSource> heldOut = split.heldOut(activations);
    LeftOut leftOut = LeftOut.NONE;
    if (heldOut.isPresent() && !removals.isEmpty()) {
      boolean[] excluded = new boolean[Math.toIntExact(split.heldOutRows())];
      int count = 0;
      for (int i = 0; i < excluded.length; i++) {
        excluded[i] = isRemoved(removals, split.heldOutRow(i));
        count += excluded[i] ? 1 : 0;
      }
      leftOut = leftOut.and(List.of(), count);
      heldOut =
          count == excluded.length
              ? Optional.empty()
              : Optional.of(Split.of(RowMask.of(excluded), 0).training(heldOut.get()));
    }
    if (heldOut.isPresent() && onBadRows == OnBadRows.SKIP) {
      FiniteRows.Selected finite = FiniteRows.select(heldOut.get());
      heldOut = finite.rows();
      leftOut = new LeftOut(finite.leftOut().bad(), leftOut.masked(), finite.leftOut().named());
    }
    RowRules rules =
        new RowRules(
            onBadRows,
            removals.isEmpty()
                ? RowRules.ALL.removed()
                : row -> isRemoved(removals, split.trainingRow(row)));
    return new TrainingData(
        split.training(activations),
        heldOut,
        activations.identity().withMask(mask),
        rules,
        removals,
        leftOut);
  }

  private static boolean isRemoved(List<RowMask> removals, long row) {
    for (RowMask removal : removals) {
      if (removal.excluded(row)) {
        return true;
      }
    }
    return false;
  }

  /** Hashes of the masks that were added later, for a run's records. */
  List<String> removalHashes() {
    List<String> hashes = new ArrayList<>();
    removals.forEach(mask -> hashes.add(mask.sha256()));
    return hashes;
  }
}
