package io.github.sae4j.cli.console;

import io.github.sae4j.config.Architecture;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.OptionType;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.StepRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A finished run in a few plain lines, for the logs of CI: each begins with {@code summary:}.
 *
 * @param folder the run
 * @param dSae number of latents
 * @param last its last step, if this process ran one
 * @param evaluation metrics on the held-out rows, if there are any
 * @param seconds how long this process has worked on it
 */
public record RunSummary(
    RunFolder folder,
    int dSae,
    Optional<StepRecord> last,
    Optional<Metrics> evaluation,
    double seconds) {
  private static final String PREFIX = "summary: ";

  /**
   * What is trained, in a few words.
   *
   * @param config the configuration
   * @param dIn width of the rows
   * @return recipe, number of latents, and k or, where there is none, the architecture
   */
  public static String of(TrainingConfig config, int dIn) {
    Architecture architecture = config.sae().architecture();
    return String.format(
        "recipe %s: %d latents, %s",
        config.run().recipe(),
        config.dSae(dIn),
        architecture.penalisesActivity()
            ? OptionType.plain(architecture)
            : "k " + config.sae().k());
  }

  /** The lines. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    last.ifPresent(
        step ->
            lines.add(
                String.format(
                    Locale.ROOT,
                    "steps %d, rows %d, seconds %.1f",
                    step.number(),
                    step.samples(),
                    seconds)));
    evaluation.ifPresent(
        metrics ->
            lines.add(
                String.format(
                    Locale.ROOT,
                    "held out: FVU %.4f, EV %.4f, L0 %.2f, never fired %d of %d",
                    metrics.fvu(),
                    metrics.explainedVariance(),
                    metrics.l0(),
                    metrics.density().neverFired(),
                    dSae)));
    last.ifPresent(
        step ->
            lines.add(
                String.format(
                    Locale.ROOT,
                    "last step: loss %.4g, L0 %.2f, dead %d of %d",
                    step.report().loss(),
                    step.report().l0(),
                    step.report().dead(),
                    dSae)));
    List<String> kinds = warnings();
    lines.add(
        kinds.isEmpty()
            ? "warnings 0"
            : "warnings " + kinds.size() + ": " + String.join(", ", kinds));
    lines.add("run " + folder.path());
    lines.add("SAE " + folder.trained());
    return lines.stream().map(line -> PREFIX + Terminal.harmless(line)).toList();
  }

  /** The kinds of the run's warnings, those of earlier processes too. */
  private List<String> warnings() {
    List<String> kinds = new ArrayList<>();
    if (!Files.isRegularFile(folder.warnings())) {
      return kinds;
    }
    try {
      for (String line : Files.readAllLines(folder.warnings())) {
        byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
        if (Json.parse(folder.warnings(), bytes) instanceof Map<?, ?> members) {
          kinds.add(String.valueOf(members.get("kind")));
        }
      }
    } catch (IOException e) {
      kinds.add("unreadable");
    }
    return kinds;
  }
}
