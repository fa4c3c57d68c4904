package io.github.sae4j.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Runs commands in this process and keeps what they print. */
final class Console {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  /** Runs a command and returns its exit code. */
  int run(Object... args) {
    out.reset();
    err.reset();
    PrintStream realOut = System.out;
    PrintStream realErr = System.err;
    try (PrintStream newOut = new PrintStream(out, true, StandardCharsets.UTF_8);
        PrintStream newErr = new PrintStream(err, true, StandardCharsets.UTF_8)) {
      System.setOut(newOut);
      System.setErr(newErr);
      String[] words = new String[args.length];
      for (int i = 0; i < args.length; i++) {
        words[i] = args[i].toString();
      }
      return CommandLineApp.run(words);
    } finally {
      System.setOut(realOut);
      System.setErr(realErr);
    }
  }

  String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  /** Errors and warnings on stderr, without logs and progress. */
  List<String> complaints() {
    return err().lines().filter(line -> line.startsWith("sae4j: ")).toList();
  }
}
