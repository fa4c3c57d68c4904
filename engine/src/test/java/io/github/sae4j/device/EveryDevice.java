package io.github.sae4j.device;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A test that runs once for every device of this machine, and is given its name. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedTest
@MethodSource("io.github.sae4j.device.EveryDevice$Names#available")
public @interface EveryDevice {
  /** The devices that can run here. */
  final class Names {
    private Names() {}

    static Stream<String> available() {
      return Devices.list().stream().filter(DeviceInfo::available).map(DeviceInfo::name);
    }
  }
}
