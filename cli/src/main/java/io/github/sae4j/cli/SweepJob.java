package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Interrupts;
import io.github.sae4j.cli.console.Progress;
import io.github.sae4j.cli.console.RunSummary;
import io.github.sae4j.cli.console.Shell;
import io.github.sae4j.cli.console.SweepProgress;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.pages.RunPage;
import io.github.sae4j.cli.tensorboard.TensorBoardLogs;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.Sweep;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import picocli.CommandLine.Model.CommandSpec;

/** {@code sae4j train --sweep}: several runs on one pass over the activations, and their table. */
final class SweepJob {
  private final CommandSpec spec;
  private final List<Sweep.Member> members;
  private final TrainingData data;
  private final Device device;
  private final boolean json;
  private final boolean quiet;
  private final Progress.Style style;
  private final boolean page;
  private final boolean tensorboard;

  SweepJob(
      CommandSpec spec,
      List<Sweep.Member> members,
      TrainingData data,
      Device device,
      boolean json,
      boolean quiet,
      Progress.Style style,
      boolean page,
      boolean tensorboard) {
    this.spec = spec;
    this.members = members;
    this.data = data;
    this.device = device;
    this.json = json;
    this.quiet = quiet;
    this.style = style;
    this.page = page;
    this.tensorboard = tensorboard;
  }

  /** Refuses runs that need more memory together than there is. */
  void expectMemory() {
    Optional<String> tooLarge =
        MachineMemory.now().complaint(configs(), width(), data.dOut(), device);
    if (tooLarge.isPresent()) {
      throw new ConfigException("memory", tooLarge.get());
    }
  }

  private List<TrainingConfig> configs() {
    return members.stream().map(Sweep.Member::config).toList();
  }

  private int width() {
    return data.dIn();
  }

  /** Prints the runs and the memory that they need, for {@code --dry-run}. */
  int printPlan() {
    long needed = MachineMemory.together(configs(), width(), data.dOut(), device).bytes();
    Optional<String> tooLarge =
        MachineMemory.now().complaint(configs(), width(), data.dOut(), device);
    if (json) {
      Map<String, Object> plan = new LinkedHashMap<>();
      Map<String, Object> runs = new LinkedHashMap<>();
      members.forEach(member -> runs.put(member.name(), member.config().resolved(width()).toMap()));
      plan.put("runs", runs);
      plan.put("memory_bytes", needed);
      plan.put("machine_bytes", MachineMemory.now().bytes());
      plan.put("fits", tooLarge.isEmpty());
      CommandLineApp.print(spec, Json.line(plan));
    } else {
      members.forEach(
          member ->
              CommandLineApp.print(
                  spec, String.format("%s: %s", member.name(), summary(member.config()))));
      CommandLineApp.print(
          spec,
          String.format(
              Locale.ROOT,
              "%d runs, %s of memory together, of %s",
              members.size(),
              MachineMemory.text(needed),
              MachineMemory.text(MachineMemory.now().bytes())));
    }
    tooLarge.ifPresent(line -> Terminal.say("sae4j: memory: " + line));
    return tooLarge.isPresent() ? ExitCode.USAGE : ExitCode.DONE;
  }

  private String summary(TrainingConfig config) {
    return String.format(
        "%s, %d steps of %d rows",
        RunSummary.of(config, width()), config.steps(data.training().rows()), config.rowsPerStep());
  }

  /**
   * Runs the sweep and prints its table.
   *
   * @param sweeps builds it, given the listener of each run
   * @param again whether it is resumed
   * @return the exit code
   */
  int run(
      Function<Function<Sweep.Member, TrainingListener>, Sweep> sweeps,
      RunFolder folder,
      boolean again)
      throws IOException {
    PrintStream err = System.err;
    List<Sweep.Result> results;
    Sweep sweep;
    int signal;
    try (Progress progress = new Progress(style, err);
        TensorBoardLogs logs = new TensorBoardLogs(tensorboard, progress::warning);
        Interrupts interrupts = Interrupts.install(name -> TrainCommand.announce(err, name))) {
      SweepProgress shown = new SweepProgress(progress);
      sweep =
          sweeps.apply(
              member -> logs.beside(shown.of(member.name()), folder.path().resolve(member.name())));
      if (!quiet) {
        progress.note(
            String.format(
                "%d runs at a time on %d rows, %d held out",
                members.size(),
                data.training().rows(),
                data.heldOut().map(ActivationSource::rows).orElse(0L)));
      }
      results = again ? sweep.resume(interrupts::raised) : sweep.start(interrupts::raised);
      results.forEach(
          result ->
              logs.finished(folder.path().resolve(result.member().name()), result.evaluation()));
      signal = interrupts.exitCode();
    }
    boolean stopped =
        results.stream()
            .anyMatch(end -> end.outcome().equals(Optional.of(TrainingRun.Outcome.STOPPED)));
    if (stopped) {
      err.println(
          Terminal.harmless(
              "sae4j: stopped; to continue: sae4j train "
                  + TrainCommand.RESUME
                  + " "
                  + Shell.word(folder.path())));
    }
    List<RunFolder> finished =
        results.stream().filter(end -> end.failure().isEmpty()).map(Sweep.Result::folder).toList();
    if (!stopped && page && !finished.isEmpty()) {
      RunPage.ofSweep(folder, finished, device);
    }
    if (json) {
      Map<String, Object> printed = new LinkedHashMap<>();
      printed.put("sweep", folder.path().toString());
      printed.putAll(Sweep.toMap(sweep.axes(), results));
      CommandLineApp.print(spec, Json.line(printed));
    } else if (!stopped) {
      printTable(folder, results);
    }
    boolean none = results.stream().allMatch(end -> end.failure().isPresent());
    return stopped ? signal : none ? ExitCode.FAILURE : ExitCode.DONE;
  }

  private void printTable(RunFolder folder, List<Sweep.Result> results) {
    int widest = members.stream().mapToInt(member -> member.name().length()).max().orElse(0);
    List<Boolean> pareto = Sweep.pareto(results);
    CommandLineApp.print(spec, "The sweep is " + folder.path());
    String row = "%-" + Math.max(widest, 3) + "s  %8s  %8s  %11s  %s";
    CommandLineApp.print(
        spec, String.format(row, "run", "FVU", "L0", "never fired", "Pareto").stripTrailing());
    for (int i = 0; i < results.size(); i++) {
      Sweep.Result result = results.get(i);
      Optional<Metrics> metrics = result.evaluation();
      CommandLineApp.print(
          spec,
          String.format(
                  Locale.ROOT,
                  row,
                  result.member().name(),
                  metrics.map(m -> String.format(Locale.ROOT, "%.4f", m.fvu())).orElse("-"),
                  metrics.map(m -> String.format(Locale.ROOT, "%.2f", m.l0())).orElse("-"),
                  metrics
                      .map(
                          m ->
                              String.format(
                                  Locale.ROOT, "%.1f%%", 100 * m.density().neverFiredFraction()))
                      .orElse("-"),
                  result.failure().isPresent() ? "diverged" : pareto.get(i) ? "*" : "")
              .stripTrailing());
    }
    CommandLineApp.print(
        spec, "* no other run has both a lower FVU and no higher L0, or the reverse.");
    results.stream()
        .filter(result -> result.failure().isPresent())
        .forEach(
            result ->
                Terminal.say(
                    "sae4j: warning: "
                        + Terminal.harmless(
                            result.member().name() + ": " + result.failure().get())));
  }
}
