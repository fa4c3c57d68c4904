package io.github.sae4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.vector.VectorDevice;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void kernelsAndTrainingStepsEqualTheOracle(int threads) {
    try (Device device = new VectorDevice(threads)) {
      ParityReport report = ParityCheck.run(device, SEED, ParityCheck.STEPS);
      System.out.println(
          "parity width=%d threads=%d kernels and recipes=%d numbers=%d max ULP=%d"
              .formatted(
                  VectorDevice.vectorBits(),
                  threads,
                  report.verdicts().size(),
                  report.elements(),
                  report.maxUlp()));
      assertTrue(report.exact());
      assertTrue(report.elements() > 1_000_000, report::toString);
      assertTrue(report.kept(), report::toString);
    }
  }
}
