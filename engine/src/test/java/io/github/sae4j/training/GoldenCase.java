package io.github.sae4j.training;

import io.github.sae4j.config.Architecture;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Term;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.RunningThreshold;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/** One golden file: what a peer computed in a few training steps. */
final class GoldenCase implements AutoCloseable {
  /** Names of our tensors where the peers have others. */
  private static final Map<String, List<String>> OTHER_NAMES =
      Map.of(
          "W_enc", List.of("W"),
          "b_enc", List.of("b_gate", "gate_bias", "latent_bias"),
          "b_dec", List.of("pre_bias"),
          "b_mag", List.of("mag_bias"));

  private final TensorFile file;
  private final Map<String, Object> metadata = new LinkedHashMap<>();
  private final GoldenSettings settings;

  GoldenCase(Path path) throws IOException {
    file = SafetensorsFile.open(path);
    String json = file.metadata().get("case");
    if (json == null) {
      throw new IOException(path + ": no metadata key 'case'");
    }
    ((Map<?, ?>) Json.parse(path, json.getBytes(StandardCharsets.UTF_8)))
        .forEach((key, value) -> metadata.put((String) key, value));
    settings = GoldenSettings.of(metadata);
  }

  GoldenSettings settings() {
    return settings;
  }

  int steps() throws IOException {
    return Math.toIntExact(file.tensor("x").shape().get(0));
  }

  int dIn() throws IOException {
    return Math.toIntExact(file.tensor("x").shape().get(2));
  }

  /** sentence-transformers calls counters otherwise. */
  private String named(String name) {
    return file.tensors().stream().noneMatch(tensor -> tensor.name().equals("init.W"))
        ? name
        : name.replace("since_fired", "stats_last_nonzero");
  }

  boolean has(String name) {
    return file.tensors().stream().anyMatch(tensor -> tensor.name().equals(named(name)));
  }

  /** The batch of a step, {@code [batch, d_in]}; if rows are pairs, both rows of each. */
  Matrix batch(int step, OffHeap memory) throws IOException {
    Matrix x = rows("x", step, memory);
    if (!has("y")) {
      return x;
    }
    Matrix y = rows("y", step, memory);
    Matrix pairs = memory.matrix(x.rows(), x.cols() + y.cols());
    for (int b = 0; b < x.rows(); b++) {
      for (int j = 0; j < pairs.cols(); j++) {
        pairs.set(b, j, j < x.cols() ? x.get(b, j) : y.get(b, j - x.cols()));
      }
    }
    return pairs;
  }

  private Matrix rows(String name, int step, OffHeap memory) throws IOException {
    TensorInfo tensor = file.tensor(name);
    Matrix rows =
        memory.matrix(
            Math.toIntExact(tensor.shape().get(1)), Math.toIntExact(tensor.shape().get(2)));
    file.readFloats(tensor, step * rows.size(), rows.size(), rows.segment(), 0);
    return rows;
  }

  /** The state before the first step. */
  TrainingState state(OffHeap memory) throws IOException {
    TrainingState state = TrainingState.allocate(memory, spec());
    for (Parameter parameter : state.parameters()) {
      Matrix value = parameter.value();
      value.write(0, value.rows(), floats("init." + theirs(parameter.name())), 0);
    }
    // Some peers count nothing for some architectures.
    long[] sinceFired = has("init.since_fired") ? integers("init.since_fired") : new long[0];
    for (int i = 0; i < sinceFired.length; i++) {
      state.sinceFired()[i] = sinceFired[i];
    }
    return state;
  }

  /** The peer's name of one of our tensors. */
  String theirs(String name) {
    return OTHER_NAMES.getOrDefault(name, List.of()).stream()
        .filter(other -> has("init." + other))
        .findFirst()
        .orElse(name);
  }

  /** What a step computes. */
  StepSpec spec() throws IOException {
    int dOut = has("y") ? Math.toIntExact(file.tensor("y").shape().get(2)) : dIn();
    StepSpec spec = settings.config().stepSpec(dIn(), dOut, OptionalDouble.empty());
    Sparsity sparsity = spec.objective().find(Sparsity.class).orElse(null);
    if (sparsity == null || settings.firstStep() == 0) {
      return spec;
    }
    List<Term> terms = new ArrayList<>(spec.objective().terms());
    Sparsity.WarmUp warmUp =
        new Sparsity.WarmUp(sparsity.warmUp().steps(), 1 - settings.firstStep());
    terms.replaceAll(
        term ->
            term == sparsity ? new Sparsity(sparsity.penalty(), sparsity.weight(), warmUp) : term);
    return new StepSpec(
        spec.shape(),
        spec.forward(),
        new Objective(terms),
        spec.optimizer(),
        spec.deadLatents(),
        spec.decoderNorm());
  }

  float[] floats(String name) throws IOException {
    TensorInfo tensor = file.tensor(named(name));
    float[] values = new float[Math.toIntExact(tensor.elements())];
    try (OffHeap memory = new OffHeap()) {
      MemorySegment copy = memory.block(4L * values.length);
      file.readFloats(tensor, 0, values.length, copy, 0);
      MemorySegment.copy(copy, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length);
    }
    return values;
  }

  long[] integers(String name) throws IOException {
    TensorInfo tensor = file.tensor(named(name));
    if (tensor.type() == ElementType.F32) {
      float[] values = floats(name);
      return IntStream.range(0, values.length).mapToLong(i -> (long) values[i]).toArray();
    }
    return file.readLongs(tensor, 0, Math.toIntExact(tensor.elements()));
  }

