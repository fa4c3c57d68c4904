package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.codes.CodeSource;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.writing.SaeLensWriter;
import io.github.sae4j.internal.layout.writing.SaeWriter;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.WriteOptions;
import io.github.sae4j.sae.WriteOptions.Layout;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Mutates the files of checkpoints and reads them: each gives a result or a {@link
 * BadFileException} of one line, and an SAE that loads can encode. System properties as for the
 * formats' own fuzz test: {@code fuzz.seconds} (default 4), {@code fuzz.inputs}, of which this test
 * takes a fiftieth since its inputs are folders, {@code fuzz.seed}.
 */
class CheckpointFuzzTest {
  private static final Object[] VALUES = {
    null,
    true,
    false,
    0L,
    -1L,
    1L,
    3L,
    10L,
    (long) Integer.MAX_VALUE,
    1L << 31,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    1e-300,
    1e-40,
    1e38,
    0.5,
    "",
    "topk",
    "standard",
    "jumprelu",
    "layer_norm",
    "constant_norm_rescale",
    "expected_average_only_in",
    "torch.bfloat16",
    "..",
    "/",
    "x\ny",
    List.of(),
    List.of(1L),
    Map.of(),
    Map.of("k", 2L),
    Map.of("bytes", 1L, "sha256", "")
  };

  /** Reads what a folder holds. */
  private interface Reader {
    void read(Path folder) throws IOException;
  }

  private final Device device = new ScalarDevice();
  private final Map<String, Reader> readers = new TreeMap<>();

  @TempDir Path temp;

  @BeforeEach
  void seeds() throws IOException {
    try (SaeWeights weights = weights()) {
      SaeConfig config = SaeConfig.topK(4, 9, 2);
      Folding nothing = Folding.of(weights.wDec(), 1f, false);
      SaeLensWriter.write(folder("saelens"), config, weights, nothing);
      Files.writeString(
          folder("saelens").resolve("activation_scaler.json"), "{\"scaling_factor\":2}");
      readers.put("saelens", this::encode);

      new SafetensorsWriter()
          .matrix("encoder.weight", weights.wEnc())
          .vector("encoder.bias", weights.bEnc())
          .matrix("W_dec", weights.wDec())
          .vector("b_dec", weights.bDec())
          .write(folder("sparsify").resolve("sae.safetensors"));
      Files.writeString(
          folder("sparsify").resolve("cfg.json"),
          "{\"activation\":\"topk\",\"expansion_factor\":2,\"num_latents\":9,\"k\":2,\"d_in\":4,"
              + "\"transcode\":false,\"skip_connection\":false,\"multi_topk\":false}");
      readers.put("sparsify", this::encode);

      written(config, weights);
      CheckpointWriter.fill(folder("manifest"), 1, 50);
      Manifest.write(folder("manifest"));
      readers.put("manifest", Manifest::verify);
    }
    try (OffHeap memory = new OffHeap()) {
      new TrainerState(1, 2, 3, 1f, 1, 4, Map.of("k", 2L), Map.of("rows", 3L), Map.of())
          .write(folder("trainer"), TrainingState.allocate(memory, 2, 3), Map.of());
    }
    readers.put("trainer", CheckpointFuzzTest::readState);
    published();
  }

