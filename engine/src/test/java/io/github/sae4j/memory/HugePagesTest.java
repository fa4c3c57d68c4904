package io.github.sae4j.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which blocks are in huge pages, as the system reports for separate processes. */
class HugePagesTest {
  private static final Path ENABLED = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
  private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";
  private static final int MEBIBYTES = 64;

  @Test
  void aBigMatrixLiesInHugePagesAndASmallOneDoesNot() throws Exception {
    assumeTrue(Files.isReadable(ENABLED), () -> "skipped: this system has no " + ENABLED);
    String modes = Files.readString(ENABLED).strip();
    assumeFalse(modes.contains("[never]"), () -> "skipped: " + ENABLED + " says " + modes);
    List<String> lines = run(NATIVE_ACCESS);
    assertTrue(lines.get(0).endsWith("KiB, for blocks that hold two or more"), lines::toString);
    assertTrue(lines.get(1).startsWith("big: advised, "), lines::toString);
    // All but the two ends, if the system finds enough memory in one piece: half is proof.
    int huge = Integer.parseInt(lines.get(1).replaceAll("\\D", ""));
    System.out.println("huge pages: " + huge + " of " + MEBIBYTES + " MiB");
    assertTrue(huge >= MEBIBYTES / 2 && huge <= MEBIBYTES, lines::toString);
    assertTrue(lines.get(2).startsWith("small: not advised"), lines::toString);
    assertEquals(List.of("zeros", "after close: not advised, 0 MiB"), lines.subList(3, 5));
    assertEquals(5, lines.size(), lines::toString);
  }

  /** The system would grant them, and kill the process once it touched them. */
  @Test
  void blocksThatTogetherAreMoreThanThereIsAreRefused() {
    assumeTrue(
        HugePages.description().contains("KiB"), () -> "skipped: " + HugePages.description());
    long half = HugePages.most() / 5 * 3; // nothing of it is touched
    assumeTrue(allocates(half), "skipped: this system does not grant so much");
    try (Arena arena = Arena.ofShared()) {
      HugePages.allocate(arena, half, (pages, touch) -> {});
      OutOfMemoryError e =
          assertThrows(
              OutOfMemoryError.class, () -> HugePages.allocate(arena, half, (pages, touch) -> {}));
      assertTrue(e.getMessage().startsWith("cannot map " + half), e.getMessage());
    }
    assertTrue(allocates(half), "it was given back");
  }

  private static boolean allocates(long size) {
    try (Arena arena = Arena.ofShared()) {
      return HugePages.allocate(arena, size, (pages, touch) -> {}) != null;
    }
  }

  @Test
  void theSwitchTurnsThemOff() throws Exception {
    expectNone("switched off by sae4j.hugePages", NATIVE_ACCESS, "-Dsae4j.hugePages=false");
  }

  /** The output includes the child's stderr: no warnings without a request. */
  @Test
  void withoutNativeAccessNothingIsCalledAndNothingWarns() throws Exception {
    assumeTrue(Files.isReadable(ENABLED), () -> "skipped: this system has no " + ENABLED);
    assumeFalse(Files.readString(ENABLED).contains("[never]"), () -> "skipped: switched off");
    expectNone("--enable-native-access is missing");
  }

  private static void expectNone(String why, String... flags) throws Exception {
    List<String> lines = run(flags);
    assertEquals("none: " + why, lines.get(0));
    assertTrue(lines.get(1).startsWith("big: not advised"), lines::toString);
    assertTrue(lines.get(2).startsWith("small: not advised"), lines::toString);
    assertEquals("zeros", lines.get(3));
    assertEquals(5, lines.size(), lines::toString);
  }

  private static List<String> run(String... flags) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(flags));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Child.class.getName()));
    Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
    List<String> lines = child.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertEquals(0, child.waitFor(), () -> String.join("\n", lines));
    return lines;
  }

  /** Allocates and reports in which pages. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      System.out.println(HugePages.description());
      MemorySegment freed;
      try (OffHeap memory = new OffHeap()) {
        Matrix small = memory.matrix(256, 1024);
        Matrix big = memory.matrix(MEBIBYTES * 256, 1024);
        System.out.println("big: " + state(big.segment()));
        System.out.println("small: " + state(small.segment()));
        boolean zero = true;
        for (int row = 0; row < big.rows(); row++) {
          for (int col = 0; col < big.cols(); col++) {
            zero &= Float.floatToRawIntBits(big.get(row, col)) == 0;
          }
        }
        System.out.println(zero ? "zeros" : "not zeros");
        freed = big.segment();
      }
      System.out.println("after close: " + state(freed));
    }

    /** What {@code smaps} says of the mappings that a block touches. */
    private static String state(MemorySegment block) throws IOException {
      Path maps = Path.of("/proc/self/smaps");
      if (!Files.isReadable(maps)) {
        return "not advised, 0 MiB";
      }
      long kibibytes = 0;
      boolean advised = false;
      boolean inside = false;
      for (String line : Files.readAllLines(maps)) {
        if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
          String[] range = line.split("[- ]", 3);
          inside =
              Long.parseUnsignedLong(range[0], 16) < block.address() + block.byteSize()
                  && Long.parseUnsignedLong(range[1], 16) > block.address();
        } else if (inside && line.startsWith("AnonHugePages:")) {
          kibibytes += Long.parseLong(line.replaceAll("\\D", ""));
        } else if (inside && line.startsWith("VmFlags:")) {
          advised |= List.of(line.split(" +")).contains("hg");
        }
      }
      return (advised ? "advised, " : "not advised, ") + kibibytes / 1024 + " MiB";
    }
  }
}
