package io.github.sae4j.report.features;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What weights have in common, which latents are shown, and what they are called. */
class DirectionsTest {
  private static final int WIDTH = 12;
  private static Device device;

  @BeforeAll
  static void opened() {
    device = Devices.open("auto", DeviceOptions.DEFAULT);
  }

  @AfterAll
  static void closed() {
    device.close();
  }

  private static SparseAutoencoder sae(float[][] decoder) {
    SaeWeights weights = SaeWeights.allocate(device, WIDTH, decoder.length);
    for (int i = 0; i < decoder.length; i++) {
      weights.wDec().write(i, 1, decoder[i], 0);
    }
    SaeConfig config =
        SaeConfig.of(
            WIDTH, decoder.length, Activation.Ranked.topK(2, Activation.Ranked.Relu.AFTER));
    return new SparseAutoencoder(device, config, weights);
  }

  private static float[][] random(int latents, long seed) {
    Random random = new Random(seed);
    float[][] rows = new float[latents][WIDTH];
    for (float[] row : rows) {
      for (int j = 0; j < WIDTH; j++) {
        row[j] = (float) random.nextGaussian() * (1 + random.nextInt(5));
      }
    }
    return rows;
  }

  private static double cosine(float[] a, float[] b) {
    double dot = 0;
    double x = 0;
    double y = 0;
    for (int j = 0; j < a.length; j++) {
      dot += (double) a[j] * b[j];
      x += (double) a[j] * a[j];
      y += (double) b[j] * b[j];
    }
    return x == 0 || y == 0 ? 0 : dot / Math.sqrt(x * y);
  }

  @Test
  void nearestDirectionsHaveTheLargestCosines() {
    float[][] rows = random(50, 1);
    Arrays.fill(rows[9], 0);
    try (SparseAutoencoder sae = sae(rows);
        Directions directions = new Directions(sae, 4)) {
      int[] asked = {3, 9, 49, 0};
      int[] seen = new int[1];
      directions.find(
          sae,
          asked,
          (place, nearest) -> {
            seen[0]++;
            double[] all =
                IntStream.range(0, rows.length)
                    .mapToDouble(i -> cosine(rows[asked[place]], rows[i]))
                    .sorted()
                    .toArray();
            for (int n = 0; n < 4; n++) {
              // Products of unit rows in f32.
              assertEquals(all[all.length - 1 - n], nearest.cosines()[n], 1e-6);
              assertEquals(
                  cosine(rows[asked[place]], rows[nearest.latents()[n]]),
                  nearest.cosines()[n],
                  1e-6);
            }
          });
      assertEquals(asked.length, seen[0]);
    }
  }

  @Test
  void sharesThatReplicateAreThoseOfTheDefinition() {
    float[][] rows = random(40, 2);
    float[][] other = random(30, 3);
    for (int i = 0; i < 10; i++) {
      // The first ten are found again, scaled, in another order.
      for (int j = 0; j < WIDTH; j++) {
        other[29 - i][j] = rows[i][j] * 7;
      }
    }
    try (SparseAutoencoder sae = sae(rows);
        SparseAutoencoder second = sae(other)) {
      int[] latents = IntStream.range(0, 40).filter(i -> i != 5).toArray();
      Comparison found = Comparison.of(sae, latents, second);
      Map<String, Object> map = found.toMap("second", 30);
      assertEquals(39, map.get("compared"));
      double sum = 0;
      int above = 0;
      for (int i : latents) {
        double best = Arrays.stream(other).mapToDouble(o -> cosine(rows[i], o)).max().orElseThrow();
        sum += best;
        above += best >= 0.9 ? 1 : 0;
        assertEquals(best, found.cosines[i], 1e-6);
      }
      assertEquals(sum / 39, (Double) map.get("mean_cosine"), 1e-6);
      Map<?, ?> share = (Map<?, ?>) ((List<?>) map.get("shares")).get(2);
      assertEquals(above / 39.0, share.get("share"));
      for (int i = 0; i < 10; i++) {
        assertEquals(i == 5 ? -1 : 29 - i, found.best[i]);
        assertEquals(i != 5, found.mutual(i));
      }
    }
  }

  @Test
  void aSmallDictionaryIsShownWholeAndALargeOneByItsMostTelling() {
    Activity small = activity(100);
    Selection all = Selection.of(small, ones(100), Set.of(), 10_000);
    assertEquals(99, all.alive());
    assertEquals(99, all.detailed());
    assertEquals(99, all.latents().length);

    int many = 60_000;
    Activity large = activity(many);
    float[] strength = ones(many);
    strength[40_001] = 1000; // rare and strong
    Selection some = Selection.of(large, strength, Set.of(55_555), 10_000);
    assertEquals(many - 1, some.alive());
    assertEquals(Selection.MOST_LATENTS, some.latents().length);
    assertTrue(some.detailed() > 1000, "in detail: " + some.detailed());
    List<Integer> detailed = Arrays.stream(some.latents()).limit(some.detailed()).boxed().toList();
    assertTrue(detailed.contains(55_555), "labelled");
    assertTrue(detailed.contains(40_001), "surprising");
    assertTrue(detailed.contains(1), "densest");
    assertEquals(some.latents().length, Arrays.stream(some.latents()).distinct().count());
    int places =
        some.detailed() * Selection.DETAILED_PLACES
            + (some.latents().length - some.detailed()) * Selection.BRIEF_PLACES;
    assertTrue(places <= Selection.MOST_PLACES, "places: " + places);
  }

  /** The lower its number, the more often a latent fires; the first never does. */
  private static Activity activity(int latents) {
    Activity activity = new Activity(latents);
    for (int i = 1; i < latents; i++) {
      activity.fired[i] = 9 + 10_000 / i;
    }
    return activity;
  }

  private static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  @TempDir private Path folder;

  private Labels labels(String json) throws IOException {
    return Labels.read(Files.writeString(folder.resolve("labels.json"), json), 100);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"7\": \"sevens\", \"99\": \"last\"}",
        "{\"7\": {\"description\": \"sevens\", \"score\": 0.9}, \"99\": {\"label\": \"last\"}}",
        "[{\"feature\": 7, \"label\": \"sevens\"}, {\"latent\": \"99\", \"explanation\": \"last\"}]"
      })
  void labelsAreReadAsToolsWriteThem(String json) throws IOException {
    assertEquals(Map.of(7, "sevens", 99, "last"), labels(json).texts());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{\"100\": \"x\"}", "{\"-1\": \"x\"}", "{\"a\": \"x\"}", "{\"1\": 2}", "3", "[4]"})
  void otherLabelsAreRefused(String json) {
    assertThrows(BadFileException.class, () -> labels(json));
  }
}
