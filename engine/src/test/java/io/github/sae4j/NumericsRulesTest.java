package io.github.sae4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The rules of docs/numerics.md, which sources of all modules cite by number. */
class NumericsRulesTest {
  private static final Path PROJECT = Path.of("..");
  private static final Pattern RULE = Pattern.compile("(?m)^(\\d+)\\. \\*\\*");
  private static final Pattern CITED =
      Pattern.compile(
          "\\b[Rr]ule(?:[\\s*/]+(\\d+)|s[\\s*/]+(\\d+(?:(?:,| and| to)[\\s*/]+\\d+)*))");

  @Test
  void rulesAreNumberedWithoutGaps() throws IOException {
    List<Integer> rules = rules();
    assertFalse(rules.isEmpty());
    assertEquals(IntStream.rangeClosed(1, rules.size()).boxed().toList(), rules);
  }

  @Test
  void everyCitedRuleExists() throws IOException {
    List<Integer> rules = rules();
    List<String> missing = new ArrayList<>();
    SortedMap<String, List<Integer>> cited = new TreeMap<>();
    for (Path file : sources()) {
      List<Integer> numbers = cited(Files.readString(file));
      if (!numbers.isEmpty()) {
        cited.put(file.toString(), numbers);
      }
      numbers.stream()
          .filter(number -> !rules.contains(number))
          .forEach(number -> missing.add(file + " cites rule " + number));
    }
    assertEquals(List.of(), missing);
    for (String module : List.of("engine", "tornado-kernels")) {
      assertTrue(
          cited.keySet().stream().anyMatch(name -> name.contains(module)),
          "no citation was found in " + module + ", so this test looks in the wrong place");
    }
  }

  @Test
  void citationsAreFound() {
    assertEquals(List.of(), cited("a rule of thumb, and 12 others; ruler 3"));
    assertEquals(List.of(10), cited("in the total order of numerics rule 10: ascending"));
    assertEquals(List.of(5, 7, 99), cited("(rules 5 to 7), Rule\n   * 99"));
    assertEquals(List.of(3, 4, 9), cited("numerics rules 3, 4 and 9"));
    assertEquals(List.of(2), cited("numerics rule 2, 16 lanes of a row"));
  }

  private static List<Integer> rules() throws IOException {
    String text = Files.readString(PROJECT.resolve("docs/numerics.md"));
    return RULE.matcher(text).results().map(rule -> Integer.valueOf(rule.group(1))).toList();
  }

  private static List<Integer> cited(String text) {
    List<Integer> numbers = new ArrayList<>();
    Matcher citation = CITED.matcher(text);
    while (citation.find()) {
      String list = citation.group(1) != null ? citation.group(1) : citation.group(2);
      for (String number : list.split("\\D+")) {
        numbers.add(Integer.valueOf(number));
      }
    }
    return numbers;
  }

  private static List<Path> sources() throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> modules = Files.list(PROJECT)) {
      for (Path sources : modules.map(module -> module.resolve("src")).toList()) {
        if (Files.isDirectory(sources)) {
          try (Stream<Path> found = Files.walk(sources)) {
            found.filter(file -> file.toString().endsWith(".java")).forEach(files::add);
          }
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    files.removeIf(file -> file.endsWith("NumericsRulesTest.java"));
    return files;
  }
}
