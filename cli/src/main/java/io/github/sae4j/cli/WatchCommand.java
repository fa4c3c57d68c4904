package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.pages.WatchServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code sae4j watch}. */
@Command(
    name = "watch",
    description = {
      "Serves the page of a run on this machine, and keeps it up to date while the run goes on; of"
          + " several, compared. Only this machine can reach it, and only the page and its data;"
          + " nothing is written.",
      "It goes on until it is stopped; the run may begin later, end, or be resumed.%n"
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class WatchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "RUN", description = "Folders of runs or sweeps.")
  private List<Path> runs;

  @Option(
      names = "--port",
      paramLabel = "PORT",
      description = "Port of 127.0.0.1 (default: one that is free).")
  private int port;

  @Override
  public Integer call() throws IOException {
    try (WatchServer server = WatchServer.open(runs, "port", port)) {
      for (Path run : runs) {
        if (!Files.exists(run)) {
          Terminal.say("sae4j: waiting for " + run + ", which does not exist yet");
        }
      }
      CommandLineApp.print(spec, server.url());
      new CountDownLatch(1).await(); // until a signal ends the process
      return ExitCode.DONE;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return ExitCode.DONE;
    }
  }
}
