package io.github.sae4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

/** What the library prints to stdout and stderr of a program that embeds it. */
class QuietTest {
  /** A program that opens devices and prints nothing. */
  static final class Embedding {
    public static void main(String[] args) {
      for (String name : new String[] {"auto", "cpu", "scalar", "auto"}) {
        Devices.open(name, DeviceOptions.DEFAULT).close();
      }
    }
  }

  @Test
  void nothingIsPrinted() throws Exception {
    Process program =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Embedding.class.getName())
            .redirectErrorStream(true)
            .start();
    String printed =
        new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .replaceFirst("WARNING: Using incubator modules: jdk.incubator.vector\\R", "");
    assertEquals(0, program.waitFor(), printed);
    assertEquals("", printed);
  }

  @Test
  void aDeviceIsLoggedOnce() {
    Logger logger = Logger.getLogger("io.github.sae4j.device");
    List<String> lines = new ArrayList<>();
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord line) {
            lines.add(line.getMessage());
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Level before = logger.getLevel();
    logger.setLevel(Level.FINE);
    logger.addHandler(handler);
    try {
      for (int i = 0; i < 3; i++) {
        DeviceOptions threads = new DeviceOptions(OptionalInt.of(7), OptionalInt.empty());
        Devices.open("cpu", threads).close();
      }
    } finally {
      logger.removeHandler(handler);
      logger.setLevel(before);
    }
    assertEquals(1, lines.size(), lines::toString);
  }
}
