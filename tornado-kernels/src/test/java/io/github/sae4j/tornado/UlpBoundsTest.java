package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.numerics.Guarantee;
import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a device promises that is not exact. */
@Tag("no-device")
class UlpBoundsTest {
  @Test
  void everyKernelOfADeviceHasAnEntry() {
    Set<String> kernels =
        Stream.of(Kernels.class.getDeclaredMethods())
            .filter(method -> method.getReturnType() == void.class)
            .map(Method::getName)
            .filter(name -> !name.equals("close") && !name.contains("$"))
            .collect(Collectors.toSet());
    Map<String, Long> bounds = UlpBounds.whenDiffering(List.of("division"));
    assertTrue(bounds.keySet().containsAll(kernels), () -> bounds.keySet() + " of " + kernels);
  }

  @Test
  void approximateDivisionLeavesTheRestExact() {
    Map<String, Long> bounds = UlpBounds.whenDiffering(List.of("division"));
    assertEquals(0, bounds.get("product"));
    assertEquals(9, bounds.get("normalizeRows"));
    assertEquals(Guarantee.NONE, bounds.get("adam"));
  }

  @Test
  void nothingIsPromisedWhereFmaDiffers() {
    assertEquals(
        Set.of(Guarantee.NONE),
        Set.copyOf(UlpBounds.whenDiffering(List.of("division", "fma")).values()));
  }
}
