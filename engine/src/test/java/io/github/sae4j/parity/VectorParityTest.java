package io.github.sae4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.vector.VectorDevice;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The Vector API device against the oracle, at the width this VM was told to use. */
@Tag("kernel")
class VectorParityTest {
  private static final long SEED = Long.getLong("parity.seed", ParityCheck.SEED);

  @Test
  void runsAtTheForcedWidth() {
    Integer forced = Integer.getInteger("sae4j.vectorBits");
    if (forced != null) {
      assertEquals(forced, VectorDevice.vectorBits());
    }
  }

  @TestFactory
  Stream<DynamicContainer> everyKernelAndStepEqualsTheOracle() {
    return IntStream.of(1, 2, 3)
        .mapToObj(threads -> dynamicContainer("threads=" + threads, verdicts(threads)));
  }

  /** A test for each verdict, so that a broken one is named. */
  private static Stream<DynamicTest> verdicts(int threads) {
    ParityReport report;
    try (Device device = new VectorDevice(threads)) {
      report = ParityCheck.run(device, SEED, ParityCheck.STEPS);
    }
    System.out.println(
        "parity width=%d threads=%d kernels and recipes=%d numbers=%d max ULP=%d"
            .formatted(
                VectorDevice.vectorBits(),
                threads,
                report.verdicts().size(),
                report.elements(),
                report.maxUlp()));
    return Stream.concat(
        report.verdicts().stream()
            .map(
                verdict ->
                    dynamicTest(verdict.kernel(), () -> assertTrue(verdict.kept(), verdict::text))),
        Stream.of(
            dynamicTest(
                "enough was compared",
                () -> {
                  assertTrue(report.exact());
                  assertTrue(report.elements() > 1_000_000, report::toString);
                })));
  }
}
