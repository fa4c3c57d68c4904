package org.example.search;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** SAEs of a collection's own vectors. */
final class Autoencoders {
  /** How much the contrastive loss counts beside the mean squared error of a value. */
  private static final double CONTRAST = 0.001;

  /** Steps of the contrastive SAE, which take long, and of the one that it is compared with. */
  static final int FEW_STEPS = 600;

  /** Rows encoded at a time. */
  private static final int BATCH = 4096;

  /**
   * How an SAE is trained.
   *
   * @param dSae number of latents
   * @param k active latents of a document
   * @param steps optimizer steps
   * @param contrastive whether by the recipe of sentence-transformers, whose loss also pulls the
   *     codes of a document apart from those of others, instead of by reconstruction alone
   */
  record Recipe(int dSae, int k, int steps, boolean contrastive) {
    /** By reconstruction alone. */
    Recipe(int dSae, int k, int steps) {
      this(dSae, k, steps, false);
    }

    /** The name of the run's folder, so that other settings are another run. */
    String name() {
      return "n" + dSae + "-k" + k + "-" + steps + (contrastive ? "-contrastive" : "");
    }

    /** What tables call it. */
    String title() {
      return "k = "
          + k
          + (steps == FEW_STEPS ? ", " + steps + " steps" : "")
          + (contrastive ? ", contrastive" : "");
    }

    TrainingConfig config() {
      if (contrastive) {
        return TrainingConfig.fromMap(
            Map.of(
                "recipe",
                "sentence-transformers",
                "d_sae",
                dSae,
                "k",
                k,
                "steps",
                steps,
                "train_batch_size",
                512,
                "lr",
                1e-3,
                // Vectors have length 1, so errors are small beside the recipe's 1.
                "contrastive_coefficient",
                CONTRAST));
      }
      return TrainingConfig.fromMap(
          Map.of(
              "recipe",
              "saelens",
              "d_sae",
              dSae,
              "k",
              k,
              "steps",
              steps,
              "train_batch_size",
              512,
              "lr",
              1e-3,
              // Embeddings have length 1, and SAEs are tuned for values around 1.
              "normalize_activations",
              "expected_average_only_in"));
    }
  }

  private Autoencoders() {}

  /**
   * The SAE of a recipe, trained if it is not there yet. The corpus's own vectors must train it: an
   * SAE of other texts reconstructs these badly, and searches badly.
   *
   * @param vectors a file of vectors, all of which are trained on
   * @param runs the folder of runs
   * @param device what computes; must stay open
   * @return the SAE, to be closed
   */
  static SparseAutoencoder trained(Path vectors, Recipe recipe, Path runs, Device device)
      throws IOException {
    RunFolder run = new RunFolder(runs.resolve(recipe.name()));
    if (!Files.isDirectory(run.trained())) {
      try (ActivationFiles rows =
          ActivationFiles.open(List.of(vectors.toString()), Optional.empty())) {
        TrainingData data = TrainingData.of(rows, Optional.empty(), 0);
        TrainingRun.Settings settings =
            new TrainingRun.Settings(
                run, CheckpointSchedule.DEFAULT, false, 100, Map.of(), Map.of());
        new TrainingRun(settings, recipe.config(), data, device, TrainingListener.NONE)
            .start(Optional.empty(), () -> false);
      }
    }
    return SaeCheckpoint.load(run.trained(), device);
  }

  /**
   * The share of the variance of vectors that an SAE does not reconstruct; to be looked at before
   * indexing.
   */
  static double fvu(SparseAutoencoder sae, Path vectors) throws IOException {
    try (ActivationFiles rows =
        ActivationFiles.open(List.of(vectors.toString()), Optional.empty())) {
      return new Evaluator(sae).evaluate(rows).fvu();
    }
  }

  static SparseCode[] encode(SparseAutoencoder sae, float[][] vectors) {
    SparseCode[] codes = new SparseCode[vectors.length];
    for (int from = 0; from < vectors.length; from += BATCH) {
      float[][] batch = Arrays.copyOfRange(vectors, from, Math.min(vectors.length, from + BATCH));
      SparseCode[] encoded = sae.encode(batch);
      System.arraycopy(encoded, 0, codes, from, encoded.length);
    }
    return codes;
  }
}
