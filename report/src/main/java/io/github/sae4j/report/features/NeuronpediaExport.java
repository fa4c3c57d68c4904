package io.github.sae4j.report.features;

import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.io.Writer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The latents as SAEDashboard writes them for Neuronpedia: a batch with its features. What needs
 * the language model (logits) or its neurons stays empty.
 */
public final class NeuronpediaExport {
  private static final int BINS = 32;

  /** What Neuronpedia writes for the strongest activations, which are no interval. */
  private static final int NO_INTERVAL = -1;

  private NeuronpediaExport() {}

  /**
   * Writes one batch.
   *
   * @param pages what was found
   * @param model the language model, as Neuronpedia calls it
   * @param layer its layer
   * @param set the name of the set of SAEs
   * @param dataset where the rows are from; may be empty
   * @param sequences number of sequences, and their length
   * @param length rows of a sequence
   * @param out receives JSON; stays open
   */
  public static void write(
      FeaturePages pages,
      String model,
      int layer,
      String set,
      String dataset,
      long sequences,
      int length,
      Writer out)
      throws IOException {
    Map<String, Object> head = new LinkedHashMap<>();
    head.put("model_id", model);
    head.put("layer", layer);
    head.put("sae_set", set);
    head.put("sae_id_suffix", null);
    String start = Json.line(head);
    out.write(start.substring(0, start.length() - 1));
    out.write(",\"features\":[");
    int[] listed = pages.selection().latents();
    String[] texts =
        pages.places().table().isPresent() ? pages.places().table().get().all() : new String[0];
    for (int i = 0; i < listed.length; i++) {
      out.write(i == 0 ? "\n" : ",\n");
      Map<String, Object> feature = feature(pages, i, texts);
      feature.put("n_prompts_total", sequences);
      feature.put("n_tokens_in_prompt", length);
      feature.put("dataset", dataset);
      out.write(Json.line(feature));
    }
    out.write("\n]}\n");
  }

  private static Map<String, Object> feature(FeaturePages pages, int place, String[] texts) {
    int latent = pages.selection().latents()[place];
    Activity activity = pages.scan().activity();
    Map<String, Object> feature = new LinkedHashMap<>();
    feature.put("feature_index", latent);
    for (String empty :
        List.of(
            "neuron_alignment_indices",
            "neuron_alignment_values",
            "neuron_alignment_l1",
            "correlated_neurons_indices",
            "correlated_neurons_l1",
            "correlated_neurons_pearson")) {
      feature.put(empty, List.of());
    }
    List<Object> partners = new ArrayList<>();
    List<Object> phis = new ArrayList<>();
    for (Coactivation.Partner partner : pages.together().partners(latent, 3)) {
      partners.add(partner.latent());
      phis.add((float) partner.phi());
    }
    feature.put("correlated_features_indices", partners);
    feature.put("correlated_features_l1", List.of());
    feature.put("correlated_features_pearson", phis);
    for (String empty : List.of("neg_str", "neg_values", "pos_str", "pos_values")) {
      feature.put(empty, List.of());
    }
    feature.put("frac_nonzero", (double) activity.fired[latent] / pages.scan().rows());
    List<Object> middles = new ArrayList<>();
    List<Object> heights = new ArrayList<>();
    int[] bins = activity.histogram(latent, BINS);
    for (int i = 0; i < BINS; i++) {
      middles.add((i + 0.5f) / BINS * activity.range(latent));
      heights.add(bins[i]);
    }
    feature.put("freq_hist_data_bar_values", middles);
    feature.put("freq_hist_data_bar_heights", heights);
    feature.put("logits_hist_data_bar_heights", List.of());
    feature.put("logits_hist_data_bar_values", List.of());
    feature.put("decoder_weights_dist", List.of());
    List<Object> activations = new ArrayList<>();
    for (Places.Place each : pages.placesOf(place)) {
      activations.add(activation(pages, place, each, texts));
    }
    feature.put("activations", activations);
    feature.put("vector", List.of());
    return feature;
  }

  private static Map<String, Object> activation(
      FeaturePages pages, int feature, Places.Place place, String[] texts) {
    int latent = pages.selection().latents()[feature];
    float[] edges = pages.edges(feature);
    float largest = pages.scan().activity().largest[latent];
    boolean strongest = place.band() == 0;
    Map<String, Object> activation = new LinkedHashMap<>();
    activation.put(
        "bin_min", strongest ? NO_INTERVAL : place.band() == 1 ? 0f : edges[place.band() - 2]);
    activation.put(
        "bin_max", strongest || place.band() == Places.BANDS ? largest : edges[place.band() - 1]);
    activation.put("bin_contains", strongest ? NO_INTERVAL : 1.0 / Places.BANDS);
    List<Object> tokens = new ArrayList<>();
    List<Object> values = new ArrayList<>();
    for (float value : pages.places().values(place)) {
      values.add(value);
    }
    if (pages.places().table().isPresent()) {
      TextTable table = pages.places().table().get();
      for (long row = place.row() - place.left(); row <= place.row() + place.right(); row++) {
        tokens.add(table.text(row, texts));
      }
    }
    activation.put("tokens", tokens);
    activation.put("values", values);
    activation.put("qualifying_token_index", place.left());
    return activation;
  }
}
