package io.github.sae4j.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Sparsity.Penalty;
import io.github.sae4j.objective.Sparsity.Penalty.Quadratic.Count;
import io.github.sae4j.step.TrainedGate.Gated;
import io.github.sae4j.step.TrainedGate.JumpRelu;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Loss and gradients of steps whose activity is penalised, against central differences of the same
 * loss in double, straight from its formulas and dense. What a gradient takes as constant is fixed
 * where it is differentiated: which latents are above their threshold and which gates are open; a
 * straight-through rectangle is a term linear in the threshold's distance from where it was.
 *
 * <p>This is the check of SAELens's quadratic penalty, of which there are no golden vectors.
 */
class ActivityGradientTest {
  private static final long SEED = Long.getLong("gradient.seed", 1966L);

  private static final int ROWS = 7;
  private static final int D = 5;
  private static final int N = 14;
  private static final int STEP = 3;

  /** Relative to the norm of the tensor's gradient, as in {@link GradientCheckTest}. */
  private static final double TOLERANCE = 1e-5;

  /** How far from an edge everything is, so that differences do not cross one. */
  private static final double MARGIN = 3e-4;

  static List<Map<String, Object>> steps() {
    List<Map<String, Object>> all = new ArrayList<>();
    for (boolean bDec : new boolean[] {true, false}) {
      for (String norm : List.of("none", "layer_norm")) {
        for (String loss : List.of("step", "tanh", "quadratic")) {
          for (boolean log : new boolean[] {true, false}) {
            Map<String, Object> jump = new LinkedHashMap<>();
            jump.put("architecture", "jumprelu");
            jump.put("jumprelu_sparsity_loss_mode", loss);
            jump.put("log_threshold", log);
            jump.put("apply_b_dec_to_input", bDec);
            jump.put("normalize_activations", norm);
            all.add(jump);
            Map<String, Object> reviving = new LinkedHashMap<>(jump);
            reviving.put("pre_act_loss_coefficient", 0.2);
            all.add(reviving);
          }
        }
        for (Object p : List.of(1, 2, 1.5, 3)) {
          for (int power = 0; power <= 2; power++) {
            all.add(
                Map.of(
                    "architecture", "standard",
                    "lp_norm", p,
                    "l1_decoder_norm_power", power,
                    "apply_b_dec_to_input", bDec,
                    "normalize_activations", norm));
          }
        }
      }
      for (String recipe : List.of("saelens", "dictionary-learning")) {
        for (int power = 0; power <= 2; power++) {
          all.add(
              Map.of(
                  "recipe", recipe,
                  "architecture", "gated",
                  "l1_decoder_norm_power", power,
                  "apply_b_dec_to_input", bDec));
        }
        all.add(Map.of("recipe", recipe, "architecture", "jumprelu", "apply_b_dec_to_input", bDec));
      }
    }
    return all;
  }

