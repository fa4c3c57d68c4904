package io.github.sae4j.internal.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every published layout, read and compared with the numbers of its own library: activations and
 * reconstructions to 1e-5, the same latents selected. The README beside the files says what made
 * them.
 */
public class PublishedSaesTest {
  public static final Path GOLDEN = Path.of("src/test/resources/golden/checkpoints");

  /**
   * A checkpoint and the tensors that it is to give.
   *
   * @param path folder or file
   * @param expected the folder with {@code expected.safetensors}
   * @param acts name of the activations there
   * @param recon name of the reconstruction there; null if there is none of these activations
   */
  public record Case(
      String path, String expected, String acts, String recon, ReadOptions options, String family) {
    @Override
    public String toString() {
      return path + " " + acts;
    }
  }

  private static Case usual(String name, String family) {
    return new Case(name, name, "feature_acts", "recon", ReadOptions.NONE, family);
  }

  private static Case other(
      String name, String path, String acts, String recon, ReadOptions options, String family) {
    return new Case(name + path, name, acts, recon, options, family);
  }

  private static ReadOptions k(int k) {
    return new ReadOptions(OptionalInt.of(k), Optional.empty());
  }

  private static ReadOptions activation(Choice choice) {
    return new ReadOptions(OptionalInt.empty(), Optional.of(choice));
  }

