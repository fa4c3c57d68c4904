package io.github.sae4j.bench;

import io.github.sae4j.bench.CompareOptions.Subject;
import io.github.sae4j.bench.results.Check;
import io.github.sae4j.bench.results.ResultsFile;
import io.github.sae4j.bench.results.ResultsPage;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.scene.Shape;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Measures sae4j and its peers side by side and prints the table of ratios that the project is
 * measured by. Results are checked once before they are timed.
 */
public final class Compare {
  private Compare() {}

  /**
   * Runs a comparison.
   *
   * @param args see {@code --help}
   * @throws IOException if the results cannot be written
   */
  public static void main(String[] args) throws IOException {
    if (List.of(args).contains("--help")) {
      System.out.print(CompareOptions.HELP);
      return;
    }
    CompareOptions options;
    try {
      options = CompareOptions.parse(args);
    } catch (IllegalArgumentException e) {
      System.err.println(e.getMessage());
      System.exit(2);
      return;
    }
    System.exit(run(options, System.out) ? 0 : 1);
  }

  /**
   * Runs a comparison, prints its tables and writes its files.
   *
   * @param options what to compare
   * @param out receives the tables
   * @return whether every result was correct (not whether every limit was met)
   */
  static boolean run(CompareOptions options, PrintStream out) throws IOException {
    List<Section> sections = new ArrayList<>();
    try (Setup setup = new Setup(options)) {
      Map<String, String> environment = Environment.describe();
      environment.forEach((name, value) -> out.println(name + ": " + value));
      if (setup.device() != null) {
        out.println("device: " + setup.device().description());
      }
      List<String> peers = setup.peers().describe();
      peers.forEach(out::println);
      Set<Subject> subjects = options.subjects();
      Shape first = options.shapes().getFirst();
      if (subjects.contains(Subject.PROBES)) {
        show(out, sections, Probes.run(setup));
      }
      if (subjects.contains(Subject.PRODUCT)
          || subjects.contains(Subject.ENCODE)
          || subjects.contains(Subject.STEP)) {
        for (Shape shape : options.shapes()) {
          show(out, sections, new ShapeComparison(setup, shape).run());
        }
      }
      if (subjects.contains(Subject.PHASES)) {
        for (Shape shape : options.shapes()) {
          show(out, sections, StepPhases.run(setup, shape));
        }
      }
      if (subjects.contains(Subject.SCALING)) {
        show(out, sections, Scaling.run(setup, first));
      }
      if (subjects.contains(Subject.SERVE)) {
        show(out, sections, Serving.run(setup, first));
        show(out, sections, Serving.runFew(setup, first));
        show(out, sections, Serving.runByThreshold(setup, first, 0.004));
        show(out, sections, Serving.runByThreshold(setup, first, 0.15));
      }
      if (subjects.contains(Subject.FIT)) {
        show(out, sections, Fit.run(setup, first));
      }
      if (subjects.contains(Subject.ROWS)) {
        for (Shape shape : options.shapes()) {
          show(out, sections, HardRows.run(setup, shape));
        }
      }
      ResultsFile.write(options.json(), environment, peers, sections);
      if (options.markdown() != null) {
        ResultsPage.write(options.markdown(), environment, peers, sections);
      }
    }
    return sections.stream().flatMap(section -> section.checks().stream()).allMatch(Check::passed);
  }

  private static void show(PrintStream out, List<Section> sections, Section section) {
    section.print(out);
    sections.add(section);
  }
}
