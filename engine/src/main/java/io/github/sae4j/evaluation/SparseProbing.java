package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.CounterRandom;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * k-sparse probing (Gurnee et al. 2023, "Finding Neurons in a Haystack"): how well a few latents
 * tell a class from all others. For each class, the latents are chosen whose mean activation
 * differs most between the class and the rest; a logistic regression on them is fitted to four
 * fifths of the rows and tried on the others. The same with as few columns of the activations
 * themselves is what it is to be compared with.
 *
 * <p>The measure is balanced accuracy, the mean of the shares of the class and of the rest that are
 * told rightly: 0.5 is chance, whatever the sizes of the classes.
 */
public final class SparseProbing {
  /** Classes that are probed at most. */
  public static final int MOST_CLASSES = 256;

  /** Features of a probe at most. */
  public static final int MOST_FEATURES = 64;

  /** Rows of a class at least, in training and in the test; smaller ones are left out. */
  public static final int FEWEST_ROWS = 5;

  /** Rows that are probed at most. */
  public static final int MOST_ROWS = 1 << 17;

  /** Values of features that are held at a time. */
  private static final int MOST_VALUES = 1 << 26;

  /** Beyond all rows: hashes that choose rows are not those that part them. */
  private static final long OTHER = 1L << 32;

  private static final int BATCH_ROWS = 1024;
  private static final int SOME_LATENTS = 128;

  /** One row of so many is for the test. */
  private static final int TEST_SHARE = 5;

  /**
   * The probe of one class.
   *
   * @param label the class
   * @param features its latents, the most different first
   * @param balancedAccuracy on the test rows
   */
  public record Probe(long label, List<Integer> features, double balancedAccuracy) {
    /** Copies the latents. */
    public Probe {
      features = List.copyOf(features);
    }
  }

