package io.github.sae4j.bench.scene;

import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.SplittableRandom;

/**
 * One SAE and one batch, the same for us and for the peers. Latents are random unit directions; a
 * row of the batch is a sum of a few of them plus noise, the latents drawn very unevenly, so that
 * some fire on most rows and many never, as in a real run.
 */
public final class Scene implements AutoCloseable {
  private static final long SEED = 20261123;
  private static final int PARTS = 24;

  private final OffHeap memory;
  private final Shape shape;
  private final Matrix x;
  private final Matrix wEnc;
  private final Matrix wDec;
  private final Matrix bEnc;
  private final Matrix bDec;
  private Matrix wEncTransposed;

  /**
   * Draws a scene.
   *
   * @param memory where; closed with the scene
   * @param shape its size
   */
  public Scene(OffHeap memory, Shape shape) {
    this.memory = memory;
    this.shape = shape;
    int d = shape.dIn();
    int n = shape.dSae();
    this.x = memory.matrix(shape.batch(), d);
    this.wEnc = memory.matrix(n, d);
    this.wDec = memory.matrix(n, d);
    this.bEnc = memory.vector(n);
    this.bDec = memory.vector(d);
    SplittableRandom random = new SplittableRandom(SEED);
    float[] row = new float[d];
    for (int i = 0; i < n; i++) {
      double square = 0;
      for (int j = 0; j < d; j++) {
        row[j] = (float) random.nextGaussian();
        square += row[j] * row[j];
      }
      float scale = (float) (1 / Math.sqrt(square));
      for (int j = 0; j < d; j++) {
        row[j] *= scale;
      }
      wEnc.write(i, 1, row, 0);
      bEnc.set(0, i, (float) (0.01 * random.nextGaussian()));
    }
    wDec.copyFrom(wEnc);
    for (int j = 0; j < d; j++) {
      bDec.set(0, j, (float) (0.05 * random.nextGaussian()));
    }
    float[] latent = new float[d];
    double noise = 0.5 / Math.sqrt(d);
    for (int b = 0; b < shape.batch(); b++) {
      for (int j = 0; j < d; j++) {
        row[j] = (float) (noise * random.nextGaussian());
      }
      for (int part = 0; part < PARTS; part++) {
        double u = random.nextDouble();
        wEnc.read((int) (n * u * u * u), 1, latent, 0);
        float strength = (float) (0.5 + 1.5 * random.nextDouble());
        for (int j = 0; j < d; j++) {
          row[j] += strength * latent[j];
        }
      }
      x.write(b, 1, row, 0);
    }
  }

  public Shape shape() {
    return shape;
  }

  /** Where further matrices of this scene may be allocated. */
  public OffHeap memory() {
    return memory;
  }

  /** The batch {@code [B, d_in]}. */
  public Matrix x() {
    return x;
  }

  /** Encoder {@code [d_sae, d_in]}, unit rows. */
  public Matrix wEnc() {
    return wEnc;
  }

  /** Decoder {@code [d_sae, d_in]}, unit rows. */
  public Matrix wDec() {
    return wDec;
  }

  /** Encoder bias {@code [1, d_sae]}. */
  public Matrix bEnc() {
    return bEnc;
  }

  /** Decoder bias {@code [1, d_in]}. */
  public Matrix bDec() {
    return bDec;
  }

  /** The encoder as SAELens stores it, {@code [d_in, d_sae]}. */
  public Matrix wEncTransposed() {
    if (wEncTransposed == null) {
      wEncTransposed = memory.matrix(shape.dIn(), shape.dSae());
      for (int i = 0; i < shape.dSae(); i++) {
        for (int j = 0; j < shape.dIn(); j++) {
          wEncTransposed.set(j, i, wEnc.get(i, j));
        }
      }
    }
    return wEncTransposed;
  }

  /** The operands of our encoder. */
  public EncoderWeights encoder() {
    return new EncoderWeights(wEnc, bEnc, bDec, null);
  }

  @Override
  public void close() {
    memory.close();
  }
}
