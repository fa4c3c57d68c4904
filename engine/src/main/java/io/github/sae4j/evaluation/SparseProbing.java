package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
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
   * @param balancedAccuracy mean over the classes
   * @param ofColumns the same with as many columns of the activations
   * @param probes one for each class, by label
   */
  public record Result(
      int features, double balancedAccuracy, double ofColumns, List<Probe> probes) {
    /** Copies the probes. */
    public Result {
      probes = List.copyOf(probes);
    }

    /**
     * The numbers for JSON.
     *
     * @return features, classes, balanced_accuracy, balanced_accuracy_of_columns
     */
    public Map<String, Object> toMap() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("features", features);
      map.put("classes", probes.size());
      map.put("balanced_accuracy", balancedAccuracy);
      map.put("balanced_accuracy_of_columns", ofColumns);
      return map;
    }
  }

  /** Values of some features of all rows; the sums by class that choose them. */
  private interface Features {
    /** Calls for each value that is not 0, row by row. */
    void forEach(Value value) throws IOException;

    int count();
  }

  /** A value of a row. */
  private interface Value {
    void of(int row, int feature, float value);
  }

  private final SparseAutoencoder sae;
  private final ActivationSource rows;
  private final long[] labels;

  /** The number of each row's class; −1 for rows that are left out. */
  private final int[] classes;

  private final long[] names;

  private SparseProbing(SparseAutoencoder sae, ActivationSource rows, long[] labels) {
    this.sae = sae;
    this.rows = rows;
    this.labels = labels;
    names = largeEnough(labels);
    classes = new int[labels.length];
    for (int row = 0; row < classes.length; row++) {
      classes[row] = Math.max(-1, Arrays.binarySearch(names, labels[row]));
    }
  }

  /**
   * Probes all classes.
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
    SparseProbing probing = new SparseProbing(sae, rows, labels);
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
    Chosen latents = probing.choose(probing.new Latents(), most);
    Chosen columns = probing.choose(probing.new Columns(), most);
    List<Result> results = new ArrayList<>();
    for (int count : features) {
      List<Probe> probes = new ArrayList<>();
      double sum = 0;
      double ofColumns = 0;
      for (int c = 0; c < probing.names.length; c++) {
        double accuracy = probing.accuracy(latents, c, count);
        sum += accuracy;
        ofColumns += probing.accuracy(columns, c, count);
        List<Integer> ids = Arrays.stream(latents.best()[c]).limit(count).boxed().toList();
        probes.add(new Probe(probing.names[c], ids, accuracy));
      }
      int all = probing.names.length;
      results.add(new Result(count, sum / all, ofColumns / all, probes));
    }
    return results;
  }

  /** Spread over the rows whatever their order: a hash of the row's number. */
  private static boolean isTest(int row) {
    long mixed = (row + 1L) * 0x9E3779B97F4A7C15L;
    mixed = (mixed ^ mixed >>> 30) * 0xBF58476D1CE4E5B9L;
    mixed = (mixed ^ mixed >>> 27) * 0x94D049BB133111EBL;
    return Long.remainderUnsigned(mixed ^ mixed >>> 31, TEST_SHARE) == 0;
  }

  private static long[] largeEnough(long[] labels) {
    Map<Long, int[]> counts = new HashMap<>();
    for (int row = 0; row < labels.length; row++) {
      if (labels[row] >= 0) {
        counts.computeIfAbsent(labels[row], label -> new int[2])[isTest(row) ? 1 : 0]++;
      }
    }
    return counts.entrySet().stream()
        .filter(entry -> Math.min(entry.getValue()[0], entry.getValue()[1]) >= FEWEST_ROWS)
        .mapToLong(Map.Entry::getKey)
        .sorted()
        .toArray();
  }

  /**
   * The best features of each class, and the values of all of these.
   *
   * @param best by class, the most different first
   * @param values by feature, of every row
   */
  private record Chosen(int[][] best, Map<Integer, float[]> values) {}

  private Chosen choose(Features features, int most) throws IOException {
    double[][] sums = new double[names.length][features.count()];
    features.forEach(
        (row, feature, value) -> {
          if (classes[row] >= 0 && !isTest(row)) {
            sums[classes[row]][feature] += value;
          }
        });
    long[] sizes = new long[names.length];
    long all = 0;
    for (int row = 0; row < classes.length; row++) {
      if (classes[row] >= 0 && !isTest(row)) {
        sizes[classes[row]]++;
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
    Map<Integer, float[]> values = new HashMap<>();
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
      for (int feature : best[c]) {
        values.computeIfAbsent(feature, id -> new float[classes.length]);
      }
    }
    features.forEach(
        (row, feature, value) -> {
          float[] column = values.get(feature);
          if (column != null) {
            column[row] = value;
          }
        });
    return new Chosen(best, values);
  }

  /** Fits a class's probe and tries it. */
  private double accuracy(Chosen chosen, int c, int count) {
    int[] best = Arrays.copyOf(chosen.best()[c], Math.min(count, chosen.best()[c].length));
    int[] training = rowsOf(false);
    int[] test = rowsOf(true);
    double[] x = new double[training.length * best.length];
    double[] y = new double[test.length * best.length];
    for (int j = 0; j < best.length; j++) {
      float[] column = chosen.values().get(best[j]);
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

  private int[] rowsOf(boolean test) {
    return IntStream.range(0, classes.length)
        .filter(row -> classes[row] >= 0 && isTest(row) == test)
        .toArray();
  }

  /** The SAE's codes. */
  private final class Latents implements Features {
    @Override
    public int count() {
      return sae.config().dSae();
    }

    @Override
    public void forEach(Value value) throws IOException {
      int most = (int) Math.min(BATCH_ROWS, rows.rows());
      Device device = sae.device();
      try (OffHeap memory = device.openMemory()) {
        Matrix x = memory.matrix(most, rows.width());
        SparseCodes codes = memory.codes(most, Math.min(SOME_LATENTS, sae.config().mostLatents()));
        for (int first = 0; first < labels.length; first += most) {
          int count = Math.min(most, labels.length - first);
          rows.readRange(first, count, x);
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
      int most = (int) Math.min(BATCH_ROWS, rows.rows());
      float[] row = new float[rows.width()];
      try (OffHeap memory = new OffHeap()) {
        Matrix x = memory.matrix(most, rows.width());
        for (int first = 0; first < labels.length; first += most) {
          int count = Math.min(most, labels.length - first);
          rows.readRange(first, count, x);
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
