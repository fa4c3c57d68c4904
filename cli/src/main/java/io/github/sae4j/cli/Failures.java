package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.LocaleEncoding;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.training.DivergenceException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.util.HashSet;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Turns what commands throw into one line on stderr and an exit code. */
final class Failures {
  /** The longest message in full. */
  private static final int MOST_CHARACTERS = 2000;

  private Failures() {}

  static int badUsage(CommandLine.ParameterException problem, String[] args) {
    CommandLine command = problem.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("sae4j: " + Terminal.harmless(readable(firstLine(message(problem, args)))));
    String nearest = suggestion(problem);
    err.println(
        nearest.isEmpty()
            ? "sae4j: see '" + command.getCommandSpec().qualifiedName() + " --help'"
            : "sae4j: did you mean " + Terminal.harmless(nearest) + "?");
    err.flush();
    return ExitCode.USAGE;
  }

  /** For an option given twice within a group, picocli reports the synopsis of the whole group. */
  private static String message(CommandLine.ParameterException problem, String[] args) {
    if (problem instanceof CommandLine.MaxValuesExceededException) {
      Set<OptionSpec> seen = new HashSet<>();
      for (String arg : args) {
        String name = arg.split("=", 2)[0];
        OptionSpec option = problem.getCommandLine().getCommandSpec().optionsMap().get(name);
        if (option != null && !seen.add(option)) {
          return "option '" + name + "' should be specified only once";
        }
      }
    }
    return problem.getMessage();
  }

  private static String suggestion(CommandLine.ParameterException problem) {
    return problem instanceof CommandLine.UnmatchedArgumentException unmatched
        ? String.join(" or ", unmatched.getSuggestions())
        : "";
  }

  static int failed(Exception problem, CommandLine command, CommandLine.ParseResult parsed) {
    Throwable cause =
        problem instanceof UncheckedIOException && problem.getCause() != null
            ? problem.getCause()
            : problem;
    PrintWriter err = command.getErr();
    err.println("sae4j: " + Terminal.harmless(readable(describe(cause))));
    CommandLine root = command.getParent() == null ? command : command.getParent();
    if (root.<RootCommand>getCommand().stacktrace) {
      StringWriter trace = new StringWriter();
      cause.printStackTrace(new PrintWriter(trace));
      trace
          .toString()
          .lines()
          .map(
              line ->
                  line.startsWith("\t")
                      ? "\t" + Terminal.harmless(line.strip())
                      : Terminal.harmless(line))
          .forEach(err::println);
    }
    err.flush();
    return code(cause);
  }

  private static int code(Throwable problem) {
    return switch (problem) {
      case BadFileException bad -> ExitCode.BAD_INPUT;
      case DeviceException device -> ExitCode.DEVICE;
      case IllegalArgumentException usage -> ExitCode.USAGE;
      default -> ExitCode.FAILURE;
    };
  }

  private static String describe(Throwable problem) {
    String message = problem.getMessage() == null ? "" : firstLine(problem.getMessage());
    return switch (problem) {
      case NoSuchFileException e -> message + ": no such file or folder";
      case AccessDeniedException e -> message + ": permission denied";
      case FileAlreadyExistsException e -> message + ": already exists";
      case FileSystemException e -> message;
      case IOException e -> message.isEmpty() ? e.getClass().getSimpleName() : message;
      case InvalidPathException e -> LocaleEncoding.noPath(e.getInput());
      case IllegalArgumentException e -> message;
      case DeviceException e -> message;
      case DivergenceException e -> message;
      default -> problem.getClass().getName() + ": " + message + " (--stacktrace shows where)";
    };
  }

  /** A message without its middle if that is long: names come from files, and may be a megabyte. */
  static String readable(String message) {
    if (message.codePointCount(0, message.length()) <= MOST_CHARACTERS) {
      return message;
    }
    int start = message.offsetByCodePoints(0, MOST_CHARACTERS / 2);
    int end = message.offsetByCodePoints(message.length(), -MOST_CHARACTERS / 2);
    return message.substring(0, start)
        + "... ("
        + (end - start)
        + " characters) ..."
        + message.substring(end);
  }

  private static String firstLine(String message) {
    return message.lines().findFirst().orElse("");
  }
}
