package io.github.sae4j.cli.options;

import io.github.sae4j.config.TrainingOptions;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.ConfigException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The file of {@code --config}: one JSON object whose keys are options of {@code train} without the
 * dashes. The {@code config.json} of a run is also accepted, and so is a configuration of SAELens's
 * runner, as far as it has options of ours.
 *
 * @param training options of the training configuration, for it to parse
 * @param others other options as arguments
 * @param warnings warnings for the user, one line each
 */
public record ConfigFile(Map<String, Object> training, List<String> others, List<String> warnings) {
  private static final int MOST_BYTES = 1 << 20;

  /** Sections of a run's {@code config.json}. */
  private static final String TRAINING = "training";

  private static final String OPTIONS = "options";

  /**
   * Reads a file.
   *
   * @param file the file
   * @param command the command whose options it may hold
   * @param onTheLine arguments of the command line, which win
   * @throws ConfigException if it holds keys that are no options; names the file and all of them
   */
  public static ConfigFile read(Path file, CommandSpec command, List<String> onTheLine)
      throws IOException {
    Map<String, Object> members = Json.readObject(file, MOST_BYTES);
    if (members.get(TRAINING) instanceof Map<?, ?> section) {
      Map<String, Object> flat = new LinkedHashMap<>();
      section.forEach((key, value) -> flat.put((String) key, value));
      if (members.get(OPTIONS) instanceof Map<?, ?> options) {
        options.forEach((key, value) -> flat.put((String) key, value));
      }
      members = flat;
    }
    List<String> warnings = new ArrayList<>();
    if (SaeLensRunnerConfig.isOne(members)) {
      SaeLensRunnerConfig theirs = SaeLensRunnerConfig.of(members);
      members = theirs.members();
      warnings.add(
          file
              + " is a configuration of SAELens; taken: "
              + String.join(", ", members.keySet())
              + "; left out, for lack of an option: "
              + String.join(", ", theirs.leftOut()));
    }
    Map<String, Object> training = new LinkedHashMap<>();
    List<String> others = new ArrayList<>();
    for (Map.Entry<String, Object> member : members.entrySet()) {
      String option = "--" + member.getKey().replace('_', '-');
      OptionSpec spec = command.optionsMap().get(option);
      if (spec == null || TrainingOptions.TABLE.find(option).isPresent()) {
        // The configuration refuses unknown keys and names the nearest.
        training.put(member.getKey(), member.getValue());
      } else if (onTheLine.stream().noneMatch(argument -> names(spec, argument))) {
        others.addAll(arguments(file, member.getKey(), spec, member.getValue()));
      }
    }
    try {
      TrainingOptions.TABLE.expectAll(training.keySet());
    } catch (ConfigException e) {
      throw new ConfigException(file.toString(), e.getMessage());
    }
    return new ConfigFile(training, others, warnings);
  }

  private static boolean names(OptionSpec spec, String argument) {
    String name = argument.contains("=") ? argument.split("=", 2)[0] : argument;
    return List.of(spec.names()).contains(name);
  }

  private static List<String> arguments(Path file, String key, OptionSpec spec, Object value)
      throws BadFileException {
    String option = spec.longestName();
    List<String> arguments = new ArrayList<>();
    switch (value) {
      case null -> {}
      case List<?> many -> {
        for (Object one : many) {
          arguments.addAll(arguments(file, key, spec, one));
        }
      }
      case Map<?, ?> object ->
          throw new BadFileException(file, key + ": expected a plain value, got an object");
      default -> arguments.add(option + "=" + value);
    }
    return arguments;
  }
}