  /** What is written in other layouts, metadata in the header of its tensors; and codes. */
  private void written(SaeConfig config, SaeWeights weights) throws IOException {
    SaeConfig known = config.with(SaeMetadata.of(Map.of("model_name", "gpt2", "l0", 2L)));
    SaeWeights tied = SaeWeights.allocateTied(device, 4, 9);
    tied.wDec().copyFrom(weights.wEnc());
    try (SparseAutoencoder sae = new SparseAutoencoder(device, known, tied)) {
      for (Layout layout : List.of(Layout.SPARSIFY, Layout.SENTENCE_TRANSFORMERS)) {
        String kind = "written-" + layout;
        SaeWriter.write(folder(kind), sae, WriteOptions.DEFAULT.with(layout));
        readers.put(kind, this::encode);
      }
    }
    new SafetensorsWriter()
        .metadata("d_sae", "9")
        .ints("indices", new int[] {1, 4, 0, 8, 2, 3}, 3, 2)
        .floats("values", new float[] {1, 2, 3, 4, 5, 6}, 3, 2)
        .write(folder("codes-k").resolve("codes.safetensors"));
    new SafetensorsWriter()
        .longs("indptr", new long[] {0, 2, 2, 5}, 4)
        .ints("indices", new int[] {1, 4, 0, 3, 8}, 5)
        .floats("values", new float[] {1, 2, 3, 4, 5}, 5)
        .write(folder("codes-open").resolve("codes-00001-of-00001.safetensors"));
    Files.writeString(
        folder("codes-lines").resolve("codes.jsonl"),
        "{\"row\": 4, \"features\": {\"1\": 0.42, \"8\": 1.0E-5}}\n"
            + "{\"row\": 5, \"features\": {}}\n{\"row\": 6, \"features\": {\"0\": -3}}\n");
    for (String kind : List.of("codes-k", "codes-open", "codes-lines")) {
      readers.put(kind, CheckpointFuzzTest::readCodes);
    }
  }

  private static void readCodes(Path folder) throws IOException {
    try (CodeSource codes = CodeSource.open(folder);
        OffHeap memory = new OffHeap()) {
      codes.expectLatents(9);
      // From the second row on first, as a shard does.
      int rows = (int) Math.min(codes.rows(), 100);
      SparseCodes target = memory.codes(Math.max(1, rows), 1);
      if (rows > 1) {
        codes.read(1, rows - 1, target.firstRows(rows - 1));
      }
      codes.read(0, rows, target.firstRows(rows));
      target.firstRows(rows).expectIndices(9);
    }
  }

  /** One checkpoint of every published layout; names of folders are those of the golden ones. */
  private void published() throws IOException {
    Path golden = Path.of("src/test/resources/golden/checkpoints");
    List<Path> folders;
    try (var entries = Files.list(golden)) {
      folders = entries.sorted().toList();
    }
    for (Path from : folders) {
      String kind = from.getFileName().toString();
      List<Path> files;
      try (var entries = Files.walk(from)) {
        files = entries.filter(Files::isRegularFile).toList();
      }
      for (Path file : files) {
        String name = file.getFileName().toString();
        if (!name.equals("expected.safetensors") && !name.equals("layer_1.safetensors")) {
          Path to = folder(kind).resolve(from.relativize(file).toString());
          Files.createDirectories(to.getParent());
          Files.copy(file, to);
        }
      }
      boolean open = kind.equals("qwen-scope"); // its k is only in the folder's name
      ReadOptions options =
          new ReadOptions(open ? OptionalInt.of(4) : OptionalInt.empty(), Optional.empty());
      String inner = open ? "SAE-Res-Some-Base-W96-L0_4" : "";
      readers.put(kind, folder -> encode(folder.resolve(inner), options));
    }
  }

  @Test
  void anyFilesGiveAResultOrOneLine() throws IOException {
    long seconds = Long.getLong("fuzz.seconds", 4);
    long asked = Long.getLong("fuzz.inputs", Long.MAX_VALUE);
    long inputs = asked == Long.MAX_VALUE ? asked : asked / 50;
    long seed = Long.getLong("fuzz.seed", System.nanoTime());
    long end =
        inputs == Long.MAX_VALUE ? System.nanoTime() + seconds * 1_000_000_000L : Long.MAX_VALUE;
    for (Map.Entry<String, Reader> each : readers.entrySet()) {
      each.getValue().read(folder(each.getKey())); // sound as they are
    }
    List<String> unexpected = new ArrayList<>();
    long results = 0;
    long number = 0;
    List<String> kinds = List.copyOf(readers.keySet());
    for (; number < inputs && System.nanoTime() < end && unexpected.size() < 10; number++) {
      SplittableRandom random = new SplittableRandom(seed + 0x9e3779b97f4a7c15L * number);
      String kind = kinds.get(random.nextInt(kinds.size()));
      Path file = pick(folder(kind), random);
      byte[] original = Files.readAllBytes(file);
      replaceFile(file, mutate(file, original, random));
      try {
        readers.get(kind).read(folder(kind));
        results++;
      } catch (BadFileException e) {
        if (e.getMessage().lines().count() != 1) {
          unexpected.add(number + " " + kind + ": more than a line: " + e.getMessage());
        }
      } catch (Throwable e) {
        unexpected.add(number + " " + kind + " " + file.getFileName() + ": " + e);
      }
      replaceFile(file, original);
    }
    System.out.println(
        "fuzz checkpoints inputs=%d unexpected=%d seed=%d results=%d"
            .formatted(number, unexpected.size(), seed, results));
    assertEquals(List.of(), unexpected, "seed " + seed);
    assertTrue(results > 0 && results < number, results + " of " + number + " gave a result");
  }

