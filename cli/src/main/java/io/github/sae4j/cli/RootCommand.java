package io.github.sae4j.cli;

import io.github.sae4j.cli.console.Version;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code sae4j} itself. */
@Command(
    name = "sae4j",
    description = "Trains, evaluates, serves and inspects sparse autoencoders on the JVM.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    footerHeading = "%n",
    footer = {
      "`sae4j train` alone trains on the built-in sample; `sae4j COMMAND --help` lists the options"
          + " of a command.",
      "Results go to stdout, progress and logs to stderr.",
      "Exit codes: 0 done, 1 I/O failure, divergence or a broken guarantee of parity, 2 usage, 3"
          + " bad input, 4 device, 129 stopped by SIGHUP, 130 by SIGINT, 143 by SIGTERM (training"
          + " writes a checkpoint first; encode, decode and edit record what is done)."
    })
final class RootCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "On failure print the stack trace.")
  boolean stacktrace;

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(
        spec.commandLine(), "expected a command; sae4j --help lists them");
  }
}
