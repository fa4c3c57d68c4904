package io.github.sae4j.lucene;

/** How features are named in an index. */
final class Features {
  private Features() {}

  /** The term of a latent. */
  static String name(int feature) {
    return Integer.toString(feature);
  }
}
