package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * An SAE that has been recognised but not yet read: what it computes, where its matrices are and
 * what to fold into them. Created by a {@link Layout}, which has checked shapes; {@link #load}
 * reads the matrices.
 */
public final class Blueprint implements Closeable {
  private final String family;
  private final WeightTensors tensors;
  private final SaeConfig config;
  private WeightTensors.Stored wEnc;
  private WeightTensors.Stored wDec;
  private WeightTensors.Stored wSkip;
  private float[] bEnc;
  private float[] bDec;
  private Consumer<SaeWeights> fold;
  private final List<String> warnings = new ArrayList<>();

  /**
   * An SAE without matrices yet.
   *
   * @param family the layout's name, for messages
   * @param tensors the open file; closed with the blueprint
   * @param config what the SAE computes once everything is folded
   */
  public Blueprint(String family, WeightTensors tensors, SaeConfig config) {
    this.family = family;
    this.tensors = tensors;
    this.config = config;
  }

  /** The encoder {@code [d_sae, d_in]} with its bias. */
  public Blueprint encoder(WeightTensors.Stored matrix, float[] bias) {
    wEnc = matrix;
    bEnc = bias;
    return this;
  }

  /** The decoder {@code [d_sae, d_out]} with its bias. */
  public Blueprint decoder(WeightTensors.Stored matrix, float[] bias) {
    wDec = matrix;
    bDec = bias;
    return this;
  }

  /** One matrix for encoder and decoder. */
  public Blueprint tied(WeightTensors.Stored matrix, float[] encoderBias, float[] decoderBias) {
    wEnc = matrix;
    bEnc = encoderBias;
    bDec = decoderBias;
    return this;
  }

  /** A skip connection {@code [d_out, d_in]}; null for none. */
  public Blueprint skip(WeightTensors.Stored matrix) {
    wSkip = matrix;
    return this;
  }

  /** What to do with the weights once they are read. */
  public Blueprint fold(Consumer<SaeWeights> folding) {
    fold = folding;
    return this;
  }

  /** Adds a warning for whoever loads the SAE. */
  public Blueprint warn(String warning) {
    warnings.add(warning);
    return this;
  }

  public String family() {
    return family;
  }

  public SaeConfig config() {
    return config;
  }

  /** How the encoder is stored. */
  public ElementType type() {
    return wEnc.tensor().type();
  }

  public List<String> warnings() {
    return List.copyOf(warnings);
  }

  /**
   * Reads the weights into a device's memory.
   *
   * @param device where they will be used
   * @return everything folded; the caller closes them
   * @throws BadFileException if a value is not finite, before or after folding
   * @throws IOException if reading fails
   */
  public SaeWeights load(Device device) throws IOException {
    Objects.requireNonNull(wEnc, "encoder");
    boolean tied = wDec == null;
    SaeWeights weights =
        tied
            ? SaeWeights.allocateTied(device, config.dIn(), config.dSae())
            : SaeWeights.allocate(
                device, config.dIn(), config.dOut(), config.dSae(), wSkip != null);
    try {
      tensors.read(wEnc, weights.wEnc());
      if (!tied) {
        tensors.read(wDec, weights.wDec());
      }
      if (wSkip != null) {
        tensors.read(wSkip, weights.wSkip());
      }
      weights.bEnc().write(0, 1, bEnc, 0);
      weights.bDec().write(0, 1, bDec, 0);
      if (fold != null) {
        fold.accept(weights);
        checkFolded(weights);
      }
      return weights;
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  /** Finite factors and norms may still be too large or too small to fold. */
  private void checkFolded(SaeWeights weights) throws BadFileException {
    for (Matrix matrix : List.of(weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec())) {
      float[] row = new float[matrix.cols()];
      for (int r = 0; r < matrix.rows(); r++) {
        matrix.read(r, 1, row, 0);
        if (WeightTensors.notFinite(row) >= 0) {
          throw new BadFileException(
              tensors.path(),
              "expected weights that stay finite with factors and decoder norms folded");
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    tensors.close();
  }
}
