package io.github.sae4j.device;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Discovery and choice of devices. A device asked for by name that cannot run is an error; {@code
 * auto} takes the kind of highest priority that can run and is not known to be slow here, or a
 * {@linkplain DeviceProvider#challengers() challenger} that is exact and was measured to be faster.
 *
 * <p>{@link System.Logger} gets a line at level {@code DEBUG} for each device opened, with the
 * reason, at {@code INFO} if devices were measured for it, and at {@code WARNING} for a faster kind
 * passed over; each line once per process.
 */
public final class Devices {
  private static final System.Logger LOG = System.getLogger("io.github.sae4j.device");
  private static final Set<String> SAID = ConcurrentHashMap.newKeySet();

  /** What auto takes, if it took opening devices to find out. */
  private static AutomaticChoice measured;

  private Devices() {}

  /**
   * All devices of all kinds, the automatic choice first.
   *
   * @return their descriptions
   */
  public static List<DeviceInfo> list() {
    List<DeviceInfo> all = new ArrayList<>();
    for (DeviceProvider provider : providers()) {
      all.addAll(provider.devices());
    }
    return all;
  }

  /**
   * The kinds of device whose providers are on the class path, whether or not they can run.
   *
   * @return first words of device names, the automatic choice first
   */
  public static List<String> kinds() {
    return providers().stream().map(DeviceProvider::kind).toList();
  }

  /**
   * The device that {@code auto} chooses.
   *
   * @return its description
   */
  public static DeviceInfo automatic() {
    return choose().device();
  }

  /** Devices are timed once in the life of a process. */
  private static synchronized AutomaticChoice choose() {
    if (measured == null) {
      AutomaticChoice choice = AutomaticChoice.among(providers(), MicroStep::seconds);
      if (!choice.measured()) {
        return choice;
      }
      measured = choice;
    }
    return measured;
  }

  /**
   * Opens a device.
   *
   * @param name {@code auto}, or a kind with an optional index: {@code scalar}, {@code cpu}, {@code
   *     tornado:1}
   * @param options the device's options
   * @return an open device; the caller closes it
   * @throws DeviceException if the name is unknown or the device cannot run
   */
  public static Device open(String name, DeviceOptions options) {
    boolean auto = name.equals("auto");
    AutomaticChoice choice = auto ? choose() : null;
    String chosen = auto ? choice.device().name() : name;
    int colon = chosen.indexOf(':');
    String kind = colon < 0 ? chosen : chosen.substring(0, colon);
    int index = colon < 0 ? 0 : index(chosen, chosen.substring(colon + 1));
    List<DeviceProvider> providers = providers();
    for (DeviceProvider provider : providers) {
      if (provider.kind().equals(kind)) {
        Device device = provider.open(index, options);
        if (auto) {
          warnOfBetter(providers, provider);
        }
        say(
            auto && choice.measured() ? System.Logger.Level.INFO : System.Logger.Level.DEBUG,
            "device "
                + device.name()
                + " ("
                + device.description()
                + "), "
                + (auto ? "chosen automatically: " + choice.reason() : "as asked for"));
        return device;
      }
    }
    throw new DeviceException(
        "device " + name + ": expected auto or one of " + kinds() + ", optionally with :index");
  }

  private static int index(String name, String digits) {
    try {
      return Integer.parseUnsignedInt(digits);
    } catch (NumberFormatException e) {
      throw new DeviceException(
          "device " + name + ": expected a number after the colon, got '" + digits + "'", e);
    }
  }

  private static void warnOfBetter(List<DeviceProvider> providers, DeviceProvider chosen) {
    for (DeviceProvider provider : providers) {
      if (provider.priority() > chosen.priority()) {
        for (DeviceInfo info : provider.devices()) {
          say(
              System.Logger.Level.WARNING,
              "device "
                  + info.name()
                  + (info.available() ? " is not taken: " : " cannot run: ")
                  + info.reason());
        }
      }
    }
  }

  /** Logs a line once per process, even for a service that opens a device per request. */
  private static void say(System.Logger.Level level, String line) {
    if (LOG.isLoggable(level) && SAID.add(line)) {
      LOG.log(level, () -> line);
    }
  }

  private static List<DeviceProvider> providers() {
    List<DeviceProvider> found = new ArrayList<>();
    ServiceLoader.load(DeviceProvider.class, Devices.class.getClassLoader()).forEach(found::add);
    found.sort(Comparator.comparingInt(DeviceProvider::priority).reversed());
    return found;
  }
}
