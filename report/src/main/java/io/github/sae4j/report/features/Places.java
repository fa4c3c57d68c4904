package io.github.sae4j.report.features;

import io.github.sae4j.report.tokens.Texts;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The places that the page shows: which rows, and what lies around them. */
final class Places {
  /** Equal shares of a latent's positive activations, from the weakest to the strongest. */
  static final int BANDS = 5;

  private static final int PER_BAND = 3;
  private static final int BRIEF_BEFORE = 6;
  private static final int BRIEF_AFTER = 3;

  /**
   * A place.
   *
   * @param slot where the contexts have it
   * @param row the row that fires
   * @param left rows shown before it
   * @param right rows shown after it
   * @param band 0 for one of the strongest, else the band that it was sampled from, from 1
   * @param source number of its source, 0 for none
   */
  record Place(int slot, long row, int left, int right, int band, int source) {}

  private final Contexts contexts;
  private final Activity activity;
  private final Optional<Texts> texts;
  private final Optional<TextTable> table;
  private final Map<String, Integer> sources = new LinkedHashMap<>();

  Places(FeatureScan scan, Optional<Texts> texts) {
    contexts = scan.contexts();
    activity = scan.activity();
    this.texts = texts;
    table = texts.map(TextTable::new);
  }

  /** The places of a latent: the strongest, and some of each band where it is shown in detail. */
  List<Place> of(int latent, boolean detailed, float[] edges) throws IOException {
    List<Place> places = new ArrayList<>();
    int[] strongest = contexts.strongest(latent);
    int most = detailed ? strongest.length : Math.min(Selection.BRIEF_PLACES, strongest.length);
    for (int i = 0; i < most; i++) {
      places.add(place(strongest[i], detailed, 0));
    }
    if (!detailed || activity.fired[latent] <= Contexts.STRONGEST) {
      return places;
    }
    int[] taken = new int[BANDS];
    for (int slot : contexts.sampled(latent)) {
      float value = contexts.value(slot);
      int band = 0;
      while (band < BANDS - 1 && value >= edges[band]) {
        band++;
      }
      if (taken[band]++ < PER_BAND) {
        places.add(place(slot, true, band + 1));
      }
    }
    return places;
  }

  /** A place that is none of a latent's: the row alone has been seen. */
  Place bare(long row) throws IOException {
    return place(-1, row, Contexts.BEFORE, Contexts.AFTER, 0);
  }

  private Place place(int slot, boolean detailed, int band) throws IOException {
    return place(
        slot,
        contexts.row(slot),
        detailed ? Contexts.BEFORE : BRIEF_BEFORE,
        detailed ? Contexts.AFTER : BRIEF_AFTER,
        band);
  }

  private Place place(int slot, long row, int before, int after, int band) throws IOException {
    if (texts.isEmpty() || row >= texts.get().rows()) {
      return new Place(slot, row, 0, 0, band, 0);
    }
    Texts.Sequence sequence = texts.get().sequence(row);
    int left = (int) Math.min(before, row - sequence.first());
    int right = (int) Math.min(after, sequence.first() + sequence.rows() - 1 - row);
    table.orElseThrow().want(row - left, row + right + 1);
    int source =
        sequence.source().isEmpty()
            ? 0
            : sources.computeIfAbsent(sequence.source(), _ -> sources.size() + 1);
    return new Place(slot, row, left, right, band, source);
  }

  /** The activations of a place's rows, as 0 to 255 of the latent's largest. */
  byte[] shades(Place place, int latent) {
    byte[] shades = new byte[place.left() + 1 + place.right()];
    float largest = activity.largest[latent];
    for (int i = -place.left(); i <= place.right(); i++) {
      float value = i == 0 ? contexts.value(place.slot()) : contexts.around(place.slot(), i);
      int shade =
          value > 0 && largest > 0 ? Math.clamp(Math.round(255 * value / largest), 1, 255) : 0;
      shades[i + place.left()] = (byte) shade;
    }
    return shades;
  }

  /** The activations of a place's rows. */
  float[] values(Place place) {
    float[] values = new float[place.left() + 1 + place.right()];
    for (int i = -place.left(); i <= place.right(); i++) {
      values[i + place.left()] =
          i == 0 ? contexts.value(place.slot()) : contexts.around(place.slot(), i);
    }
    return values;
  }

  float value(Place place) {
    return contexts.value(place.slot());
  }

  Optional<TextTable> table() {
    return table;
  }

  List<Object> sources() {
    return new ArrayList<>(Arrays.asList(sources.keySet().toArray()));
  }
}
