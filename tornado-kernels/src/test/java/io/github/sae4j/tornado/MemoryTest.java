package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import org.junit.jupiter.api.Test;

/** Limits of a device's memory, told in one line before anything is compiled. */
class MemoryTest {
  private final Accelerator accelerator = Accelerator.all().getFirst();

  @Test
  void anArrayPastTheLimitOfTornadoIsRefused() {
    KernelGraph graph = new KernelGraph(accelerator);
    DeviceException thrown =
        assertThrows(DeviceException.class, () -> graph.floats("W_enc", 1L << 31));
    assertTrue(thrown.getMessage().contains("W_enc has 2147483648 elements"), thrown.getMessage());
    assertFalse(thrown.getMessage().contains("\n"));
  }

  @Test
  void anArrayPastTheLimitOfTheDeviceIsRefused() {
    KernelGraph graph = new KernelGraph(accelerator);
    long elements = accelerator.largestArray() / Float.BYTES + 1;
    if (elements < Integer.MAX_VALUE - 1024) {
      DeviceException thrown =
          assertThrows(DeviceException.class, () -> graph.floats("W_enc", elements));
      assertTrue(thrown.getMessage().contains("the largest array"), thrown.getMessage());
    }
  }

  @Test
  void moreThanTheDeviceHasIsRefused() {
    KernelGraph graph = new KernelGraph(accelerator);
    DeviceException thrown =
        assertThrows(
            DeviceException.class,
            () -> KernelPlan.compile(accelerator, null, null, accelerator.memoryLimit() + 1));
    assertTrue(thrown.getMessage().contains("out of memory"), thrown.getMessage());
    assertFalse(thrown.getMessage().contains("\n"));
    assertEquals(0, graph.bytes());
  }

  @Test
  void whatIsClosedGivesItsMemoryBack() {
    long before = KernelPlan.available(accelerator);
    try (Device device = new TornadoDevice(accelerator);
        OffHeap memory = new OffHeap()) {
      // More kernels than are kept, of 24 MiB each.
      for (int i = 0; i < 30; i++) {
        Matrix a = memory.matrix(1, (1 << 21) + i);
        device.subtract(a, a, a);
        assertTrue(KernelPlan.available(accelerator) > before - (600L << 20));
      }
      assertTrue(KernelPlan.available(accelerator) < before);
    }
    assertEquals(before, KernelPlan.available(accelerator));
  }
}