  @ParameterizedTest
  @MethodSource("steps")
  void gradientsAreThoseOfTheLoss(Map<String, Object> options) {
    Map<String, Object> all = new LinkedHashMap<>(options);
    all.put("d_sae", N);
    all.put("train_batch_size", ROWS);
    all.put("jumprelu_bandwidth", 0.9);
    all.put("target_l0", 3.5);
    all.put("sparsity_coefficient", 0.7);
    all.put("sparsity_warm_up_steps", 4);
    all.put("dead_feature_window", 10);
    all.put("clip_grad_norm", null);
    all.put("normalize_decoder", "free");
    all.put("project_decoder_gradient", false);
    StepSpec spec = TrainingConfig.fromMap(all).stepSpec(D, OptionalDouble.empty());
    String what = "seed " + SEED + " " + options;
    try (Device device = new ScalarDevice();
        OffHeap memory = device.openMemory()) {
      Random random = new Random(SEED + new TreeMap<>(options).toString().hashCode());
      TrainingState state = TrainingState.allocate(memory, spec);
      boolean[] dead = new boolean[N];
      for (int i = 1; i < N; i += 4) {
        state.sinceFired()[i] = 11;
        dead[i] = true;
      }
      Matrix x = memory.matrix(ROWS, D);
      Map<String, double[][]> weights = new LinkedHashMap<>();
      Reference drawn;
      do {
        for (Parameter parameter : state.parameters()) {
          fill(parameter.value(), random, parameter.value().rows() == 1 ? 0.3 : 0.6);
          weights.put(parameter.name(), rows(parameter.value()));
        }
        fill(x, random, 1.5);
        drawn = new Reference(spec, rows(x), weights, dead);
      } while (drawn.margin() < MARGIN);
      Reference reference = drawn;
      double[] expected = new double[1];
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(
              device,
              spec,
              state,
              seen -> {
                expected[0] = reference.loss();
                for (String name : weights.keySet()) {
                  double[][] right = reference.gradient(name);
                  assertClose(what + " " + name, rows(seen.gradients().of(name)), right);
                }
              })) {
        StepReport report = step.run(x, 1e-3, STEP, true);
        assertEquals(1, report.loss() / expected[0], TOLERANCE, what);
      }
    }
  }

  /** The loss in double. */
  private static final class Reference {
    private final StepSpec spec;
    private final double[][] x;
    private final double[][] normalized;
    private final double[] outScale = new double[ROWS];
    private final double[] outShift = new double[ROWS];
    private final Map<String, double[][]> weights;
    private final boolean[] dead;

    /** What is fixed: pre-activations, thresholds and detached tensors at the start. */
    private final double[][] basePre;

    private final double[][] baseProducts;
    private final double[] baseTheta;
    private final double[][] baseDecoder;
    private final double[] baseBias;
    private final boolean[][] magnitudes = new boolean[ROWS][N];

    Reference(StepSpec spec, double[][] x, Map<String, double[][]> weights, boolean[] dead) {
      this.spec = spec;
      this.x = x;
      this.weights = weights;
      this.dead = dead;
      this.normalized = new double[ROWS][];
      for (int b = 0; b < ROWS; b++) {
        normalize(b);
      }
      baseProducts = products();
      basePre = plus(baseProducts, weights.get("b_enc")[0]);
      baseTheta = theta();
      baseDecoder = copy(weights.get("W_dec"));
      baseBias = weights.get("b_dec")[0].clone();
      for (int b = 0; b < ROWS; b++) {
        for (int i = 0; i < N && gated(); i++) {
          magnitudes[b][i] = magnitude(baseProducts, b, i) > 0;
        }
      }
    }

    private boolean gated() {
      return spec.forward().gate().orElse(null) instanceof Gated;
    }

    private JumpRelu jump() {
      return (JumpRelu) spec.forward().gate().orElseThrow();
    }

    private double magnitude(double[][] products, int b, int i) {
      return products[b][i] * Math.exp(weights.get("r_mag")[0][i]) + weights.get("b_mag")[0][i];
    }

    private void normalize(int b) {
      normalized[b] = x[b].clone();
      outScale[b] = 1;
      if (spec.forward().normalization() == InputNormalization.NONE) {
        return;
      }
      double mean = Arrays.stream(x[b]).average().orElseThrow();
      double squares = Arrays.stream(x[b]).map(v -> (v - mean) * (v - mean)).sum();
      outShift[b] = mean;
      outScale[b] = Math.sqrt(squares / (D - 1));
      for (int j = 0; j < D; j++) {
        normalized[b][j] = (x[b][j] - mean) / (outScale[b] + 1e-5);
      }
    }

    private double[][] products() {
      double[][] products = new double[ROWS][N];
      for (int b = 0; b < ROWS; b++) {
        for (int i = 0; i < N; i++) {
          for (int j = 0; j < D; j++) {
            double in = normalized[b][j];
            if (spec.forward().subtractBDec()) {
              in -= weights.get("b_dec")[0][j];
            }
            products[b][i] += in * weights.get("W_enc")[i][j];
          }
        }
      }
      return products;
    }

    private static double[][] plus(double[][] products, double[] bias) {
      double[][] pre = copy(products);
      for (double[] row : pre) {
        for (int i = 0; i < N; i++) {
          row[i] += bias[i];
        }
      }
      return pre;
    }

    private double[] theta() {
      double[] theta = new double[N];
      if (gated() || spec.forward().gate().isEmpty()) {
        return theta;
      }
      double[] trained = weights.get(jump().parameters().getFirst())[0];
      for (int i = 0; i < N; i++) {
        theta[i] =
            switch (jump().form()) {
              case RELU -> Math.max(trained[i], 0);
              case PLAIN -> trained[i];
              case LOG -> Math.exp(trained[i]);
            };
      }
      return theta;
    }

    private boolean above(int b, int i) {
      return basePre[b][i] > baseTheta[i];
    }

    private double rect(double value, int i) {
      return Math.abs((value - baseTheta[i]) / jump().bandwidth()) < 0.5 ? 1 : 0;
    }

    private double[][] activations(double[][] products, double[][] pre, double[] theta) {
      double[][] acts = new double[ROWS][N];
      for (int b = 0; b < ROWS; b++) {
        for (int i = 0; i < N; i++) {
          if (gated()) {
            acts[b][i] = above(b, i) && magnitudes[b][i] ? magnitude(products, b, i) : 0;
          } else {
            acts[b][i] = above(b, i) ? pre[b][i] : 0;
          }
          if (spec.forward().gate().isPresent() && !gated()) {
            double slope = -baseTheta[i] / jump().bandwidth() * rect(basePre[b][i], i);
            acts[b][i] += slope * (theta[i] - baseTheta[i]);
          }
        }
      }
      return acts;
    }

    /** The least distance of a value from where it would count otherwise. */
    double margin() {
      double least = Double.POSITIVE_INFINITY;
      for (int b = 0; b < ROWS; b++) {
        for (int i = 0; i < N; i++) {
          double pre = basePre[b][i];
          least = Math.min(least, Math.abs(pre - baseTheta[i]));
          if (gated()) {
            least = Math.min(least, Math.abs(magnitude(baseProducts, b, i)));
          } else if (spec.forward().gate().isPresent()) {
            double trained = weights.get(jump().parameters().getFirst())[0][i];
            if (jump().form() == JumpRelu.Form.RELU) {
              least = Math.min(least, Math.abs(trained));
            }
            for (double value : new double[] {pre, 0}) {
              double distance = Math.abs(value - baseTheta[i]) - jump().bandwidth() / 2;
              least = Math.min(least, Math.abs(distance));
            }
          }
        }
      }
      return least;
    }

    private double norm(int i) {
      double square = 0;
      for (double w : weights.get("W_dec")[i]) {
        square += w * w;
      }
      return Math.sqrt(square);
    }

    double loss() {
      double[][] products = products();
      double[][] pre = plus(products, weights.get("b_enc")[0]);
      double[] theta = theta();
      double[][] acts = activations(products, pre, theta);
      double total = squares(acts, weights.get("W_dec"), weights.get("b_dec")[0]) / ROWS;
      Sparsity sparsity = spec.objective().find(Sparsity.class).orElseThrow();
      double coefficient = sparsity.weight() * sparsity.warmUp().at(STEP);
      total += coefficient * penalty(sparsity.penalty(), pre, theta, acts);
      if (spec.objective().find(PreActivation.class).isPresent()) {
        double sum = 0;
        for (int b = 0; b < ROWS; b++) {
          for (int i = 0; i < N; i++) {
            if (dead[i] && basePre[b][i] < baseTheta[i]) {
              sum += (theta[i] - pre[b][i]) * norm(i);
            }
          }
        }
        total += spec.objective().find(PreActivation.class).get().weight() * sum / ROWS;
      }
      if (gated()) {
        boolean fixed = spec.objective().find(GateReconstruction.class).orElseThrow().detached();
        double[][] open = open(pre);
        total +=
            squares(
                    open,
                    fixed ? baseDecoder : weights.get("W_dec"),
                    fixed ? baseBias : weights.get("b_dec")[0])
                / ROWS;
      }
      return total;
    }

    private double[][] open(double[][] pre) {
      double[][] open = new double[ROWS][N];
      for (int b = 0; b < ROWS; b++) {
        for (int i = 0; i < N; i++) {
          open[b][i] = above(b, i) ? pre[b][i] : 0;
        }
      }
      return open;
    }

    private double penalty(Penalty penalty, double[][] pre, double[] theta, double[][] acts) {
      return switch (penalty) {
        case Penalty.Norm norm -> {
          double[][] values = gated() ? open(pre) : acts;
          double sum = 0;
          for (int b = 0; b < ROWS; b++) {
            double inner = 0;
            for (int i = 0; i < N; i++) {
              double u = values[b][i] * Math.pow(norm(i), norm.normPower());
              inner += u == 0 ? 0 : Math.pow(u, norm.p());
            }
            sum += Math.pow(inner, 1 / norm.p());
          }
          yield sum / ROWS;
        }
        case Penalty.Tanh tanh -> {
          double sum = 0;
          for (int b = 0; b < ROWS; b++) {
            for (int i = 0; i < N; i++) {
              sum += Math.tanh(tanh.scale() * acts[b][i] * norm(i));
            }
          }
          yield sum / ROWS;
        }
        case Penalty.L0 _ -> {
          double sum = 0;
          for (int b = 0; b < ROWS; b++) {
            sum += count(b, theta, basePre[b]);
          }
          yield sum / ROWS;
        }
        case Penalty.Quadratic(double target, Count of) when of == Count.ROWS -> {
          double sum = 0;
          for (int b = 0; b < ROWS; b++) {
            sum += Math.pow(count(b, theta, basePre[b]) / target - 1, 2);
          }
          yield sum / ROWS;
        }
        case Penalty.Quadratic(double target, Count of) -> {
          double sum = 0;
          for (int b = 0; b < ROWS; b++) {
            double[] fixed = new double[N];
            for (int i = 0; i < N; i++) {
              fixed[i] = above(b, i) ? basePre[b][i] : 0;
            }
            sum += count(b, theta, fixed);
          }
          yield Math.pow(sum / ROWS / target - 1, 2);
        }
      };
    }

    /** How many of the values lie above θ, and the rectangle's estimate of its slope by θ. */
    private double count(int b, double[] theta, double[] values) {
      double sum = 0;
      for (int i = 0; i < N; i++) {
        sum += values[i] > baseTheta[i] ? 1 : 0;
        sum -= rect(values[i], i) / jump().bandwidth() * (theta[i] - baseTheta[i]);
      }
      return sum;
    }

    private double squares(double[][] codes, double[][] decoder, double[] bias) {
      double sum = 0;
      for (int b = 0; b < ROWS; b++) {
        for (int j = 0; j < D; j++) {
          double out = bias[j];
          for (int i = 0; i < N; i++) {
            out += codes[b][i] * decoder[i][j];
          }
          double e = out * outScale[b] + outShift[b] - x[b][j];
          sum += e * e;
        }
      }
      return sum;
    }

    /** Central differences; the loss is smooth where it is differentiated. */
    double[][] gradient(String name) {
      double[][] tensor = weights.get(name);
      double[][] gradient = copy(tensor);
      double h = 1e-5;
      for (int i = 0; i < tensor.length; i++) {
        for (int j = 0; j < tensor[i].length; j++) {
          double at = tensor[i][j];
          tensor[i][j] = at + h;
          double more = loss();
          tensor[i][j] = at - h;
          double less = loss();
          tensor[i][j] = at;
          gradient[i][j] = (more - less) / (2 * h);
        }
      }
      return gradient;
    }
  }

  private static void assertClose(String what, double[][] got, double[][] expected) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      for (int j = 0; j < expected[i].length; j++) {
        difference += Math.pow(got[i][j] - expected[i][j], 2);
        norm += Math.pow(expected[i][j], 2);
      }
    }
    assertTrue(norm > 0, what + ": the gradient is zero");
    double error = Math.sqrt(difference / norm);
    assertTrue(error <= TOLERANCE, what + ": relative error " + error);
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

  private static double[][] copy(double[][] rows) {
    return Arrays.stream(rows).map(double[]::clone).toArray(double[][]::new);
  }

  private static void fill(Matrix matrix, Random random, double deviation) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (deviation * random.nextGaussian()));
      }
    }
  }
}
