package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.DeviceException;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.tornado.runtime.StartUp;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a JVM that was not started for TornadoVM, or not rightly, is told. */
@Tag("no-device")
class StartUpTest {
  private static final String STARTED = "tornado.load.runtime.implementation";

  private static final Map<String, String> RIGHT =
      Map.of(
          STARTED,
          "anything",
          "tornado.recover.bailout",
          "False",
          "tornado.enable.nativeFunctions",
          "False",
          "tornado.enable.mathOptimizations",
          "False");

  @AfterEach
  void forget() {
    RIGHT.keySet().forEach(System::clearProperty);
    System.clearProperty("tornado.enable.fma");
    System.clearProperty("tornado.device.memory");
    System.clearProperty("tornado.sketcher.threads");
  }

  @Test
  void whatCanStillBeSetIsSetUnlessTheUserDid() {
    RIGHT.forEach(System::setProperty);
    System.setProperty("tornado.device.memory", "2GB");
    StartUp.check();
    assertEquals("2GB", System.getProperty("tornado.device.memory"));
    assertEquals("1", System.getProperty("tornado.sketcher.threads"));
  }

  @Test
  void withoutTheArgfileTheDeviceIsListedWithTheReason() {
    DeviceInfo tornado =
        Devices.list().stream()
            .filter(info -> info.name().startsWith("tornado"))
            .findFirst()
            .orElseThrow();
    assertFalse(tornado.available());
    assertTrue(tornado.reason().contains("tornado-argfile"), tornado.reason());
  }

  @Test
  void withoutTheArgfileOpeningSaysSoInOneLine() {
    DeviceException thrown =
        assertThrows(DeviceException.class, () -> Devices.open("tornado", DeviceOptions.DEFAULT));
    assertTrue(thrown.getMessage().contains("tornado-argfile"), thrown.getMessage());
    assertFalse(thrown.getMessage().contains("\n"));
  }

  @Test
  void neverChosenAutomatically() {
    assertFalse(Devices.automatic().name().startsWith("tornado"));
  }

  @ParameterizedTest
  @CsvSource({
    "tornado.recover.bailout",
    "tornado.enable.nativeFunctions",
    "tornado.enable.mathOptimizations"
  })
  void anOptionLeftAtItsDefaultIsNamed(String option) {
    RIGHT.forEach(System::setProperty);
    StartUp.check();
    System.clearProperty(option);
    DeviceException thrown = assertThrows(DeviceException.class, StartUp::check);
    assertTrue(thrown.getMessage().contains("-D" + option + "=False"), thrown.getMessage());
  }

  @Test
  void fusedMultiplyAddMayNotBeSwitchedOff() {
    RIGHT.forEach(System::setProperty);
    System.setProperty("tornado.enable.fma", "False");
    DeviceException thrown = assertThrows(DeviceException.class, StartUp::check);
    assertTrue(thrown.getMessage().contains("-Dtornado.enable.fma"), thrown.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"4GB, 4294967296", "512MB, 536870912", "1000, 1000", "2KB, 2048", "7B, 7"})
  void memoryIsReadAsTornadoReadsIt(String text, long bytes) {
    System.setProperty("tornado.device.memory", text);
    assertEquals(bytes, StartUp.memoryLimit());
  }

  @ParameterizedTest
  @CsvSource({"4 GB", "lots", "-1GB", "99999999999EB"})
  void aSizeThatIsNoneIsRefused(String text) {
    System.setProperty("tornado.device.memory", text);
    DeviceException thrown = assertThrows(DeviceException.class, StartUp::memoryLimit);
    assertTrue(thrown.getMessage().contains("'" + text + "'"), thrown.getMessage());
  }
}
