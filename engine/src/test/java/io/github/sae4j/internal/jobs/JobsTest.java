package io.github.sae4j.internal.jobs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.codes.CodeSource;
import io.github.sae4j.internal.jobs.JobResult.Outcome;
import io.github.sae4j.internal.json.CodeLine;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JobsTest {
  private static final int D = 9;
  private static final int N = 40;
  private static final int ROWS = 103;

  @TempDir private Path folder;
  private final Device device = Devices.open("cpu", DeviceOptions.DEFAULT);
  private final OffHeap memory = new OffHeap();
  private final float[][] rows = new float[ROWS][D];
  private ActivationFiles source;

  @BeforeEach
  void writeRows() throws IOException {
    Random random = new Random(3);
    Matrix x = memory.matrix(ROWS, D);
    for (int b = 0; b < ROWS; b++) {
      for (int j = 0; j < D; j++) {
        rows[b][j] = (float) random.nextGaussian();
      }
      x.write(b, 1, rows[b], 0);
    }
    Path file = folder.resolve("x.safetensors");
    new SafetensorsWriter().matrix("activations", x).write(file);
    source = ActivationFiles.open(List.of(file.toString()), Optional.empty());
  }

  @AfterEach
  void close() throws IOException {
    source.close();
    memory.close();
    device.close();
  }

  static Stream<SaeConfig> kinds() {
    return Stream.of(
        config(Ranked.topK(5, Relu.AFTER)),
        config(Ranked.topK(5, Relu.NONE)),
        config(Threshold.jumpRelu(0.7f)),
        config(Threshold.jumpRelu(1e9f)), // nothing is ever active
        config(Ranked.topK(5, Relu.AFTER)).with(InputNormalization.LAYER_NORM));
  }

  private static SaeConfig config(Activation activation) {
    return SaeConfig.of(D, N, activation);
  }

  private SparseAutoencoder sae(SaeConfig config) {
    return sae(config, 4);
  }

  private SparseAutoencoder sae(SaeConfig config, long seed) {
    SaeWeights weights = SaeWeights.allocate(device, D, N);
    Random random = new Random(seed);
    for (Matrix m : List.of(weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec())) {
      for (int r = 0; r < m.rows(); r++) {
        for (int c = 0; c < m.cols(); c++) {
          m.set(r, c, (float) random.nextGaussian());
        }
      }
    }
    return new SparseAutoencoder(device, config, weights);
  }

  private JobSettings settings(String output, Shard shard) {
    return new JobSettings(folder.resolve(output), shard, OptionalLong.of(7), JobListener.NONE);
  }

  private static JobSettings stopping(JobSettings settings, int after) {
    int[] chunks = {0};
    JobListener listener =
        new JobListener() {
          @Override
          public void rows(long done, long rows) {}

          @Override
          public boolean stop() {
            return chunks[0]++ >= after;
          }
        };
    return new JobSettings(settings.output(), settings.shard(), settings.recordEvery(), listener);
  }

  private SparseCode[] read(Path codes, int dSae) throws IOException {
    try (CodeSource read = CodeSource.open(codes)) {
      read.expectLatents(dSae);
      SparseCode[] all = new SparseCode[(int) read.rows()];
      SparseCodes chunk = memory.codes(10, 1);
      for (int first = 0; first < all.length; first += 10) {
        int count = Math.min(10, all.length - first);
        read.read(first, count, chunk.firstRows(count));
        for (int b = 0; b < count; b++) {
          int[] indices = new int[chunk.length(b)];
          float[] values = new float[indices.length];
          for (int slot = 0; slot < indices.length; slot++) {
            indices[slot] = chunk.index(b, slot);
            values[slot] = chunk.value(b, slot);
          }
          all[first + b] = new SparseCode(indices, values);
        }
      }
      return all;
    }
  }

  /** What lines of JSON keep: latents of value 0 are not active. */
  private static SparseCode withoutZeros(SparseCode code) {
    List<Integer> kept = new ArrayList<>();
    for (int i = 0; i < code.length(); i++) {
      if (code.values()[i] != 0) {
        kept.add(i);
      }
    }
    int[] indices = new int[kept.size()];
    float[] values = new float[kept.size()];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = code.indices()[kept.get(i)];
      values[i] = code.values()[kept.get(i)];
    }
    return new SparseCode(indices, values);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void codesAreThoseOfTheSaeInBothForms(SaeConfig config) throws IOException {
    try (SparseAutoencoder sae = sae(config)) {
      SparseCode[] expected = sae.encode(rows);
      JobResult tensors =
          Jobs.encode(sae, source, new CodeFormat.Safetensors(), settings("t", Shard.WHOLE));
      assertEquals(
          new JobResult(Outcome.DONE, ROWS, ROWS, List.of(folder.resolve("t/codes.safetensors"))),
          tensors);
      assertArrayEquals(expected, read(folder.resolve("t"), N));
      JobResult lines =
          Jobs.encode(sae, source, new CodeFormat.JsonLines(), settings("l", Shard.WHOLE));
      assertEquals(List.of(folder.resolve("l/codes.jsonl")), lines.files());
      SparseCode[] read = read(folder.resolve("l/codes.jsonl"), N);
      for (int b = 0; b < ROWS; b++) {
        assertEquals(withoutZeros(expected[b]), read[b]);
      }
      try (Stream<Path> entries = Files.list(folder.resolve("t"))) {
        assertEquals(
            List.of("codes.json", "codes.safetensors"),
            entries.map(entry -> entry.getFileName().toString()).sorted().toList());
      }
    }
  }

  @Test
  void theTensorsHaveTheShapesThatAreSaid() throws IOException {
    try (SparseAutoencoder topK = sae(config(Ranked.topK(5, Relu.AFTER)));
        SparseAutoencoder relu = sae(config(Threshold.RELU))) {
      Jobs.encode(topK, source, new CodeFormat.Safetensors(), settings("k", Shard.WHOLE));
      Jobs.encode(relu, source, new CodeFormat.Safetensors(), settings("r", Shard.WHOLE));
      try (TensorFile file = SafetensorsFile.open(folder.resolve("k/codes.safetensors"))) {
        assertEquals(List.of(103L, 5L), file.tensor("indices").shape());
        assertEquals(ElementType.I32, file.tensor("indices").type());
        assertEquals(List.of(103L, 5L), file.tensor("values").shape());
        assertEquals(ElementType.F32, file.tensor("values").type());
        assertEquals(Map.of("d_sae", "40", "first_row", "0"), file.metadata());
      }
      try (TensorFile file = SafetensorsFile.open(folder.resolve("r/codes.safetensors"))) {
        assertEquals(List.of(104L), file.tensor("indptr").shape());
        assertEquals(ElementType.I64, file.tensor("indptr").type());
        assertEquals(1, file.tensor("indices").shape().size());
        assertEquals(ElementType.I32, file.tensor("indices").type());
        assertEquals(file.tensor("indices").shape(), file.tensor("values").shape());
      }
    }
  }

  @Test
  void aLineHasTheFormThatIsSaid() throws IOException {
    try (SparseAutoencoder sae = sae(config(Ranked.topK(1, Relu.NONE)))) {
      Jobs.encode(sae, source, new CodeFormat.JsonLines(), settings("l", Shard.WHOLE));
      List<String> lines = Files.readAllLines(folder.resolve("l/codes.jsonl"));
      SparseCode code = sae.encode(rows[17]);
      assertEquals(
          "{\"row\": 17, \"features\": {\"" + code.indices()[0] + "\": " + code.values()[0] + "}}",
          lines.get(17));
    }
  }

  /** Shards in any order: together they are the whole. */
  @ParameterizedTest
  @ValueSource(ints = {2, 5})
  void shardsAreTheWholeInParts(int count) throws IOException {
    for (CodeFormat format : List.of(new CodeFormat.Safetensors(), new CodeFormat.JsonLines())) {
      for (SaeConfig config : kinds().toList().subList(0, 3)) {
        try (SparseAutoencoder sae = sae(config)) {
          String output = "s" + System.nanoTime();
          for (int number = count; number >= 1; number--) {
            JobResult result =
                Jobs.encode(sae, source, format, settings(output, new Shard(number, count)));
            assertEquals(Outcome.DONE, result.outcome());
          }
          SparseCode[] expected = sae.encode(rows);
          SparseCode[] read = read(folder.resolve(output), N);
          for (int b = 0; b < ROWS; b++) {
            assertEquals(withoutZeros(expected[b]), withoutZeros(read[b]));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void shardsMayHaveNoRows(SaeConfig config) throws IOException {
    Matrix few = memory.matrix(3, D);
    for (int b = 0; b < 3; b++) {
      few.write(b, 1, rows[b], 0);
    }
    MatrixSource three = new MatrixSource(few, "three");
    try (SparseAutoencoder sae = sae(config)) {
      for (CodeFormat format : List.of(new CodeFormat.Safetensors(), new CodeFormat.JsonLines())) {
        String output = "s" + System.nanoTime();
        for (int number = 1; number <= 5; number++) {
          Jobs.encode(sae, three, format, settings(output, new Shard(number, 5)));
        }
        SparseCode[] read = read(folder.resolve(output), N);
        assertEquals(3, read.length);
        for (int b = 0; b < 3; b++) {
          assertEquals(withoutZeros(sae.encode(rows[b])), withoutZeros(read[b]));
        }
      }
    }
  }

  @Test
  void shardsDivideAllRowsEvenly() {
    for (long rows : new long[] {0, 1, 5, 1000, (1L << 47) - 1}) {
      for (int count : new int[] {1, 3, 7, 1 << 20}) {
        long before = 0;
        for (int number : new int[] {1, 2, 3, count / 2, count}) {
          if (number >= 1 && number <= count) {
            Shard shard = new Shard(number, count);
            long size = shard.end(rows) - shard.first(rows);
            assertTrue(size >= rows / count && size <= rows / count + 1);
            before = shard.end(rows);
          }
        }
        assertEquals(rows, before);
        assertEquals(0, new Shard(1, count).first(rows));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1/2/"})
  void whatIsNoShardIsRefused(String text) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Shard.parse(text)).getMessage();
    assertTrue(message.startsWith("shard: expected i/n"), message);
  }

  /** Stopped after every chunk and begun again, each job ends with the bytes of one left alone. */
  @ParameterizedTest
  @MethodSource("kinds")
  void whatWasStoppedGoesOn(SaeConfig config) throws IOException {
    LatentEdits edits = LatentEdits.NONE.set(3, 1.5f).ablate(7);
    try (SparseAutoencoder sae = sae(config)) {
      for (CodeFormat format :
          List.of(new CodeFormat.Safetensors(), new CodeFormat.JsonLines(), delphi(1, 3))) {
        String alone = "alone" + System.nanoTime();
        String stopped = "stopped" + System.nanoTime();
        List<Path> files = Jobs.encode(sae, source, format, settings(alone, Shard.WHOLE)).files();
        int rounds = 0;
        JobResult result;
        do {
          JobSettings settings = stopping(settings(stopped, Shard.WHOLE), 3);
          result = Jobs.encode(sae, source, format, settings);
          assertEquals(Math.min(ROWS, ++rounds * 21), result.rows());
        } while (result.outcome() == Outcome.STOPPED);
        assertEquals(5, rounds);
        for (Path file : files) {
          Path other = folder.resolve(stopped).resolve(folder.resolve(alone).relativize(file));
          assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(other), file.toString());
        }
      }
      JobSettings first = stopping(settings("edit", Shard.WHOLE), 2);
      assertEquals(14, Jobs.edit(sae, source, Optional.empty(), edits, first).rows());
      JobSettings then = settings("edit", Shard.WHOLE);
      Path edited = Jobs.edit(sae, source, Optional.empty(), edits, then).files().getFirst();
      assertArrayEquals(sae.edit(rows, edits), tensor(edited, D));
    }
  }

  private float[][] tensor(Path file, int width) throws IOException {
    try (TensorFile tensors = SafetensorsFile.open(file)) {
      TensorInfo info = tensors.tensor("activations");
      int count = Math.toIntExact(info.shape().get(0));
      assertEquals(width, info.shape().get(1));
      float[][] read = new float[count][width];
      for (int b = 0; b < count; b++) {
        tensors.readFloats(info, (long) b * width, width, MemorySegment.ofArray(read[b]), 0);
      }
      return read;
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void decodingCodesGivesReconstructions(SaeConfig config) throws IOException {
    try (SparseAutoencoder sae = sae(config)) {
      for (CodeFormat format : List.of(new CodeFormat.Safetensors(), new CodeFormat.JsonLines())) {
        String output = "d" + System.nanoTime();
        for (int number = 1; number <= 3; number++) {
          Jobs.encode(sae, source, format, settings(output, new Shard(number, 3)));
        }
        try (CodeSource codes = CodeSource.open(folder.resolve(output))) {
          Optional<ActivationSource> given =
              sae.decodingNeedsRows() ? Optional.of(source) : Optional.empty();
          float[][] expected = sae.reconstruct(rows);
          int before = 0;
          for (int number = 1; number <= 2; number++) {
            JobSettings settings = settings(output + "-out", new Shard(number, 2));
            Path file = Jobs.decode(sae, codes, given, settings).files().getFirst();
            for (float[] row : tensor(file, D)) {
              assertArrayEquals(expected[before++], row);
            }
          }
          assertEquals(ROWS, before);
          if (sae.decodingNeedsRows()) {
            String message =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                            Jobs.decode(
                                sae, codes, Optional.empty(), settings("none", Shard.WHOLE)))
                    .getMessage();
            assertTrue(message.startsWith("activations: expected the rows"), message);
          }
        }
      }
    }
  }

  @Test
  void theSameAgainIsFoundAndDamageIsMended() throws IOException {
    try (SparseAutoencoder sae = sae(config(Threshold.RELU))) {
      JobSettings settings = settings("o", Shard.WHOLE);
      Path file = Jobs.encode(sae, source, new CodeFormat.Safetensors(), settings).files().get(0);
      byte[] bytes = Files.readAllBytes(file);
      Files.setLastModifiedTime(file, FileTime.fromMillis(0));
      JobResult again = Jobs.encode(sae, source, new CodeFormat.Safetensors(), settings);
      assertEquals(Outcome.FOUND, again.outcome());
      assertEquals(0, Files.getLastModifiedTime(file).toMillis());
      byte[] damaged = bytes.clone();
      damaged[damaged.length - 1] ^= 1;
      Files.write(file, damaged);
      JobResult mended = Jobs.encode(sae, source, new CodeFormat.Safetensors(), settings);
      assertEquals(Outcome.DONE, mended.outcome());
      assertArrayEquals(bytes, Files.readAllBytes(file));
      Files.delete(file);
      Jobs.encode(sae, source, new CodeFormat.Safetensors(), settings);
      assertArrayEquals(bytes, Files.readAllBytes(file));
      Map<String, Object> manifest = Json.readObject(folder.resolve("o/codes.json"), 1 << 20);
      assertEquals(103L, manifest.get("rows"));
      Map<?, ?> facts = (Map<?, ?>) ((Map<?, ?>) manifest.get("files")).get("codes.safetensors");
      assertEquals((long) bytes.length, facts.get("bytes"));
    }
  }

  @Test
  void filesOfAnotherJobAreNotReplaced() throws IOException {
    try (SparseAutoencoder sae = sae(config(Threshold.RELU));
        SparseAutoencoder other = sae(config(Threshold.RELU), 5)) {
      JobSettings settings = settings("o", Shard.WHOLE);
      CodeFormat format = new CodeFormat.Safetensors();
      Path file = Jobs.encode(sae, source, format, settings).files().get(0);
      byte[] bytes = Files.readAllBytes(file);
      String message =
          assertThrows(IOException.class, () -> Jobs.encode(other, source, format, settings))
              .getMessage();
      assertTrue(message.contains("is of another job (sae was "), message);
      message =
          assertThrows(
                  IOException.class,
                  () -> Jobs.encode(sae, source, new CodeFormat.JsonLines(), settings))
              .getMessage();
      assertTrue(message.contains("is of another job (other output)"), message);
      assertArrayEquals(bytes, Files.readAllBytes(file));
      Files.delete(folder.resolve("o/codes.json"));
      message =
          assertThrows(IOException.class, () -> Jobs.encode(sae, source, format, settings))
              .getMessage();
      assertTrue(message.contains("was not written by this job"), message);
      assertArrayEquals(bytes, Files.readAllBytes(file));
    }
  }

  /** What was begun for another SAE is not gone on with: its bytes would be a mixture. */
  @Test
  void partsOfAnotherSaeAreBegunAnew() throws IOException {
    try (SparseAutoencoder sae = sae(config(Threshold.RELU));
        SparseAutoencoder other = sae(config(Threshold.RELU), 5)) {
      CodeFormat format = new CodeFormat.Safetensors();
      JobSettings settings = settings("o", Shard.WHOLE);
      Jobs.encode(other, source, format, stopping(settings, 4));
      Jobs.encode(sae, source, format, settings);
      assertArrayEquals(sae.encode(rows), read(folder.resolve("o"), N));
    }
  }

  @Test
  void oneJobAtATimeIsAtAShard() throws IOException {
    try (SparseAutoencoder sae = sae(config(Threshold.RELU))) {
      CodeFormat format = new CodeFormat.Safetensors();
      JobSettings settings = settings("o", Shard.WHOLE);
      JobListener nested =
          (done, all) -> {
            if (done == 14) {
              String message =
                  assertThrows(IOException.class, () -> Jobs.encode(sae, source, format, settings))
                      .getMessage();
              assertTrue(message.contains("already writing"), message);
            }
          };
      JobSettings outer =
          new JobSettings(settings.output(), settings.shard(), settings.recordEvery(), nested);
      assertEquals(Outcome.DONE, Jobs.encode(sae, source, format, outer).outcome());
    }
  }

  @Test
  void aRowThatIsNotFiniteIsNamedAndWhatWasDoneIsKept() throws IOException {
    rows[95][2] = Float.NaN;
    Matrix x = memory.matrix(ROWS, D);
    for (int b = 0; b < ROWS; b++) {
      x.write(b, 1, rows[b], 0);
    }
    Path file = folder.resolve("bad.safetensors");
    new SafetensorsWriter().matrix("activations", x).write(file);
    try (SparseAutoencoder sae = sae(config(Ranked.topK(5, Relu.AFTER)));
        ActivationFiles bad = ActivationFiles.open(List.of(file.toString()), Optional.empty())) {
      CodeFormat format = new CodeFormat.Safetensors();
      JobSettings settings = settings("o", Shard.WHOLE);
      String message =
          assertThrows(BadFileException.class, () -> Jobs.encode(sae, bad, format, settings))
              .getMessage();
      assertTrue(message.contains("bad.safetensors: row 95 holds NaN at column 2"), message);
      assertFalse(Files.exists(folder.resolve("o/codes.safetensors")));
      Map<String, Object> record =
          Json.readObject(folder.resolve("o/.codes.partial/progress.json"), 1 << 20);
      assertTrue((long) record.get("rows") >= 70, record::toString);
      LatentEdits edits = LatentEdits.NONE.ablate(1);
      message =
          assertThrows(
                  BadFileException.class,
                  () -> Jobs.edit(sae, bad, Optional.empty(), edits, settings("e", Shard.WHOLE)))
              .getMessage();
      assertTrue(message.contains("row 95 holds NaN at column 2"), message);
    }
  }

  private static CodeFormat.Delphi delphi(int context, int splits) {
    return new CodeFormat.Delphi(
        "blocks.3.hook_resid_pre",
        context,
        splits,
        Optional.of("gpt2"),
        Optional.empty(),
        Optional.empty());
  }

  /** Read with nothing of ours but the parser of JSON, as numpy would. */
  @Test
  void delphisCacheHoldsWhatDelphiReads() throws IOException {
    Matrix first = memory.matrix(102, D);
    for (int b = 0; b < 102; b++) {
      first.write(b, 1, rows[b], 0);
    }
    Path file = folder.resolve("seq.safetensors");
    new SafetensorsWriter().tensor("h", first, ElementType.F32, 17, 6, D).write(file);
    Path tokens = folder.resolve("tokens.safetensors");
    long[] ids = new long[102];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 1000 + i;
    }
    new SafetensorsWriter().longs("ids", ids, 17, 6).write(tokens);
    try (SparseAutoencoder sae = sae(config(Threshold.RELU));
        ActivationFiles sequences =
            ActivationFiles.open(List.of(file.toString()), Optional.empty())) {
      assertEquals(6, sequences.contextSize().getAsInt());
      CodeFormat format =
          new CodeFormat.Delphi(
              "layers.3", 6, 3, Optional.of("gpt2"), Optional.of("a/b"), Optional.of(tokens));
      Jobs.encode(sae, sequences, format, settings("o", Shard.WHOLE));
      Path module = folder.resolve("o/layers.3");
      try (Stream<Path> entries = Files.list(folder.resolve("o"))) {
        // Delphi takes every entry for a module.
        assertEquals(List.of(module), entries.toList());
      }
      float[][] dense = new float[102][];
      for (int b = 0; b < 102; b++) {
        dense[b] = sae.encode(rows[b]).toDense(N);
      }
      for (int[] range : new int[][] {{0, 12}, {13, 25}, {26, 39}}) {
        byte[] bytes =
            Files.readAllBytes(module.resolve(range[0] + "_" + range[1] + ".safetensors"));
        ByteBuffer data = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) data.getLong();
        Map<?, ?> header = (Map<?, ?>) Json.parse(module, Arrays.copyOfRange(bytes, 8, 8 + length));
        Map<?, ?> locations = (Map<?, ?>) header.get("locations");
        Map<?, ?> activations = (Map<?, ?>) header.get("activations");
        assertEquals("U16", locations.get("dtype"));
        assertEquals("F16", activations.get("dtype"));
        int at = 8 + length + start(locations);
        int value = 8 + length + start(activations);
        long count = (Long) ((List<?>) activations.get("shape")).getFirst();
        assertEquals(List.of(count, 3L), locations.get("shape"));
        int seen = 0;
        for (int b = 0; b < 102; b++) {
          for (int i = range[0]; i <= range[1]; i++) {
            if (Math.abs(dense[b][i]) > 1e-5f) {
              assertEquals(b / 6, data.getShort(at + 6 * seen));
              assertEquals(b % 6, data.getShort(at + 6 * seen + 2));
              assertEquals(i - range[0], data.getShort(at + 6 * seen + 4));
              assertEquals(Float.floatToFloat16(dense[b][i]), data.getShort(value + 2 * seen));
              seen++;
            }
          }
        }
        assertEquals(count, seen);
        Map<?, ?> kept = (Map<?, ?>) header.get("tokens");
        assertEquals("I64", kept.get("dtype"));
        assertEquals(List.of(17L, 6L), kept.get("shape"));
        assertEquals(1101, data.getLong(8 + length + start(kept) + 8 * 101));
      }
      Map<String, Object> config = Json.readObject(module.resolve("config.json"), 1 << 16);
      assertEquals("gpt2", config.get("model_name"));
      assertEquals("a/b", config.get("dataset_repo"));
      assertEquals(6L, config.get("ctx_len"));
      assertEquals(3L, config.get("n_splits"));
    }
  }

  private static int start(Map<?, ?> tensor) {
    return ((Long) ((List<?>) tensor.get("data_offsets")).getFirst()).intValue();
  }

  @Test
  void delphisCacheHasItsLimits() throws IOException {
    try (SparseAutoencoder sae = sae(config(Threshold.RELU))) {
      expectMessage(
          "context_size: expected a divisor of the 103 rows, got 2",
          () -> Jobs.encode(sae, source, delphi(2, 3), settings("o", Shard.WHOLE)));
      expectMessage(
          "n_splits: expected at most d_sae = 40, got 41",
          () -> Jobs.encode(sae, source, delphi(1, 41), settings("o", Shard.WHOLE)));
      expectMessage(
          "shard: expected 1/1 with delphi, whose cache is of all rows, got 1/2",
          () -> Jobs.encode(sae, source, delphi(1, 3), settings("o", new Shard(1, 2))));
      assertThrows(
          IllegalArgumentException.class,
          () ->
              new CodeFormat.Delphi(
                  "../up", 1, 3, Optional.empty(), Optional.empty(), Optional.empty()));
    }
  }

  private static void expectMessage(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"row\": 0, \"features\": {\"3\": 1.5, \"3\": 2}} | line 1",
        "{\"row\": 0, \"features\": {\"4\": 1.5, \"3\": 2}} | line 1: expected ascending features",
        "{\"row\": 0, \"features\": {\"x\": 1.5}} | line 1: expected ascending features",
        "{\"row\": 0, \"features\": {\"40\": 1.5}} | line 1: expected features below 40, got 40",
        "{\"row\": 0, \"features\": {\"3\": 1e40}} | line 1: expected feature 3: a finite float",
        "{\"row\": 0, \"features\": {\"3\": \"1\"}} | line 1: expected feature 3: a number",
        "{\"row\": 0, \"features\": {\"3\": NaN}} | line 1",
        "{\"row\": 0} | line 1: expected features",
        "{\"features\": {}} | line 1: expected row: a number of at least 0",
        "{\"row\": -1, \"features\": {}} | line 1: expected row: a number of at least 0",
        "{\"row\": 0.5, \"features\": {}} | line 1: expected row: a whole number",
        "{\"row\": 0, \"others\": {}} | line 1: expected row and features, got 'others'",
        "[0] | line 1: expected an object",
        "{\"row\": 0, \"features\": {}} 1 | line 1: expected one object",
        "{\"row\": 99999999999999999999, \"features\": {}} | line 1",
      })
  void linesThatAreNoCodesAreNamed(String line, String message) throws IOException {
    Path file = folder.resolve("bad.jsonl");
    Files.writeString(file, line + "\n");
    String got = assertThrows(BadFileException.class, () -> read(file, N)).getMessage();
    assertTrue(got.contains(message), got);
    Files.writeString(file, "{\"row\": 5, \"features\": {}}\n{\"row\": 7, \"features\": {}}\n");
    got = assertThrows(BadFileException.class, () -> read(file, N)).getMessage();
    assertTrue(got.contains("line 2: expected row 6, got 7"), got);
  }

  @Test
  void tensorsThatAreNoCodesAreNamed() throws IOException {
    Path file = folder.resolve("bad.safetensors");
    int[] indices = {1, 3, 3, 2};
    float[] values = {1, 2, 3, 4};
    new SafetensorsWriter()
        .ints("indices", indices, 2, 2)
        .floats("values", values, 2, 2)
        .write(file);
    expectBad(file, "row 1: expected ascending latents below 40, got 2 after 3");
    indices[3] = 40;
    new SafetensorsWriter()
        .ints("indices", indices, 2, 2)
        .floats("values", values, 2, 2)
        .write(file);
    expectBad(file, "row 1: expected ascending latents below 40, got 40 after 3");
    indices[3] = 4;
    values[1] = Float.NaN;
    new SafetensorsWriter()
        .ints("indices", indices, 2, 2)
        .floats("values", values, 2, 2)
        .write(file);
    expectBad(file, "row 0: latent 3 has the value NaN");
    values[1] = 1;
    new SafetensorsWriter().ints("indices", indices, 4).floats("values", values, 4).write(file);
    expectBad(file, "expected codes: indices [rows, k], got 'indices' I32 [4]");
    for (long[] indptr : new long[][] {{0, 3, 2, 4}, {0, -1, 2, 4}, {0, 5, 4}, {1, 2, 4}, {0, 3}}) {
      new SafetensorsWriter()
          .longs("indptr", indptr, indptr.length)
          .ints("indices", indices, 4)
          .floats("values", values, 4)
          .write(file);
      expectBad(file, "indptr: expected to ");
    }
    new SafetensorsWriter()
        .metadata("d_sae", "41")
        .ints("indices", indices, 2, 2)
        .floats("values", values, 2, 2)
        .write(file);
    expectBad(file, "is of an SAE with 41 latents, this one has 40");
  }

  private void expectBad(Path file, String message) {
    String got = assertThrows(BadFileException.class, () -> read(file, N)).getMessage();
    assertTrue(got.contains(message), got);
  }

  @Test
  void aMissingShardIsNamed() throws IOException {
    try (SparseAutoencoder sae = sae(config(Threshold.RELU))) {
      CodeFormat format = new CodeFormat.Safetensors();
      for (int number : new int[] {1, 2, 4}) {
        Jobs.encode(sae, source, format, settings("o", new Shard(number, 4)));
      }
      expectBad(folder.resolve("o"), "expected shard 3 of its codes");
      Files.delete(folder.resolve("o/codes-00004-of-00004.safetensors"));
      expectBad(folder.resolve("o"), "expected 4 shards of codes, found 2");
      Files.write(folder.resolve("o/zoo.jsonl"), new byte[0]);
      expectBad(folder.resolve("o"), "lies beside other codes");
    }
  }

  /** Every float that could be rounded twice on its way through a double. */
  @Test
  void linesKeepTheBitsOfFloats() throws IOException {
    Random random = new Random(1);
    StringBuilder text = new StringBuilder();
    float[] values = new float[20000];
    for (int i = 0; i < values.length; i++) {
      do {
        values[i] = Float.intBitsToFloat(random.nextInt());
      } while (!Float.isFinite(values[i]) || values[i] == 0);
      CodeLine.begin(i, text);
      CodeLine.feature(true, 7, values[i], text);
      CodeLine.end(text);
    }
    Path file = folder.resolve("all.jsonl");
    Files.write(file, text.toString().getBytes(StandardCharsets.US_ASCII));
    SparseCode[] read = read(file, N);
    for (int i = 0; i < values.length; i++) {
      assertArrayEquals(new float[] {values[i]}, read[i].values());
    }
  }
}
