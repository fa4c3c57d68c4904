package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.LocaleEncoding;
import io.github.sae4j.cli.console.StandardOutput;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.options.ConfigFile;
import io.github.sae4j.cli.pages.FeatureOptions;
import io.github.sae4j.training.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import picocli.CommandLine;

/** Assembles the commands and turns their failures into one line and an exit code. */
public final class CommandLineApp {
  /** Strong references: otherwise the logging system forgets their levels. */
  private static final Logger LOG = Logger.getLogger("io.github.sae4j");

  /** Which device was opened is DEBUG for a program, but worth telling a user. */
  private static final Logger DEVICES = Logger.getLogger("io.github.sae4j.device");

  /** The reader of Parquet, which says how it decompresses. */
  private static final Logger PARQUET = Logger.getLogger("dev.hardwood");

  private static final String TRAIN = "train";

  /** In the order of their list. */
  private static final List<String> COMMANDS =
      List.of(
          TRAIN, "eval", "encode", "decode", "edit", "convert", "inspect", "report", "watch",
          "devices", "parity");

  /** How long lines of text are at most: every terminal has that. */
  private static final int LINE_CHARACTERS = 79;

  private static final int INDENT = 2;

  private CommandLineApp() {}

  /**
   * Runs a command as the process's main program: fails if its results do not reach stdout.
   *
   * @param args the command line
   * @return the exit code
   */
  public static int main(String... args) {
    StandardOutput output = StandardOutput.install();
    Optional<String> damaged =
        LocaleEncoding.complaint(args, System.getProperty("user.dir"), LocaleEncoding.current());
    if (damaged.isPresent()) {
      Terminal.say("sae4j: " + Terminal.harmless(damaged.get()));
      return ExitCode.USAGE;
    }
    int code = run(args);
    System.out.flush();
    Optional<String> lost = output.complaint();
    if (lost.isEmpty()) {
      return code;
    }
    Terminal.say("sae4j: " + lost.get());
    return code == ExitCode.DONE ? ExitCode.FAILURE : code;
  }

  /**
   * Runs a command.
   *
   * @param args the command line
   * @return the exit code
   */
  public static int run(String... args) {
    logOnOneLine();
    CommandLine app = new CommandLine(new RootCommand());
    addCommands(app, args);
    app.registerConverter(Path.class, CommandLineApp::path);
    app.setOut(new PrintWriter(System.out, true, StandardOutput.charset()));
    app.setErr(new PrintWriter(System.err, true, StandardOutput.charset()));
    app.setCaseInsensitiveEnumValuesAllowed(true);
    app.setParameterExceptionHandler(Failures::badUsage);
    app.setExecutionExceptionHandler(Failures::failed);
    List<String> spelled = withDashes(args);
    try {
      return app.execute(withFiles(app, spelled).toArray(String[]::new));
    } catch (IOException | IllegalArgumentException e) {
      return Failures.failed(e, app, null);
    } catch (OutOfMemoryError e) {
      Terminal.say(
          "sae4j: not enough memory: "
              + e.getMessage()
              + "; train --dry-run shows what a run needs");
      return ExitCode.FAILURE;
    }
  }

  /**
   * Adds the command that the first word names, or all of them if it names none, as for the list of
   * commands: to assemble one takes some hundredths of a second.
   */
  private static void addCommands(CommandLine app, String... args) {
    boolean one = args.length > 0 && COMMANDS.contains(args[0]);
    for (String name : one ? List.of(args[0]) : COMMANDS) {
      app.addSubcommand(name, command(name, args));
      if (name.equals(TRAIN)) {
        TrainCommand.FLAGS.addTo(app.getSubcommands().get(TRAIN).getCommandSpec());
      }
    }
  }

  private static Object command(String name, String... args) {
    return switch (name) {
      case TRAIN -> new TrainCommand(List.of(args));
      case "eval" -> new EvalCommand();
      case "encode" -> new EncodeCommand();
      case "decode" -> new DecodeCommand();
      case "edit" -> new EditCommand();
      case "convert" -> new ConvertCommand();
      case "inspect" -> new InspectCommand();
      case "report" -> FeatureOptions.withoutUnknown(new ReportCommand());
      case "watch" -> new WatchCommand();
      case "devices" -> new DevicesCommand();
      case "parity" -> new ParityCommand();
      default -> throw new AssertionError(name);
    };
  }

