package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.RowOrder;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ActivationFilesTest {
  @TempDir Path folder;
  private final OffHeap memory = new OffHeap();

  @AfterEach
  void free() {
    memory.close();
  }

  private Path at(String name) {
    return folder.resolve(name);
  }

  private static ActivationFiles open(Object... specs) throws IOException {
    return ActivationFiles.open(
        List.of(specs).stream().map(Object::toString).toList(), Optional.empty());
  }

  private static void refused(String why, Object... specs) {
    var e = assertThrows(BadFileException.class, () -> open(specs).close());
    assertTrue(e.getMessage().contains(why), e.getMessage());
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
  }

  /** What SAELens 3 to 5 cached: numbered files of {@code [rows, layers, d_in]}, one layer. */
  @Test
  void saeLensOlderBuffersAreRead() throws IOException {
    for (int buffer = 0; buffer < 11; buffer++) {
      new Dump()
          .add("activations", ElementType.F32, 4L * buffer, 4, 1, 3)
          .write(at(buffer + ".safetensors"));
    }
    try (ActivationFiles files = open(folder)) {
      assertEquals(44, files.rows());
      assertEquals(3, files.width());
      Matrix all = memory.matrix(44, 3);
      files.readRange(0, 44, all);
      // By name: 0, 1, 10, 2, ...
      assertEquals(Dump.value(40, 0, 0), all.get(8, 0));
      assertEquals(Dump.value(8, 0, 0), all.get(12, 0));
    }
  }

  private List<String> names(Object... specs) throws IOException {
    try (ActivationFiles files = open(specs)) {
      return files.paths().stream()
          .map(path -> folder.relativize(path.toAbsolutePath()).toString())
          .toList();
    }
  }

  /** Reads all rows in a jumbled order with repeats, and in ranges, and compares each value. */
  private void assertRows(ActivationSource files, long rows, int width) throws IOException {
    assertEquals(rows, files.rows());
    assertEquals(width, files.width());
    int count = (int) (rows + rows / 3);
    RowOrder order = new RowOrder(3, 0, rows);
    long[] ids = new long[count];
    for (int i = 0; i < count; i++) {
      ids[i] = order.at(i % rows);
    }
    Matrix target = memory.matrix(count, width);
    files.read(ids, count, target);
    for (int i = 0; i < count; i++) {
      for (int col = 0; col < width; col++) {
        assertEquals(Dump.value(0, ids[i], col), target.get(i, col), "row " + ids[i]);
      }
    }
    target.fill(Float.NaN);
    for (long first = 0; first < rows; first += 7) {
      int run = (int) Math.min(7, rows - first);
      files.readRange(first, run, target);
      for (int i = 0; i < run; i++) {
        for (int col = 0; col < width; col++) {
          assertEquals(Dump.value(0, first + i, col), target.get(i, col), "row " + (first + i));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F64", "F32", "F16", "BF16"})
  void everyFloatTypeIsReadAsF32(ElementType type) throws IOException {
    // BF16 has 8 significant bits: 16 rows of 16ths is what it holds exactly.
    Path file = new Dump().add("activations", type, 0, 16, 5).write(at("a.safetensors"));
    try (ActivationFiles files = open(file)) {
      assertRows(files, 16, 5);
    }
  }

  /** A sparse file costs its author nothing. */
  @Test
  void rowsBeyondAnyModelAreRefusedBeforeMemoryIsTaken() throws IOException {
    Path file = at("wide.npy");
    byte[] start = new byte[128];
    byte[] header =
        "\u0093NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (8, 300000000)}"
            .getBytes(StandardCharsets.ISO_8859_1);
    Arrays.fill(start, (byte) ' ');
    System.arraycopy(header, 0, start, 0, header.length);
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.write(start);
      sparse.setLength(start.length + 8L * 300_000_000 * 4);
    }
    refused("expected rows of 1 to 2^24 values", file);
  }

  @Test
  void sequencesAreFlattened() throws IOException {
    Path file = new Dump().add("acts", ElementType.F32, 0, 4, 5, 3).write(at("a.safetensors"));
    try (ActivationFiles files = open(file)) {
      assertRows(files, 20, 3);
    }
  }

  @Test
  void filesOfAllKindsAreNumberedInPathOrder() throws IOException {
    Dump.npy(at("b.npy"), 10, 3, 4);
    Dump.safetensors(at("c.safetensors"), 13, 40, 4);
    new Dump().add("activations", ElementType.F16, 0, 10, 4).write(at("a.safetensors"));
    Dump.npz(at("d.npz"), 53, 7, 4);
    Files.writeString(at("README.txt"), "not activations");
    try (ActivationFiles files = open(folder)) {
      assertRows(files, 60, 4);
      assertEquals(new RowOrigin(at("a.safetensors").toString(), 9), files.origin(9));
      assertEquals(new RowOrigin(at("b.npy").toString(), 0), files.origin(10));
      assertEquals(new RowOrigin(at("c.safetensors").toString(), 39), files.origin(52));
      assertThrows(IllegalArgumentException.class, () -> files.origin(60));
    }
  }

  @Test
  void longRowsAndManyNeighboursCrossTheScratchBuffer() throws IOException {
    int width = 40_000;
    Path file = Dump.safetensors(at("wide.safetensors"), 0, 9, width);
    try (ActivationFiles files = open(file)) {
      assertRows(files, 9, width);
    }
  }

  @Test
  void foldersAndGlobsDoNotDependOnTheOrderGiven() throws IOException {
    for (String name : List.of("x/a.npy", "x-y/a.npy", "x/sub/b.npy", "c.npy")) {
      Files.createDirectories(at(name).getParent());
      Dump.npy(at(name), 0, 1, 2);
    }
    assertEquals(List.of("c.npy"), names(folder));
    assertEquals(List.of("x/a.npy"), names(at("x")));
    assertEquals(List.of("x/a.npy", "x-y/a.npy"), names(at("*/a.npy")));
    assertEquals(List.of("x/a.npy", "x-y/a.npy"), names(at("x-y"), at("x"), at("x/a.npy")));
    assertEquals(
        List.of("c.npy", "x/a.npy", "x/sub/b.npy", "x-y/a.npy"), names(folder + "/**/*.npy"));
    assertEquals(List.of("x/a.npy", "x/sub/b.npy"), names(folder + "/x/**"));
    assertEquals(List.of("c.npy"), names(folder + "/[a-d].{npy,npz}"));
    assertEquals(List.of("x/sub/b.npy"), names(folder + "/x/../x/sub/?.npy"));
  }

  @Test
  void aFileNamedLikeAGlobIsTheFile() throws IOException {
    Dump.npy(at("a[0].npy"), 0, 1, 2);
    Dump.npy(at("a0.npy"), 0, 1, 2);
    assertEquals(List.of("a[0].npy"), names(at("a[0].npy")));
  }

  @Test
  void whatMatchesNothingIsNamed() throws IOException {
    Files.writeString(at("notes.txt"), "");
    refused("no such file or folder", at("missing.npy"));
    refused("holds no .safetensors, .npy, .npz, .pt or .pth file", folder);
    refused("matches no .safetensors, .npy, .npz, .pt or .pth file", at("*.npy"));
    refused("matches no", at("*.txt"));
    refused("no folder", at("nowhere/*.npy"));
    assertThrows(IllegalArgumentException.class, () -> open().close());
    assertThrows(IllegalArgumentException.class, () -> open("").close());
  }

  @Test
  void theTensorIsChosen() throws IOException {
    Path file =
        new Dump()
            .add("tokens", ElementType.I64, 0, 4, 5)
            .add("bias", ElementType.F32, 0, 4)
            .add("other", ElementType.F32, 9, 7, 2)
            .add("activations", ElementType.F32, 0, 6, 3)
            .write(at("a.safetensors"));
    try (ActivationFiles files = open(file)) {
      assertRows(files, 6, 3);
    }
    try (ActivationFiles files =
        ActivationFiles.open(List.of(file.toString()), Optional.of("other"))) {
      assertEquals(7, files.rows());
    }
    new Dump()
        .add("tokens", ElementType.I64, 0, 4, 5)
        .add("bias", ElementType.F32, 0, 4)
        .add("resid", ElementType.F32, 0, 6, 3)
        .write(file);
    try (ActivationFiles files = open(file)) {
      assertRows(files, 6, 3);
    }
  }

  @Test
  void aDoubtfulOrUnfitTensorIsRefused() throws IOException {
    Path file = at("a.safetensors");
    new Dump().add("u", ElementType.F32, 0, 4, 5).add("v", ElementType.F16, 0, 4, 5).write(file);
    refused("which tensor", file);
    refused("'u' F32 [4, 5]; 'v' F16 [4, 5]", file);
    new Dump().add("x", ElementType.I32, 0, 4, 5).write(file);
    refused("expected activations of type F64, F32, F16, BF16 or F8, got 'x' I32", file);
    new Dump().add("x", ElementType.F32, 0, 4).write(file);
    refused("expected activations [rows, d_in] or [seq, ctx, d_in], got 'x' F32 [4]", file);
    new Dump().add("x", ElementType.F32, new byte[0], 4, 0).write(file);
    refused("got 'x' F32 [4, 0]", file);
    new Dump().write(file);
    refused("no tensor", file);
    var named =
        assertThrows(
            BadFileException.class,
            () -> ActivationFiles.open(List.of(file.toString()), Optional.of("y")).close());
    assertTrue(named.getMessage().contains("y"), named.getMessage());
  }

  @Test
  void widthsMustAgree() throws IOException {
    Path a = Dump.safetensors(at("a.safetensors"), 0, 3, 4);
    Path b = Dump.npy(at("b.npy"), 0, 3, 5);
    refused(b + ": has rows of width 5, but " + a + " has width 4", folder);
  }

  @Test
  void filesWithoutRowsAreLeftOutUnlessThereIsNothingElse() throws IOException {
    Path empty = new Dump().add("x", ElementType.F32, new byte[0], 0, 4).write(at("e.safetensors"));
    refused("has no rows", empty);
    Dump.npy(at("f.npy"), 0, 0, 4);
    refused("nor has any of the other files", folder);
    Dump.npy(at("g.npy"), 0, 5, 4);
    try (ActivationFiles files = open(folder)) {
      assertRows(files, 5, 4);
      assertEquals(new RowOrigin(at("g.npy").toString(), 0), files.origin(0));
    }
  }

  @Test
  void emptyAndTruncatedFilesAreRefused() throws IOException {
    Files.createFile(at("a.npy"));
    refused("a.npy", at("a.npy"));
    Files.createFile(at("a.safetensors"));
    refused("a.safetensors", at("a.safetensors"));
    Path cut = Dump.safetensors(at("cut.safetensors"), 0, 100, 4);
    truncate(cut, 500);
    refused("cut.safetensors", cut);
  }

  private static void truncate(Path file, long size) throws IOException {
    try (FileChannel channel = new FileOutputStream(file.toFile(), true).getChannel()) {
      channel.truncate(size);
    }
  }

  @Test
  void aFileCutShortWhileItIsReadIsAnErrorThatNamesIt() throws IOException {
    Path file = Dump.safetensors(at("a.safetensors"), 0, 1000, 8);
    Matrix target = memory.matrix(1000, 8);
    try (ActivationFiles files = open(file)) {
      files.readRange(0, 1000, target);
      truncate(file, Files.size(file) / 2);
      files.read(new long[] {3}, 1, target);
      for (long row : new long[] {999, 500}) {
        var e = assertThrows(BadFileException.class, () -> files.read(new long[] {row}, 1, target));
        assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
      }
      assertThrows(BadFileException.class, () -> files.readRange(0, 1000, target));
    }
  }

  @Test
  void aFileReplacedBetweenOpeningsIsAnError() throws IOException {
    Path a = Dump.npy(at("a.npy"), 0, 10, 2);
    Dump.npy(at("b.npy"), 0, 10, 2);
    Matrix target = memory.matrix(1, 2);
    try (ActivationFiles files =
        ActivationFiles.open(List.of(folder.toString()), Optional.empty(), 1)) {
      Dump.npy(a, 0, 9, 2);
      var e = assertThrows(BadFileException.class, () -> files.readRange(0, 1, target));
      assertTrue(e.getMessage().contains("has changed"), e.getMessage());
      Files.delete(a);
      assertThrows(BadFileException.class, () -> files.readRange(0, 1, target));
    }
  }

  @Test
  void thousandsOfFilesNeedFewHandles() throws IOException {
    int count = 3000;
    for (int i = 0; i < count; i++) {
      Dump.npy(at("%05d.npy".formatted(i)), 2 * i, 2, 3);
    }
    try (ActivationFiles files =
        ActivationFiles.open(List.of(folder.toString()), Optional.empty(), 16)) {
      assertRows(files, 2 * count, 3);
      assertTrue(files.openFiles() <= 16, "open: " + files.openFiles());
    }
  }

  @Test
  void fewHandlesAreEnoughWhateverTheSystemAllows() throws Exception {
    int count = 500;
    for (int i = 0; i < count; i++) {
      Dump.npy(at("%05d.npy".formatted(i)), i, 1, 2);
    }
    List<String> command =
        List.of(
            "sh",
            "-c",
            "ulimit -n 32; exec \"$@\"",
            "sh",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:-UsePerfData",
            "-cp",
            System.getProperty("java.class.path"),
            FewHandles.class.getName(),
            folder.toString());
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals("sum " + (double) count * (count - 1) + ", 4 more\n", said);
  }

  @Test
  void threadsMayReadTogether() throws Exception {
    for (int i = 0; i < 20; i++) {
      Dump.npy(at("%02d.npy".formatted(i)), 10 * i, 10, 3);
    }
    try (ActivationFiles files =
            ActivationFiles.open(List.of(folder.toString()), Optional.empty(), 3);
        ExecutorService pool = Executors.newFixedThreadPool(8)) {
      List<Future<?>> tasks = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        tasks.add(
            pool.submit(
                () -> {
                  for (int repeat = 0; repeat < 20; repeat++) {
                    assertRows(files, 200, 3);
                  }
                  return null;
                }));
      }
      for (Future<?> task : tasks) {
        task.get();
      }
    }
  }

  @Test
  void badArgumentsAreNamed() throws IOException {
    Path file = Dump.npy(at("a.npy"), 0, 10, 2);
    Matrix target = memory.matrix(4, 2);
    Matrix narrow = memory.matrix(4, 1);
    ActivationFiles files = open(file);
    illegal("rowIds", () -> files.read(new long[] {1}, 2, target));
    illegal("row", () -> files.read(new long[] {10}, 1, target));
    illegal("row", () -> files.read(new long[] {-1}, 1, target));
    illegal("count", () -> files.read(new long[5], 5, target));
    illegal("target", () -> files.read(new long[] {1}, 1, narrow));
    illegal("rows", () -> files.readRange(8, 3, target));
    illegal("rows", () -> files.readRange(Long.MAX_VALUE, 3, target));
    illegal("count", () -> files.readRange(0, -1, target));
    files.close();
    assertThrows(IllegalStateException.class, () -> files.readRange(0, 1, target));
    files.close();
  }

  private static void illegal(String argument, org.junit.jupiter.api.function.Executable call) {
    var e = assertThrows(IllegalArgumentException.class, call);
    assertTrue(e.getMessage().startsWith(argument), e.getMessage());
  }

  @Test
  void onlyFilesThatHoldNothingDecodedAreReadInPlace() throws IOException {
    Dump.safetensors(at("a.safetensors"), 0, 9, 4);
    Dump.safetensors(at("b.safetensors"), 9, 9, 4);
    try (ActivationFiles plain =
        ActivationFiles.open(List.of(folder.toString()), Optional.empty())) {
      assertTrue(plain.readsInPlace());
      assertTrue(Split.of(18, 0.3).heldOut(plain).orElseThrow().readsInPlace());
      Dump.npz(at("c.npz"), 18, 9, 4);
      try (ActivationFiles mixed =
              ActivationFiles.open(List.of(folder.toString()), Optional.empty());
          ActivationFiles packed =
              ActivationFiles.open(List.of(at("c.npz").toString()), Optional.empty());
          ActivationFiles nine =
              ActivationFiles.open(List.of(at("a.safetensors").toString()), Optional.empty())) {
        assertFalse(mixed.readsInPlace());
        assertFalse(Split.of(27, 0.3).training(mixed).readsInPlace());
        ActivationSource pairs = RowViews.pairs(nine, packed);
        assertFalse(pairs.readsInPlace());
        assertFalse(RowViews.inputs(pairs).readsInPlace());
        assertTrue(RowViews.pairs(nine, nine).readsInPlace());
      }
    }
  }
}
