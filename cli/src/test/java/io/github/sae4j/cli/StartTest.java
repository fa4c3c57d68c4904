package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a short run does not wait for. */
class StartTest {
  @TempDir private Path folder;

  @Test
  void aRunLoadsNeitherOtherCommandsNorTheRecorderNorTheServerOfBeans()
      throws IOException, InterruptedException {
    Path rows = Activations.write(folder.resolve("a.safetensors"), 100, 6);
    Path log = folder.resolve("classes.log");
    List<String> arguments =
        List.of(
            "train",
            "--activations=" + rows,
            "--output-path=" + folder.resolve("run"),
            "--device=cpu",
            "--steps=2",
            "--train-batch-size=8",
            "--k=2",
            "--d-sae=12",
            "--no-report");
    Map<String, String> options = Map.of("JAVA_TOOL_OPTIONS", "-Xlog:class+load:file=" + log);
    Program.Ended ended = Program.run(folder, options, "\"$@\"", arguments);
    assertEquals(ExitCode.DONE, ended.code(), ended::err);
    String loaded = Files.readString(log);
    assertTrue(loaded.contains(TrainCommand.class.getName() + " "), "no list of classes");
    if (Runtime.getRuntime().availableProcessors() > 1) {
      assertTrue(loaded.contains(".internal.vector.WarmUp$$Lambda"), "kernels are not warmed");
    }
    for (String spared :
        List.of(
            EvalCommand.class.getName() + " ",
            ConvertCommand.class.getName() + " ",
            "jdk.jfr.internal.",
            "javax.management.MBeanServer ")) {
      assertFalse(loaded.contains(spared), spared);
    }
  }
}
