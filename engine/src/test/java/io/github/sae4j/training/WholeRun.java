package io.github.sae4j.training;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;

/**
 * A whole training run of a recipe on synthetic rows, and every bit of its result; for {@link
 * WholeRunTest}. As a program it prints the fingerprints of the named runs on the CPU device.
 *
 * @param name of the run
 * @param config what is trained
 * @param dIn width of the rows
 */
record WholeRun(String name, TrainingConfig config, int dIn) {
  private static final int ROWS = 300;
  private static final int TARGET_WIDTH = 11;

  /**
   * The result of a run.
   *
   * @param reports one per step
   * @param deadSteps steps in which AuxK or its mask saw dead latents
   * @param decayed moments that were not zero once and are exactly +0 now
   * @param fingerprint of the loss curve, and of the weights, moments and counters at the end
   */
  record Result(List<StepReport> reports, long deadSteps, long decayed, String fingerprint) {}

  static List<WholeRun> all() {
    List<WholeRun> all = new ArrayList<>();
    for (Recipe recipe : Recipe.values()) {
      all.add(of(recipe.toString(), small(recipe)));
      if (recipe != Recipe.SENTENCE_TRANSFORMERS) {
        all.add(of(recipe + " norm", small(recipe).with(NORM, "expected_average_only_in")));
      }
    }
    TrainingConfig saelens = small(Recipe.SAELENS).with("aux_loss_coefficient", 0);
    all.add(of("layer_norm", saelens.with(NORM, "layer_norm")));
    all.add(of("constant_norm", saelens.with(NORM, "constant_norm_rescale")));
    for (Recipe recipe : List.of(Recipe.SAELENS, Recipe.OPENAI)) {
      all.add(of(recipe + " whitened", small(recipe).with(NORM, "covariance_whitening")));
    }
    TrainingConfig eleuther = small(Recipe.ELEUTHER).with("multi_topk", true).with("k", 1);
    all.add(of("multi", eleuther));
    all.add(of("multi clip", eleuther.with("clip_grad_norm", 0.1)));
    // As these recipes were before SAELens 6.36.2 and sparsify #134, to the bit.
    for (WholeRun run :
        List.of(
            of("saelens", small(Recipe.SAELENS)),
            of("eleuther", small(Recipe.ELEUTHER)),
            of("multi", eleuther))) {
      all.add(of(run.name() + " b_dec in AuxK", run.config().with("aux_b_dec", "included")));
    }
    for (Recipe recipe : List.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)) {
      TrainingConfig alone = small(recipe).with("gradient_accumulation", 1);
      all.add(of(recipe + " batchtopk", alone.with("architecture", "batchtopk")));
      all.add(of(recipe + " matryoshka", alone.with("architecture", "matryoshka")));
      all.add(
          of(
              recipe + " jumprelu",
              alone
                  .with("architecture", "jumprelu")
                  .with("jumprelu_bandwidth", 0.5)
                  .with("jumprelu_init_threshold", 0.5)
                  .with("sparsity_warm_up_steps", 4)));
      TrainingConfig few =
          alone.with("sparsity_coefficient", 0.5).with("sparsity_warm_up_steps", 4);
      all.add(of(recipe + " standard", few.with("architecture", "standard")));
      all.add(of(recipe + " gated", few.with("architecture", "gated")));
    }
    TrainingConfig transcoder =
        small(Recipe.ELEUTHER).with("pairs", "targets").with("skip_connection", true);
    all.add(of("skip transcoder", transcoder));
    all.add(of("skip transcoder clip", transcoder.with("clip_grad_norm", 0.1)));
    all.add(
        of(
            "transcoder batchtopk",
            small(Recipe.SAELENS)
                .with("pairs", "targets")
                .with("gradient_accumulation", 1)
                .with("architecture", "batchtopk")));
    TrainingConfig codes = small(Recipe.SENTENCE_TRANSFORMERS).with("pairs", "positives");
    all.add(of("positives", codes));
    all.add(of("positives clip", codes.with("clip_grad_norm", 0.1).with(NORM, "layer_norm")));
    all.add(of("annealed", small(Recipe.DICTIONARY_LEARNING).with("k_anneal_steps", 9)));
    TrainingConfig alone = small(Recipe.SAELENS).with("gradient_accumulation", 1);
    all.add(
        of(
            "saelens jumprelu tanh",
            alone
                .with("architecture", "jumprelu")
                .with("jumprelu_bandwidth", 0.5)
                .with("jumprelu_init_threshold", 0.5)
                .with("jumprelu_sparsity_loss_mode", "tanh")
                .with("pre_act_loss_coefficient", 0.05)));
    all.add(
        new WholeRun(
            "decay",
            TrainingConfig.of(Recipe.SAELENS)
                .with("d_sae", 100)
                .with("k", 2)
                .with("train_batch_size", 16)
                .with("steps", 1200)
                .with("adam_beta2", 0.9)
                .with("lr", 0.01)
                .with("aux_loss_coefficient", 0),
            5));
    return all;
  }

  private static final String NORM = "normalize_activations";

  private static WholeRun of(String name, TrainingConfig config) {
    return new WholeRun(name, config, 19);
  }

  /** The last batch is short; latents are dead after two steps, so that AuxK acts. */
  private static TrainingConfig small(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", 67)
        .with("k", 4)
        .with("train_batch_size", recipe == Recipe.SENTENCE_TRANSFORMERS ? 26 : 13)
        .with("gradient_accumulation", recipe == Recipe.SENTENCE_TRANSFORMERS ? 1 : 2)
        .with("training_samples", 25 * 26 - 7)
        .with("lr", 5e-3)
        .with("dead_feature_window", 2);
  }

  Result train(Device device) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      ActivationSource rows = new MatrixSource(rows(memory, dIn), "rows");
      if (config.sae().pairs() != Pairs.NONE) {
        int width = config.sae().pairs() == Pairs.TARGETS ? TARGET_WIDTH : dIn;
        rows = RowViews.pairs(rows, new MatrixSource(rows(memory, width), "others"));
      }
      TrainingData data = TrainingData.of(rows, Optional.empty(), config.data().evalFraction());
      try (Trainer trainer = Trainer.start(config, data, device, Optional.empty())) {
        Digest digest = new Digest();
        List<StepReport> reports = new ArrayList<>();
        boolean[] moved =
            new boolean[trainer.spec().shape().dSae() * trainer.spec().shape().dOut()];
        while (!trainer.done()) {
          StepReport report = trainer.step(trainer.stepsDone() % 3 == 0).report();
          reports.add(report);
          digest.add(report);
          if (trainer.stepsDone() < 300) {
            note(moments(trainer), moved);
          }
        }
        digest.add(trainer.state());
        return new Result(
            reports,
            reports.stream().filter(report -> report.dead() > 0).count(),
            decayed(moments(trainer), moved),
            digest.hex());
      }
    }
  }

  private static Matrix moments(Trainer trainer) {
    return trainer.state().parameter(trainer.state().tied() ? "W_enc" : "W_dec").m();
  }

  private static void note(Matrix moments, boolean[] moved) {
    for (int i = 0; i < moved.length; i++) {
      moved[i] |= moments.get(i / moments.cols(), i % moments.cols()) != 0;
    }
  }

  private static long decayed(Matrix moments, boolean[] moved) {
    long count = 0;
    for (int i = 0; i < moved.length; i++) {
      float now = moments.get(i / moments.cols(), i % moments.cols());
      count += moved[i] && Float.floatToRawIntBits(now) == 0 ? 1 : 0;
    }
    return count;
  }

  /** Sums of a few directions; nothing here depends on a mathematical library. */
  private static Matrix rows(OffHeap memory, int width) {
    Random random = new Random(width);
    float[][] directions = new float[30][width];
    for (float[] direction : directions) {
      for (int j = 0; j < width; j++) {
        direction[j] = (random.nextInt(2001) - 1000) / 500f;
      }
    }
    Matrix rows = memory.matrix(ROWS, width);
    for (int b = 0; b < ROWS; b++) {
      for (int t = 0; t < 3; t++) {
        float[] direction = directions[random.nextInt(directions.length)];
        float weight = (1000 + random.nextInt(1000)) / 1000f;
        for (int j = 0; j < width; j++) {
          rows.set(b, j, rows.get(b, j) + weight * direction[j]);
        }
      }
    }
    return rows;
  }

  /** A hash of raw bits. */
  private static final class Digest {
    private final MessageDigest sha;

    Digest() {
      try {
        sha = MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException e) {
        throw new AssertionError(e);
      }
    }

    private void add(long value) {
      sha.update(ByteBuffer.allocate(Long.BYTES).putLong(value).flip());
    }

    void add(StepReport report) {
      for (double value :
          new double[] {
            report.loss(),
            report.mainLoss(),
            report.loss(AuxK.class),
            report.loss(MultiTopK.class),
            report.squaredError(),
            report.totalVariance(),
            report.rowExplained(),
            report.gradientNorm()
          }) {
        add(Double.doubleToLongBits(value)); // one NaN: no bits are defined for it
      }
      add(report.activeLatents());
      add(report.dead());
    }

    void add(TrainingState state) {
      for (TrainingState.Named tensor : state.tensors()) {
        Matrix matrix = tensor.matrix();
        for (int i = 0; i < matrix.rows(); i++) {
          for (int j = 0; j < matrix.cols(); j++) {
            add(Float.floatToRawIntBits(matrix.get(i, j)));
          }
        }
      }
      for (long count : state.sinceFired()) {
        add(count);
      }
    }

    String hex() {
      return HexFormat.of().formatHex(sha.digest(), 0, 8);
    }
  }

  /**
   * @param args the width of vectors, then names of runs
   */
  public static void main(String[] args) throws IOException {
    List<String> names = List.of(args).subList(1, args.length);
    DeviceOptions options =
        new DeviceOptions(OptionalInt.of(2), OptionalInt.of(Integer.parseInt(args[0])));
    try (Device device = Devices.open("cpu", options)) {
      System.out.println(device.description());
      for (WholeRun run : all()) {
        if (names.contains(run.name())) {
          System.out.println(run.name() + "=" + run.train(device).fingerprint());
        }
      }
    }
  }
}
