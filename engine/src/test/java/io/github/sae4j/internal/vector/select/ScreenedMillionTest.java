package io.github.sae4j.internal.vector.select;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.internal.vector.select.ScreenedEncoderTest.Kind;
import io.github.sae4j.internal.vector.select.ScreenedEncoderTest.Scene;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * More than a million different vectors whose latents were chosen by a copy, each compared with the
 * plain path once. {@code ./mvnw -Plong -pl engine -Dtest=ScreenedMillionTest test} prints how many
 * there were of each kind.
 */
@Tag("long")
class ScreenedMillionTest {
  private static final int WANTED = 1_000_000;
  private static final int ROWS = 512;
  private static final Path SAMPLE = Path.of("sample", "minilm-l3-sample.safetensors");

  /** Different vectors that were screened, by kind. */
  private final Map<String, Integer> screened = new TreeMap<>();

  private int different;
  private String first = "";
  private int scenes;

  @TempDir Path folder;

  @Test
  void amongAMillionVectorsNoneDiffers() throws IOException {
    try (VectorDevice device = new VectorDevice(2)) {
      trained(device);
      realWidth(device);
      for (long round = 0; total() < WANTED; round++) {
        for (Kind kind : Kind.values()) {
          SplittableRandom random = new SplittableRandom(31 * round + kind.ordinal());
          made(device, kind, random);
        }
      }
    }
    System.out.println("screening: " + total() + " different vectors, " + screened);
    assertEquals(0, different, first);
    assertTrue(screened.keySet().containsAll(List.of("trained", "real width")), "" + screened);
    assertEquals(Kind.values().length + 2, screened.size(), "" + screened);
  }

  private int total() {
    return screened.values().stream().mapToInt(Integer::intValue).sum();
  }

  /** Rows of the sample, and an SAE that was trained on it. */
  private void trained(VectorDevice device) throws IOException {
    Path sample = Path.of("").toAbsolutePath();
    while (!sample.resolve(SAMPLE).toFile().exists()) {
      sample = sample.getParent();
    }
    TrainingConfig config =
        TrainingConfig.fromMap(
            Map.of("recipe", "saelens", "d_sae", 2048, "k", 32, "steps", 300, "lr", 1e-3));
    try (ActivationSource rows =
        ActivationFiles.open(
            List.of(sample.resolve(SAMPLE).toString()), Optional.of("activations"))) {
      RunFolder run = new RunFolder(folder.resolve("run"));
      TrainingRun.Settings settings =
          new TrainingRun.Settings(run, CheckpointSchedule.DEFAULT, false, 100, Map.of(), Map.of());
      new TrainingRun(
              settings,
              config,
              TrainingData.of(rows, Optional.empty(), 0.05),
              device,
              TrainingListener.NONE)
          .start(Optional.empty(), () -> false);
      try (SparseAutoencoder sae =
              SaeCheckpoint.read(
                      run.trained(), device, ReadOptions.NONE.with(ServingPrecision.INT8))
                  .sae();
          OffHeap memory = new OffHeap()) {
        int count = (int) rows.rows();
        Matrix x = memory.matrix(count, rows.width());
        rows.readRange(0, count, x);
        Matrix bDec = sae.config().applyBDecToInput() ? sae.weights().bDec() : null;
        EncoderWeights weights =
            new EncoderWeights(sae.weights().wEnc(), sae.weights().bEnc(), bDec, null);
        Activation topK = sae.config().activation();
        Activation[] all = {topK, Ranked.topK(8, Relu.NONE), Threshold.jumpRelu(0.7f)};
        for (int part = 0; part < count / ROWS; part++) {
          Activation activation = all[part % all.length];
          compare(device, "trained", weights, x.rows(part * ROWS, ROWS), activation);
        }
      }
    }
  }

  /** Random weights and planted rows at d = 768, n = 24,576. */
  private void realWidth(VectorDevice device) {
    SplittableRandom random = new SplittableRandom(5);
    try (OffHeap memory = new OffHeap()) {
      Scene scene =
          ScreenedEncoderTest.scene(memory, Kind.PLANTED, 768, 24576, 16 * ROWS, false, random);
      Activation[] all = {Ranked.topK(32, Relu.BEFORE), Threshold.jumpRelu(200f)};
      for (int part = 0; part < 16; part++) {
        Matrix x = scene.x().rows(part * ROWS, ROWS);
        compare(device, "real width", scene.weights(), x, all[part % 2]);
      }
    }
  }

  private void made(VectorDevice device, Kind kind, SplittableRandom random) {
    int d = 4 + random.nextInt(100);
    int n = 40 + random.nextInt(900);
    try (OffHeap memory = new OffHeap()) {
      Scene scene =
          ScreenedEncoderTest.scene(memory, kind, d, n, ROWS, random.nextBoolean(), random);
      int k = 1 + random.nextInt(40);
      List<Activation> all = ScreenedEncoderTest.activations(n, k, kind, random);
      Activation activation = all.get(random.nextInt(all.size()));
      if (kind == Kind.HUGE) {
        // As they are, nearly all rows are too large to be screened.
        scene.weights().bDec().fill(0f);
        for (int b = 0; b < ROWS; b++) {
          int shift = 12 + random.nextInt(8);
          for (int j = 0; j < d; j++) {
            scene.x().set(b, j, Math.scalb(scene.x().get(b, j), -shift));
          }
        }
        compare(device, kind.toString(), scene.weights(), scene.x(), activation);
      } else {
        compare(device, kind.toString(), scene.weights(), scene.x(), activation);
      }
    }
  }

  /** Encodes rows in small batches from a copy, and all at once by the device's own kernel. */
  private void compare(
      VectorDevice device, String kind, EncoderWeights weights, Matrix x, Activation activation) {
    int[] sizes = {1, 2, 3, 7, 8, 64};
    ServingPrecision precision = scenes++ % 2 == 0 ? ServingPrecision.INT8 : ServingPrecision.BF16;
    Set<Integer> seen = new HashSet<>();
    try (OffHeap memory = new OffHeap();
        ScreenedEncoder encoder =
            (ScreenedEncoder) device.encoder(weights, activation, precision)) {
      SparseCodes expected = memory.codes(x.rows(), 1);
      SparseCodes actual = memory.codes(x.rows(), 1);
      try {
        device.encode(weights, x, activation, expected);
      } catch (NonFiniteException e) {
        return;
      }
      encoder.way = ScreenedEncoder.Way.ONE_BY_ONE;
      float[] row = new float[x.cols()];
      for (int from = 0, s = 0; from < x.rows(); s++) {
        int count = Math.min(sizes[s % sizes.length], x.rows() - from);
        long before = encoder.counts.screened;
        encoder.encode(x.rows(from, count), actual.rows(from, count));
        boolean all = encoder.counts.screened - before == count;
        for (int b = from; b < from + count; b++) {
          if (!ScreenedEncoderTest.same(expected, actual, b)) {
            first = different++ == 0 ? kind + " " + activation + " " + precision + " " + b : first;
          }
          x.read(b, 1, row, 0);
          // The weights are others in every scene, so that only its own rows can be the same.
          if (all && seen.add(Arrays.hashCode(row))) {
            screened.merge(kind, 1, Integer::sum);
          }
        }
        from += count;
      }
    }
  }
}
