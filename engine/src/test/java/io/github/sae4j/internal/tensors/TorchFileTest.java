package io.github.sae4j.internal.tensors;

import static io.github.sae4j.internal.tensors.HandMade.floats;
import static io.github.sae4j.internal.tensors.HandMade.read;
import static io.github.sae4j.internal.tensors.HandMadePickle.archive;
import static io.github.sae4j.internal.tensors.HandMadePickle.one;
import static io.github.sae4j.internal.tensors.HandMadePickle.zip;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TorchFileTest {
  private static final long[] NONE = {};

  @TempDir Path folder;

  static Path golden(String name) throws URISyntaxException {
    return Path.of(TorchFileTest.class.getResource("/golden/checkpoints/" + name).toURI());
  }

  private TorchFile open(byte[] content) throws IOException {
    return TorchFile.open(HandMadePickle.file(folder, content));
  }

  private String refusal(byte[] content) throws IOException {
    Path path = HandMadePickle.file(folder, content);
    BadFileException e = assertThrows(BadFileException.class, () -> TorchFile.open(path).close());
    assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    return e.getMessage();
  }

  private static long[] of(long... values) {
    return values;
  }

  private static float[] upTo(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i;
    }
    return values;
  }

  @Test
  void readsWhatTorchWrote() throws Exception {
    try (TorchFile file = TorchFile.open(golden("openai-v5/autoencoder.pt"))) {
      Map<?, ?> value = assertInstanceOf(Map.class, file.value());
      assertEquals(
          List.of(
              "pre_bias",
              "latent_bias",
              "stats_last_nonzero",
              "latents_activation_frequency",
              "latents_mean_square",
              "encoder.weight",
              "decoder.weight"),
          file.tensors().tensors().stream().map(TensorInfo::name).toList());
      assertEquals("TopK", value.get("activation"));
      assertEquals(Map.of("k", 4L, "postact_fn", "ReLU"), value.get("activation_state_dict"));
      TensorInfo decoder = file.tensors().tensor("decoder.weight");
      assertEquals(List.of(24L, 96L), decoder.shape());
      assertEquals(decoder, value.get("decoder.weight"));
    }
  }

  /** The decoder is stored column by column: its bytes in order are the rows of its transpose. */
  @Test
  void readsTransposedMatricesInTheirOwnOrder() throws Exception {
    try (TorchFile file = TorchFile.open(golden("openai-v5/autoencoder.pt"))) {
      float[] decoder = read(file.tensors(), "decoder.weight");
      float[] encoder = read(file.tensors(), "encoder.weight");
      byte[] bytes = Files.readAllBytes(golden("openai-v5/autoencoder.pt"));
      byte[] column = new byte[24 * 4];
      for (int j = 0; j < 24; j++) {
        System.arraycopy(floats(decoder[j * 96]), 0, column, 4 * j, 4);
      }
      assertTrue(contains(bytes, column));
      assertTrue(contains(bytes, floats(Arrays.copyOf(encoder, 24))));
    }
  }

  private static boolean contains(byte[] all, byte[] part) {
    String text = new String(all, StandardCharsets.ISO_8859_1);
    return text.contains(new String(part, StandardCharsets.ISO_8859_1));
  }

  @Test
  void isReachedByContent() throws Exception {
    for (String name : List.of("dictionary-learning-topk/ae.pt", "openai-v5/autoencoder.pt")) {
      Path copy = Files.copy(golden(name), folder.resolve("renamed" + name.length()));
      try (TensorFile file = TensorFile.open(copy)) {
        assertEquals(List.of(96L, 24L), file.tensor("encoder.weight").shape());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "DoubleStorage,F64",
    "FloatStorage,F32",
    "HalfStorage,F16",
    "BFloat16Storage,BF16",
    "LongStorage,I64",
    "IntStorage,I32",
    "ByteStorage,U8",
    "BoolStorage,BOOL"
  })
  void readsTheTypesOfTheLibrary(String storage, ElementType type) throws IOException {
    byte[] data =
        switch (type) {
          case F64 -> HandMade.doubles(1, 0);
          case F32 -> floats(1, 0);
          case F16 -> HandMade.shorts(0x3c00, 0);
          case BF16 -> HandMade.shorts(0x3f80, 0);
          case F8_E4M3 -> new byte[] {0x38, 0};
          case F8_E5M2 -> new byte[] {0x3c, 0};
          case I64 -> HandMade.longs(1, 0);
          case I32 -> HandMade.ints(1, 0);
          case U8, BOOL -> new byte[] {1, 0};
        };
    for (boolean big : new boolean[] {false, true}) {
      byte[] stored = data.clone();
      for (int i = 0; big && i < 2; i++) {
        for (int j = 0; j < type.bytes(); j++) {
          stored[i * type.bytes() + j] = data[(i + 1) * type.bytes() - 1 - j];
        }
      }
      byte[] pickle = one(storage, 2, 0, of(2), of(1));
      try (TorchFile file = open(archive(big ? "big" : "little", pickle, stored))) {
        assertEquals(type, file.tensors().tensor("w").type());
        assertArrayEquals(new float[] {1, 0}, read(file.tensors(), "w"));
      }
    }
  }

  @Test
  void listsOtherTypesAsUnreadable() throws IOException {
    byte[] pickle = one("CharStorage", 2, 0, of(2), of(1));
    try (TorchFile file = open(archive(pickle, new byte[2]))) {
      assertEquals(
          "CharStorage [2]: an element type that is not read",
          file.tensors().unreadable().get("w").description());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "'12','1',0,12", // contiguous
    "'3 4','4 1',0,12",
    "'4 3','1 4',0,12", // transposed
    "'3 2','4 1',1,12", // columns of a matrix
    "'2 3','1 4',2,12", // transposed columns
    "'2 3 2','6 2 1',0,12",
    "'2 3 2','1 4 2',0,12", // permuted
    "'3 1 4','4 99 1',0,12", // what has size 1 has no stride
    "'3 3','1 1',0,12", // overlapping
    "'2','5',1,12",
    "'','',3,12", // a scalar
    "'0 5','5 1',0,0" // nothing
  })
  void followsStridesAndOffsets(String shape, String strides, long offset, long elements)
      throws IOException {
    long[] sizes = numbers(shape);
    long[] steps = numbers(strides);
    byte[] pickle = one("FloatStorage", elements, offset, sizes, steps);
    try (TorchFile file = open(archive(pickle, floats(upTo((int) elements))))) {
      int count = (int) LongStream.of(sizes).reduce(1, (a, b) -> a * b);
      float[] expected = new float[count];
      for (int i = 0; i < count; i++) {
        long rest = i;
        long at = offset;
        for (int axis = sizes.length - 1; axis >= 0; axis--) {
          at += rest % sizes[axis] * steps[axis];
          rest /= sizes[axis];
        }
        expected[i] = at;
      }
      assertArrayEquals(expected, read(file.tensors(), "w"));
      for (int first = 0; first < count; first++) {
        float[] part = read(file.tensors(), "w", first, count - first);
        assertArrayEquals(Arrays.copyOfRange(expected, first, count), part);
      }
    }
  }

  private static long[] numbers(String text) {
    return text.isEmpty()
        ? NONE
        : Arrays.stream(text.split(" ")).mapToLong(Long::parseLong).toArray();
  }

  @Test
  void honoursSharedStorages() throws IOException {
    byte[] pickle =
        new HandMadePickle()
            .ops("}(")
            .text("encoder")
            .tensor("FloatStorage", "0", 6, 0, of(2, 3), of(3, 1))
            .text("decoder")
            .tensor("FloatStorage", "0", 6, 0, of(3, 2), of(1, 3))
            .op('u')
            .end();
    try (TorchFile file = open(archive(pickle, floats(upTo(6))))) {
      assertArrayEquals(new float[] {0, 1, 2, 3, 4, 5}, read(file.tensors(), "encoder"));
      assertArrayEquals(new float[] {0, 3, 1, 4, 2, 5}, read(file.tensors(), "decoder"));
    }
  }

  /** A tied matrix: the same object twice. */
  @Test
  void readsATensorUnderBothOfItsNames() throws IOException {
    byte[] pickle =
        new HandMadePickle()
            .ops("}(")
            .text("a")
            .tensor("FloatStorage", "0", 2, 0, of(2), of(1))
            .op('q', 0)
            .text("b")
            .op('h', 0)
            .op('u')
            .end();
    try (TorchFile file = open(archive(pickle, floats(1, 2)))) {
      assertArrayEquals(new float[] {1, 2}, read(file.tensors(), "a"));
      assertArrayEquals(new float[] {1, 2}, read(file.tensors(), "b"));
    }
  }

  @Test
  void readsParametersSubclassesAndTheThirdForm() throws IOException {
    byte[] pickle =
        new HandMadePickle()
            .ops("}(")
            .text("parameter")
            .global("torch._utils", "_rebuild_parameter")
            .op('(')
            .tensor("FloatStorage", "0", 2, 0, of(2), of(1))
            .op(0x88)
            .global("collections", "OrderedDict")
            .ops(")RtR")
            .text("subclass")
            .global("torch._tensor", "_rebuild_from_type_v2")
            .op('(')
            .global("torch._utils", "_rebuild_tensor_v2")
            .global("some.library", "Tensor")
            .op('(')
            .storage("FloatStorage", "0", 2)
            .number(1)
            .tuple(1)
            .tuple(1)
            .op(0x89)
            .ops("Nt}tR")
            .text("third")
            .global("torch._utils", "_rebuild_tensor_v3")
            .op('(')
            .storage("UntypedStorage", "0", 2)
            .number(0)
            .tuple(2)
            .tuple(1)
            .op(0x89)
            .op('N')
            .global("torch", "float32")
            .ops("tRu")
            .end();
    try (TorchFile file = open(archive(pickle, floats(5, 6)))) {
      assertArrayEquals(new float[] {5, 6}, read(file.tensors(), "parameter"));
      assertArrayEquals(new float[] {6}, read(file.tensors(), "subclass"));
      assertArrayEquals(new float[] {5, 6}, read(file.tensors(), "third"));
    }
  }

  @Test
  void givesPlainValues() throws IOException {
    byte[] pickle =
        new HandMadePickle()
            .ops("}(")
            .text("none")
            .op('N')
            .text("true")
            .op(0x88)
            .text("small")
            .op('K', 200)
            .text("middle")
            .op('M', 0xff, 0xff)
            .text("negative")
            .op('J', 0xfe, 0xff, 0xff, 0xff)
            .text("long")
            .number(Long.MIN_VALUE)
            .text("zero")
            .op(0x8a, 0)
            .text("short long")
            .op(0x8a, 1, 0xff)
            .text("huge")
            .op(0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1)
            .text("half")
            .op('G', 0x3f, 0xe0, 0, 0, 0, 0, 0, 0)
            .text("list")
            .op(']', '(', 'K', 1)
            .text("é")
            .op('e')
            .text("tuple")
            .op('K', 1, 'N', 0x86)
            .text("size")
            .global("torch", "Size")
            .op('K', 3, 0x85, 0x85)
            .ops("R")
            .text("ordered")
            .global("collections", "OrderedDict")
            .op(']', ']', 'K', 7)
            .ops("a")
            .text("seven")
            .op('a', 'a', 0x85, 'R')
            .op('K', 9)
            .op('N')
            .op('u')
            .end();
    try (TorchFile file = open(archive(pickle))) {
      Map<?, ?> value = (Map<?, ?>) file.value();
      assertNull(value.get("none"));
      assertTrue(value.containsKey("none"));
      assertEquals(true, value.get("true"));
      assertEquals(200L, value.get("small"));
      assertEquals(65535L, value.get("middle"));
      assertEquals(-2L, value.get("negative"));
      assertEquals(Long.MIN_VALUE, value.get("long"));
      assertEquals(0L, value.get("zero"));
      assertEquals(-1L, value.get("short long"));
      assertEquals(new TorchFile.Opaque("integer of 9 bytes"), value.get("huge"));
      assertEquals(0.5, value.get("half"));
      assertEquals(List.of(1L, "é"), value.get("list"));
      assertEquals(Arrays.asList(1L, null), value.get("tuple"));
      assertEquals(List.of(3L), value.get("size"));
      assertEquals(Map.of("7", "seven"), value.get("ordered"));
      assertTrue(value.containsKey("9"));
    }
  }

  /** Prisma's files import their configuration's class; the tensors beside it are what counts. */
  @Test
  void keepsObjectsOfUnknownClassesOpaque() throws IOException {
    byte[] pickle =
        new HandMadePickle()
            .ops("}(")
            .text("cfg")
            .global("vit_prisma.sae.config", "VisionModelSAERunnerConfig")
            .op(')', 0x81, '}')
            .text("d_in")
            .op('K', 5, 's', 'b')
            .text("list of a kind")
            .global("some.library", "List")
            .ops(")R(NNe")
            .text("map of a kind")
            .global("some.library", "Map")
            .ops(")R(NNu")
            .text("made by an unknown")
            .global("some.library", "function")
            .ops(")R)R")
            .text("class")
            .global("torch", "float32")
            .text("w")
            .tensor("FloatStorage", "0", 1, 0, of(1), of(1))
            .op('u')
            .end();
    try (TorchFile file = open(archive(pickle, floats(2)))) {
      Map<?, ?> value = (Map<?, ?>) file.value();
      assertEquals(
          new TorchFile.Opaque("object vit_prisma.sae.config.VisionModelSAERunnerConfig"),
          value.get("cfg"));
      assertEquals(new TorchFile.Opaque("object some.library.List"), value.get("list of a kind"));
      assertEquals(
          new TorchFile.Opaque("object some.library.function"), value.get("made by an unknown"));
      assertEquals(new TorchFile.Opaque("torch.float32"), value.get("class"));
      assertArrayEquals(new float[] {2}, read(file.tensors(), "w"));
    }
  }

  @Test
  void namesNestedTensorsByTheirPath() throws IOException {
    byte[] pickle =
        new HandMadePickle()
            .op('}')
            .text("ae")
            .op('}')
            .text("encoder.weight")
            .op(']')
            .tensor("FloatStorage", "0", 1, 0, of(1), of(1))
            .ops("ass")
            .end();
    try (TorchFile file = open(archive(pickle, floats(2)))) {
      assertArrayEquals(new float[] {2}, read(file.tensors(), "ae.encoder.weight.0"));
    }
  }

  @Test
  void readsALineOfJsonBeforeTheArchive() throws IOException {
    byte[] header = "{\"schema\": 1, \"cfg\": {\"d_vit\": 4}}\n".getBytes(StandardCharsets.UTF_8);
    byte[] zip = archive(one("FloatStorage", 1, 0, of(1), of(1)), floats(3));
    byte[] content = ByteBuffer.allocate(header.length + zip.length).put(header).put(zip).array();
    try (TorchFile file = open(content)) {
      assertEquals(Map.of("d_vit", 4L), file.header().orElseThrow().get("cfg"));
      assertArrayEquals(new float[] {3}, read(file.tensors(), "w"));
    }
    try (TensorFile file = TensorFile.open(folder.resolve("some.pt"))) {
      assertEquals(1, file.tensors().size());
    }
    assertTrue(refusal(Arrays.copyOf(content, 20)).contains("expected a line of JSON"));
  }

  @Test
  void refusesOlderFormsByName() throws IOException {
    byte[] legacy =
        HandMade.little(32)
            .put(new byte[] {(byte) 0x80, 2, (byte) 0x8a, 10, 0x6c, (byte) 0xfc, (byte) 0x9c})
            .put(new byte[] {0x46, (byte) 0xf9, 0x20, 0x6a, (byte) 0xa8, 0x50, 0x19, '.'})
            .array();
    assertTrue(refusal(legacy).contains("the form that torch wrote before 1.6"));
    assertTrue(refusal(new HandMadePickle().op('N').end()).contains("a plain pickle"));
    byte[] tar = new byte[1024];
    System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
    assertTrue(refusal(tar).contains("tar form"));
    byte[] script = zip("m/data.pkl", new byte[1], "m/constants.pkl", new byte[1]);
    assertTrue(refusal(script).contains("TorchScript"));
  }

  @Test
  void refusesArchivesThatAreNotTorch() throws IOException {
    assertTrue(refusal(zip("a.npy", new byte[1])).contains("found no data.pkl"));
    byte[] none = new HandMadePickle().op('N').end();
    assertTrue(refusal(zip("a/data.pkl", none, "b/data.pkl", none)).contains("found several"));
    assertTrue(refusal(archive("middle", none)).contains("expected little or big"));
    assertTrue(refusal(new byte[0]).contains("expected a zip archive"));
    byte[] deflated = NpzFileTest.zip(ZipEntry.DEFLATED, "some/data.pkl", new byte[1000]);
    assertTrue(refusal(deflated).contains("expected it stored"));
  }

  @Test
  void refusesTensorsThatReachBeyondTheirStorage() throws IOException {
    byte[] data = floats(upTo(6));
    Object[][] cases = {
      {6L, 0L, of(7), of(1)},
      {6L, 1L, of(6), of(1)},
      {6L, 0L, of(2, 3), of(4, 1)},
      {6L, Long.MAX_VALUE, of(1), of(1)},
      {6L, 0L, of(2, 2), of(Long.MAX_VALUE, Long.MAX_VALUE)},
      {6L, 0L, of(1L << 32, 1L << 32), of(0, 0)},
      {7L, 0L, of(1), of(1)},
      {5L, 0L, of(1), of(1)},
      {1L << 62, 0L, of(1), of(1)},
    };
    for (Object[] each : cases) {
      byte[] pickle =
          one("FloatStorage", (Long) each[0], (Long) each[1], (long[]) each[2], (long[]) each[3]);
      String message = refusal(archive(pickle, data));
      assertTrue(message.contains("'w'"), message);
    }
    assertTrue(refusal(archive(one("FloatStorage", 6, 0, of(6), of(1)))).contains("data/0"));
  }

  @Test
  void refusesNegativeNumbersAndMismatches() throws IOException {
    for (byte[] pickle :
        List.of(
            one("FloatStorage", 6, -1, of(1), of(1)),
            one("FloatStorage", -6, 0, of(1), of(1)),
            one("FloatStorage", 6, 0, of(-1), of(1)),
            one("FloatStorage", 6, 0, of(1), of(-1)),
            one("FloatStorage", 6, 0, of(1, 1), of(1)))) {
      assertTrue(refusal(archive(pickle, floats(upTo(6)))).contains("expected"));
    }
  }

  /** One element seen a billion times: reading it would not be bounded by the file. */
  @Test
  void leavesOutViewsThatRepeatTheirStorage() throws IOException {
    byte[] pickle = one("FloatStorage", 1, 0, of(1 << 30), of(0));
    try (TorchFile file = open(archive(pickle, floats(1)))) {
      assertEquals(
          "a view that repeats its elements", file.tensors().unreadable().get("w").reason());
    }
  }

  @Test
  void refusesListsThatHoldThemselves() throws IOException {
    byte[] pickle = new HandMadePickle().op(']', 'q', 0, 'h', 0, 'a').end();
    assertTrue(refusal(archive(pickle)).contains("shared over and over"));
  }

  @Test
  void refusesTheBillionLaughs() throws IOException {
    HandMadePickle pickle = new HandMadePickle().op(']', 'q', 0);
    for (int level = 1; level < 40; level++) {
      pickle.op(']', 'q', level, '(');
      for (int i = 0; i < 10; i++) {
        pickle.op('h', level - 1);
      }
      pickle.op('e');
    }
    assertTrue(refusal(archive(pickle.end())).contains("expected shorter keys"));
  }

  @Test
  void refusesDeepNesting() throws IOException {
    HandMadePickle pickle = new HandMadePickle().op('N');
    for (int level = 0; level < 100_000; level++) {
      pickle.op(0x85);
    }
    assertTrue(refusal(archive(pickle.end())).contains("levels"));
    pickle = new HandMadePickle();
    for (int level = 0; level < 300_000; level++) {
      pickle.op(']');
    }
    assertTrue(refusal(archive(pickle.end())).contains("containers"));
  }

  @Test
  void refusesDuplicateNames() throws IOException {
    HandMadePickle pickle = new HandMadePickle().ops("}(").text("a.b");
    pickle.tensor("FloatStorage", "0", 1, 0, of(1), of(1));
    pickle.text("a").ops("}").text("b").tensor("FloatStorage", "0", 1, 0, of(1), of(1)).ops("su");
    assertTrue(refusal(archive(pickle.end(), floats(1))).contains("duplicate tensor 'a.b'"));
    HandMadePickle keys = new HandMadePickle().ops("}(").text("1").op('N', 'K', 1, 'N', 'u');
    assertTrue(refusal(archive(keys.end())).contains("duplicate key '1'"));
  }

  /** Each of these would run code in Python, or is not what torch writes. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "S'x'\n", // text forms
        "I1\n",
        "Vx\n",
        "Px\n",
        "(lp0\n",
        "(ios\nsystem\n", // INST
        "(cos\nsystem\no", // OBJ
        "\u0082\u0001", // EXT1
        "a",
        "(u",
        "0",
        "1",
        "t",
        "s",
        "Na",
        "NNs",
        "]NNs",
        "}(Nu",
        "}Na",
        "NR",
        "NNR",
        "h\u0000",
        "Nq\u0009",
        "X\u00ff\u00ff\u00ff\u007f",
        "X\u00ff\u00ff\u00ff\u00ff",
        "X\u0001\u0000\u0000\u0000\u00ff",
        "\u008b\u00ff\u00ff\u00ff\u00ff",
        "\u008d\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff",
        "cno end",
        "NQ",
        ")Q",
        "NN\u0093",
        "ctorch._utils\n_rebuild_tensor_v2\n)R",
        "NN"
      })
  void refusesOtherInstructions(String codes) throws IOException {
    byte[] pickle = new HandMadePickle().ops(codes).op('N').end();
    if (codes.equals("NN")) {
      pickle = Arrays.copyOf(pickle, pickle.length + 1);
    }
    refusal(archive(pickle));
  }

  /** Calls are never made: what they would give is opaque. */
  @Test
  void runsNothing() throws IOException {
    Path victim = Files.writeString(folder.resolve("victim"), "here");
    HandMadePickle pickle = new HandMadePickle().global("os", "remove").op('(');
    pickle.text(victim.toString()).ops("tR");
    try (TorchFile file = open(archive(pickle.end()))) {
      assertEquals(new TorchFile.Opaque("object os.remove"), file.value());
    }
    assertTrue(Files.exists(victim));
  }

  @Test
  void refusesEveryCut() throws IOException, URISyntaxException {
    byte[] pickle = one("FloatStorage", 6, 0, of(2, 3), of(1, 2));
    List<Integer> readable = new ArrayList<>();
    for (int length = 0; length < pickle.length; length++) {
      byte[] content = archive(Arrays.copyOf(pickle, length), floats(upTo(6)));
      try {
        open(content).close();
        readable.add(length);
      } catch (BadFileException e) {
        assertEquals(1, e.getMessage().lines().count());
      }
    }
    assertEquals(List.of(), readable);
  }
}
