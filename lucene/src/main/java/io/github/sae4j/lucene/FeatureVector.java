package io.github.sae4j.lucene;

import java.util.Arrays;
import java.util.Objects;

/**
 * A sparse code as an index takes it: the latents that are active, ascending, and a positive weight
 * for each. Latents whose activation is 0 are left out.
 */
public final class FeatureVector {
  private final int[] features;
  private final float[] weights;

  private FeatureVector(int[] features, float[] weights) {
    this.features = features;
    this.weights = weights;
  }

  /**
   * A code with the activations as weights: scores are dot products.
   *
   * @param features latents, ascending, at least 0
   * @param activations one for each, 0 or a normal float above it
   * @return the vector
   * @throws IllegalArgumentException if the arrays differ in length, latents do not ascend, or an
   *     activation is negative, not finite or subnormal: an inverted index only adds up
   */
  public static FeatureVector of(int[] features, float[] activations) {
    return scaled(features, activations, 1);
  }

  /**
   * A code divided by its length: scores are cosines, if those of the query's are too.
   *
   * @param features latents, ascending, at least 0
   * @param activations one for each, 0 or a normal float above it
   * @return the vector; empty if no activation is above 0
   * @throws IllegalArgumentException as for {@link #of}
   */
  public static FeatureVector unit(int[] features, float[] activations) {
    double squares = 0;
    for (float value : activations) {
      squares += (double) value * value;
    }
    return scaled(features, activations, squares > 0 ? 1 / Math.sqrt(squares) : 1);
  }

  private static FeatureVector scaled(int[] features, float[] activations, double factor) {
    Objects.requireNonNull(features, "features");
    if (features.length != activations.length) {
      throw new IllegalArgumentException(
          "activations: expected one for each of "
              + features.length
              + " features, got "
              + activations.length);
    }
    int[] kept = new int[features.length];
    float[] weights = new float[features.length];
    int count = 0;
    int last = -1;
    for (int i = 0; i < features.length; i++) {
      if (features[i] <= last) {
        throw new IllegalArgumentException(
            "features: expected ascending latents of 0 or more, got "
                + features[i]
                + " after "
                + last);
      }
      last = features[i];
      if (activations[i] == 0) {
        continue;
      }
      float weight = (float) (activations[i] * factor);
      if (!FeatureWeight.isWeight(activations[i]) || !FeatureWeight.isWeight(weight)) {
        throw new IllegalArgumentException(
            "activations: expected 0 or a normal float above it, got "
                + activations[i]
                + " for feature "
                + features[i]);
      }
      kept[count] = features[i];
      weights[count++] = weight;
    }
    return new FeatureVector(Arrays.copyOf(kept, count), Arrays.copyOf(weights, count));
  }

  /** Without checks, for what was read back from an index. */
  static FeatureVector stored(int[] features, float[] weights) {
    return new FeatureVector(features, weights);
  }

  /** {@return the number of features} */
  public int size() {
    return features.length;
  }

  /**
   * A feature.
   *
   * @param i in {@code [0, size)}
   * @return its latent
   */
  public int feature(int i) {
    return features[i];
  }

  /**
   * The weight of a feature.
   *
   * @param i in {@code [0, size)}
   * @return a normal float above 0
   */
  public float weight(int i) {
    return weights[i];
  }

  /**
   * The weight of a latent.
   *
   * @param feature any latent
   * @return its weight, 0 if it is not active
   */
  public float weightOf(int feature) {
    int i = Arrays.binarySearch(features, feature);
    return i < 0 ? 0 : weights[i];
  }

  /** {@return the latents, ascending, a copy} */
  public int[] features() {
    return features.clone();
  }

  /** {@return the weights in the order of the latents, a copy} */
  public float[] weights() {
    return weights.clone();
  }

  /**
   * The strongest features only.
   *
   * @param most how many to keep, at least 1; of equal weights the lower latents
   * @return this vector if it has no more
   * @throws IllegalArgumentException if {@code most} is below 1
   */
  public FeatureVector strongest(int most) {
    if (most < 1) {
      throw new IllegalArgumentException("most: expected at least 1, got " + most);
    }
    if (features.length <= most) {
      return this;
    }
    Integer[] order = new Integer[features.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Float.compare(weights[b], weights[a]));
    int[] chosen = Arrays.stream(order).limit(most).mapToInt(i -> i).sorted().toArray();
    int[] kept = new int[most];
    float[] values = new float[most];
    for (int i = 0; i < most; i++) {
      kept[i] = features[chosen[i]];
      values[i] = weights[chosen[i]];
    }
    return new FeatureVector(kept, values);
  }
}
