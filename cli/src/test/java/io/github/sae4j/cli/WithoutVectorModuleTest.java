package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A plain {@code java -jar}: no incubator module. */
@Tag("no-vector-module")
class WithoutVectorModuleTest {
  @TempDir private Path folder;
  private final Console console = new Console();

  @Test
  void trainingRunsOnTheScalarDevice() throws IOException {
    Path file = Activations.write(folder.resolve("a.safetensors"), 100, 6);
    int code =
        console.run(
            "train",
            "--activations",
            file,
            "--output-path",
            folder.resolve("run"),
            "--steps",
            2,
            "--train-batch-size",
            8,
            "--k",
            2,
            "--d-sae",
            12);
    assertEquals(ExitCode.DONE, code, console::err);
  }

  @Test
  void devicesSaysWhatIsMissing() {
    assertEquals(ExitCode.DONE, console.run("devices"));
    assertTrue(console.out().contains("auto takes scalar"), console.out());
    assertTrue(console.out().contains("--add-modules"), console.out());
  }

  @Test
  void theCpuDeviceByNameIsAnError() throws IOException {
    Path file = Activations.write(folder.resolve("a.safetensors"), 100, 6);
    assertEquals(ExitCode.DEVICE, console.run("train", "--activations", file, "--device", "cpu"));
  }
}
