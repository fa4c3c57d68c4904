package io.github.sae4j.cli.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.training.CheckpointSchedule;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import io.github.sae4j.training.TrainingListener;
import io.github.sae4j.training.TrainingRun;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WatchServerTest {
  @TempDir private Path folder;
  private Path run;
  private WatchServer server;

  @BeforeEach
  void serve() throws IOException {
    run = folder.resolve("run");
    server = WatchServer.open(List.of(run), "serve", "127.0.0.1:0");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private HttpResponse<String> get(String path) throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(
          HttpRequest.newBuilder(URI.create(server.url() + path)).build(),
          HttpResponse.BodyHandlers.ofString());
    }
  }

  /** Sends a request as it is, and gives back all of the answer. */
  private String raw(String request) throws IOException {
    URI url = URI.create(server.url());
    try (Socket socket = new Socket(url.getHost(), url.getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  private String raw(String method, String target, String host) throws IOException {
    return raw(
        method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
  }

  private static int status(String answer) {
    return Integer.parseInt(answer.split(" ")[1]);
  }

  private void train(int steps, boolean again) throws IOException {
    try (OffHeap memory = new OffHeap();
        Device device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      Matrix rows = memory.matrix(40, 5);
      for (int b = 0; b < 40; b++) {
        rows.set(b, b % 5, 1 + b);
      }
      TrainingRun training =
          new TrainingRun(
              new TrainingRun.Settings(
                  new RunFolder(run),
                  new CheckpointSchedule(2, 0, 0, 9),
                  false,
                  1,
                  Map.of(),
                  Map.of()),
              TrainingConfig.of(Recipe.SAELENS)
                  .with("d_sae", 12)
                  .with("k", 2)
                  .with("train_batch_size", 8)
                  .with("eval_fraction", 0)
                  .with("steps", 6),
              TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), 0),
              device,
              TrainingListener.NONE);
      int[] done = {0};
      if (again) {
        training.resume(Optional.empty(), Optional.empty(), () -> ++done[0] == steps);
      } else {
        training.start(Optional.empty(), () -> ++done[0] == steps);
      }
    }
  }

  private Map<?, ?> data() throws IOException, InterruptedException {
    HttpResponse<String> answer = get("data.json");
    assertEquals(200, answer.statusCode(), answer::body);
    assertEquals("application/json", answer.headers().firstValue("Content-Type").orElseThrow());
    Map<?, ?> all = (Map<?, ?>) Json.parse(run, answer.body().getBytes(StandardCharsets.UTF_8));
    return (Map<?, ?>) ((List<?>) all.get("runs")).getFirst();
  }

  private List<?> steps() throws IOException, InterruptedException {
    return (List<?>) ((Map<?, ?>) data().get("metrics")).get("step");
  }

  @Test
  void theRunMayComeLaterGoOnEndAndBeResumed() throws Exception {
    HttpResponse<String> early = get("");
    assertEquals(503, early.statusCode());
    assertEquals("2", early.headers().firstValue("Refresh").orElseThrow());
    assertTrue(early.body().contains("Waiting for " + run), early::body);
    assertEquals(503, get("data.json").statusCode());
    train(5, false); // stopped after step 5
    HttpResponse<String> page = get("");
    assertEquals(200, page.statusCode());
    assertTrue(page.body().contains("\"live_seconds\":2"), "a live page");
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L), steps());
    assertEquals(false, data().get("finished"));
    // A line that is being written, and whatever a kill left behind.
    Files.writeString(run.resolve("metrics.jsonl"), "{\"step\":6,\"lo", StandardOpenOption.APPEND);
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L), steps());
    train(0, true); // resumed: cut back, and ended
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L), steps());
    assertEquals(true, data().get("finished"));
  }

  @Test
  void nothingIsWritten() throws Exception {
    train(5, false);
    List<String> before = listing();
    get("");
    get("data.json");
    assertEquals(before, listing());
  }

  private List<String> listing() throws IOException {
    try (var files = Files.walk(folder)) {
      return files
          .sorted()
          .map(
              file -> {
                try {
                  return file + " " + Files.getLastModifiedTime(file) + " " + Files.size(file);
                } catch (IOException e) {
                  return file.toString();
                }
              })
          .toList();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/config.json",
        "/metrics.jsonl",
        "/../run/config.json",
        "/%2e%2e/run/config.json",
        "/..%2frun%2fconfig.json",
        "//data.json",
        "//127.0.0.1/data.json",
        "/data.json/",
        "/data.json/../config.json",
        "/./data.json",
        "/%64ata.json",
        "/index.html",
        "/favicon.ico",
        "/final/cfg.json",
        "/data.json%00",
      })
  void nothingElseIsReachable(String target) throws IOException {
    train(5, false);
    String answer = raw("GET", target, "127.0.0.1");
    assertEquals(404, status(answer), answer);
    assertFalse(answer.contains("train_batch_size"), answer);
  }

  @ParameterizedTest
  @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "BREW"})
  void onlyGetAndHead(String method) throws IOException {
    String answer = raw(method, "/", "127.0.0.1");
    assertEquals(405, status(answer), answer);
    assertTrue(answer.contains("Allow: GET, HEAD"), answer);
  }

  @Test
  void headIsGetWithoutTheBody() throws Exception {
    train(5, false);
    String head = raw("HEAD", "/", "localhost");
    assertEquals(200, status(head));
    assertTrue(head.endsWith("\r\n\r\n"), "no body");
    int length = get("").body().getBytes(StandardCharsets.UTF_8).length;
    // The page says when it was made.
    assertTrue(head.contains("Content-length: " + length), head + length);
  }

  /** Another site's name that is made to point here must not read the page. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example:1",
        "127.0.0.2",
        "0.0.0.0",
        "[::2]:1",
        "",
        "localhost@evil.example",
        "127.0.0.1:80:80"
      })
  void anotherHostIsRefused(String host) throws IOException {
    train(5, false);
    for (String target : List.of("/", "/data.json")) {
      String answer = raw("GET", target, host);
      assertEquals(403, status(answer), answer);
      assertFalse(answer.contains("losses"), answer);
    }
  }

  @Test
  void aRequestWithoutHostIsRefused() throws IOException {
    assertEquals(403, status(raw("GET / HTTP/1.0\r\n\r\n")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "localhost:9999", "LOCALHOST", "[::1]:3"})
  void thisMachineByAnyOfItsNamesAndThroughATunnel(String host) throws IOException {
    assertEquals(503, status(raw("GET", "/", host))); // there is no run yet
  }

  @Test
  void whatTheBrowserIsTold() throws Exception {
    train(5, false);
    for (String path : List.of("", "data.json", "none")) {
      var headers = get(path).headers();
      assertEquals("no-store", headers.firstValue("Cache-Control").orElseThrow());
      assertEquals("nosniff", headers.firstValue("X-Content-Type-Options").orElseThrow());
      assertEquals("same-origin", headers.firstValue("Cross-Origin-Resource-Policy").orElseThrow());
      assertEquals(
          "frame-ancestors 'none'", headers.firstValue("Content-Security-Policy").orElseThrow());
      assertTrue(headers.firstValue("Access-Control-Allow-Origin").isEmpty());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0:8000",
        "192.168.1.2:80",
        "[::]:80",
        "example.org:80",
        ":80",
        "80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:8o",
        "",
        "127.0.0.2:80",
        "localhost.:80",
        "::1:80"
      })
  void otherAddressesAreRefused(String address) {
    ConfigException refused =
        assertThrows(ConfigException.class, () -> WatchServer.open(List.of(run), "serve", address));
    assertTrue(
        refused.getMessage().startsWith("serve: expected 127.0.0.1:PORT"), refused::getMessage);
  }

  @Test
  void aPortThatIsTakenIsSaid() {
    int port = URI.create(server.url()).getPort();
    IOException refused =
        assertThrows(IOException.class, () -> WatchServer.open(List.of(run), "port", port));
    assertTrue(
        refused.getMessage().startsWith("cannot listen on 127.0.0.1:" + port + ": "),
        refused::getMessage);
    assertThrows(ConfigException.class, () -> WatchServer.open(List.of(run), "port", 65536));
    assertThrows(ConfigException.class, () -> WatchServer.open(List.of(run), "port", -1));
  }

  @Test
  void itListensOnLoopbackAlone() throws IOException {
    try (var interfaces = java.net.NetworkInterface.networkInterfaces()) {
      int port = URI.create(server.url()).getPort();
      for (var address : interfaces.flatMap(java.net.NetworkInterface::inetAddresses).toList()) {
        if (!address.isLoopbackAddress()) {
          assertThrows(IOException.class, () -> new Socket(address, port).close());
        }
      }
    }
  }
}
