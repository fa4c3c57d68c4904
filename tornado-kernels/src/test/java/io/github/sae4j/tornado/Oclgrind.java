package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.tornado.runtime.Accelerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Oclgrind, an OpenCL device that interprets kernels and checks every access of theirs, as the
 * profile {@code oclgrind} runs the parity tests. It complains in a file and goes on, so a test
 * that left a complaint there fails, whatever its results. Without that profile this does nothing.
 */
public final class Oclgrind implements BeforeAllCallback, AfterEachCallback {
  /** Whether this JVM's OpenCL is Oclgrind, some thousand times slower than a compiler's code. */
  public static final boolean ON = System.getenv("OCLGRIND_LOG") != null;

  private static long read;

  /** Rows of a test that takes long for each: most of them, or 2 on Oclgrind. */
  public static int few(int most) {
    return ON ? Math.min(most, 2) : most;
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    if (ON) {
      String device = Accelerator.all().getFirst().description();
      assertTrue(device.contains("Oclgrind"), device);
    }
  }

  @Override
  public void afterEach(ExtensionContext context) throws IOException {
    if (ON) {
      String reports = Files.readString(Path.of(System.getenv("OCLGRIND_LOG")));
      String fresh = reports.substring((int) read);
      read = reports.length();
      assertEquals("", fresh.substring(0, Math.min(2000, fresh.length())), "Oclgrind complains");
    }
  }
}
