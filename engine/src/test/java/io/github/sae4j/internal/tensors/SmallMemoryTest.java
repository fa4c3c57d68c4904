package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a file may cost, held to by processes that have little. */
class SmallMemoryTest {
  private static final String SMALL = "-Xmx48m";

  @TempDir Path folder;

  private String run(List<String> options, String what, Path file) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-cp",
            System.getProperty("java.class.path"),
            Opener.class.getName(),
            what,
            file.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  /** A header of so many bytes, written piece by piece: this process has no room for it either. */
  private Path header(String first, String each, long bytes, String last) throws IOException {
    Path file = folder.resolve("large.safetensors");
    long length = first.length();
    long count = 0;
    while (length < bytes) {
      length += each(each, count).length();
      count++;
    }
    length += last.length();
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 20)) {
      out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array());
      out.write(first.getBytes(StandardCharsets.US_ASCII));
      for (long i = 0; i < count; i++) {
        out.write(each(each, i).getBytes(StandardCharsets.US_ASCII));
      }
      out.write(last.getBytes(StandardCharsets.US_ASCII));
    }
    return file;
  }

  private static String each(String text, long i) {
    return text.replace("#", String.format("%08d", i));
  }

  private static void assertRefused(String said) {
    assertTrue(said.startsWith("refused "), said);
    assertTrue(said.contains("-Xmx"), said);
  }

  @Test
  void aHeaderOfManyTensorsIsRefusedBeforeTheHeapIsFull() throws Exception {
    String each = "\"#\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},";
    Path file =
        header(
            "{",
            each,
            90_000_000,
            "\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    assertRefused(run(List.of(SMALL), "open", file));
  }

  @Test
  void soIsOneOfManyMetadata() throws Exception {
    Path file = header("{\"__metadata__\":{", "\"#\":\"\",", 90_000_000, "\"z\":\"\"}}");
    assertRefused(run(List.of(SMALL), "open", file));
  }

  @Test
  void soIsOneOfALongText() throws Exception {
    Path file = header("{\"__metadata__\":{\"a\":\"", "########", 90_000_000, "\"}}");
    assertRefused(run(List.of(SMALL), "open", file));
  }

  /** What nobody reads costs next to nothing, however long. */
  @Test
  void paddingIsFree() throws Exception {
    Path file = header("{", "          ", 90_000_000, "}");
    assertEquals("opened 0\n", run(List.of(SMALL), "open", file));
  }

  @Test
  void jsonOfManyValuesIsRefusedBeforeTheHeapIsFull() throws Exception {
    Path file = folder.resolve("a.json");
    Files.writeString(file, "[" + "[1],".repeat(1_000_000) + "1]");
    assertRefused(run(List.of(SMALL), "json", file));
  }

  @Test
  void aZipOfManyMembersIsRefusedBeforeTheHeapIsFull() throws Exception {
    Path file = folder.resolve("a.npz");
    byte[] array = HandMade.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0,)}");
    try (ZipOutputStream zip =
        new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 20))) {
      for (int i = 0; i < 60_000; i++) {
        zip.putNextEntry(new ZipEntry("x".repeat(60) + i + ".npy"));
        zip.write(array);
      }
    }
    assertRefused(run(List.of("-Xmx24m"), "open", file));
  }

  private Path compressed(long elements, boolean fortran) throws IOException {
    Path file = folder.resolve("a.npz");
    String shape = "(" + elements / 1000 + ", 1000)";
    byte[] start =
        HandMade.npy(
            "{'descr': '|u1', 'fortran_order': %s, 'shape': %s}"
                .formatted(fortran ? "True" : "False", shape));
    try (ZipOutputStream zip =
        new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 20))) {
      zip.putNextEntry(new ZipEntry("activations.npy"));
      zip.write(start);
      byte[] row = new byte[1000];
      for (long i = 0; i < elements / 1000; i++) {
        row[(int) (i % 1000)] = 1;
        zip.write(row);
        row[(int) (i % 1000)] = 0;
      }
    }
    return file;
  }

  @Test
  void compressedMembersBeyondTheBoundAreReadFromFrontToBack() throws Exception {
    Path file = compressed(50_000_000, false);
    List<String> bounded = List.of(SMALL, "-Dsae4j.npzInflateBytes=1000000");
    assertEquals("sum 100000\n", run(bounded, "forward", file));
    String said = run(bounded, "back", file);
    assertTrue(said.startsWith("refused "), said);
    assertTrue(said.contains("numpy.savez"), said);
    assertTrue(said.contains("-Dsae4j.npzInflateBytes"), said);
    assertEquals("read all\n", run(List.of(SMALL), "back", file), "within the bound they are held");
  }

  /** Several files count together; found when the data is laid out, not after an hour of steps. */
  @Test
  void compressedActivationsBeyondTheBoundAreRefusedBeforeTraining() throws Exception {
    Path dumps = Files.createDirectories(folder.resolve("dumps"));
    for (String name : new String[] {"a", "b", "c"}) {
      byte[] start = HandMade.npy("{'descr': '<f4', 'fortran_order': False, 'shape': (100, 1000)}");
      try (ZipOutputStream zip =
          new ZipOutputStream(Files.newOutputStream(dumps.resolve(name + ".npz")))) {
        zip.putNextEntry(new ZipEntry("activations.npy"));
        zip.write(start);
        zip.write(new byte[400_000]);
      }
    }
    String said = run(List.of(SMALL, "-Dsae4j.npzInflateBytes=1000000"), "activations", dumps);
    assertTrue(said.startsWith("rows 300\nrefused "), said);
    assertTrue(said.contains("c.npz: is compressed") && said.contains("numpy.savez"), said);
    assertEquals(
        "rows 300\nany order\n",
        run(List.of(SMALL, "-Dsae4j.npzInflateBytes=2000000"), "activations", dumps));
  }

  @Test
  void fortranOrderBeyondTheBoundIsRefusedWithTheReason() throws Exception {
    Path file = compressed(20_000_000, true);
    String said = run(List.of(SMALL, "-Dsae4j.npzInflateBytes=1000000"), "forward", file);
    assertTrue(said.startsWith("refused ") && said.contains("numpy.savez"), said);
    assertEquals("sum 40000\n", run(List.of(SMALL), "forward", file));
  }
}