  public static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (String name :
        List.of("topk", "topk-rescaled", "topk-layernorm", "topk-constnorm", "standard", "gated")) {
      cases.add(usual("saelens-" + name, "SAELens " + name.split("-")[0]));
    }
    cases.add(usual("saelens-jumprelu", "SAELens jumprelu"));
    cases.add(usual("saelens-batchtopk", "SAELens jumprelu"));
    cases.add(usual("saelens-batchtopk-inference", "SAELens jumprelu"));
    cases.add(usual("saelens-matryoshka-inference", "SAELens jumprelu"));
    cases.add(usual("saelens-transcoder", "SAELens transcoder"));
    cases.add(usual("saelens-skip-transcoder", "SAELens skip_transcoder"));
    cases.add(usual("saelens-jumprelu-transcoder", "SAELens jumprelu_transcoder"));
    // Training classes select over the batch; an SAE maps single vectors.
    for (String[] name :
        new String[][] {{"batchtopk", "batchtopk"}, {"matryoshka", "matryoshka_batchtopk"}}) {
      cases.add(
          other(
              "saelens-" + name[0] + "-training",
              "",
              "threshold_acts",
              "threshold_recon",
              ReadOptions.NONE,
              "SAELens " + name[1]));
    }
    cases.add(usual("sparsify-topk", "sparsify"));
    cases.add(usual("sparsify-groupmax", "sparsify"));
    cases.add(usual("sparsify-skip-transcoder", "sparsify"));
    cases.add(usual("gemma-scope", "Gemma Scope"));
    cases.add(usual("gemma-scope-2", "Gemma Scope 2"));
    cases.add(usual("gemma-scope-2-affine", "Gemma Scope 2"));
    cases.add(usual("llama-scope", "Llama Scope"));
    cases.add(usual("llama-scope-prebias", "Llama Scope"));
    cases.add(
        other(
            "llama-scope",
            "/checkpoints/final.safetensors",
            "feature_acts",
            "recon",
            ReadOptions.NONE,
            "Llama Scope"));
    for (String[] name :
        new String[][] {
          {"standard", "AutoEncoder"},
          {"april", "AutoEncoderNew"},
          {"gated", "GatedAutoEncoder"},
          {"topk", "AutoEncoderTopK"},
          {"batchtopk", "BatchTopKSAE"},
          {"matryoshka", "MatryoshkaBatchTopKSAE"},
          {"jumprelu", "JumpReluAutoEncoder"}
        }) {
      cases.add(usual("dictionary-learning-" + name[0], "dictionary_learning " + name[1]));
    }
    String unset = "dictionary-learning-batchtopk-unset";
    String batchTopK = "dictionary_learning BatchTopKSAE";
    cases.add(other(unset, "", "feature_acts", "recon", activation(Choice.RELU), batchTopK));
    cases.add(
        other(
            "dictionary-learning-topk",
            "/ae.pt",
            "topk_acts",
            null,
            ReadOptions.NONE,
            "dictionary_learning AutoEncoderTopK"));
    cases.add(usual("openai-v5", "OpenAI"));
    String qwen = "/SAE-Res-Some-Base-W96-L0_4";
    cases.add(other("qwen-scope", qwen, "feature_acts", "recon", k(4), "Qwen-Scope"));
    cases.add(
        other(
            "qwen-scope",
            qwen + "/layer3.sae.pt",
            "feature_acts",
            "recon",
            new ReadOptions(OptionalInt.of(4), Optional.of(Choice.TOPK)),
            "Qwen-Scope"));
    for (String name :
        List.of("sentence-transformers-csr", "sentence-transformers-csr-normalize")) {
      String family = "sentence-transformers SparseAutoEncoder";
      cases.add(usual(name, family));
      cases.add(
          other(name, "/2_SparseAutoEncoder", "feature_acts", "recon", ReadOptions.NONE, family));
      cases.add(other(name, "", "feature_acts_2", null, k(2), family));
    }
    for (String name : List.of("jumprelu-skip", "relu", "topk")) {
      String folder = "circuit-tracer-" + name;
      cases.add(
          other(
              folder,
              "/layer_0.safetensors",
              "feature_acts",
              "recon",
              ReadOptions.NONE,
              "circuit-tracer"));
      cases.add(
          other(
              folder,
              "/layer_1.safetensors",
              "feature_acts_1",
              "recon_1",
              ReadOptions.NONE,
              "circuit-tracer"));
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void givesTheNumbersOfItsOwnLibrary(Case each) throws IOException {
    for (String name : List.of("scalar", "cpu")) {
      try (Device device = Devices.open(name, DeviceOptions.DEFAULT)) {
        LoadedSae loaded = SaeReader.read(GOLDEN.resolve(each.path()), device, each.options());
        try (SparseAutoencoder sae = loaded.sae()) {
          assertEquals(each.family(), loaded.family());
          check(sae, each);
        }
      }
    }
  }

  private static void check(SparseAutoencoder sae, Case each) throws IOException {
    Path file = GOLDEN.resolve(each.expected()).resolve("expected.safetensors");
    try (TensorFile expected = SafetensorsFile.open(file);
        OffHeap memory = sae.device().openMemory()) {
      Matrix x = tensor(expected, "x", memory);
      float[] acts = tensor(expected, each.acts(), memory).toArray();
      SparseCodes codes = memory.codes(x.rows(), 0);
      sae.encode(x, codes);
      float[] dense = new float[acts.length];
      int n = sae.config().dSae();
      for (int b = 0; b < x.rows(); b++) {
        for (int slot = 0; slot < codes.length(b); slot++) {
          dense[b * n + codes.index(b, slot)] = codes.value(b, slot);
        }
      }
      for (int i = 0; i < dense.length; i++) {
        assertEquals(acts[i] != 0, dense[i] != 0, "selection of latent " + i % n);
      }
      assertClose(acts, dense);
      if (each.recon() != null) {
        Matrix out = memory.matrix(x.rows(), sae.config().dOut());
        sae.decode(codes, x, out);
        assertClose(tensor(expected, each.recon(), memory).toArray(), out.toArray());
      }
    }
  }

  /** Roundings of f32 sums over d_in columns in another order stay below 1e-5. */
  private static void assertClose(float[] expected, float[] actual) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      error += ((double) expected[i] - actual[i]) * ((double) expected[i] - actual[i]);
      norm += (double) expected[i] * expected[i];
    }
    double relative = Math.sqrt(error / norm);
    assertTrue(relative <= 1e-5, "relative error " + relative);
  }

  private static Matrix tensor(TensorFile file, String name, OffHeap memory) throws IOException {
    TensorInfo info = file.tensor(name);
    int rows = Math.toIntExact(info.shape().get(0));
    Matrix matrix = memory.matrix(rows, Math.toIntExact(info.shape().get(1)));
    file.readFloats(info, 0, info.elements(), matrix.segment(), 0);
    return matrix;
  }

  @Test
  void everyGoldenCheckpointIsTried() throws IOException {
    Set<String> tried = new TreeSet<>();
    cases().forEach(each -> tried.add(each.expected()));
    try (Stream<Path> folders = Files.list(GOLDEN)) {
      Set<String> there = new TreeSet<>(folders.map(f -> f.getFileName().toString()).toList());
      assertEquals(there, tried);
    }
  }

  /** Its own library would apply plain ReLU: an L0 of hundreds in place of k. */
  @Test
  void batchTopKWithoutThresholdIsTopKOfEachRowWithAWarning() throws IOException {
    Path folder = GOLDEN.resolve("dictionary-learning-batchtopk-unset");
    try (Device device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      LoadedSae loaded = SaeReader.read(folder, device, ReadOptions.NONE);
      try (SparseAutoencoder sae = loaded.sae();
          TensorFile expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
          OffHeap memory = device.openMemory()) {
        assertEquals(1, loaded.warnings().size());
        assertTrue(loaded.warnings().getFirst().contains("never estimated"));
        Matrix x = tensor(expected, "x", memory);
        float[] relu = tensor(expected, "feature_acts", memory).toArray();
        for (int b = 0; b < x.rows(); b++) {
          float[] row = new float[x.cols()];
          x.read(b, 1, row, 0);
          var code = sae.encode(row);
          assertEquals(4, code.length());
          // The largest of what ReLU gives, with the same values.
          float[] all = java.util.Arrays.copyOfRange(relu, b * 96, (b + 1) * 96);
          float[] sorted = all.clone();
          java.util.Arrays.sort(sorted);
          for (int slot = 0; slot < 4; slot++) {
            assertTrue(all[code.indices()[slot]] >= sorted[92]);
            assertEquals(all[code.indices()[slot]], code.values()[slot], 1e-4f);
          }
        }
      }
    }
  }

  private static String refusal(String path, ReadOptions options) {
    try (Device device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      return assertThrows(
              BadFileException.class,
              () -> SaeReader.read(GOLDEN.resolve(path), device, options).sae().close())
          .getMessage();
    }
  }

  @Test
  void whatIsMissingOrContradictedIsNamed() {
    String qwen = "qwen-scope/SAE-Res-Some-Base-W96-L0_4";
    assertTrue(refusal(qwen, ReadOptions.NONE).contains("k: expected in the file, found nothing"));
    assertTrue(refusal(qwen, activation(Choice.RELU)).contains("is topk by the file"));
    assertTrue(refusal("openai-v5", k(5)).contains("k: is 4 by the file, asked for 5"));
    assertTrue(
        refusal("circuit-tracer-relu", ReadOptions.NONE).contains("found several: name one"));
    assertTrue(refusal("gemma-scope", activation(Choice.RELU)).contains("is jumprelu by the file"));
    assertTrue(refusal("saelens-gated", activation(Choice.RELU)).contains("is gated by the file"));
  }
}
