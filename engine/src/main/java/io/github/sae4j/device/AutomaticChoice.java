package io.github.sae4j.device;

import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/**
 * What {@code auto} takes: the kind of highest priority that can run, unless another one proves
 * exact and faster here.
 *
 * @param device the device
 * @param reason why this one
 * @param measured whether devices were opened and timed for it
 */
record AutomaticChoice(DeviceInfo device, String reason, boolean measured) {
  /**
   * Chooses.
   *
   * @param providers by falling priority
   * @param seconds how long an open device takes for a {@link MicroStep}; throws DeviceException
   */
  static AutomaticChoice among(List<DeviceProvider> providers, ToDoubleFunction<Device> seconds) {
    Candidate best = byPriority(providers);
    List<Candidate> challengers =
        providers.stream()
            .flatMap(
                provider -> provider.challengers().stream().map(i -> new Candidate(provider, i)))
            .toList();
    String reason = "the fastest that can run here";
    if (challengers.isEmpty()) {
      return new AutomaticChoice(best.info, reason, false);
    }
    StringBuilder story = new StringBuilder();
    OptionalDouble toBeat = OptionalDouble.empty();
    for (Candidate challenger : challengers) {
      story.append(story.isEmpty() ? "" : "; ");
      try (Device device = challenger.open()) {
        if (!device.guarantee().exact()) {
          story.append(challenger.info.name()).append(" is not exact");
          continue;
        }
        if (toBeat.isEmpty()) {
          toBeat = OptionalDouble.of(best.measure(seconds));
        }
        double took = seconds.applyAsDouble(device);
        story.append(
            String.format(
                Locale.ROOT,
                "%s is exact and takes %.2f ms for a small step, %s %.2f ms",
                challenger.info.name(),
                took * 1e3,
                best.info.name(),
                toBeat.getAsDouble() * 1e3));
        if (took < toBeat.getAsDouble()) {
          best = challenger;
          toBeat = OptionalDouble.of(took);
        }
      } catch (DeviceException e) {
        story.append(challenger.info.name()).append(" cannot run: ").append(e.getMessage());
      }
    }
    return new AutomaticChoice(best.info, story.toString(), true);
  }

  private static Candidate byPriority(List<DeviceProvider> providers) {
    for (DeviceProvider provider : providers) {
      if (provider.priority() >= 0) {
        for (DeviceInfo info : provider.devices()) {
          if (info.advisable()) {
            return new Candidate(provider, info);
          }
        }
      }
    }
    throw new DeviceException("auto: no device can run; the scalar device should be in this jar");
  }

  /** A device that may be taken. */
  private record Candidate(DeviceProvider provider, DeviceInfo info) {
    Device open() {
      int colon = info.name().indexOf(':');
      int index = colon < 0 ? 0 : Integer.parseInt(info.name().substring(colon + 1));
      return provider.open(index, DeviceOptions.DEFAULT);
    }

    double measure(ToDoubleFunction<Device> seconds) {
      try (Device device = open()) {
        return seconds.applyAsDouble(device);
      }
    }
  }
}
