package io.github.sae4j.tornado.counting;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Kernels that can be counted by hand. */
@Tag("no-device")
class CountingTest {
  private static final Card CARD = Card.H100;

  private final Map<Long, Long> written = new HashMap<>();

  private static String kernel(String... lines) {
    return "__kernel void k(__global long *_kernel_context, __global uchar *a, __global uchar *out,"
        + " __private int d)\n"
        + "{\n"
        + "  float f_0, f_1, f_2; \n"
        + "  int i_0, i_1, i_2; \n"
        + "  ulong ul_0, ul_1, ul_2; \n"
        + "  long l_0; \n"
        + "  bool b_0; \n"
        + "  ul_0  =  (ulong) a;\n"
        + "  ul_1  =  (ulong) out;\n"
        + "  "
        + String.join("\n", lines)
        + "\n}";
  }

  /** A group of 64, element i of {@code a} being i. */
  private Counts run(String... lines) {
    KernelSource kernel = KernelSource.parseAll(kernel(lines)).getFirst();
    return Lockstep.run(
        kernel,
        (argument, offset, kind) ->
            kind.floating() ? Double.doubleToRawLongBits((offset - 16) / 4) : (offset - 16) / 4,
        CARD,
        new int[] {64, 1},
        new int[] {0, 0},
        written,
        new HashMap<>());
  }

  private double out(int index) {
    return Double.longBitsToDouble(written.get((2L << 40) + 16 + 4 * index));
  }

  @Test
  void neighboursShareSectorsAndTheHeaderShiftsThem() {
    Counts counts =
        run(
            "i_0  =  get_global_id(0);",
            "l_0  =  (long) i_0;",
            "l_0  =  l_0 + 4L;",
            "l_0  =  l_0 << 2;",
            "ul_2  =  ul_0 + l_0;",
            "f_0  =  *((__global float *) ul_2);",
            "f_1  =  fma(f_0, f_0, 1.0F);",
            "ul_2  =  ul_1 + l_0;",
            "*((__global float *) ul_2)  =  f_1;");
    assertEquals(4, counts.globalRequests);
    // 128 bytes that begin 16 bytes into a sector reach into five.
    assertEquals(20, counts.requestedSectors);
    // The two warps' loads share one, and so do their stores.
    assertEquals(18, counts.groupSectors);
    assertEquals(18, counts.l1Misses);
    assertEquals(64, counts.fmaLanes);
    assertEquals(2, counts.fma);
    assertEquals(37, out(6));
  }

  @Test
  void aStrideOfSixteenWordsServesTwoLanesAtATime() {
    Counts straight =
        run("__local float adf_0[1040];", "i_0  =  get_local_id(0);", "adf_0[i_0]  =  1.0F;");
    assertEquals(2, straight.localRequests);
    assertEquals(2, straight.localCycles);
    assertEquals(256, straight.localBytes);
    Counts strided =
        run(
            "__local float adf_0[1040];",
            "i_0  =  get_local_id(0);",
            "i_1  =  i_0 << 4;",
            "adf_0[i_1]  =  1.0F;");
    assertEquals(2 * 16, strided.localCycles);
    Counts padded =
        run(
            "__local float adf_0[1100];",
            "i_0  =  get_local_id(0);",
            "i_1  =  i_0 * 17;",
            "adf_0[i_1]  =  1.0F;");
    assertEquals(2, padded.localCycles);
    Counts same = run("__local float adf_0[1040];", "adf_0[0]  =  2.0F;", "f_0  =  adf_0[0];");
    assertEquals(4, same.localCycles);
  }

  @Test
  void lanesOfAWarpGoThroughALoopTogether() {
    Counts counts =
        run(
            "i_0  =  get_local_id(0);",
            "i_1  =  0;",
            "f_0  =  0.0F;",
            "for(;i_1 < i_0;)",
            "{",
            "f_0  =  fma(f_0, 1.0F, 2.0F);",
            "i_1  =  i_1 + 1;",
            "b_0  =  i_1 > 39;",
            "if(b_0)",
            "{",
            "break;",
            "}",
            "else",
            "{",
            "}",
            "}",
            "l_0  =  (long) i_0;",
            "l_0  =  l_0 + 4L;",
            "l_0  =  l_0 << 2;",
            "ul_2  =  ul_1 + l_0;",
            "*((__global float *) ul_2)  =  f_0;");
    // The first warp turns as often as its last lane, 31 times; the second one leaves at 40.
    assertEquals(31 + 40, counts.fma);
    assertEquals(31 * 32 / 2 + (32 + 39) * 8 / 2 + 24 * 40, counts.fmaLanes);
    assertEquals(2 * 31, out(31));
    assertEquals(2 * 40, out(63));
    assertEquals(0, out(0));
  }

  @Test
  void aDependentLoadWaitsForTheFirst() {
    String[] first = {"ul_2  =  ul_0 + 16L;", "f_0  =  *((__global float *) ul_2);"};
    long one = run(first[0], first[1], "f_1  =  f_0 + 1.0F;").chain;
    long two =
        run(
                first[0],
                first[1],
                "ul_2  =  ul_0 + 4096L;",
                "f_2  =  *((__global float *) ul_2);",
                "f_1  =  f_0 + f_2;")
            .chain;
    assertEquals(true, two < one + 10, "independent loads overlap");
    long chased =
        run(
                "ul_2  =  ul_0 + 16L;",
                "i_0  =  *((__global int *) ul_2);",
                "l_0  =  (long) i_0;",
                "ul_2  =  ul_0 + 4096L;",
                "ul_2  =  ul_2 + l_0;",
                "f_2  =  *((__global float *) ul_2);",
                "f_1  =  f_2 + 1.0F;")
            .chain;
    assertEquals(true, chased > one + CARD.globalLatency() - 10, chased + " after " + one);
  }

  @Test
  void whatTheGroupHasReadIsInL1() {
    Counts counts =
        run(
            "ul_2  =  ul_0 + 16L;",
            "f_0  =  *((__global float *) ul_2);",
            "f_1  =  *((__global float *) ul_2);");
    assertEquals(4, counts.requestedSectors);
    assertEquals(1, counts.l1Misses);
  }

  @Test
  void whatIsNotUnderstoodIsAnError() {
    assertThrows(IllegalArgumentException.class, () -> run("f_0  =  mystery(f_1);"));
    assertThrows(IllegalArgumentException.class, () -> run("goto somewhere;"));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> run("__local float adf_0[63];", "i_0  =  get_local_id(0);", "adf_0[i_0]  =  1.0F;"));
  }

  @Test
  void aBarrierThatSomeDoNotReachIsAnError() {
    assertThrows(
        IllegalStateException.class,
        () ->
            run(
                "i_0  =  get_local_id(0);",
                "b_0  =  i_0 < 7;",
                "if(b_0)",
                "{",
                "barrier(CLK_LOCAL_MEM_FENCE);",
                "}",
                "else",
                "{",
                "}"));
  }
}
