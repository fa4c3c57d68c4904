package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.memory.ElementType;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code watch}, and {@code train --serve}. */
class WatchCommandTest {
  @TempDir private Path folder;
  private final Console console = new Console();
  private Path run;
  private Path file;

  @BeforeEach
  void rows() throws IOException {
    run = folder.resolve("run");
    file = folder.resolve("rows.safetensors");
    Activations.write(file, Activations.rows(200, 10), ElementType.F32);
  }

  private int train(Object... more) {
    List<Object> args = new ArrayList<>(List.of("train", "--activations", file));
    args.addAll(List.of("--output-path", run, "--device", "scalar", "--no-report"));
    args.addAll(List.of("--k", 2, "--d-sae", 24, "--train-batch-size", 8, "--steps", 4));
    args.addAll(List.of(more));
    return console.run(args.toArray());
  }

  private static HttpResponse<String> get(URI url) throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(HttpRequest.newBuilder(url).build(), HttpResponse.BodyHandlers.ofString());
    }
  }

  @Test
  void aRunIsServedUntilASignal() throws Exception {
    List<String> command = Program.command();
    command.addAll(List.of("watch", run.toString()));
    Process watch =
        new ProcessBuilder(command).redirectError(folder.resolve("err").toFile()).start();
    try (BufferedReader out = watch.inputReader()) {
      URI url = URI.create(out.readLine());
      assertEquals("127.0.0.1", url.getHost());
      assertEquals(503, get(url).statusCode());
      assertTrue(Files.readString(folder.resolve("err")).contains("which does not exist yet"));
      assertEquals(ExitCode.DONE, train(), console::err);
      assertEquals(200, get(url).statusCode());
      assertTrue(get(url.resolve("data.json")).body().contains("losses/mse_loss"));
      watch.destroy();
      assertEquals(143, watch.waitFor());
    } finally {
      watch.destroyForcibly();
    }
  }

  @Test
  void trainingServesItsPageWhileItGoesOn() {
    assertEquals(ExitCode.DONE, train("--serve", "localhost:0"), console::err);
    String said =
        console.err().lines().filter(line -> line.contains("http://")).findFirst().orElseThrow();
    URI url = URI.create(said.substring(said.indexOf("http://")));
    assertEquals("127.0.0.1", url.getHost());
    assertThrows(
        IOException.class, () -> new Socket(url.getHost(), url.getPort()).close(), "it has ended");
  }

  @Test
  void aSweepServesAllItsRuns() {
    int code = train("--serve", "127.0.0.1:0", "--sweep", "lr=1e-3,2e-3");
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(console.err().contains("http://127.0.0.1:"), console::err);
  }

  @Test
  void nothingIsServedUnlessAsked() {
    assertEquals(ExitCode.DONE, train(), console::err);
    assertFalse(console.err().contains("http"), console::err);
  }

  @Test
  void anotherAddressIsBadUsageBeforeAnythingIsTrained() {
    assertEquals(ExitCode.USAGE, train("--serve", "0.0.0.0:8000"));
    assertTrue(console.err().contains("expected 127.0.0.1:PORT"), console::err);
    assertFalse(Files.exists(run));
    assertEquals(ExitCode.USAGE, console.run("watch", run, "--port", 70000));
    assertTrue(console.err().contains("expected a port from 0 to 65535"), console::err);
  }

  @Test
  void aPortThatIsTakenIsAFailureBeforeAnythingIsTrained() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
      int code = train("--serve", "127.0.0.1:" + taken.getLocalPort());
      assertEquals(ExitCode.FAILURE, code);
      assertTrue(console.err().contains("cannot listen on 127.0.0.1:"), console::err);
      assertFalse(Files.exists(run));
    }
  }
}