  /**
   * Probes with one number of features.
   *
   * @param features latents of each probe
   * @param rows how many rows were probed, in training and in the test
   * @param balancedAccuracy mean over the classes
   * @param ofColumns the same with as many columns of the activations
   * @param probes one for each class, by label
   */
  public record Result(
      int features, long rows, double balancedAccuracy, double ofColumns, List<Probe> probes) {
    /** Copies the probes. */
    public Result {
      probes = List.copyOf(probes);
    }

    /**
     * The numbers for JSON.
     *
     * @return features, rows, classes, balanced_accuracy, balanced_accuracy_of_columns
     */
    public Map<String, Object> toMap() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("features", features);
      map.put("rows", rows);
      map.put("classes", probes.size());
      map.put("balanced_accuracy", balancedAccuracy);
      map.put("balanced_accuracy_of_columns", ofColumns);
      return map;
    }
  }

  /** Values of some features of the rows that are probed. */
  private interface Features {
    /** Calls for each value that is not 0, row by row. */
    void forEach(Value value) throws IOException;

    int count();
  }

  /** A value of a row, by its place among those that are probed. */
  private interface Value {
    void of(int place, int feature, float value);
  }

  private final SparseAutoencoder sae;
  private final ActivationSource rows;

  /** The rows that are probed, ascending. */
  private final int[] ids;

  /** The number of each one's class; −1 for rows of small classes. */
  private final int[] classes;

  private final boolean[] isTest;
  private final long[] names;

  private SparseProbing(SparseAutoencoder sae, ActivationSource rows, long[] labels, int mostRows) {
    this.sae = sae;
    this.rows = rows;
    ids = sample(labels, mostRows);
    isTest = new boolean[ids.length];
    for (int i = 0; i < ids.length; i++) {
      isTest[i] = Long.remainderUnsigned(hash(ids[i]), TEST_SHARE) == 0;
    }
    names = largeEnough(labels);
    classes = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      classes[i] = Math.max(-1, Arrays.binarySearch(names, labels[ids[i]]));
    }
  }

  /**
   * Probes all classes. Of more than {@value #MOST_ROWS} rows with labels a sample of that many is
   * probed, a random one that depends on nothing but how many there are; classes are those that
   * have enough rows in it. So what is held of the features does not grow with the rows:
   * 2<sup>26</sup> values at a time, with more passes over the rows where that is too few, and a
   * sum for each class and latent.
   *
   * @param sae the SAE
   * @param rows rows of width {@code d_in}, fewer than 2<sup>31</sup>
   * @param labels the class of each row; a negative one leaves the row out
   * @param features how many features probes have, each at least 1
   * @return a result for each number of features, in their order
   * @throws IllegalArgumentException if sizes do not fit, there are not at least two classes of
   *     {@value #FEWEST_ROWS} rows in training and test, or more than {@value #MOST_CLASSES}
   * @throws IOException if reading fails
   */
  public static List<Result> probe(
      SparseAutoencoder sae, ActivationSource rows, long[] labels, int... features)
      throws IOException {
    return probeWithin(MOST_ROWS, MOST_VALUES, sae, rows, labels, features);
  }

  /**
   * Probes with other bounds.
   *
   * @param mostRows rows that are probed at most
   * @param mostValues values of features that are held at a time
   */
  static List<Result> probeWithin(
      int mostRows,
      int mostValues,
      SparseAutoencoder sae,
      ActivationSource rows,
      long[] labels,
      int... features)
      throws IOException {
    Shapes.expect(
        rows.width() == sae.config().dIn(),
        "activations",
        "rows of width d_in = " + sae.config().dIn(),
        rows.width());
    Shapes.expect(labels.length == rows.rows(), "labels", rows.rows() + " of them", labels.length);
    Shapes.expect(features.length > 0, "features", "at least one number", 0);
    for (int count : features) {
      Shapes.expect(
          count >= 1 && count <= MOST_FEATURES, "features", "1 to " + MOST_FEATURES, count);
    }
    SparseProbing probing = new SparseProbing(sae, rows, labels, mostRows);
    Shapes.expect(
        probing.names.length >= 2 && probing.names.length <= MOST_CLASSES,
        "labels",
        "2 to "
            + MOST_CLASSES
            + " classes of at least "
            + FEWEST_ROWS
            + " rows in training and in the test",
        probing.names.length);
    int most = Arrays.stream(features).max().getAsInt();
    Features latents = probing.new Latents();
    Features columns = probing.new Columns();
    int[][] ofLatents = probing.choose(latents, most);
    double[][] accuracies = probing.accuracies(latents, ofLatents, features, mostValues);
    double[][] byColumns =
        probing.accuracies(columns, probing.choose(columns, most), features, mostValues);
    List<Result> results = new ArrayList<>();
    for (int n = 0; n < features.length; n++) {
      List<Probe> probes = new ArrayList<>();
      for (int c = 0; c < probing.names.length; c++) {
        List<Integer> best = Arrays.stream(ofLatents[c]).limit(features[n]).boxed().toList();
        probes.add(new Probe(probing.names[c], best, accuracies[n][c]));
      }
      results.add(
          new Result(
              features[n],
              probing.probed(),
              Arrays.stream(accuracies[n]).sum() / probing.names.length,
              Arrays.stream(byColumns[n]).sum() / probing.names.length,
              probes));
    }
    return results;
  }

  /** How many rows have a class. */
  private long probed() {
    return Arrays.stream(classes).filter(c -> c >= 0).count();
  }

  /** Spread over the rows whatever their order: a hash of the row's number. */
  private static long hash(long row) {
    return CounterRandom.mix((row + 1L) * 0x9E3779B97F4A7C15L);
  }

  /** All rows with a label, or so many of them at random: each sample of the size is as likely. */
  private static int[] sample(long[] labels, int most) {
    long left = Arrays.stream(labels).filter(label -> label >= 0).count();
    int[] ids = new int[(int) Math.min(most, left)];
    int taken = 0;
    for (int row = 0; taken < ids.length; row++) {
      if (labels[row] >= 0) {
        if (Long.remainderUnsigned(hash(row + OTHER), left) < ids.length - taken) {
          ids[taken++] = row;
        }
        left--;
      }
    }
    return ids;
  }

  private long[] largeEnough(long[] labels) {
    Map<Long, int[]> counts = new HashMap<>();
    for (int i = 0; i < ids.length; i++) {
      counts.computeIfAbsent(labels[ids[i]], label -> new int[2])[isTest[i] ? 1 : 0]++;
    }
    return counts.entrySet().stream()
        .filter(entry -> Math.min(entry.getValue()[0], entry.getValue()[1]) >= FEWEST_ROWS)
        .mapToLong(Map.Entry::getKey)
        .sorted()
        .toArray();
  }

  /** The features of each class that differ most, the most different first. */
  private int[][] choose(Features features, int most) throws IOException {
    double[][] sums = new double[names.length][features.count()];
    features.forEach(
        (place, feature, value) -> {
          if (classes[place] >= 0 && !isTest[place]) {
            sums[classes[place]][feature] += value;
          }
        });
    long[] sizes = new long[names.length];
    long all = 0;
    for (int i = 0; i < classes.length; i++) {
      if (classes[i] >= 0 && !isTest[i]) {
        sizes[classes[i]]++;
        all++;
      }
    }
    double[] total = new double[features.count()];
    for (double[] sum : sums) {
      for (int i = 0; i < total.length; i++) {
        total[i] += sum[i];
      }
    }
    int[][] best = new int[names.length][];
    for (int c = 0; c < best.length; c++) {
      double[] difference = new double[total.length];
      for (int i = 0; i < total.length; i++) {
        double mean = sums[c][i] / sizes[c];
        double rest = (total[i] - sums[c][i]) / (all - sizes[c]);
        difference[i] = Math.abs(mean - rest);
      }
      best[c] =
          IntStream.range(0, total.length)
              .boxed()
              .sorted((a, b) -> Double.compare(difference[b], difference[a]))
              .limit(most)
              .mapToInt(Integer::intValue)
              .toArray();
    }
    return best;
  }

  /**
   * Fits and tries the probes of all classes, some classes at a time, so that the values of their
   * features fit into memory.
   *
   * @param best features by class
   * @return by number of features and class
   */
  private double[][] accuracies(Features features, int[][] best, int[] counts, int mostValues)
      throws IOException {
    double[][] accuracies = new double[counts.length][names.length];
    int[] training = placesOf(false);
    int[] test = placesOf(true);
    long mostFeatures = mostValues / ids.length;
    for (int first = 0; first < names.length; ) {
      Map<Integer, float[]> values = new HashMap<>();
      int end = first;
      do {
        for (int feature : best[end]) {
          values.computeIfAbsent(feature, id -> new float[ids.length]);
        }
        end++;
      } while (end < names.length && values.size() + best[end].length <= mostFeatures);
      features.forEach(
          (place, feature, value) -> {
            float[] column = values.get(feature);
            if (column != null) {
              column[place] = value;
            }
          });
      for (int c = first; c < end; c++) {
        for (int n = 0; n < counts.length; n++) {
          int[] chosen = Arrays.copyOf(best[c], Math.min(counts[n], best[c].length));
          accuracies[n][c] = accuracy(values, chosen, c, training, test);
        }
      }
      first = end;
    }
    return accuracies;
  }

  /** Fits a class's probe and tries it. */
  private double accuracy(
      Map<Integer, float[]> values, int[] best, int c, int[] training, int[] test) {
    double[] x = new double[Math.multiplyExact(training.length, best.length)];
    double[] y = new double[Math.multiplyExact(test.length, best.length)];
    for (int j = 0; j < best.length; j++) {
      float[] column = values.get(best[j]);
      double squares = 0;
      for (int row : training) {
        squares += (double) column[row] * column[row];
      }
      double scale = squares > 0 ? Math.sqrt(training.length / squares) : 1;
      for (int i = 0; i < training.length; i++) {
        x[i * best.length + j] = column[training[i]] * scale;
      }
      for (int i = 0; i < test.length; i++) {
        y[i * best.length + j] = column[test[i]] * scale;
      }
    }
    boolean[] positive = new boolean[training.length];
    for (int i = 0; i < positive.length; i++) {
      positive[i] = classes[training[i]] == c;
    }
    LogisticRegression model = LogisticRegression.fit(x, positive, best.length);
    long[] right = new long[2];
    long[] of = new long[2];
    for (int i = 0; i < test.length; i++) {
      boolean is = classes[test[i]] == c;
      of[is ? 1 : 0]++;
      right[is ? 1 : 0] += model.score(y, i) > 0 == is ? 1 : 0;
    }
    return ((double) right[0] / of[0] + (double) right[1] / of[1]) / 2;
  }

  private int[] placesOf(boolean test) {
    return IntStream.range(0, classes.length)
        .filter(i -> classes[i] >= 0 && isTest[i] == test)
        .toArray();
  }

  /** Reads the rows that are probed. */
  private void read(int first, int count, Matrix x) throws IOException {
    long[] some = new long[count];
    for (int i = 0; i < count; i++) {
      some[i] = ids[first + i];
    }
    rows.read(some, count, x);
  }

  /** The SAE's codes. */
  private final class Latents implements Features {
    @Override
    public int count() {
      return sae.config().dSae();
    }

    @Override
    public void forEach(Value value) throws IOException {
      int most = Math.min(BATCH_ROWS, ids.length);
      Device device = sae.device();
      try (OffHeap memory = device.openMemory()) {
        Matrix x = memory.matrix(most, rows.width());
        SparseCodes codes = memory.codes(most, Math.min(SOME_LATENTS, sae.config().mostLatents()));
        for (int first = 0; first < ids.length; first += most) {
          int count = Math.min(most, ids.length - first);
          read(first, count, x);
          sae.encode(x.firstRows(count), codes.firstRows(count));
          for (int row = 0; row < count; row++) {
            for (int slot = 0; slot < codes.length(row); slot++) {
              value.of(first + row, codes.index(row, slot), codes.value(row, slot));
            }
          }
        }
      }
    }
  }

  /** The activations themselves. */
  private final class Columns implements Features {
    @Override
    public int count() {
      return rows.width();
    }

    @Override
    public void forEach(Value value) throws IOException {
      int most = Math.min(BATCH_ROWS, ids.length);
      float[] row = new float[rows.width()];
      try (OffHeap memory = new OffHeap()) {
        Matrix x = memory.matrix(most, rows.width());
        for (int first = 0; first < ids.length; first += most) {
          int count = Math.min(most, ids.length - first);
          read(first, count, x);
          for (int b = 0; b < count; b++) {
            x.read(b, 1, row, 0);
            for (int j = 0; j < row.length; j++) {
              value.of(first + b, j, row[j]);
            }
          }
        }
      }
    }
  }
}
