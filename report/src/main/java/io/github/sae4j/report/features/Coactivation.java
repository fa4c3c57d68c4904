package io.github.sae4j.report.features;

import java.util.Arrays;

/**
 * Which latents fire together, on a sample of rows: for each the others with the largest
 * correlation of firing (φ, Pearson's coefficient of the two indicators).
 */
final class Coactivation {
  private final RowSample sample;
  private final int[] fired;

  /** The sampled rows of each latent: a list per latent, one after the other. */
  private final int[] starts;

  private final int[] rowsOf;

  /** What one other latent has in common with a latent. */
  record Partner(int latent, double phi, double share) {}

  Coactivation(RowSample sample, int latents) {
    this.sample = sample;
    fired = new int[latents];
    int[] all = sample.latents();
    int codes = sample.rows() == 0 ? 0 : sample.end(sample.rows() - 1);
    for (int i = 0; i < codes; i++) {
      fired[all[i]]++;
    }
    starts = new int[latents + 1];
    for (int i = 0; i < latents; i++) {
      starts[i + 1] = starts[i] + fired[i];
    }
    rowsOf = new int[codes];
    int[] next = starts.clone();
    for (int row = 0; row < sample.rows(); row++) {
      for (int at = sample.start(row); at < sample.end(row); at++) {
        rowsOf[next[all[at]]++] = row;
      }
    }
    counts = new int[latents];
  }

  private final int[] counts;

  /** Rows of the sample in which a latent fires. */
  int fired(int latent) {
    return fired[latent];
  }

  /**
   * The latents that go with one.
   *
   * @param most how many at most
   * @return largest φ first, positive ones alone; {@code share}: of the rows in which the latent
   *     fires, those in which the other does too
   */
  Partner[] partners(int latent, int most) {
    Partner[] best = new Partner[most];
    int found = 0;
    int[] all = sample.latents();
    for (int i = starts[latent]; i < starts[latent + 1]; i++) {
      for (int at = sample.start(rowsOf[i]); at < sample.end(rowsOf[i]); at++) {
        counts[all[at]]++;
      }
    }
    double n = sample.rows();
    double a = fired[latent];
    for (int i = starts[latent]; i < starts[latent + 1]; i++) {
      for (int at = sample.start(rowsOf[i]); at < sample.end(rowsOf[i]); at++) {
        int other = all[at];
        int both = counts[other];
        if (both == 0) {
          continue; // taken already
        }
        counts[other] = 0;
        if (other == latent) {
          continue;
        }
        double b = fired[other];
        double spread = Math.sqrt(a * b) * Math.sqrt((n - a) * (n - b));
        double phi = spread == 0 ? 0 : (n * both - a * b) / spread;
        if (phi <= 0 || found == most && phi <= best[most - 1].phi()) {
          continue;
        }
        int place = Math.min(found, most - 1);
        while (place > 0 && best[place - 1].phi() < phi) {
          best[place] = best[place - 1];
          place--;
        }
        best[place] = new Partner(other, phi, both / a);
        found = Math.min(most, found + 1);
      }
    }
    return Arrays.copyOf(best, found);
  }
}
