package io.github.sae4j.vector;

/**
 * Codes turned around: for every latent the places {@code row * k + slot} that hold it, in
 * ascending order of rows. Built by a counting sort, so its order is defined and needs no atomics.
 */
final class LatentIndex {
  private int[] starts = {};
  private int[] cursor = {};
  private int[] places = {};

  LatentIndex() {}

  /**
   * Builds the index.
   *
   * @param indices codes' latents {@code [rows, k]}
   * @param count rows times k
   * @param latents number of latents
   */
  void build(int[] indices, int count, int latents) {
    if (starts.length < latents + 1) {
      starts = new int[latents + 1];
      cursor = new int[latents];
    }
    if (places.length < count) {
      places = new int[count];
    }
    java.util.Arrays.fill(starts, 0, latents + 1, 0);
    for (int i = 0; i < count; i++) {
      starts[indices[i] + 1]++;
    }
    for (int i = 0; i < latents; i++) {
      cursor[i] = starts[i];
      starts[i + 1] += starts[i];
    }
    for (int i = 0; i < count; i++) {
      places[cursor[indices[i]]++] = i;
    }
  }

  /** First position of a latent's places. */
  int from(int latent) {
    return starts[latent];
  }

  /** Position after a latent's last place. */
  int to(int latent) {
    return starts[latent + 1];
  }

  /** A place: {@code row * k + slot}. */
  int place(int position) {
    return places[position];
  }
}