  /**
   * A path from the command line; an empty one, as from an unset variable, would mean the current
   * folder.
   */
  static Path path(String text) {
    if (text.isBlank()) {
      throw new CommandLine.TypeConversionException("expected a path, got '" + text + "'");
    }
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new CommandLine.TypeConversionException(LocaleEncoding.noPath(text));
    }
  }

  /** Inserts the options that {@code train} finds in files before those of the command line. */
  private static List<String> withFiles(CommandLine app, List<String> args) throws IOException {
    int command = 0;
    while (command < args.size() && args.get(command).startsWith("-")) {
      command++;
    }
    if (command == args.size() || !args.get(command).equals(TRAIN)) {
      return args;
    }
    CommandLine.Model.CommandSpec train = app.getSubcommands().get(TRAIN).getCommandSpec();
    List<String> all = new ArrayList<>(args);
    Optional<String> resumed = value(args, TrainCommand.RESUME);
    if (resumed.isPresent()) {
      Path config = RunFolder.of(Path.of(resumed.get())).config();
      if (Files.exists(config)) {
        all.addAll(command + 1, ConfigFile.read(config, train, args).others());
      }
    }
    Optional<String> file = value(args, TrainCommand.CONFIG);
    if (file.isPresent()) {
      List<String> others = ConfigFile.read(Path.of(file.get()), train, all).others();
      all.addAll(command + 1, others);
    }
    return all;
  }

  /** An option's value; an empty one is left to the parser, which reports it. */
  private static Optional<String> value(List<String> args, String option) {
    return find(args, option).filter(value -> !value.isBlank());
  }

  private static Optional<String> find(List<String> args, String option) {
    for (int i = 0; i < args.size(); i++) {
      if (args.get(i).startsWith(option + "=")) {
        return Optional.of(args.get(i).substring(option.length() + 1));
      }
      if (args.get(i).equals(option) && i + 1 < args.size()) {
        return Optional.of(args.get(i + 1));
      }
    }
    return Optional.empty();
  }

  /** {@code --d_sae} and {@code --d-sae} are the same option. */
  static List<String> withDashes(String... args) {
    List<String> spelled = new ArrayList<>();
    boolean options = true;
    for (String arg : args) {
      options &= !arg.equals("--");
      int end = arg.indexOf('=') < 0 ? arg.length() : arg.indexOf('=');
      spelled.add(
          options && arg.startsWith("--")
              ? arg.substring(0, end).replace('_', '-') + arg.substring(end)
              : arg);
    }
    return spelled;
  }

  /** Silences all but warnings. */
  static void quiet() {
    LOG.setLevel(Level.WARNING);
    DEVICES.setLevel(Level.WARNING);
  }

  private static void logOnOneLine() {
    if (System.getProperty("java.util.logging.config.file") != null) {
      return;
    }
    LOG.setLevel(null);
    DEVICES.setLevel(Level.FINE);
    PARQUET.setLevel(Level.WARNING);
    for (Handler handler : Logger.getLogger("").getHandlers()) {
      handler.setLevel(Level.ALL);
      handler.setFormatter(
          new Formatter() {
            @Override
            public String format(LogRecord line) {
              return "sae4j: " + Terminal.harmless(formatMessage(line)) + System.lineSeparator();
            }
          });
    }
  }

  /** Prints a line of the result, with terminal control characters escaped. */
  static void print(CommandLine.Model.CommandSpec spec, String line) {
    PrintWriter out = spec.commandLine().getOut();
    out.println(Terminal.harmless(line));
    out.flush();
  }

  /** Prints a sentence in lines that a narrow terminal does not break within words. */
  static void printWrapped(CommandLine.Model.CommandSpec spec, String text) {
    StringBuilder line = new StringBuilder();
    String indent = " ".repeat(INDENT);
    for (String word : text.split(" ")) {
      if (line.length() + 1 + word.length() > LINE_CHARACTERS && !line.toString().isBlank()) {
        print(spec, line.toString());
        line.setLength(0);
        line.append(indent);
      } else if (!line.isEmpty()) {
        line.append(' ');
      }
      line.append(word);
    }
    print(spec, line.toString());
  }

  /** Prints several lines. */
  static void printLines(CommandLine.Model.CommandSpec spec, String text) {
    text.lines().forEach(line -> print(spec, line));
  }
}
