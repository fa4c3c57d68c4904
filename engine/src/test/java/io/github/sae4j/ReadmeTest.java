package io.github.sae4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The README's examples compile, run, and are the code that runs here. */
class ReadmeTest {
  private static final Path SOURCE =
      Path.of("src", "test", "java", "io", "github", "sae4j", "ReadmeTest.java");

  // The README's example begins.
  private static float[][] example(Path folder, float[] activation) throws IOException {
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        SparseAutoencoder sae = SaeCheckpoint.load(folder, device)) {
      SparseCode code = sae.encode(activation); // the active latents, ascending, and how active
      float[] reconstruction = sae.decode(code, activation);
      System.out.println(Arrays.toString(code.indices()));
      LatentEdits edits = LatentEdits.NONE.scale(code.indices()[0], 2f).ablate(17);
      float[] steered = sae.edit(activation, edits); // what the SAE does not explain is kept
      return new float[][] {reconstruction, sae.error(activation), steered};
    }
  }

  // The README's example ends.

  @Test
  void theExampleIsTheOneThatRunsHere() throws IOException {
    String readme = Files.readString(Path.of("..", "README.md"));
    String shown = readme.split("```java\n", -1)[1].split("```", -1)[0];
    String source = Files.readString(SOURCE).split("// The README's example ends", -1)[0];
    String body = source.substring(source.indexOf("    try (Device"));
    String run = body.substring(0, body.lastIndexOf("  }")).stripTrailing().stripIndent();
    assertEquals(run, shown.stripTrailing());
  }

  @Test
  void theTrainingExampleIsTheOneOfTheConsumer() throws IOException {
    String readme = Files.readString(Path.of("..", "README.md"));
    String shown = readme.split("### Training from Java", -1)[1].split("```java\n", -1)[1];
    String source =
        Files.readString(
            Path.of("../consumers/module-path/src/main/java/org/example/trainer/Train.java"));
    String run = source.split("README shows begins.\n", -1)[1].split(" *// What the README", -1)[0];
    assertEquals(run.stripTrailing().stripIndent(), shown.split("```", -1)[0].stripTrailing());
  }

  @Test
  void theExampleReconstructs() throws IOException {
    Path folder = Path.of("src", "test", "resources", "golden", "checkpoints", "saelens-topk");
    float[] activation = new float[40];
    Arrays.fill(activation, 0.5f);
    float[][] results = example(folder, activation);
    for (int j = 0; j < activation.length; j++) {
      assertEquals(activation[j], results[0][j] + results[1][j], 1e-5f); // two roundings
    }
    assertEquals(activation.length, results[2].length);
  }

  @Test
  void theCommandsShownExist() throws IOException {
    String readme = Files.readString(Path.of("..", "README.md"));
    assertTrue(readme.contains("bin/sae4j train\n"));
    assertTrue(readme.contains("./mvnw verify\n"));
    assertTrue(Files.isExecutable(Path.of("..", "bin", "sae4j")));
    assertTrue(Files.isExecutable(Path.of("..", "mvnw")));
  }
}
