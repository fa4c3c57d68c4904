package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which tensor is read, and that no other is read in its place. */
class TensorChoiceTest {
  private static final Path CASES = Path.of("src/test/resources/cases");

  @TempDir Path folder;

  private static ActivationFiles open(Object spec) throws IOException {
    return ActivationFiles.open(List.of(spec.toString()), Optional.empty());
  }

  private static String refusal(Object spec) {
    return assertThrows(BadFileException.class, () -> open(spec).close()).getMessage();
  }

  private static void assertSays(String message, String... parts) {
    for (String part : parts) {
      assertTrue(message.contains(part), message + " without " + part);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1-int8-and-scale.safetensors, 'I8 [512, 16]'",
    "1-bf16-as-uint16-and-logits.npz, '<u2 [512, 16]'",
    "1-fp8-and-absmax.safetensors, 'F8_E4M3 [512, 16]'",
    "1-rank4-and-positions.safetensors, 'F32 [4, 2, 64, 16]'",
    "1-int8-and-mean.safetensors, 'I8 [512, 16]'"
  })
  void activationsThatCannotBeReadAreAnErrorWhateverLiesBeside(String file, String layout) {
    assertSays(refusal(CASES.resolve(file)), file, "'activations'", layout);
  }

  @ParameterizedTest
  @CsvSource({
    "4-uint16-and-ids.npz, <u2",
  })
  void whatCannotBeReadIsSaid(String file, String type) {
    String message = refusal(CASES.resolve(file));
    assertSays(message, type, "expected");
    assertFalse(message.contains("no tensor at all"), message);
  }

  @ParameterizedTest
  @CsvSource({"4-fp8-only.safetensors, F8_E4M3", "4-bf16-V2.npz, BF16"})
  void floatsOfOneAndTwoBytesAreRead(String file, String type) throws IOException {
    try (ActivationFiles files = open(CASES.resolve(file))) {
      assertTrue(files.tensorTaken().contains(type), files.tensorTaken());
    }
  }

  @Test
  void wordsAreBf16WhereTheUserSaysSo() throws IOException {
    String file = CASES.resolve("1-bf16-as-uint16-and-logits.npz").toString();
    try (ActivationFiles files = ActivationFiles.open(List.of(file), Optional.empty(), true)) {
      assertEquals("'activations' BF16 [512, 16] of " + file, files.tensorTaken());
    }
  }

  @Test
  void bytesBesideTheirScaleAreOnlyTakenByName() throws IOException {
    Path file = CASES.resolve("1-fp8-and-absmax.safetensors");
    assertSays(refusal(file), "may be its scale", "--tensor");
    try (ActivationFiles files =
        ActivationFiles.open(List.of(file.toString()), Optional.of("activations"))) {
      assertEquals(512, files.rows());
    }
  }

  @Test
  void theOnlyFloatTensorIsNotTakenWhereAnotherMayBeMeant() throws IOException {
    Path file = folder.resolve("a.safetensors");
    new Dump()
        .add("resid", "I8", new byte[6 * 4], 6, 4)
        .add("scale", ElementType.F32, 0, 6, 1)
        .write(file);
    assertSays(refusal(file), "'scale' F32 [6, 1]", "'resid' I8 [6, 4]", "--tensor");
    new Dump()
        .add("resid", ElementType.U8, 0, 6, 4)
        .add("scale", ElementType.F32, 0, 6, 1)
        .write(file);
    assertSays(refusal(file), "'resid' U8 [6, 4]");
    new Dump()
        .add("heads", ElementType.F32, 0, 2, 3, 2, 2)
        .add("positions", ElementType.F32, 0, 6, 1)
        .write(file);
    assertSays(refusal(file), "'heads' F32 [2, 3, 2, 2]");
    try (ActivationFiles files =
        ActivationFiles.open(List.of(file.toString()), Optional.of("positions"))) {
      assertEquals(1, files.width(), "unless it is asked for");
    }
  }

  @Test
  void tokensMasksAndVectorsDoNotStandInTheWay() throws IOException {
    Path file = folder.resolve("a.safetensors");
    new Dump()
        .add("tokens", ElementType.I64, 0, 2, 3)
        .add("attention_mask", ElementType.BOOL, 0, 2, 3)
        .add("ids", "U16", new byte[2 * 6], 6)
        .add("mean", ElementType.F32, 0, 4)
        .add("resid", ElementType.F32, 0, 2, 3, 4)
        .write(file);
    try (ActivationFiles files = open(file)) {
      assertEquals(6, files.rows());
      assertEquals(Optional.of("resid"), files.tensorName());
      assertEquals("'resid' F32 [2, 3, 4] of " + file, files.tensorTaken());
    }
  }

