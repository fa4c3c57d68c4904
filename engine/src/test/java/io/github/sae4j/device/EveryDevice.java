package io.github.sae4j.device;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.List;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A test that runs once for every device of this machine, and is given the device. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedTest(autoCloseArguments = false)
@MethodSource("io.github.sae4j.device.EveryDevice$Opened#devices")
public @interface EveryDevice {
  /** The devices that can run here, opened once and left to the end of the VM. */
  final class Opened {
    private static final List<Named<Device>> DEVICES =
        Devices.list().stream()
            .filter(DeviceInfo::available)
            .map(info -> Named.of(info.name(), Devices.open(info.name(), DeviceOptions.DEFAULT)))
            .toList();

    private Opened() {}

    static List<Named<Device>> devices() {
      return DEVICES;
    }

    /** The devices, for tests that loop over them. */
    public static List<Device> all() {
      return DEVICES.stream().map(Named::getPayload).toList();
    }
  }
}
