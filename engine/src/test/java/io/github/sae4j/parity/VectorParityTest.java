package io.github.sae4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.scalar.ScalarDevice;
import io.github.sae4j.device.vector.VectorDevice;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Vector API device against the oracle, at the width this VM was told to use. */
@Tag("kernel")
class VectorParityTest {
  private static final long SEED = Long.getLong("parity.seed", 20260101L);

  @Test
  void runsAtTheForcedWidth() {
    Integer forced = Integer.getInteger("sae4j.vectorBits");
    if (forced != null) {
      assertEquals(forced, VectorDevice.vectorBits());
    }
    System.out.println("parity width=" + VectorDevice.vectorBits() + " seed=" + SEED);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void kernelsEqualTheOracle(int threads) {
    try (Device device = new VectorDevice(threads);
        Device oracle = new ScalarDevice()) {
      allEqual(ParityCheck.kernels(device, oracle, SEED));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void trainingStepsEqualTheOracle(int threads) {
    try (Device device = new VectorDevice(threads);
        Device oracle = new ScalarDevice()) {
      allEqual(ParityCheck.steps(device, oracle, SEED, ParityCheck.STEPS));
    }
  }

  private static void allEqual(List<ParityResult> results) {
    List<ParityResult> unequal = results.stream().filter(result -> !result.equal()).toList();
    long elements = results.stream().mapToLong(ParityResult::elements).sum();
    assertTrue(elements > 100_000, "compared " + elements + " numbers");
    assertTrue(unequal.isEmpty(), () -> unequal.size() + " differ, first " + unequal.getFirst());
  }
}
