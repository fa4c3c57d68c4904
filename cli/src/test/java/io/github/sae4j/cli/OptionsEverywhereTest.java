package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.options.ConfigFile;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.config.TrainingOptions;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.Option;
import io.github.sae4j.options.OptionType;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/**
 * A row of the options table is all that an option needs to be on the command line and in files by
 * each of its names, in the help and in {@code config.json}. (Documents: {@code
 * OptionsDocumentTest}.)
 */
class OptionsEverywhereTest {
  @TempDir private Path folder;

  static Stream<Arguments> names() {
    return TrainingOptions.TABLE.options().stream()
        .flatMap(option -> option.names().stream().map(name -> Arguments.of(name, option)));
  }

  /** Options without which a value of another is refused. */
  private static Map<String, Object> company(Option<?> option) {
    return switch (option.name()) {
      case "skip_connection" -> Map.of("pairs", "targets");
      case "contrastive_coefficient" -> Map.of("recipe", "sentence-transformers");
      default -> Map.of();
    };
  }

  private static Object configured(Option<?> option, Map<String, ?> given) {
    return TrainingConfig.fromLayers(List.of(company(option), given)).toMap().get(option.name());
  }

  /** A value that is not the default. */
  private static String other(Option<?> option) {
    List<String> candidates = new ArrayList<>(option.variants().values());
    if (option.type().isChoice()) {
      candidates.addAll(List.of(option.type().range().split(", | or ")));
    }
    candidates.addAll(
        switch (option.type().label()) {
          case "BOOL" -> List.of("true", "false");
          case "N" -> List.of("3");
          case "N,N,..." -> List.of("3,5");
          case "X" -> List.of("0.25");
          default -> List.of();
        });
    Object start = OptionType.plain(option.startIn(Recipe.SAELENS));
    return candidates.stream()
        .filter(value -> !value.equals("none"))
        .filter(value -> !plain(option, value).equals(start))
        .findFirst()
        .orElseThrow();
  }

  private static Object plain(Option<?> option, String value) {
    return OptionType.plain(option.type().parse(option.name(), value));
  }

  private static CommandLine train() {
    CommandLine train = new CommandLine(new TrainCommand(List.of()));
    TrainCommand.FLAGS.addTo(train.getCommandSpec());
    return train;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("names")
  void anOptionIsOnTheCommandLine(String name, Option<?> option) {
    String value = other(option);
    for (String flag : List.of("--" + name, Option.flag(name))) {
      String[] line = CommandLineApp.withDashes(flag, value).toArray(String[]::new);
      Map<String, String> given = TrainCommand.FLAGS.given(train().parseArgs(line));
      assertEquals(Map.of(option.name(), value), given);
      assertEquals(plain(option, value), configured(option, given), flag);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("names")
  void anOptionIsInAFileOfOptions(String name, Option<?> option) throws IOException {
    String value = other(option);
    Path file = folder.resolve("config.json");
    Files.writeString(file, Json.line(Map.of(name, plain(option, value))));
    ConfigFile read = ConfigFile.read(file, train().getCommandSpec(), List.of());
    assertEquals(List.of(), read.others());
    assertEquals(plain(option, value), configured(option, read.training()));
  }

  @Test
  void everyOptionIsInTheHelp() {
    String help = inOneWord(train().getUsageMessage());
    for (Option<?> option : TrainingOptions.TABLE.options()) {
      option.names().forEach(name -> assertTrue(help.contains(Option.flag(name)), name));
      assertTrue(help.contains(inOneWord(option.meaning())), option.meaning());
      if (option.type().isChoice()) {
        assertTrue(help.contains(inOneWord(option.type().range())), option.type().range());
      }
    }
  }

  /** Lines are broken anywhere, after dashes too. */
  private static String inOneWord(String text) {
    return text.replaceAll("\\s+", "");
  }

  @Test
  void everyOptionIsInTheRecordOfARunInTheOrderOfTheTable() throws IOException {
    Path run = folder.resolve("run");
    Path rows = Activations.write(folder.resolve("a.safetensors"), 40, 6);
    Console console = new Console();
    int code =
        console.run(
            "train",
            "--activations",
            rows,
            "--output-path",
            run,
            "--steps",
            1,
            "--k",
            2,
            "--train-batch-size",
            8,
            "--device",
            "scalar");
    assertEquals(ExitCode.DONE, code, console::err);
    Map<?, ?> training =
        (Map<?, ?>) Json.readObject(run.resolve("config.json"), 1 << 20).get("training");
    assertEquals(
        TrainingOptions.TABLE.options().stream().map(Option::name).toList(),
        List.copyOf(training.keySet()));
  }
}
