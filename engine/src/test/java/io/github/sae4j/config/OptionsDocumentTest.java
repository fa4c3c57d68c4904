package io.github.sae4j.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.options.Concern;
import io.github.sae4j.options.Option;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * Compares the documents' tables of options with the table in the code. On a difference the correct
 * text is written to {@code target/}, to be copied.
 */
class OptionsDocumentTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final String BEGIN = "<!-- options: begin, made from TrainingOptions -->\n";
  private static final String END = "<!-- options: end -->\n";

  @Test
  void theDocumentOfOptionsIsTheTable() throws IOException {
    StringBuilder text = new StringBuilder();
    for (Concern concern : Concern.values()) {
      List<Option<?>> options = of(concern);
      if (options.isEmpty()) {
        continue;
      }
      text.append("\n## ").append(concern.title()).append("\n\n");
      text.append("| option | meaning | values | default | in other recipes |\n");
      text.append("|---|---|---|---|---|\n");
      options.forEach(option -> text.append(row(option)));
    }
    assertSection("docs/options.md", text.append('\n').toString());
  }

  @Test
  void theReadmeNamesEveryOption() throws IOException {
    StringBuilder text = new StringBuilder("| about | options |\n|---|---|\n");
    for (Concern concern : Concern.values()) {
      String flags =
          of(concern).stream()
              .map(option -> "`" + Option.flag(option.name()) + "`")
              .collect(Collectors.joining(", "));
      if (!flags.isEmpty()) {
        text.append("| ").append(concern.title()).append(" | ").append(flags).append(" |\n");
      }
    }
    assertSection("README.md", text.toString());
  }

  private static List<Option<?>> of(Concern concern) {
    return TrainingOptions.TABLE.options().stream()
        .filter(option -> option.concern() == concern)
        .toList();
  }

  private static String row(Option<?> option) {
    String first = "`" + option.name() + "`";
    List<String> names = option.aliases().stream().map(name -> "`" + name + "`").toList();
    Map<String, List<String>> recipes = new LinkedHashMap<>();
    for (Recipe recipe : Recipe.values()) {
      String value = option.variants().get(recipe);
      if (value != null) {
        recipes.computeIfAbsent(value, any -> new ArrayList<>()).add(recipe.toString());
      }
    }
    String others =
        recipes.entrySet().stream()
            .map(entry -> "`" + entry.getKey() + "` " + String.join(", ", entry.getValue()))
            .collect(Collectors.joining("; "));
    return String.format(
        "| %s | %s | %s | `%s` | %s |%n",
        first + (names.isEmpty() ? "" : ", also " + String.join(", ", names)),
        option.meaning(),
        values(option),
        option.start(),
        others);
  }

  private static String values(Option<?> option) {
    return switch (option.type().label()) {
      case "BOOL" -> "true or false";
      case "N" -> ("integer " + option.type().range()).strip();
      case "X" -> ("number " + option.type().range()).strip();
      default -> option.type().range();
    };
  }

  private static void assertSection(String name, String section) throws IOException {
    String whole = Files.readString(ROOT.resolve(name));
    int begin = whole.indexOf(BEGIN);
    int end = whole.indexOf(END);
    assertEquals(true, begin >= 0 && end > begin, name + " lacks the lines around its options");
    String right = whole.substring(0, begin) + BEGIN + section + whole.substring(end);
    Path corrected = Path.of("target", Path.of(name).getFileName().toString());
    if (!whole.equals(right)) {
      Files.writeString(corrected, right);
    }
    assertEquals(right, whole, "copy " + corrected.toAbsolutePath() + " to " + name);
  }
}
