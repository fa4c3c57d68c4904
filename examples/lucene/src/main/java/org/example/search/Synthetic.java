package org.example.search;

import java.util.SplittableRandom;

/**
 * Vectors like those of a collection, as many as one likes: each lies between two documents, with
 * some noise. They are for sizes and times; what is found among them means nothing.
 */
final class Synthetic {
  private static final float NOISE = 0.02f;

  private final float[][] documents;

  Synthetic(float[][] documents) {
    this.documents = documents;
  }

  /** The vector of a number, the same whenever it is asked for; the documents come first. */
  float[] vector(int number) {
    if (number < documents.length) {
      return documents[number];
    }
    SplittableRandom random = new SplittableRandom(number);
    float[] a = documents[random.nextInt(documents.length)];
    float[] b = documents[random.nextInt(documents.length)];
    float share = random.nextFloat();
    float[] vector = new float[a.length];
    double squares = 0;
    for (int j = 0; j < vector.length; j++) {
      vector[j] = share * a[j] + (1 - share) * b[j] + NOISE * (float) random.nextGaussian();
      squares += (double) vector[j] * vector[j];
    }
    float factor = (float) (1 / Math.sqrt(squares));
    for (int j = 0; j < vector.length; j++) {
      vector[j] *= factor;
    }
    return vector;
  }

  float[][] vectors(int from, int to) {
    float[][] vectors = new float[to - from][];
    for (int i = 0; i < vectors.length; i++) {
      vectors[i] = vector(from + i);
    }
    return vectors;
  }
}
