package io.github.sae4j.report.features;

import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.report.page.Packed;
import io.github.sae4j.report.runs.Histogram;
import io.github.sae4j.report.runs.WeightShapes;
import io.github.sae4j.report.tokens.Texts;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** What the page shows of latents, once all codes have been seen. */
public final class FeaturePages {
  private static final int BINS = 32;
  private static final int NEIGHBOURS = 6;

  /**
   * Multiplications that a search for neighbours may take: half a minute of a small machine. Beyond
   * that it is left out for the latents that are shown in brief.
   */
  private static final double MOST_PRODUCTS = 1.5e12;

  /** Weights of a decoder up to which it is looked up at all: two copies of it take 2 GiB then. */
  private static final long MOST_WEIGHTS = 1L << 28;

  private final SparseAutoencoder sae;
  private final FeatureScan scan;
  private final Optional<Texts> texts;
  private final Labels labels;
  private final WeightShapes weights;
  private final Selection selection;
  private final float[][] edges;
  private final Places places;
  private final List<List<Places.Place>> placesOf = new ArrayList<>();
  private final List<Places.Place> worst = new ArrayList<>();
  private final Coactivation together;
  private final List<Object> notes = new ArrayList<>();

  /**
   * Chooses what to show.
   *
   * @param sae the dictionary
   * @param scan a pass that is finished
   * @param texts what rows stand for
   * @param labels names of latents
   */
  public FeaturePages(SparseAutoencoder sae, FeatureScan scan, Optional<Texts> texts, Labels labels)
      throws IOException {
    this.sae = sae;
    this.scan = scan;
    this.texts = texts;
    this.labels = labels;
    weights = WeightShapes.of(sae);
    Activity activity = scan.activity();
    float[] strength = new float[activity.fired.length];
    for (int i = 0; i < strength.length; i++) {
      strength[i] =
          activity.fired[i] == 0
              ? 0
              : (float) (Math.abs(activity.sums[i]) / activity.fired[i] * weights.norms()[i]);
    }
    selection = Selection.of(activity, strength, labels.texts().keySet(), scan.rows());
    places = new Places(scan, texts);
    edges = new float[selection.latents().length][Places.BANDS - 1];
    for (int i = 0; i < selection.latents().length; i++) {
      int latent = selection.latents()[i];
      for (int band = 1; band < Places.BANDS; band++) {
        edges[i][band - 1] = activity.quantile(latent, (double) band / Places.BANDS);
      }
      placesOf.add(places.of(latent, i < selection.detailed(), edges[i]));
    }
    for (FeatureScan.Worst row : scan.worst()) {
      worst.add(places.bare(row.row()));
    }
    if (places.table().isPresent()) {
      places.table().get().read();
    }
    together = new Coactivation(scan.sample(), activity.fired.length);
    if (selection.latents().length < selection.alive()) {
      notes.add(
          String.format(
              Locale.ROOT,
              "Contexts and neighbours of the %,d most active of %,d latents that fire; of the"
                  + " others the numbers alone.",
              selection.latents().length,
              selection.alive()));
    }
    if (selection.detailed() < selection.latents().length) {
      notes.add(
          String.format(
              Locale.ROOT,
              "To keep the page small, %,d latents are shown in detail (the most active, densest"
                  + " and most surprising, and those with labels), the others with their %d"
                  + " strongest contexts.",
              selection.detailed(),
              Selection.BRIEF_PLACES));
    }
  }

  /** Something that the page should say about where its numbers come from. */
  public void note(String line) {
    notes.add(line);
  }

