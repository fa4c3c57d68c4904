package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.KernelPlan;
import io.github.sae4j.tornado.runtime.Accelerator;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

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
  void anArrayAtTheLimitOfTheDeviceIsRefused() {
    KernelGraph graph = new KernelGraph(accelerator);
    // With its header it is as large as the largest buffer, which TornadoVM does not give.
    long elements = (accelerator.largestArray() - TornadoNativeArray.ARRAY_HEADER) / Float.BYTES;
    DeviceException thrown =
        assertThrows(DeviceException.class, () -> graph.floats("W_enc", elements));
    assertTrue(thrown.getMessage().contains("W_enc "), thrown.getMessage());
    assertFalse(thrown.getMessage().contains("\n"));
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
  void oldKernelsMakeRoomForANewOne() {
    String limit = System.getProperty("tornado.device.memory");
    try (Device device = new TornadoDevice(accelerator);
        OffHeap memory = new OffHeap()) {
      // Room for three arrays of 4 MiB and little else, so for one subtraction at a time.
      long used = accelerator.memoryLimit() - KernelPlan.available(accelerator);
      System.setProperty("tornado.device.memory", Long.toString(used + (13 << 20)));
      for (int cols = 1 << 20; cols > (1 << 20) - 3; cols--) {
        Matrix a = memory.matrix(1, cols);
        a.fill(2f);
        Matrix out = memory.matrix(1, cols);
        device.subtract(a, memory.matrix(1, cols), out);
        assertEquals(2f, out.get(0, cols - 1));
      }
      Matrix wEnc = memory.matrix(1 << 10, 1 << 10);
      EncoderWeights weights = new EncoderWeights(wEnc, memory.vector(1 << 10), null, null);
      try (Encoder encoder = device.encoder(weights, Ranked.topK(3, Ranked.Relu.NONE))) {
        encoder.encode(memory.matrix(1, 1 << 10), memory.codes(1, 3));
        Matrix more = memory.matrix(1, 3 << 20);
        DeviceException thrown =
            assertThrows(DeviceException.class, () -> device.subtract(more, more, more));
        assertTrue(
            thrown.getMessage().contains("out of memory: 36 MiB needed"), thrown::getMessage);
      }
    } finally {
      System.setProperty("tornado.device.memory", limit);
    }
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
