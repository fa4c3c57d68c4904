package io.github.sae4j.bench;

import io.github.sae4j.bench.results.Processor;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.results.Timing;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A whole short run of the command line in fresh processes, start and compilation included: the
 * built-in sample with 3072 latents over 300 steps, without a report, in several checkouts in turn.
 * Their launchers build them before the first round.
 *
 * <p>Arguments: rounds, then one checkout or more; times are compared with the first's. {@code --}
 * and options of {@code train} after it take the place of those above.
 */
public final class WarmUp {
  private static final List<String> SHORT_RUN = List.of("--d-sae", "3072", "--steps", "300");
  private static final Pattern STEP_SECONDS =
      Pattern.compile("\"details/step_seconds\"\\s*:\\s*([0-9.eE+-]+)");

  private WarmUp() {}

  /**
   * Measures and prints.
   *
   * @param args see above
   * @throws IOException if a run's folder cannot be read or deleted
   * @throws InterruptedException if interrupted while a run goes on
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    List<String> words = List.of(args);
    int end = words.contains("--") ? words.indexOf("--") : words.size();
    if (end < 2) {
      System.err.println("expected ROUNDS CHECKOUT... [-- OPTIONS OF train], got " + words);
      System.exit(2);
    }
    List<Path> checkouts = words.subList(1, end).stream().map(WarmUp::checkout).toList();
    List<String> options = end < words.size() ? words.subList(end + 1, words.size()) : SHORT_RUN;
    run(Integer.parseInt(words.getFirst()), checkouts, options, System.out);
  }

  private static Path checkout(String word) {
    return Path.of(word).toAbsolutePath().normalize();
  }

  /**
   * Runs every checkout once a round, in rotating order, and prints the table.
   *
   * @param rounds the rounds
   * @param checkouts folders with {@code bin/sae4j}
   * @param options of {@code train}
   * @param out receives the table
   */
  static void run(int rounds, List<Path> checkouts, List<String> options, PrintStream out)
      throws IOException, InterruptedException {
    out.println(Processor.name());
    Path folder = Files.createTempDirectory("warm-up");
    try {
      List<List<String>> commands = new ArrayList<>();
      Map<String, Timing> whole = new LinkedHashMap<>();
      Map<String, Timing> first = new LinkedHashMap<>();
      int threads = Runtime.getRuntime().availableProcessors();
      for (Path checkout : checkouts) {
        List<String> command = new ArrayList<>(List.of(checkout + "/bin/sae4j", "train"));
        String help = output(List.of(checkout + "/bin/sae4j", "train", "--help"));
        command.addAll(options);
        command.add("--no-progress");
        if (help.contains("--no-report")) { // versions without a report write none
          command.add("--no-report");
        }
        commands.add(command);
        String name = name(checkouts, checkout);
        whole.put(name, new Timing(name, threads, new double[rounds]));
        String steps = name + ": first ten steps";
        first.put(name, new Timing(steps, threads, new double[rounds]));
        out.println(name + ": " + String.join(" ", command));
      }
      Map<String, Long> weights = new LinkedHashMap<>();
      for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < checkouts.size(); i++) {
          int at = (i + round) % checkouts.size();
          String name = name(checkouts, checkouts.get(at));
          Path run = folder.resolve("run");
          List<String> command = new ArrayList<>(commands.get(at));
          command.addAll(List.of("--output-path", run.toString()));
          long begin = System.nanoTime();
          output(command);
          whole.get(name).seconds()[round] = (System.nanoTime() - begin) * 1e-9;
          first.get(name).seconds()[round] = firstSteps(run);
          long sum =
              Arrays.hashCode(
                  Files.readAllBytes(run.resolve("final").resolve("sae_weights.safetensors")));
          Long before = weights.put(name, sum);
          if (before != null && before != sum) {
            throw new IllegalStateException(name + ": the weights of two rounds differ");
          }
          delete(run);
        }
      }
      Section section = new Section("A short run in a fresh process: " + String.join(" ", options));
      section.add(byName(whole));
      section.add(byName(first));
      Timing base = whole.get(name(checkouts, checkouts.getFirst()));
      for (Path checkout : checkouts.subList(1, checkouts.size())) {
        section.add(
            Ratio.of(
                    name(checkouts, checkout) + ": time / " + base.name(),
                    whole.get(name(checkouts, checkout)),
                    base)
                .atMost(0.75)
                .heldIf(options.equals(SHORT_RUN)));
      }
      section.print(out);
      out.println(
          weights.values().stream().distinct().count() == 1
              ? "all weights are equal"
              : "weights are equal in the rounds of a checkout, and differ between checkouts");
    } finally {
      delete(folder);
    }
  }

  private static String name(List<Path> checkouts, Path checkout) {
    return (checkouts.indexOf(checkout) + 1) + " " + checkout.getFileName();
  }

  private static Map<String, Timing> byName(Map<String, Timing> timings) {
    Map<String, Timing> named = new LinkedHashMap<>();
    timings.values().forEach(timing -> named.put(timing.name(), timing));
    return named;
  }

  /** Seconds of steps that the first line of a run's metrics stands for: ten at the default. */
  static double firstSteps(Path run) throws IOException {
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      Matcher matcher = STEP_SECONDS.matcher(line);
      if (matcher.find()) {
        return 10 * Double.parseDouble(matcher.group(1));
      }
    }
    throw new IllegalStateException(run + ": no line of metrics.jsonl has details/step_seconds");
  }

  private static String output(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = process.waitFor();
    if (code != 0) {
      throw new IllegalStateException(
          String.format(Locale.ROOT, "%s ended with %d:%n%s", command, code, text));
    }
    return text;
  }

  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path each : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
  }
}
