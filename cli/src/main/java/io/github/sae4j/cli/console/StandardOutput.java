package io.github.sae4j.cli.console;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * The process's standard output. A {@link PrintStream} hides failed writes; this keeps the reason,
 * so that a full disk does not look like success.
 */
public final class StandardOutput extends OutputStream {
  /** Where Linux shows what the descriptor is. */
  private static final Path DESCRIPTOR = Path.of("/proc/self/fd/1");

  private final OutputStream to;
  private IOException failure;

  public StandardOutput(OutputStream to) {
    this.to = to;
  }

  /** Text is written in UTF-8, whatever the locale; a Windows console has its own encoding. */
  public static Charset charset() {
    return System.getProperty("os.name").startsWith("Windows")
        ? Charset.forName(System.getProperty("stdout.encoding"), StandardCharsets.UTF_8)
        : StandardCharsets.UTF_8;
  }

  /** Installs one as {@code System.out}, and makes {@code System.err} use UTF-8 too. */
  public static StandardOutput install() {
    StandardOutput output = new StandardOutput(new FileOutputStream(FileDescriptor.out));
    System.setOut(new PrintStream(output, true, charset()));
    System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, charset()));
    return output;
  }

  @Override
  public void write(int b) {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int from, int count) {
    if (failure != null) {
      return;
    }
    try {
      to.write(bytes, from, count);
    } catch (IOException e) {
      failure = e;
    }
  }

  /**
   * Why something is missing from the output.
   *
   * @return the reason; empty if nothing is, or if the reader stopped early, as {@code head} does
   */
  public Optional<String> complaint() {
    if (failure == null || readerIsGone()) {
      return Optional.empty();
    }
    return Optional.of("cannot write to stdout: " + failure.getMessage());
  }

  private boolean readerIsGone() {
    String reason = String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
    return reason.contains("broken pipe") || isPipe();
  }

  /** The system's message depends on the locale; writing to a pipe fails for no other reason. */
  private static boolean isPipe() {
    try {
      String target = Files.readSymbolicLink(DESCRIPTOR).toString();
      return target.startsWith("pipe:") || target.startsWith("socket:");
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }
}