  /**
   * The largest relative error of a step's losses and its gradient norm.
   *
   * @param step the step
   * @param report what we computed
   * @param state what the step left
   */
  double lossError(int step, StepReport report, TrainingState state) throws IOException {
    List<?> all = (List<?>) metadata.get("losses");
    if (all.size() != steps()) {
      throw new IllegalArgumentException(
          "losses: expected those of " + steps() + " steps, as x has, got " + all.size());
    }
    if (!(all.get(step) instanceof Map<?, ?> losses)) {
      throw new IllegalArgumentException("losses: expected an object per step");
    }
    double coefficient = settings.config().auxK().coefficient();
    double worst = 0;
    for (Map.Entry<?, ?> entry : losses.entrySet()) {
      double theirs = ((Number) entry.getValue()).doubleValue();
      double ours =
          switch ((String) entry.getKey()) {
            // Logged with their weights.
            case "reconstruction_loss_4k" ->
                DeadTopK.SENTENCE_TRANSFORMERS.weight() * report.loss(DeadTopK.class);
            case "reconstruction_loss_aux" -> coefficient * report.loss(AuxK.class);
            case "base_loss" ->
                settings.config().loss().contrastiveCoefficient().getAsDouble()
                    * report.loss(Contrast.class);
            case "mse", "mse_loss", "fvu", "reconstruction_loss_k" -> report.mainLoss();
            case "l0_loss", "l1_loss" -> weighted(report, Sparsity.class);
            case "sparsity_loss", "lp_loss" ->
                nearer(
                    theirs,
                    weighted(report, Sparsity.class),
                    report.loss(Sparsity.class) / warmUp(step));
            case "pre_act_loss" -> weighted(report, PreActivation.class);
            case "coef_l0", "coef_l1" -> settings.config().sparsity().coefficient() * warmUp(step);
            case "sparsity_scale" -> warmUp(step);
            case "sparsity_coeff" -> settings.config().sparsity().coefficient();
            case "p" -> settings.config().sparsity().lpNorm();
            case "aux_loss" -> report.loss(GateReconstruction.class);
            // The mean length of the error, where the sum of squares stands beside it.
            case "l2_loss" ->
                losses.containsKey("mse_loss")
                    ? theirs
                    : report.mainLoss() + innerWeight() * report.loss(Matryoshka.class);
            case "multi_topk_fvu" -> report.loss(MultiTopK.class);
            case "loss" -> report.loss();
            // A recipe that does not clip does not form the norm; the gradients stand for it.
            case "grad_norm" ->
                settings.config().optimizer().clipGradNorm().isEmpty()
                    ? theirs
                    : report.gradientNorm();
            // Where selection alone counts as firing, the peer breaks ties among zeros arbitrarily.
            case "n_dead" ->
                settings.config().dead().fired() == DeadLatentRule.Fired.SELECTED
                    ? theirs
                    : report.dead();
            case "l0" -> report.l0();
            case "k" -> ((Activation.Ranked) spec().at(step + 1).forward().activation()).k();
            // We report the sum over all widths.
            case String inner when inner.startsWith("inner_mse_loss_") -> {
              theirs = inner(losses);
              yield report.loss(Matryoshka.class);
            }
            case "min_l2_loss", "max_l2_loss" -> theirs; // of the sum that l2_loss is
            // Some peers log the term with its coefficient, some without; with 0 it is not formed.
            case "topk_threshold", "threshold" -> state.statistics().get(RunningThreshold.NAME);
            case "aux", "auxk", "auxk_loss", "auxiliary_reconstruction_loss" ->
                settings.config().sae().architecture() == Architecture.GATED
                    ? report.loss(GateReconstruction.class)
                    : coefficient == 0
                        ? theirs
                        : nearer(
                            theirs, report.loss(AuxK.class), coefficient * report.loss(AuxK.class));
            default -> throw new IllegalArgumentException("losses: unknown key " + entry.getKey());
          };
      worst = Math.max(worst, relative(ours, theirs));
    }
    return worst;
  }

  private double warmUp(int step) throws IOException {
    return spec().objective().find(Sparsity.class).orElseThrow().warmUp().at(step + 1);
  }

  private double weighted(StepReport report, Class<? extends Term> kind) throws IOException {
    return spec().objective().find(kind).orElseThrow().weight() * report.loss(kind);
  }

  private double innerWeight() throws IOException {
    return settings
        .config()
        .stepSpec(dIn(), OptionalDouble.empty())
        .objective()
        .find(Matryoshka.class)
        .map(Matryoshka::weight)
        .orElse(0.0);
  }

  private static double inner(Map<?, ?> losses) {
    return losses.entrySet().stream()
        .filter(entry -> ((String) entry.getKey()).startsWith("inner_mse_loss_"))
        .mapToDouble(entry -> ((Number) entry.getValue()).doubleValue())
        .sum();
  }

  private static double nearer(double target, double a, double b) {
    return Math.abs(a - target) <= Math.abs(b - target) ? a : b;
  }

  private static double relative(double ours, double theirs) {
    return ours == theirs ? 0 : Math.abs(ours - theirs) / Math.abs(theirs);
  }

  /** Relative distance ‖a − b‖₂ / ‖b‖₂; 0 if both are zero. */
  static double distance(float[] a, float[] b) {
    if (a.length != b.length) {
      throw new IllegalArgumentException("lengths " + a.length + " and " + b.length);
    }
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < b.length; i++) {
      double d = (double) a[i] - b[i];
      difference += d * d;
      norm += (double) b[i] * b[i];
    }
    return difference == 0 ? 0 : Math.sqrt(difference / norm);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
