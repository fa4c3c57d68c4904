package io.github.sae4j.report.runs;

import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.sae.SparseAutoencoder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the weights alone say of every latent.
 *
 * @param norms norm of each decoder row {@code [d_sae]}
 * @param cosines cosine of each latent's encoder and decoder rows {@code [d_sae]}; 0 where a norm
 *     is; null for a transcoder, whose rows live in two spaces
 */
public record WeightShapes(float[] norms, float[] cosines) {
  private static final int BINS = 60;

  /** Reads all rows once. */
  public static WeightShapes of(SparseAutoencoder sae) {
    int latents = sae.config().dSae();
    boolean same = !sae.config().transcoder() && sae.config().dIn() == sae.config().dOut();
    float[] in = new float[sae.config().dIn()];
    float[] out = new float[sae.config().dOut()];
    float[] norms = new float[latents];
    float[] cosines = same ? new float[latents] : null;
    for (int i = 0; i < latents; i++) {
      sae.decoderDirection(i, out);
      double norm = Math.sqrt(OrderedSums.dot(out, 0, out, 0, out.length));
      norms[i] = (float) norm;
      if (same) {
        sae.encoderDirection(i, in);
        double product = norm * Math.sqrt(OrderedSums.dot(in, 0, in, 0, in.length));
        cosines[i] =
            product == 0 ? 0 : (float) (OrderedSums.dot(in, 0, out, 0, in.length) / product);
      }
    }
    return new WeightShapes(norms, cosines);
  }

  /** Histograms for the page. */
  public Map<String, Object> toMap() {
    float largest = 0;
    float smallest = Float.MAX_VALUE;
    for (float norm : norms) {
      largest = Math.max(largest, norm);
      smallest = Math.min(smallest, norm);
    }
    boolean spread = largest - smallest > 1e-3f * largest;
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(
        "decoder_norm",
        spread
            ? bins(norms, Math.min(smallest, 0.9f * largest), largest)
            : bins(norms, 0.5f * largest, 1.5f * largest));
    map.put("cosine", cosines == null ? null : bins(cosines, -1, 1));
    return map;
  }

  /** Equally wide bins from a lowest value to a highest, which is in the last. */
  private static Map<String, Object> bins(float[] values, float lowest, float highest) {
    double width = (highest - lowest) / (double) BINS;
    long[] counts = new long[BINS];
    double sum = 0;
    for (float value : values) {
      sum += value;
      if (width > 0) {
        counts[Math.clamp((int) ((value - lowest) / width), 0, BINS - 1)]++;
      }
    }
    List<Object> edges = new ArrayList<>();
    List<Object> all = new ArrayList<>();
    for (int i = 0; i < BINS; i++) {
      edges.add((float) (lowest + i * width));
      all.add(counts[i]);
    }
    edges.add(highest);
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("edges", edges);
    map.put("counts", all);
    map.put("mean", sum / values.length);
    return map;
  }
}