  /**
   * The data of the page.
   *
   * @param packed receives columns of numbers
   * @param metrics the SAE's metrics on the rows, if it reconstructed them
   * @param other a dictionary to compare with
   * @param otherName how the page calls it
   */
  public Map<String, Object> toMap(
      Packed packed,
      Optional<Metrics> metrics,
      Optional<SparseAutoencoder> other,
      String otherName) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("rows", scan.rows());
    map.put("latents", scan.activity().fired.length);
    map.put("alive", selection.alive());
    map.put("listed", selection.latents().length);
    map.put("detailed", selection.detailed());
    map.put("l0", scan.rows() == 0 ? null : (double) scan.codesSeen() / scan.rows());
    map.put("texts_known", texts.isPresent());
    map.put("tokens", texts.isPresent() && texts.get().tokens());
    map.put("bins", BINS);
    map.put("bands", Places.BANDS);
    map.put("neighbours", NEIGHBOURS);
    map.put("sampled_rows", scan.sample().rows());
    if (scan.errors().beyond() > 0) {
      notes.add(
          String.format(
              Locale.ROOT,
              "The squared errors of %,d rows are too large for f32; errors are not shown.",
              scan.errors().beyond()));
    }
    map.put("evaluation", metrics.map(Metrics::toMap).orElse(null));
    map.put("errors", metrics.map(this::errors).orElse(null));
    map.put("worst", metrics.map(this::worst).orElse(null));
    Map<String, Object> names = new LinkedHashMap<>();
    labels.texts().forEach((latent, text) -> names.put(latent.toString(), text));
    map.put("labels", names);
    putStatistics(packed);
    putPlaces(packed, map);
    putNeighbours(packed);
    map.put("compare", other.map(sae2 -> compare(packed, sae2, otherName)).orElse(null));
    map.put("notes", notes);
    map.put("packed", packed.header());
    return map;
  }

  /** Squared errors over the mean variance of rows, so that their mean is the FVU. */
  private Map<String, Object> errors(Metrics metrics) {
    double variance = metrics.mse() / metrics.fvu();
    Histogram all = scan.errors();
    return variance > 0 && Double.isFinite(variance) && all.number() > 0 && all.beyond() == 0
        ? all.toMap(variance)
        : null;
  }

  private List<Object> worst(Metrics metrics) {
    double variance = metrics.mse() / metrics.fvu();
    List<Object> rows = new ArrayList<>();
    if (!(variance > 0) || !Double.isFinite(variance) || scan.errors().beyond() > 0) {
      return rows;
    }
    for (int i = 0; i < worst.size(); i++) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("row", worst.get(i).row());
      row.put("left", worst.get(i).left());
      row.put("right", worst.get(i).right());
      row.put("source", worst.get(i).source());
      row.put("error", (float) (scan.worst().get(i).error() / variance));
      rows.add(row);
    }
    return rows;
  }

  private void putStatistics(Packed packed) {
    Activity activity = scan.activity();
    int latents = activity.fired.length;
    float[] means = new float[latents];
    for (int i = 0; i < latents; i++) {
      means[i] = activity.fired[i] == 0 ? 0 : (float) (activity.sums[i] / activity.fired[i]);
    }
    packed.whole("fired", activity.fired);
    packed.floats("largest", activity.largest);
    packed.floats("mean", means);
    packed.floats("norm", weights.norms());
    if (weights.cosines() != null) {
      packed.floats("cosine", weights.cosines());
    }
    int[] listed = selection.latents();
    packed.whole("listed", listed);
    int[] bins = new int[listed.length * BINS];
    float[] ranges = new float[listed.length];
    float[] quantiles = new float[listed.length * (Places.BANDS - 1)];
    for (int i = 0; i < listed.length; i++) {
      System.arraycopy(activity.histogram(listed[i], BINS), 0, bins, i * BINS, BINS);
      ranges[i] = activity.range(listed[i]);
      System.arraycopy(edges[i], 0, quantiles, i * (Places.BANDS - 1), Places.BANDS - 1);
    }
    packed.whole("bins", bins);
    packed.floats("range", ranges);
    packed.floats("quantiles", quantiles);
  }

  private void putPlaces(Packed packed, Map<String, Object> map) {
    List<Places.Place> all = new ArrayList<>();
    int[] starts = new int[placesOf.size() + 1];
    for (int i = 0; i < placesOf.size(); i++) {
      all.addAll(placesOf.get(i));
      starts[i + 1] = all.size();
    }
    long[] rows = new long[all.size()];
    byte[] left = new byte[all.size()];
    byte[] right = new byte[all.size()];
    byte[] bands = new byte[all.size()];
    int[] sources = new int[all.size()];
    float[] values = new float[all.size()];
    byte[] shades = new byte[Math.multiplyExact(all.size(), Contexts.WIDTH)];
    int shaded = 0;
    for (int feature = 0; feature < placesOf.size(); feature++) {
      for (int i = starts[feature]; i < starts[feature + 1]; i++) {
        Places.Place place = all.get(i);
        rows[i] = place.row();
        left[i] = (byte) place.left();
        right[i] = (byte) place.right();
        bands[i] = (byte) place.band();
        sources[i] = place.source();
        values[i] = places.value(place);
        byte[] around = places.shades(place, selection.latents()[feature]);
        System.arraycopy(around, 0, shades, shaded, around.length);
        shaded += around.length;
      }
    }
    packed.whole("place_start", starts);
    packed.whole("place_row", rows);
    packed.bytes("place_left", left);
    packed.bytes("place_right", right);
    packed.bytes("place_band", bands);
    packed.whole("place_source", sources);
    packed.floats("place_value", values);
    packed.bytes("shades", Arrays.copyOf(shades, shaded));
    map.put("sources", places.sources());
    if (places.table().isPresent()) {
      TextTable table = places.table().get();
      packed.whole("run_row", table.firstRows());
      packed.whole("run_start", table.starts());
      packed.whole("tokens", table.tokens());
      map.put("texts", Arrays.<Object>asList((Object[]) table.all()));
    }
  }

  private void putNeighbours(Packed packed) {
    int[] listed = selection.latents();
    int[] near = new int[listed.length * NEIGHBOURS];
    byte[] cosines = new byte[listed.length * NEIGHBOURS];
    int[] asked = Arrays.copyOf(listed, most(sae));
    if (asked.length == 0 && listed.length > 0) {
      notes.add("Nearest directions are not looked up in a dictionary of this size.");
    } else if (asked.length < listed.length) {
      notes.add(
          String.format(
              Locale.ROOT,
              "Nearest directions are looked up for the first %,d latents of the list.",
              asked.length));
    }
    Directions.find(
        sae,
        NEIGHBOURS + 1,
        sae,
        asked,
        (place, nearest) -> {
          int slot = place * NEIGHBOURS;
          for (int i = 0; i < nearest.latents().length; i++) {
            if (nearest.latents()[i] != asked[place] && slot < (place + 1) * NEIGHBOURS) {
              near[slot] = nearest.latents()[i] + 1;
              cosines[slot++] = unit(nearest.cosines()[i]);
            }
          }
        });
    packed.whole("near", near);
    packed.bytes("near_cosine", cosines);
    int[] partners = new int[listed.length * NEIGHBOURS];
    byte[] phi = new byte[listed.length * NEIGHBOURS];
    byte[] shares = new byte[listed.length * NEIGHBOURS];
    for (int i = 0; i < listed.length; i++) {
      Coactivation.Partner[] found = together.partners(listed[i], NEIGHBOURS);
      for (int n = 0; n < found.length; n++) {
        partners[i * NEIGHBOURS + n] = found[n].latent() + 1;
        phi[i * NEIGHBOURS + n] = unit(found[n].phi());
        shares[i * NEIGHBOURS + n] = unit(found[n].share());
      }
    }
    packed.whole("together", partners);
    packed.bytes("together_phi", phi);
    packed.bytes("together_share", shares);
    packed.whole("sampled", IntStream.of(listed).map(together::fired).toArray());
  }

  private Map<String, Object> compare(Packed packed, SparseAutoencoder other, String name) {
    int[] listed = selection.latents();
    int[] asked = Arrays.copyOf(listed, most(other));
    if (asked.length < listed.length) {
      notes.add(
          String.format(Locale.ROOT, "%,d latents were compared with %s.", asked.length, name));
    }
    Comparison found = Comparison.of(sae, asked, other);
    packed.whole("other", IntStream.of(listed).map(i -> found.best[i] + 1).toArray());
    byte[] cosines = new byte[listed.length];
    byte[] mutual = new byte[listed.length];
    for (int i = 0; i < listed.length; i++) {
      cosines[i] = unit(found.cosines[listed[i]]);
      mutual[i] = (byte) (found.mutual(listed[i]) ? 1 : 0);
    }
    packed.bytes("other_cosine", cosines);
    packed.bytes("other_mutual", mutual);
    return found.toMap(name, other.config().dSae());
  }

  /** How many latents can be looked up in a dictionary in the time there is. */
  private int most(SparseAutoencoder dictionary) {
    long each = (long) dictionary.config().dSae() * dictionary.config().dOut();
    return each > MOST_WEIGHTS
        ? 0
        : (int) Math.min(selection.latents().length, Math.max(64, MOST_PRODUCTS / each));
  }

  /** A number from 0 to 1 in a byte. */
  private static byte unit(double value) {
    return (byte) Math.clamp(Math.round(255 * value), 0, 255);
  }

  /** {@return number of rows that were seen} */
  public long rows() {
    return scan.rows();
  }

  Selection selection() {
    return selection;
  }

  Places places() {
    return places;
  }

  List<Places.Place> placesOf(int place) {
    return placesOf.get(place);
  }

  float[] edges(int place) {
    return edges[place];
  }

  FeatureScan scan() {
    return scan;
  }

  Coactivation together() {
    return together;
  }
}
