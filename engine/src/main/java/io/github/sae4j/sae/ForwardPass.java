package io.github.sae4j.sae;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.Workspaces.Workspace;

/**
 * The arithmetic of an SAE on the rows of a chunk, with a workspace of as many rows for
 * intermediate results. Shapes have been checked. Rows x may be the workspace's input: normalised
 * rows replace them, and an SAE with a skip connection does not normalise.
 */
final class ForwardPass {
  private final Device device;
  private final InputNormalization normalization;
  private final SaeWeights weights;
  private final Encoder encoder;
  private final boolean normalizes;
  private final boolean undoes;

  ForwardPass(Device device, SaeConfig config, SaeWeights weights, Encoder encoder) {
    this.device = device;
    this.weights = weights;
    this.encoder = encoder;
    normalization = config.normalization();
    normalizes = normalization != InputNormalization.NONE;
    undoes = normalizes && !config.transcoder();
  }

  /** Whether rows are normalised before they are encoded. */
  boolean normalizes() {
    return normalizes;
  }

  /** Whether the normalisation of outputs is undone. */
  boolean undoes() {
    return undoes;
  }

  /**
   * Encodes; the workspace keeps what is needed to undo the rows' normalisation.
   *
   * @param first the number of the first row, for messages
   */
  void encode(int first, Matrix x, SparseCodes out, Workspace space) {
    try {
      encoder.encode(normalizes ? normalized(x, space) : x, out);
    } catch (NonFiniteException e) {
      throw e.shifted(first);
    }
  }

  private Matrix normalized(Matrix x, Workspace space) {
    normalization.apply(x, space.input(), space.scales(), space.shifts());
    return space.input();
  }

  /** Decodes codes of rows that were not encoded with this workspace. */
  void decodeAlone(SparseCodes codes, Matrix x, Matrix out, Workspace space) {
    if (undoes) {
      normalized(x, space);
    }
    decode(codes, x, out, space);
  }

  /** Decodes the codes of rows that were encoded with this workspace; out may be x. */
  private void decode(SparseCodes codes, Matrix x, Matrix out, Workspace space) {
    Matrix skipped = space.skipped();
    if (skipped != null) {
      // First, because out may be x.
      device.product(x, false, weights.wSkip(), true, skipped);
    }
    device.decode(codes, weights.wDec(), weights.bDec(), out);
    if (skipped != null) {
      device.add(out, skipped);
    }
    if (undoes) {
      device.scaleRows(out, space.scales(), space.shifts());
    }
  }

  /** Encodes and decodes; out may be x. */
  void reconstruct(int first, Matrix x, Matrix out, Workspace space) {
    encode(first, x, space.codes(), space);
    decode(space.codes(), x, out, space);
  }

  /** target − x̂; out may be x or target. */
  void error(int first, Matrix x, Matrix target, Matrix out, Workspace space) {
    reconstruct(first, x, space.output(), space);
    device.subtract(target, space.output(), out);
  }

  /** target + Σ (edited − a) W_dec, scaled back where rows are normalised; out may be either. */
  void edit(int first, Matrix x, Matrix target, LatentEdits edits, Matrix out, Workspace space) {
    encode(first, x, space.codes(), space);
    edits.changes(space.codes(), space.changes());
    device.decode(space.changes(), weights.wDec(), null, space.output());
    if (undoes) {
      device.scaleRows(space.output(), space.scales(), null);
    }
    if (out != target) {
      out.copyFrom(target);
    }
    device.add(out, space.output());
  }
}
