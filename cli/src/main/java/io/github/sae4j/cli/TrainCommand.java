package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.checkpoint.TrainerState;
import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Interrupts;
import io.github.sae4j.cli.console.Progress;
import io.github.sae4j.cli.console.ResultNotes;
import io.github.sae4j.cli.console.RunSummary;
import io.github.sae4j.cli.console.Shell;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.console.Version;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.options.ActivationOptions;
import io.github.sae4j.cli.options.ConfigFile;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.cli.options.OptionFlags;
import io.github.sae4j.cli.options.RunKeeping;
import io.github.sae4j.cli.options.SampleData;
import io.github.sae4j.cli.pages.RunPage;
import io.github.sae4j.cli.pages.WatchServer;
import io.github.sae4j.cli.tensorboard.TensorBoardLogs;
import io.github.sae4j.config.ActivationNormalization;
import io.github.sae4j.config.SweepAxis;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.config.TrainingOptions;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.internal.folders.SealedJson;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.report.RunReport;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.StepRecord;
import io.github.sae4j.training.Sweep;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j train}. */
@Command(
    name = "train",
    description = {
      "Trains a sparse autoencoder or transcoder on activations; without --activations on the"
          + " built-in sample.",
      "Underscores and dashes in options are the same: --d_sae is --d-sae.%n"
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true,
    footerHeading = "%n",
    footer = {
      "Not supported: noise_scale, orthogonal init, mse_loss_normalization, ghost gradients,"
          + " signum and muon, end-to-end losses."
    })
final class TrainCommand implements Callable<Integer> {
  static final String CONFIG = "--config";
  static final String RESUME = "--resume-from-checkpoint";

  static final OptionFlags FLAGS = new OptionFlags(TrainingOptions.TABLE);

  private static final int MOST_EVALUATION_BYTES = 1 << 24;

  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");

  @Spec private CommandSpec spec;

  @Mixin private ActivationOptions input = new ActivationOptions();

  @Option(
      names = "--targets",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description =
          "Train a transcoder: what its outputs approximate, row by row [rows, d_out], for instance"
              + " what a layer of a model makes of the activations.")
  private List<String> targets = new ArrayList<>();

  @Option(
      names = "--positives",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description =
          "With recipe sentence-transformers: rows whose codes are to be near those of the"
              + " activations, row by row [rows, d_in] (default: the rows themselves).")
  private List<String> positives = new ArrayList<>();

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Option(
      names = "--output-path",
      paramLabel = "DIR",
      description = "The run's folder (default: runs/NAME-DATE-TIME).")
  private Path outputPath;

  @Option(
      names = RESUME,
      paramLabel = "RUN|CHECKPOINT",
      description = "Resumes an interrupted run; no other option is needed.")
  private Path resume;

  @Option(
      names = "--extend",
      description =
          "With "
              + RESUME
              + ": makes a finished run longer, by more --epochs, --steps or --training-samples.")
  private boolean extend;

  @Option(
      names = CONFIG,
      paramLabel = "FILE",
      description = "JSON object of options; those on the command line win.")
  private Path configFile;

  @Option(
      names = "--from-pretrained",
      paramLabel = "DIR",
      description =
          "Start from this SAE, of the architecture that is trained (a run, or any layout that"
              + " inspect knows).")
  private Path fromPretrained;

  @Option(
      names = "--sweep",
      paramLabel = "OPTION=V,V",
      description = {
        "Train one SAE for every value, all on one pass over the activations; may be repeated, for"
            + " every combination: --sweep k=16,32 --sweep lr=1e-4,3e-4."
      })
  private List<String> sweep = new ArrayList<>();

  @Mixin private RunKeeping keeping = new RunKeeping();

  @Option(
      names = "--model-name",
      paramLabel = "NAME",
      description = "Goes into the SAE's metadata.")
  private String modelName;

  @Option(names = "--hook-name", paramLabel = "NAME", description = "Goes into the SAE's metadata.")
  private String hookName;

  @Option(names = "--hook-layer", paramLabel = "N", description = "Goes into the SAE's metadata.")
  private Integer hookLayer;

  @Option(
      names = "--dry-run",
      description =
          "Print configuration, memory and a time estimate, and refuse what training would refuse"
              + " before it reads rows.")
  private boolean dryRun;

  @Option(
      names = "--no-report",
      description = "Do not write report.html, the page of the run, at its end.")
  private boolean noReport;

  @Option(
      names = "--serve",
      paramLabel = "127.0.0.1:PORT",
      description = "Serve the page of the run on this machine while it goes on, as watch does.")
  private String serve;

  @Option(names = "--json", description = "Print the result as one JSON object.")
  private boolean json;

  @Option(names = "--quiet", description = "Warnings and results only.")
  private boolean quiet;

  @Option(names = "--no-progress", description = "No progress on stderr.")
  private boolean noProgress;

  private final List<String> commandLine;

  /**
   * The command.
   *
   * @param commandLine the user's command line, for {@code config.json}
   */
  TrainCommand(List<String> commandLine) {
    this.commandLine = commandLine;
  }

  @Override
  public Integer call() throws IOException {
    if (quiet) {
      CommandLineApp.quiet();
    }
    return resume == null ? fresh() : resumed();
  }

  private int fresh() throws IOException {
    if (extend) {
      throw new ConfigException("extend", "expected " + RESUME + " with a finished run");
    }
    List<Map<String, ?>> layers = new ArrayList<>();
    if (input.activations.isEmpty() && pairs() != Pairs.NONE) {
      throw new ConfigException(
          "activations", "expected the rows that " + pairs() + " belong to, got none");
    }
    if (input.activations.isEmpty()) {
      Path sample =
          SampleData.find()
              .orElseThrow(
                  () ->
                      new ConfigException(
                          "activations", "expected a path; the built-in sample was not found"));
      input.activations.add(sample.toString());
      layers.add(SampleData.defaults());
    }
    addGiven(layers);
    if (!sweep.isEmpty()) {
      return sweep(layers, sweep.stream().map(SweepAxis::parse).toList(), Optional.empty());
    }
    if (fromPretrained == null) {
      expectPairs(TrainingConfig.fromLayers(layers)); // fails before anything is opened
    }
    if (fromPretrained != null) {
      MachineMemory.now().expectRoomFor(fromPretrained, 0);
    }
    try (Device device = choice.open();
        Pretrained pretrained = Pretrained.load(fromPretrained, device);
        ActivationSource source = openRows()) {
      if (pretrained.sae().isPresent()) {
        ActivationOptions.expectWidth(fromPretrained, pretrained.sae().get(), source);
      }
      layers.addFirst(pretrained.options());
      TrainingConfig config = TrainingConfig.fromLayers(layers);
      expectPairs(config);
      TrainingData data = input.data(source, config.data().evalFraction());
      input.report(quiet);
      planned(planned(), config, data, device).expectStartable(pretrained.sae());
      if (dryRun) {
        return new DryRun(config, data, device, choice.parallelism()).print(spec, json);
      }
      expectMemory(config, data, device);
      RunFolder folder = new RunFolder(outputPath == null ? defaultPath() : outputPath);
      return run(folder, config, data, device, (run, stop) -> run.start(pretrained.sae(), stop));
    }
  }

  /** A run that is not begun, to find what it would refuse. */
  private TrainingRun planned(
      RunFolder folder, TrainingConfig config, TrainingData data, Device device) {
    if (serve != null) {
      WatchServer.expectAddress("serve", serve);
    }
    return new TrainingRun(settings(folder, device), config, data, device, TrainingListener.NONE);
  }

  /** The folder that a run would have. */
  private RunFolder planned() {
    return new RunFolder(outputPath == null ? free(wantedPath()) : outputPath);
  }

  private static void expectMemory(TrainingConfig config, TrainingData data, Device device) {
    MachineMemory.now()
        .complaint(config, data.dIn(), data.dOut(), device)
        .ifPresent(
            complaint -> {
              throw new ConfigException("memory", complaint);
            });
  }

  private int resumed() throws IOException {
    if (outputPath != null) {
      throw new ConfigException("output_path", "cannot be given with resume_from_checkpoint");
    }
    RunFolder folder = RunFolder.of(resume);
    folder.damage().forEach(line -> Terminal.say("sae4j: warning: " + Terminal.harmless(line)));
    Optional<Path> given = TrainerState.isIn(resume) ? Optional.of(resume) : Optional.empty();
    if (given.isPresent()) {
      Manifest.verify(given.get());
    }
    Optional<Path> newest =
        given.isPresent() ? given : CheckpointStore.newestValid(folder.path()).newest();
    List<Map<String, ?>> layers = new ArrayList<>();
    layers.add(
        folder
            .section(RunFolder.TRAINING, newest)
            .orElseThrow(
                () ->
                    new BadFileException(
                        folder.path(), "holds neither config.json nor a valid checkpoint")));
    addGiven(layers);
    List<SweepAxis> axes = Sweep.axesOf(folder);
    if (!axes.isEmpty()) {
      if (!sweep.isEmpty() && !sweep.stream().map(SweepAxis::parse).toList().equals(axes)) {
        throw new ConfigException(
            "sweep", "cannot be changed; " + folder.path() + " has its own in config.json");
      }
      return sweep(layers, axes, Optional.of(folder));
    }
    if (!sweep.isEmpty()) {
      throw new ConfigException("sweep", folder.path() + " is one run, not a sweep");
    }
    TrainingConfig config = TrainingConfig.fromLayers(layers);
    if (!extend && folder.finished()) {
      expectAsFinished(folder, config, newest);
      if (isEvaluated(folder) && !otherInput(folder)) {
        report(folder, evaluation(folder), "The run is finished; nothing is left to do.");
        printPage(folder);
        return ExitCode.DONE;
      }
    }
    if (input.activations.isEmpty()) {
      throw new ConfigException("activations", "expected a path; the run's config.json has none");
    }
    try (Device device = choice.open();
        Pretrained pretrained =
            Pretrained.load(newest.isPresent() ? null : fromPretrained, device);
        ActivationSource source = openRows()) {
      expectPairs(config);
      TrainingData data =
          input.resumedData(source, config.data().evalFraction(), folder.readConfig());
      input.report(quiet);
      if (dryRun) {
        TrainingRun planned = planned(folder, config, data, device);
        if (extend) {
          planned.expectExtendable();
        } else {
          planned.expectResumable(given, pretrained.sae());
        }
        return new DryRun(config, data, device, choice.parallelism()).print(spec, json);
      }
      if (extend) {
        return run(folder, config, data, device, TrainingRun::extend);
      }
      return run(
          folder, config, data, device, (run, stop) -> run.resume(given, pretrained.sae(), stop));
    }
  }

  /** Refuses, rather than ignores, options that can no longer affect a finished run. */
  private void expectAsFinished(RunFolder folder, TrainingConfig config, Optional<Path> checkpoint)
      throws IOException {
    List<String> differences = new ArrayList<>(folder.differences(config, checkpoint));
    Map<?, ?> before = recorded(folder);
    Map<String, Object> now = metadata();
    putIfGiven(now, "from_pretrained", absolute(fromPretrained));
    now.forEach(
        (option, value) -> {
          Object was = before.get(option);
          if (!value.toString().equals(String.valueOf(was))) {
            differences.add(option + " was " + was + ", is now " + value);
          }
        });
    if (!differences.isEmpty()) {
      throw new ConfigException(
          "resume_from_checkpoint",
          folder.path()
              + " is finished, and options differ from it: "
              + String.join("; ", differences)
              + " (--extend makes a finished run longer)");
    }
  }

  /** Whether the user names activations that the run's record does not: they have to be checked. */
  private boolean otherInput(RunFolder folder) throws IOException {
    Map<?, ?> before = recorded(folder);
    Map<String, Object> now = inputs();
    Stream<String> options =
        Stream.concat(
            Stream.of("activations", "targets", "positives", "tensor", "mask", "on_bad_rows"),
            ActivationOptions.OTHERS.stream());
    return !before.isEmpty()
        && !input.activations.isEmpty()
        && options.anyMatch(option -> !Objects.equals(before.get(option), now.get(option)));
  }

  private static Map<?, ?> recorded(RunFolder folder) throws IOException {
    return folder.readConfig().get(RunFolder.OPTIONS) instanceof Map<?, ?> options
        ? options
        : Map.of();
  }

  private static Optional<Map<String, Object>> evaluation(RunFolder folder) throws IOException {
    return Files.exists(folder.evaluation())
        ? Optional.of(SealedJson.read(folder.evaluation(), MOST_EVALUATION_BYTES))
        : Optional.empty();
  }

  /** Whether a finished run has metrics on its held-out rows, or has no such rows. */
  private static boolean isEvaluated(RunFolder folder) throws IOException {
    if (Files.exists(folder.evaluation())) {
      try {
        SealedJson.read(folder.evaluation(), MOST_EVALUATION_BYTES);
        return true;
      } catch (BadFileException e) {
        Terminal.say("sae4j: warning: " + e.getMessage() + "; it is evaluated again");
        return false;
      }
    }
    Optional<Map<String, Object>> saved = folder.section(RunFolder.TRAINING, Optional.empty());
    return saved.isEmpty() || TrainingConfig.fromMap(saved.get()).data().evalFraction() == 0;
  }

  /** The activations, with what stands beside them. */
  private ActivationSource openRows() throws IOException {
    return targets.isEmpty()
        ? input.open(quiet, positives, "positives")
        : input.open(quiet, targets, "targets");
  }

  /** What the command line says of pairs; files of options say it too. */
  private Pairs pairs() {
    if (!targets.isEmpty() && !positives.isEmpty()) {
      throw new ConfigException("positives", "cannot be given with targets");
    }
    return !targets.isEmpty() ? Pairs.TARGETS : !positives.isEmpty() ? Pairs.POSITIVES : Pairs.NONE;
  }

  private void expectPairs(TrainingConfig config) {
    if (config.sae().pairs() != pairs()) {
      throw new ConfigException(
          "pairs",
          "is "
              + config.sae().pairs().toString().toLowerCase(Locale.ROOT)
              + ": expected "
              + switch (config.sae().pairs()) {
                case NONE -> "neither --targets nor --positives";
                case TARGETS -> "--targets";
                case POSITIVES -> "--positives";
              });
    }
  }

  private void addGiven(List<Map<String, ?>> layers) throws IOException {
    if (pairs() != Pairs.NONE) {
      layers.add(Map.of("pairs", pairs().toString()));
    }
    if (configFile != null) {
      ConfigFile file = ConfigFile.read(configFile, spec, List.of());
      file.warnings().forEach(line -> Terminal.say("sae4j: warning: " + line));
      layers.add(file.training());
    }
    layers.add(FLAGS.given(spec.commandLine().getParseResult()));
  }

  /**
   * Starts or resumes a sweep.
   *
   * @param layers options of all its runs
   * @param axes what varies
   * @param before its folder, to resume it
   */
  private int sweep(List<Map<String, ?>> layers, List<SweepAxis> axes, Optional<RunFolder> before)
      throws IOException {
    if (fromPretrained != null || extend) {
      throw new ConfigException(
          "sweep", "cannot be given with " + (extend ? "extend" : "from_pretrained"));
    }
    Map<String, Object> onTheLine =
        TrainingOptions.TABLE.merged(List.of(FLAGS.given(spec.commandLine().getParseResult())));
    for (SweepAxis axis : axes) {
      if (onTheLine.containsKey(axis.option())) {
        throw new ConfigException(
            axis.option(), "varies in the sweep, and cannot be given as well");
      }
    }
    Map<String, Object> given = TrainingOptions.TABLE.merged(layers);
    List<Sweep.Member> members = Sweep.members(axes, given); // fails before anything is opened
    if (input.activations.isEmpty()) {
      throw new ConfigException("activations", "expected a path; the sweep's config.json has none");
    }
    members.forEach(member -> expectPairs(member.config()));
    try (Device device = choice.open();
        ActivationSource source = openRows()) {
      double evalFraction = members.getFirst().config().data().evalFraction();
      TrainingData data =
          before.isPresent()
              ? input.resumedData(source, evalFraction, before.get().readConfig())
              : input.data(source, evalFraction);
      input.report(quiet);
      SweepJob job =
          new SweepJob(
              spec, members, data, device, json, quiet, style(), !noReport, keeping.tensorboard());
      if (serve != null) {
        WatchServer.expectAddress("serve", serve);
      }
      Sweep planned =
          new Sweep(
              settings(before.orElseGet(this::planned), device),
              axes,
              given,
              data,
              device,
              member -> TrainingListener.NONE);
      if (before.isPresent()) {
        planned.expectResumable();
      } else {
        planned.expectStartable();
      }
      if (dryRun) {
        return job.printPlan();
      }
      job.expectMemory();
      RunFolder folder =
          before.isPresent()
              ? before.get()
              : new RunFolder(outputPath == null ? defaultPath() : outputPath);
      List<Path> runs =
          members.stream().map(member -> folder.path().resolve(member.name())).toList();
      try (WatchServer _ = serve(runs)) {
        return job.run(
            listeners -> new Sweep(settings(folder, device), axes, given, data, device, listeners),
            folder,
            before.isPresent());
      }
    }
  }

  /** Starts or resumes a run. */
  private interface Launch {
    TrainingRun.Outcome go(TrainingRun run, BooleanSupplier stop) throws IOException;
  }

  private int run(
      RunFolder folder, TrainingConfig config, TrainingData data, Device device, Launch launch)
      throws IOException {
    PrintStream err = System.err;
    if (!quiet) {
      err.println(summary(config, data));
    }
    expectMemory(config, data, device);
    TrainingRun.Outcome outcome;
    Optional<Metrics> evaluation;
    Optional<StepRecord> last;
    double fvu;
    int signal;
    List<String> warnings;
    long began = System.nanoTime();
    try (Progress progress = new Progress(style(), err);
        WatchServer _ = serve(List.of(folder.path()));
        TensorBoardLogs logs = new TensorBoardLogs(keeping.tensorboard(), progress::warning);
        Interrupts interrupts = Interrupts.install(name -> announce(err, name))) {
      TrainingListener listener = logs.beside(progress, folder.path());
      TrainingRun run = new TrainingRun(settings(folder, device), config, data, device, listener);
      outcome = launch.go(run, interrupts::raised);
      evaluation = run.evaluation();
      logs.finished(folder.path(), evaluation);
      last = progress.last();
      fvu = progress.fvu();
      signal = interrupts.exitCode();
      warnings = progress.warnings();
    }
    if (outcome == TrainingRun.Outcome.STOPPED) {
      err.println(
          Terminal.harmless(
              "sae4j: stopped; to continue: sae4j train "
                  + RESUME
                  + " "
                  + Shell.word(folder.path())));
      if (json) {
        CommandLineApp.print(spec, Json.line(result(folder, false, Optional.empty())));
      }
      return signal;
    }
    report(folder, evaluation.map(Metrics::toMap), "Training is done.");
    if (!json && !quiet) {
      ResultNotes.of(config, evaluation.map(Metrics::toMap), last, fvu)
          .forEach(line -> CommandLineApp.printWrapped(spec, line));
    }
    if (!json && !quiet && !Terminal.isStdout()) {
      double seconds = (System.nanoTime() - began) * 1e-9;
      new RunSummary(folder, config.dSae(data.training().width()), last, evaluation, seconds)
          .lines()
          .forEach(line -> CommandLineApp.print(spec, line));
    }
    if (!noReport) {
      // Last: it takes a while, and what the run has come to is known.
      long samples = config.steps(data.training().rows()) * config.rowsPerStep();
      RunPage.atTheEnd(
          folder, device, input.files(), input.shards(), input::kept, samples, warnings);
      printPage(folder);
    }
    return ExitCode.DONE;
  }

  /** The live page of runs; null if it is not wanted. */
  private WatchServer serve(List<Path> runs) throws IOException {
    if (serve == null) {
      return null;
    }
    WatchServer server = WatchServer.open(runs, "serve", serve);
    Terminal.say("sae4j: the page of the run is at " + server.url());
    return server;
  }

  private TrainingRun.Settings settings(RunFolder folder, Device device) {
    return new TrainingRun.Settings(
        folder,
        keeping.checkpoints(),
        keeping.goesOn(),
        keeping.logEvery(),
        record(device),
        metadata(),
        keeping.heldOut());
  }

  private void report(RunFolder folder, Optional<Map<String, Object>> metrics, String outcome) {
    if (json) {
      CommandLineApp.print(spec, Json.line(result(folder, true, metrics)));
      return;
    }
    CommandLineApp.print(spec, outcome);
    CommandLineApp.print(spec, "The SAE is " + folder.trained());
    CommandLineApp.print(spec, "The run is " + folder.path());
    if (metrics.isPresent()) {
      CommandLineApp.print(spec, "On held-out rows:");
      MetricsReport.print(spec, metrics.get());
    }
  }

  private void printPage(RunFolder folder) {
    Path page = folder.path().resolve(RunReport.FILE);
    if (!json && Files.isRegularFile(page)) {
      CommandLineApp.print(spec, "Its page is " + page);
    }
  }

  /** The output of {@code --json}, however the run ended. */
  private static Map<String, Object> result(
      RunFolder folder, boolean finished, Optional<Map<String, Object>> metrics) {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("run", folder.path().toString());
    result.put("sae", finished ? folder.trained().toString() : null);
    result.put("metrics", metrics.orElse(null));
    return result;
  }

  private static String summary(TrainingConfig config, TrainingData data) {
    int dIn = data.dIn();
    return String.format(
        "%s, on rows of width %s: %d steps of %d rows; %d rows to train on, %d held out",
        RunSummary.of(config, dIn),
        data.paired() ? dIn + " with " + config.sae().pairs() + " of width " + data.dOut() : dIn,
        config.steps(data.training().rows()),
        config.rowsPerStep(),
        data.training().rows(),
        data.heldOut().map(ActivationSource::rows).orElse(0L));
  }

  static void announce(PrintStream err, String signal) {
    err.println();
    err.println(
        "sae4j: "
            + signal
            + ": finishing the step and writing a checkpoint"
            + (signal.equals("SIGHUP") ? "" : "; again to stop at once"));
  }

  private Progress.Style style() {
    if (quiet || noProgress) {
      return Progress.Style.SILENT;
    }
    return Progress.toTerminal() ? Progress.Style.BAR : Progress.Style.LINES;
  }

  /** A new folder for a run without --output-path; runs started in the same second get numbers. */
  private Path defaultPath() throws IOException {
    return claim(wantedPath());
  }

  private Path wantedPath() {
    String name = Path.of(input.activations.getFirst()).getFileName().toString();
    String plain = name.replaceAll("\\.[a-z]+$", "").replaceAll("[^A-Za-z0-9._-]+", "-");
    return Path.of("runs", plain + "-" + LocalDateTime.now().format(STAMP));
  }

  /** Creates a folder under a name that is free, safely against concurrent runs. */
  static Path claim(Path wanted) throws IOException {
    Files.createDirectories(wanted.toAbsolutePath().getParent());
    while (true) {
      try {
        return Files.createDirectory(free(wanted));
      } catch (FileAlreadyExistsException e) {
        continue; // taken since
      }
    }
  }

  /** The name itself, or with the first number that is free. */
  private static Path free(Path wanted) {
    Path name = wanted;
    for (int number = 2; Files.exists(name, LinkOption.NOFOLLOW_LINKS); number++) {
      name = wanted.resolveSibling(wanted.getFileName().toString() + "-" + number);
    }
    return name;
  }

  private Map<String, Object> metadata() {
    Map<String, Object> metadata = new LinkedHashMap<>();
    putIfGiven(metadata, "model_name", modelName);
    putIfGiven(metadata, "hook_name", hookName);
    putIfGiven(metadata, "hook_layer", hookLayer);
    return metadata;
  }

  /** Members of {@code config.json} beside the training configuration. */
  private Map<String, Object> record(Device device) {
    Map<String, Object> versions = new LinkedHashMap<>();
    versions.put("sae4j", Version.current());
    versions.put("java", Runtime.version().toString());
    versions.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    Map<String, Object> options = inputs();
    putIfGiven(options, "from_pretrained", absolute(fromPretrained));
    options.put("device", choice.device);
    putIfGiven(options, "threads", choice.threads);
    putIfGiven(options, "vector_bits", choice.vectorBits);
    keeping.record(options);
    options.putAll(metadata());
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("versions", versions);
    record.put("device", device.name() + ", " + device.description());
    record.put("command_line", commandLine);
    record.put("tensors", input.taken());
    record.put(RunFolder.OPTIONS, options);
    return record;
  }

  private Map<String, Object> inputs() {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put(
        "activations",
        input.activations.stream().map(path -> Path.of(path).toAbsolutePath().toString()).toList());
    putPaths(options, "targets", targets);
    putPaths(options, "positives", positives);
    putIfGiven(options, "tensor", input.tensor);
    putIfGiven(options, "mask", absolute(input.mask));
    putIfGiven(options, "on_bad_rows", input.onBadRows);
    options.putAll(input.others());
    return options;
  }

  private static void putPaths(Map<String, Object> options, String name, List<String> paths) {
    if (!paths.isEmpty()) {
      options.put(
          name, paths.stream().map(path -> Path.of(path).toAbsolutePath().toString()).toList());
    }
  }

  private static String absolute(Path path) {
    return path == null ? null : path.toAbsolutePath().toString();
  }

  private static void putIfGiven(Map<String, Object> map, String name, Object value) {
    if (value != null) {
      map.put(name, value);
    }
  }

  /** The SAE to start from, if there is one, and the options that follow from it. */
  private record Pretrained(Optional<SparseAutoencoder> sae) implements AutoCloseable {
    static Pretrained load(Path folder, Device device) throws IOException {
      return new Pretrained(
          folder == null ? Optional.empty() : Optional.of(SaeCheckpoint.load(folder, device)));
    }

    Map<String, Object> options() {
      Map<String, Object> options = new LinkedHashMap<>();
      sae.ifPresent(
          trained -> {
            options.put("d_sae", trained.config().dSae());
            trained.config().activation().fixedLength().ifPresent(k -> options.put("k", k));
            if (trained.config().transcoder()) {
              options.put("pairs", "targets");
              options.put("skip_connection", trained.weights().wSkip() != null);
            }
            options.put("apply_b_dec_to_input", trained.config().applyBDecToInput());
            options.put(
                "normalize_activations",
                ActivationNormalization.of(trained.config().normalization()).name());
          });
      return options;
    }

    @Override
    public void close() {
      sae.ifPresent(SparseAutoencoder::close);
    }
  }
}
