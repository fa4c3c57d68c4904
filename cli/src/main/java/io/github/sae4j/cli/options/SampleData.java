package io.github.sae4j.cli.options;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The built-in sample, activations of a small language model: a plain file of the project, not a
 * resource, because services embed the jar.
 */
public final class SampleData {
  /** Set by the launcher to the project's folder. */
  private static final String HOME = "sae4j.home";

  private static final Path FILE = Path.of("sample", "minilm-l3-sample.safetensors");

  private SampleData() {}

  /**
   * The default options for the sample: about ten seconds on two cores, held-out FVU near 0.21. The
   * window is short enough, and the run long enough after it, for AuxK to revive nearly all
   * latents.
   */
  public static Map<String, Object> defaults() {
    Map<String, Object> defaults = new LinkedHashMap<>();
    defaults.put("d_sae", 2048);
    defaults.put("k", 32);
    defaults.put("train_batch_size", 1024);
    defaults.put("steps", 450);
    defaults.put("lr", 1e-3);
    defaults.put("dead_feature_window", 250);
    return defaults;
  }

  /** The file, searched in the launcher's home, then upwards from the jar or class folder. */
  public static Optional<Path> find() {
    String home = System.getProperty(HOME);
    if (home != null && Files.isRegularFile(Path.of(home).resolve(FILE))) {
      return Optional.of(Path.of(home).resolve(FILE));
    }
    try {
      URI location = SampleData.class.getProtectionDomain().getCodeSource().getLocation().toURI();
      for (Path folder = Path.of(location); folder != null; folder = folder.getParent()) {
        if (Files.isRegularFile(folder.resolve(FILE))) {
          return Optional.of(folder.resolve(FILE));
        }
      }
    } catch (URISyntaxException | RuntimeException e) {
      return Optional.empty();
    }
    return Optional.empty();
  }
}