  /** Deleting is many times cheaper than truncating, which waits for the disk. */
  private static void replaceFile(Path file, byte[] content) throws IOException {
    Files.delete(file);
    Files.write(file, content);
  }

  private void encode(Path folder) throws IOException {
    encode(folder, ReadOptions.NONE);
  }

  private void encode(Path folder, ReadOptions options) throws IOException {
    try (SparseAutoencoder sae = SaeCheckpoint.read(folder, device, options).sae()) {
      sae.reconstruct(new float[sae.config().dIn()]);
    } catch (ArithmeticException e) {
      // Weights of any size are valid; encoding a row may overflow, with an error.
      assertTrue(e.getMessage().startsWith("pre-activation of row 0"), e.getMessage());
    }
  }

  private static void readState(Path folder) throws IOException {
    TrainerState.read(folder);
    try (OffHeap memory = new OffHeap()) {
      TrainerState.readTensors(folder, TrainingState.allocate(memory, 2, 3), Map.of());
    }
  }

  private static Path pick(Path folder, SplittableRandom random) throws IOException {
    List<Path> files;
    try (var entries = Files.walk(folder)) {
      files = entries.filter(Files::isRegularFile).sorted().toList();
    }
    List<Path> json = files.stream().filter(f -> f.toString().endsWith(".json")).toList();
    List<Path> from = random.nextInt(4) > 0 && !json.isEmpty() ? json : files;
    return from.get(random.nextInt(from.size()));
  }

  private static byte[] mutate(Path file, byte[] original, SplittableRandom random)
      throws IOException {
    if (file.toString().endsWith(".json") && random.nextInt(4) > 0) {
      Object value = Json.parse(file, original);
      for (int times = 1 + random.nextInt(3); times > 0; times--) {
        value = replace(value, random);
      }
      return Json.line(value).getBytes(StandardCharsets.UTF_8);
    }
    byte[] bytes = original.clone();
    int length = Math.min(bytes.length, 400); // headers, mostly
    switch (random.nextInt(3)) {
      case 0 -> bytes[random.nextInt(length)] ^= (byte) (1 << random.nextInt(8));
      case 1 -> bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      default -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 9));
    }
    return bytes;
  }

  /** The value with one part somewhere in it replaced, removed or added. */
  private static Object replace(Object value, SplittableRandom random) {
    if (value instanceof Map<?, ?> members && random.nextInt(10) > 0) {
      Map<String, Object> copy = new LinkedHashMap<>();
      members.forEach((key, member) -> copy.put((String) key, member));
      if (copy.isEmpty() || random.nextInt(10) == 0) {
        copy.put("k", VALUES[random.nextInt(VALUES.length)]);
        return copy;
      }
      String key = List.copyOf(copy.keySet()).get(random.nextInt(copy.size()));
      if (random.nextInt(5) == 0) {
        copy.put("../" + key, copy.remove(key));
      } else {
        copy.put(key, replace(copy.get(key), random));
      }
      return copy;
    }
    return VALUES[random.nextInt(VALUES.length)];
  }

  private Path folder(String kind) throws IOException {
    return Files.createDirectories(temp.resolve(kind));
  }

  private SaeWeights weights() {
    SaeWeights weights = SaeWeights.allocate(device, 4, 9);
    SplittableRandom random = new SplittableRandom(1);
    for (Matrix m : List.of(weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec())) {
      for (int r = 0; r < m.rows(); r++) {
        for (int c = 0; c < m.cols(); c++) {
          m.set(r, c, (float) random.nextDouble(-1, 1));
        }
      }
    }
    return weights;
  }
}
