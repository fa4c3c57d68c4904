package io.github.sae4j.kernels;

/** A pre-activation was NaN or infinite: bad input rows or diverged weights. */
public final class NonFiniteException extends ArithmeticException {
  private static final long serialVersionUID = 1L;

  /** Row of the batch. */
  private final int row;

  /** Latent whose pre-activation it is. */
  private final int latent;

  /** The value. */
  private final float value;

  /**
   * A non-finite pre-activation.
   *
   * @param row row of the batch, from 0
   * @param latent latent, from 0
   * @param value the value
   */
  public NonFiniteException(int row, int latent, float value) {
    super("pre-activation of row " + row + ", latent " + latent + " is " + value);
    this.row = row;
    this.latent = latent;
    this.value = value;
  }

  /**
   * The same exception for a batch in which this one is a later part.
   *
   * @param rows how many rows precede this part
   * @return an exception that names the row of that batch
   */
  public NonFiniteException shifted(int rows) {
    return rows == 0 ? this : new NonFiniteException(row + rows, latent, value);
  }

  /** {@return the first row of the batch in which it occurred, from 0} */
  public int row() {
    return row;
  }

  /** {@return the first latent of that row, from 0} */
  public int latent() {
    return latent;
  }

  /** {@return the value of the pre-activation, NaN or an infinity} */
  public float value() {
    return value;
  }
}
