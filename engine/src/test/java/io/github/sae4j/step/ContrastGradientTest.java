package io.github.sae4j.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.composed.Observation;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.options.Recipe;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Loss and gradients of the contrastive step against the loss as its peer states it, written a
 * second time in double and differentiated by finite differences. What is chosen (codes, dead
 * latents) and what is a constant for the gradient (AuxK's target) is taken where the step stands.
 */
class ContrastGradientTest {
  private static final int ROWS = 7;
  private static final int D = 5;
  private static final int N = 14;
  private static final int K = 2;
  private static final int AUX = 3;
  private static final int[] DEAD = {1, 4, 6, 9, 12};
  private static final double TOLERANCE = 1e-5;

  /** The tied matrix and the biases, in double. */
  private record Weights(double[][] w, double[] latentBias, double[] preBias) {}

  @ParameterizedTest
  @CsvSource({
    "none,none,2",
    "positives,none,2",
    "none,layer_norm,2",
    "positives,layer_norm,2",
    "positives,none,1000",
    "none,layer_norm,1000"
  })
  void gradientsAreThoseOfTheLoss(String pairs, String normalize, int window) {
    TrainingConfig config =
        TrainingConfig.of(Recipe.SENTENCE_TRANSFORMERS)
            .with("d_sae", N)
            .with("k", K)
            .with("auxk", AUX)
            .with("train_batch_size", ROWS)
            .with("pairs", pairs)
            .with("normalize_activations", normalize)
            .with("dead_feature_window", window)
            .with("aux_loss_coefficient", 0.7)
            .with("contrastive_coefficient", 0.9);
    StepSpec spec = config.stepSpec(D, OptionalDouble.empty());
    Random random = new Random(1976);
    try (Device device = new ScalarDevice();
        OffHeap memory = device.openMemory()) {
      TrainingState state = TrainingState.allocate(memory, spec.shape());
      fill(state.wEnc(), random, 0.6);
      fill(state.bEnc(), random, 0.2);
      fill(state.bDec(), random, 0.3);
      System.arraycopy(sinceFired(), 0, state.sinceFired(), 0, N);
      for (int latent : DEAD) {
        state.bEnc().set(0, latent, -0.3f); // so that some stay dead
      }
      Matrix batch = memory.matrix(ROWS, spec.shape().batchWidth());
      fill(batch, random, 1.5);
      Weights weights =
          new Weights(rows(state.wEnc()), rows(state.bEnc())[0], rows(state.bDec())[0]);
      Reference[] reference = new Reference[1];
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(
              device,
              spec,
              state,
              seen -> {
                reference[0] = new Reference(spec, rows(batch), weights, seen);
                check(reference[0], weights, weights.w(), rows(seen.gradients().wEnc()));
                check(
                    reference[0],
                    weights,
                    new double[][] {weights.latentBias()},
                    rows(seen.gradients().bEnc()));
                check(
                    reference[0],
                    weights,
                    new double[][] {weights.preBias()},
                    rows(seen.gradients().bDec()));
              })) {
        StepReport report = step.run(batch, 1e-3, 1, true);
        double[] values = reference[0].values(weights);
        assertEquals(1, report.mainLoss() / values[0], TOLERANCE);
        assertEquals(1, report.loss(DeadTopK.class) / values[1], TOLERANCE);
        assertEquals(1, report.loss(AuxK.class) / values[2], TOLERANCE);
        assertEquals(1, report.loss(Contrast.class) / values[3], TOLERANCE);
        assertEquals(1, report.loss() / reference[0].total(weights), TOLERANCE);
        assertEquals(window == 1000, report.dead() == 0);
      }
    }
  }

  private static long[] sinceFired() {
    long[] counters = new long[N];
    for (int latent : DEAD) {
      counters[latent] = 11;
    }
    return counters;
  }

  private static void check(
      Reference reference, Weights weights, double[][] tensor, double[][] gradient) {
    double difference = 0;
    double norm = 0;
    double h = 1e-5;
    for (int i = 0; i < tensor.length; i++) {
      for (int j = 0; j < tensor[i].length; j++) {
        double at = tensor[i][j];
        tensor[i][j] = at + h;
        double above = reference.total(weights);
        tensor[i][j] = at - h;
        double below = reference.total(weights);
        tensor[i][j] = at;
        double expected = (above - below) / (2 * h);
        difference += (expected - gradient[i][j]) * (expected - gradient[i][j]);
        norm += expected * expected;
      }
    }
    assertTrue(norm > 0);
    double error = Math.sqrt(difference / norm);
    assertTrue(error <= TOLERANCE, "relative error " + error);
  }

  /** The loss in double, of codes chosen once. */
  private static final class Reference {
    private final int columns;
    private final double[][][] x;
    private final double[][][] target;
    private final double[][] scale;
    private final double[][] shift;
    private final boolean[][][] main;
    private final boolean[][][] wide;
    private final boolean[][][] aux;
    private final double[][][] auxTarget;

    Reference(StepSpec spec, double[][] batch, Weights base, Observation seen) {
      columns = batch[0].length / D;
      x = new double[columns][ROWS][];
      target = new double[columns][ROWS][];
      scale = new double[columns][ROWS];
      shift = new double[columns][ROWS];
      main = new boolean[columns][ROWS][];
      wide = new boolean[columns][ROWS][];
      aux = new boolean[columns][ROWS][];
      auxTarget = new double[columns][ROWS][];
      boolean normalized = spec.forward().normalization().name().equals("LAYER_NORM");
      int terms = seen.terms().size() / columns;
      for (int c = 0; c < columns; c++) {
        boolean[] dead = dead(spec, seen, c);
        for (int b = 0; b < ROWS; b++) {
          double[] row = Arrays.copyOfRange(batch[b], c * D, (c + 1) * D);
          scale[c][b] = 1;
          if (normalized) {
            double mean = Arrays.stream(row).sum() / D;
            double squares = Arrays.stream(row).map(v -> (v - mean) * (v - mean)).sum();
            shift[c][b] = mean;
            scale[c][b] = Math.sqrt(squares / (D - 1));
            for (int j = 0; j < D; j++) {
              row[j] = (row[j] - mean) / (scale[c][b] + 1e-5);
            }
          }
          x[c][b] = row;
          target[c][b] = row;
          double[] pre = pre(base, c, b);
          main[c][b] = top(pre, K, i -> true);
          wide[c][b] = top(pre, 4 * K, i -> dead[i]);
          aux[c][b] = top(pre, AUX, i -> dead[i]);
          double[] out = out(base, c, b, main[c][b]);
          auxTarget[c][b] = new double[D];
          for (int j = 0; j < D; j++) {
            auxTarget[c][b][j] = row[j] - (out[j] - base.preBias()[j]);
          }
        }
        assertEquals(chosen(seen.terms().get(c * terms)), chosen(main[c]), "codes of column " + c);
      }
    }

    /** The dead of a column: counters move twice a column, one column after the other. */
    private boolean[] dead(StepSpec spec, Observation seen, int column) {
      DeadLatents counter = new DeadLatents(spec.deadLatents().counting(), sinceFired());
      int terms = seen.terms().size() / columns;
      counter.count(fired(seen.terms().getFirst(), null), ROWS);
      int[] dead = counter.dead();
      if (column == 1) {
        counter.count(fired(seen.terms().get(1), dead), ROWS);
        counter.count(fired(seen.terms().get(terms), null), ROWS);
        dead = counter.dead();
      }
      boolean[] mask = new boolean[N];
      for (int latent : dead) {
        mask[latent] = true;
      }
      return mask;
    }

    private static boolean[] fired(Observation.TermView view, int[] numbering) {
      boolean[] fired = new boolean[N];
      for (int b = 0; b < view.codes().rows(); b++) {
        for (int slot = 0; slot < view.codes().length(b); slot++) {
          int latent = view.codes().index(b, slot);
          fired[numbering == null ? latent : numbering[latent]] |=
              view.codes().value(b, slot) > 1e-5f;
        }
      }
      return fired;
    }

    private static List<Integer> chosen(boolean[][] masks) {
      return IntStream.range(0, ROWS * N).filter(at -> masks[at / N][at % N]).boxed().toList();
    }

    private static List<Integer> chosen(Observation.TermView view) {
      return IntStream.range(0, ROWS)
          .boxed()
          .flatMap(
              b ->
                  IntStream.range(0, view.codes().length(b))
                      .filter(slot -> view.codes().value(b, slot) > 0)
                      .mapToObj(slot -> b * N + view.codes().index(b, slot)))
          .toList();
    }

    private static boolean[] top(double[] pre, int k, IntPredicate candidate) {
      boolean[] mask = new boolean[N];
      IntStream.range(0, N)
          .filter(candidate)
          .boxed()
          .sorted(Comparator.comparingDouble(i -> -pre[i]))
          .limit(k)
          .filter(i -> pre[i] > 0)
          .forEach(i -> mask[i] = true);
      return mask;
    }

    private double[] pre(Weights w, int c, int b) {
      double[] pre = w.latentBias().clone();
      for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++) {
          pre[i] += (x[c][b][j] - w.preBias()[j]) * w.w()[i][j];
        }
      }
      return pre;
    }

    private double[] out(Weights w, int c, int b, boolean[] mask) {
      double[] pre = pre(w, c, b);
      double[] out = w.preBias().clone();
      for (int i = 0; i < N; i++) {
        for (int j = 0; mask[i] && j < D; j++) {
          out[j] += pre[i] * w.w()[i][j];
        }
      }
      for (int j = 0; j < D; j++) {
        out[j] = out[j] * scale[c][b] + shift[c][b];
      }
      return out;
    }

    private double mse(Weights w, int c, boolean[][] masks, double[][] to) {
      double sum = 0;
      for (int b = 0; b < ROWS; b++) {
        double[] out = out(w, c, b, masks[b]);
        for (int j = 0; j < D; j++) {
          sum += (out[j] - to[b][j]) * (out[j] - to[b][j]);
        }
      }
      return sum / (ROWS * D);
    }

    private static double variance(double[][] rows) {
      double sum = 0;
      for (int j = 0; j < D; j++) {
        int column = j;
        double mean = Arrays.stream(rows).mapToDouble(row -> row[column]).sum() / ROWS;
        for (double[] row : rows) {
          sum += (row[j] - mean) * (row[j] - mean);
        }
      }
      return sum / (ROWS * D);
    }

    double[] values(Weights w) {
      double[] values = new double[4];
      for (int c = 0; c < columns; c++) {
        values[0] += mse(w, c, main[c], target[c]) / columns;
        values[1] += mse(w, c, wide[c], target[c]) / columns;
        values[2] += mse(w, c, aux[c], auxTarget[c]) / variance(auxTarget[c]) / columns;
      }
      double[][] a = codes(w, 0);
      double[][] p = codes(w, columns - 1);
      for (int b = 0; b < ROWS; b++) {
        double sum = 0;
        for (int j = 0; j < ROWS; j++) {
          sum += Math.exp(dot(a[b], p[j]));
        }
        values[3] += (Math.log(sum) - dot(a[b], p[b])) / ROWS;
      }
      return values;
    }

    double total(Weights w) {
      double[] values = values(w);
      return values[0] + values[1] / 8 + 0.7 * values[2] + 0.9 * values[3];
    }

    private double[][] codes(Weights w, int c) {
      double[][] codes = new double[ROWS][];
      for (int b = 0; b < ROWS; b++) {
        double[] pre = pre(w, c, b);
        boolean[] mask = main[c][b];
        codes[b] = IntStream.range(0, N).mapToDouble(i -> mask[i] ? pre[i] : 0).toArray();
      }
      return codes;
    }

    private static double dot(double[] a, double[] b) {
      return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).sum();
    }
  }

  private static double[][] rows(Matrix matrix) {
    double[][] rows = new double[matrix.rows()][matrix.cols()];
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < rows[i].length; j++) {
        rows[i][j] = matrix.get(i, j);
      }
    }
    return rows;
  }

  private static void fill(Matrix matrix, Random random, double deviation) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (deviation * random.nextGaussian()));
      }
    }
  }
}