  @Test
  void filesMustGiveTheSameTensorUnlessOneIsNamed() throws IOException {
    String message = refusal(CASES.resolve("1-mixed-folder"));
    assertSays(message, "resid_pre", "mlp_out", "--tensor");
    for (String name : List.of("a", "b")) {
      new Dump()
          .add("resid", ElementType.F32, 0, 2, 4)
          .add(name, ElementType.F16, 0, 2, 4)
          .write(folder.resolve(name + ".safetensors"));
    }
    Dump.npy(folder.resolve("c.npy"), 2, 2, 4); // has no name that could differ
    try (ActivationFiles files =
        ActivationFiles.open(List.of(folder.toString()), Optional.of("resid"))) {
      assertEquals(6, files.rows());
      assertEquals("'resid' F32 of 3 files", files.tensorTaken());
    }
  }

  @Test
  void tokensBesideShardsAreLeftOutAndSaid() throws IOException {
    Dump.safetensors(folder.resolve("a.safetensors"), 0, 6, 4);
    Path tokens = Dump.npy(folder.resolve("tokens.npy"), "<i8", new byte[48], "6,");
    Path ids = Dump.npy(folder.resolve("ids.npy"), "<u2", new byte[12], "6,");
    Path both =
        new Dump()
            .add("tokens", ElementType.I32, 0, 2, 3)
            .add("mask", ElementType.BOOL, 0, 2, 3)
            .write(folder.resolve("both.safetensors"));
    try (ActivationFiles files = open(folder)) {
      assertEquals(6, files.rows());
      assertEquals(3, files.leftOut().size());
      assertSays(files.leftOut().get(0), both.toString(), "'tokens' I32 [2, 3]");
      assertSays(files.leftOut().get(1), ids.toString(), "<u2 [6]");
      assertSays(files.leftOut().get(2), tokens.toString(), "'tokens' I64 [6]");
    }
    assertSays(refusal(tokens), "I64"); // named by the user, it is an error
    Files.delete(folder.resolve("a.safetensors"));
    assertSays(refusal(folder), "found none", "'tokens' I32 [2, 3]");
  }

  @Test
  void anArrayOfAnUnreadableTypeIsNoTokenFile() throws IOException {
    Dump.safetensors(folder.resolve("a.safetensors"), 0, 6, 4);
    Dump.npy(folder.resolve("b.npy"), "<u2", new byte[48], "6, 4"); // bfloat16, as some store it
    assertSays(refusal(folder), "b.npy", "'<u2'", "[6, 4]");
  }

  @Test
  void aMaskThatCannotBeReadIsAnErrorWhateverLiesBeside() throws IOException {
    Path file = CASES.resolve("1-mask-int64-and-is_code-bool.npz");
    var e = assertThrows(BadFileException.class, () -> RowMask.read(file, 512));
    assertSays(e.getMessage(), "'mask' I64 [512]");
    Path other =
        new Dump()
            .add("exclude", ElementType.I64, 0, 6)
            .add("is_code", ElementType.BOOL, 0, 6)
            .write(folder.resolve("m.safetensors"));
    e = assertThrows(BadFileException.class, () -> RowMask.read(other, 6));
    assertSays(e.getMessage(), "'exclude' I64 [6]", "'is_code' BOOL [6]", "named 'mask'");
    Path unreadable =
        new Dump()
            .add("mask", "I8", new byte[6], 6)
            .add("is_code", ElementType.BOOL, 0, 6)
            .write(folder.resolve("u.safetensors"));
    e = assertThrows(BadFileException.class, () -> RowMask.read(unreadable, 6));
    assertSays(e.getMessage(), "'mask'", "I8 [6]");
  }

  @Test
  void aDoubleBeyondTheRangeOfFloatsIsCalledSo() throws IOException {
    try (ActivationFiles files = open(CASES.resolve("8-f64-1e39.npy"))) {
      var e = assertThrows(BadRowException.class, () -> FiniteRows.expect(files));
      assertSays(e.getMessage(), "8-f64-1e39.npy: row 9 holds 1.0E39", "does not fit f32");
      assertFalse(e.getMessage().contains("Infinity"), e.getMessage());
    }
  }

  @Test
  void aMaskSaysWhichTensorItIs() throws IOException {
    Path file = new Dump().add("keep", ElementType.U8, 0, 2, 3).write(folder.resolve("m"));
    Path named = Files.move(file, folder.resolve("m.safetensors"));
    assertEquals("'keep' U8 [2, 3]", RowMask.read(named, 6).tensor());
  }
}
