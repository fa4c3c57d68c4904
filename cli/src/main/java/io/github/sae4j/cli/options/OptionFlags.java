package io.github.sae4j.cli.options;

import io.github.sae4j.options.Concern;
import io.github.sae4j.options.Option;
import io.github.sae4j.options.OptionTable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * The options of a table on a command line. Values remain text here: the table parses and checks
 * them, so that files and the command line are treated alike.
 */
public record OptionFlags(OptionTable table) {
  /** Adds the options to a command, those of a concern together under its title. */
  public void addTo(CommandSpec command) {
    for (Concern concern : Concern.values()) {
      List<Option<?>> options =
          table.options().stream().filter(option -> option.concern() == concern).toList();
      if (options.isEmpty()) {
        continue;
      }
      ArgGroupSpec.Builder group =
          ArgGroupSpec.builder().exclusive(false).heading("%n" + concern.title() + ":%n");
      options.forEach(option -> group.addArg(flag(option)));
      command.addArgGroup(group.build());
    }
  }

  private static OptionSpec flag(Option<?> option) {
    OptionSpec.Builder flag =
        OptionSpec.builder(option.names().stream().map(Option::flag).toArray(String[]::new))
            .type(String.class)
            .paramLabel(option.type().label())
            .description(description(option));
    if (option.type().isToggle()) {
      flag.arity("0..1").fallbackValue("true");
    }
    return flag.build();
  }

  private static String description(Option<?> option) {
    String names = option.type().isChoice() ? ": " + option.type().range() : "";
    return option.meaning() + names + " (" + option.start() + ")";
  }

  /** The options given on the command line, by their first names. */
  public Map<String, String> given(ParseResult parsed) {
    Map<String, String> given = new LinkedHashMap<>();
    for (Option<?> option : table.options()) {
      String flag = Option.flag(option.name());
      if (parsed.hasMatchedOption(flag)) {
        given.put(option.name(), parsed.matchedOptionValue(flag, ""));
      }
    }
    return given;
  }
}
