package io.github.sae4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.numerics.Guarantee;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/** Which device {@code auto} takes when one that is not first by priority may be faster. */
class AutomaticChoiceTest {
  private final List<String> opened = new ArrayList<>();
  private final List<String> timed = new ArrayList<>();

  /** A device that says its name and what it promises, and can do nothing. */
  private static Device device(String name, Guarantee guarantee) {
    return (Device)
        Proxy.newProxyInstance(
            Device.class.getClassLoader(),
            new Class<?>[] {Device.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "name" -> name;
                  case "guarantee" -> guarantee;
                  case "close" -> null;
                  default -> throw new UnsupportedOperationException(method.getName());
                });
  }

  /** The CPU's kind, first by priority. */
  private DeviceProvider cpu() {
    return new Provider("cpu", 100, List.of(new DeviceInfo("cpu", "", true, "")), List.of());
  }

  private final class Provider implements DeviceProvider {
    private final String kind;
    private final int priority;
    private final List<DeviceInfo> devices;
    private final List<DeviceInfo> challengers;
    private Guarantee guarantee = Guarantee.EXACT;
    private boolean broken;

    Provider(String kind, int priority, List<DeviceInfo> devices, List<DeviceInfo> challengers) {
      this.kind = kind;
      this.priority = priority;
      this.devices = devices;
      this.challengers = challengers;
    }

    @Override
    public String kind() {
      return kind;
    }

    @Override
    public int priority() {
      return priority;
    }

    @Override
    public List<DeviceInfo> devices() {
      return devices;
    }

    @Override
    public List<DeviceInfo> challengers() {
      return challengers;
    }

    @Override
    public Device open(int index, DeviceOptions options) {
      if (broken) {
        throw new DeviceException("no driver");
      }
      String name = challengers.isEmpty() ? kind : kind + ":" + index;
      opened.add(name);
      return device(name, guarantee);
    }
  }

  private Provider gpus(String... names) {
    List<DeviceInfo> infos =
        List.of(names).stream().map(name -> new DeviceInfo(name, "", true, "")).toList();
    return new Provider("gpu", -1, infos, infos);
  }

  private ToDoubleFunction<Device> clock(Map<String, Double> seconds) {
    return device -> {
      timed.add(device.name());
      return seconds.get(device.name());
    };
  }

  @Test
  void withoutChallengersNothingIsOpened() {
    Provider listed =
        new Provider("gpu", -1, List.of(new DeviceInfo("gpu:0", "", true, "")), List.of());
    AutomaticChoice choice = AutomaticChoice.among(List.of(cpu(), listed), clock(Map.of()));
    assertEquals("cpu", choice.device().name());
    assertEquals("the fastest that can run here", choice.reason());
    assertFalse(choice.measured());
    assertEquals(List.of(), opened);
  }

  @Test
  void anExactDeviceThatIsFasterIsTaken() {
    AutomaticChoice choice =
        AutomaticChoice.among(
            List.of(cpu(), gpus("gpu:0")), clock(Map.of("cpu", 0.04, "gpu:0", 0.003)));
    assertEquals("gpu:0", choice.device().name());
    assertTrue(choice.measured());
    assertEquals(
        "gpu:0 is exact and takes 3.00 ms for a small step, cpu 40.00 ms", choice.reason());
  }

  @Test
  void aSlowerOneIsNot() {
    AutomaticChoice choice =
        AutomaticChoice.among(
            List.of(cpu(), gpus("gpu:0")), clock(Map.of("cpu", 0.04, "gpu:0", 0.4)));
    assertEquals("cpu", choice.device().name());
    assertEquals(
        "gpu:0 is exact and takes 400.00 ms for a small step, cpu 40.00 ms", choice.reason());
  }

  @Test
  void ofSeveralTheFastestIsTaken() {
    AutomaticChoice choice =
        AutomaticChoice.among(
            List.of(cpu(), gpus("gpu:0", "gpu:1", "gpu:2")),
            clock(Map.of("cpu", 4.0, "gpu:0", 3.0, "gpu:1", 1.0, "gpu:2", 2.0)));
    assertEquals("gpu:1", choice.device().name());
    assertEquals(List.of("cpu", "gpu:0", "gpu:1", "gpu:2"), timed);
  }

  @Test
  void whatIsNotExactIsNotEvenTimed() {
    Provider gpus = gpus("gpu:0");
    gpus.guarantee = new Guarantee(false, Map.of("product", Guarantee.NONE));
    AutomaticChoice choice = AutomaticChoice.among(List.of(cpu(), gpus), clock(Map.of()));
    assertEquals("cpu", choice.device().name());
    assertEquals("gpu:0 is not exact", choice.reason());
    assertEquals(List.of(), timed);
  }

  @Test
  void whatFailsIsPassedOver() {
    Provider gpus = gpus("gpu:0");
    gpus.broken = true;
    AutomaticChoice choice = AutomaticChoice.among(List.of(cpu(), gpus), clock(Map.of()));
    assertEquals("cpu", choice.device().name());
    assertEquals("gpu:0 cannot run: no driver", choice.reason());
  }

  /** The step that is timed can be run by a device; how long it takes is not looked at. */
  @Test
  void theMicroStepRuns() {
    try (Device device = new ScalarDevice()) {
      assertTrue(MicroStep.seconds(device, 4) > 0);
    }
  }
}
