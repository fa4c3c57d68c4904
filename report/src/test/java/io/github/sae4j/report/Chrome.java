package io.github.sae4j.report;

import io.github.sae4j.internal.json.Json;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A headless Chromium with one tab, driven by its DevTools protocol. */
final class Chrome implements AutoCloseable {
  /** What JSON of the protocol is said to come from. */
  private static final Path DEVTOOLS = Path.of("devtools");

  private static final List<String> NAMES =
      List.of("chromium", "chromium-browser", "google-chrome");
  private static final int SECONDS = 180;

  private final Process process;
  private final Path profile;
  private final WebSocket socket;
  private final Map<Integer, CompletableFuture<Map<?, ?>>> waiting = new ConcurrentHashMap<>();
  private final AtomicInteger numbers = new AtomicInteger();
  private final String session;

  /** What the page complained of: exceptions, errors on the console, refused requests. */
  final List<String> complaints = new CopyOnWriteArrayList<>();

  /** Addresses that the page asked for. */
  final List<String> requests = new CopyOnWriteArrayList<>();

  /** The Chromium that CHROME_BIN names, or the first on PATH. */
  static Optional<Path> find() {
    String[] folders = System.getenv("PATH").split(File.pathSeparator);
    Stream<Path> onPath =
        NAMES.stream().flatMap(name -> Arrays.stream(folders).map(folder -> Path.of(folder, name)));
    return Stream.concat(Stream.ofNullable(System.getenv("CHROME_BIN")).map(Path::of), onPath)
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Starts one. */
  static Chrome start(Path folder) throws Exception {
    return new Chrome(find().orElseThrow(), Files.createTempDirectory(folder, "profile"));
  }

  private Chrome(Path program, Path profile) throws Exception {
    this.profile = profile;
    process =
        new ProcessBuilder(
                program.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectErrorStream(true)
            .redirectOutput(profile.resolve("output.txt").toFile())
            .start();
    List<String> port = port();
    socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(URI.create("ws://127.0.0.1:" + port.get(0) + port.get(1)), new Receiver())
            .get(SECONDS, TimeUnit.SECONDS);
    Object target = call("", "Target.createTarget", Map.of("url", "about:blank")).get("targetId");
    session =
        (String)
            call("", "Target.attachToTarget", Map.of("targetId", target, "flatten", true))
                .get("sessionId");
    for (String domain : List.of("Page", "Runtime", "Log", "Network")) {
      call(domain + ".enable", Map.of());
    }
  }

  /** The port and path that Chromium writes when it listens. */
  private List<String> port() throws Exception {
    Path file = profile.resolve("DevToolsActivePort");
    for (long end = System.nanoTime() + Duration.ofSeconds(SECONDS).toNanos();
        System.nanoTime() < end && process.isAlive(); ) {
      if (Files.exists(file) && Files.readAllLines(file).size() > 1) {
        return Files.readAllLines(file);
      }
      Thread.sleep(50);
    }
    throw new IOException(
        "Chromium did not start: " + Files.readString(profile.resolve("output.txt")));
  }

  /** Puts messages together and hands them out. */
  private final class Receiver implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        try {
          take((Map<?, ?>) Json.parse(DEVTOOLS, text.toString().getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
          complaints.add("DevTools: " + e.getMessage());
        }
        text.setLength(0);
      }
      from.request(1);
      return null;
    }
  }

  private void take(Map<?, ?> message) {
    if (message.get("id") instanceof Long id) {
      waiting.remove(id.intValue()).complete(message);
      return;
    }
    Map<?, ?> of = message.get("params") instanceof Map<?, ?> params ? params : Map.of();
    switch (String.valueOf(message.get("method"))) {
      case "Runtime.exceptionThrown" -> complaints.add(String.valueOf(of.get("exceptionDetails")));
      case "Runtime.consoleAPICalled" -> {
        if (List.of("error", "warning", "assert").contains(of.get("type"))) {
          complaints.add(String.valueOf(of.get("args")));
        }
      }
      case "Log.entryAdded" -> complaints.add(String.valueOf(of.get("entry")));
      case "Network.requestWillBeSent" ->
          requests.add(String.valueOf(((Map<?, ?>) of.get("request")).get("url")));
      default -> {}
    }
  }

  /** Calls a method of the tab. */
  Map<?, ?> call(String method, Map<String, ?> params) throws Exception {
    return call(session, method, params);
  }

  private Map<?, ?> call(String inside, String method, Map<String, ?> params) throws Exception {
    int id = numbers.incrementAndGet();
    CompletableFuture<Map<?, ?>> answer = new CompletableFuture<>();
    waiting.put(id, answer);
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("id", id);
    message.put("method", method);
    message.put("params", params);
    if (!inside.isEmpty()) {
      message.put("sessionId", inside);
    }
    synchronized (socket) {
      socket.sendText(Json.line(message), true).get(SECONDS, TimeUnit.SECONDS);
    }
    Map<?, ?> got = answer.get(SECONDS, TimeUnit.SECONDS);
    if (got.get("error") != null) {
      throw new IOException(method + ": " + got.get("error"));
    }
    return (Map<?, ?>) got.get("result");
  }

  /** Opens a page and waits until its scripts have run. */
  void open(String address) throws Exception {
    complaints.clear();
    requests.clear();
    // A page that differs in the fragment alone would not be loaded anew.
    call("Page.navigate", Map.of("url", "about:blank"));
    call("Page.navigate", Map.of("url", address));
    await("document.readyState === 'complete' && typeof page === 'object'");
  }

  /** The value of an expression, which may be a promise. */
  Object run(String expression) throws Exception {
    Map<String, Object> params = new LinkedHashMap<>();
    params.put("expression", expression);
    params.put("awaitPromise", true);
    params.put("returnByValue", true);
    Map<?, ?> result = call("Runtime.evaluate", params);
    if (result.get("exceptionDetails") != null) {
      throw new AssertionError(expression + ": " + result.get("exceptionDetails"));
    }
    return ((Map<?, ?>) result.get("result")).get("value");
  }

  /** Waits until an expression is true. */
  void await(String expression) throws Exception {
    for (long end = System.nanoTime() + Duration.ofSeconds(SECONDS).toNanos();
        System.nanoTime() < end; ) {
      Object now =
          run("(() => { try { return !!(" + expression + "); } catch (e) { return false; } })()");
      if (Boolean.TRUE.equals(now)) {
        return;
      }
      Thread.sleep(25);
    }
    throw new AssertionError("never became true: " + expression + "; " + complaints);
  }

  /** Presses and releases a key. */
  void press(String key) throws Exception {
    boolean letter = key.length() == 1;
    Map<String, Object> down = new LinkedHashMap<>();
    down.put("type", "keyDown");
    down.put("key", key);
    int code = code(key);
    down.put("windowsVirtualKeyCode", code);
    if (letter || key.equals("Enter")) {
      down.put("text", letter ? key : "\r");
    }
    call("Input.dispatchKeyEvent", down);
    call(
        "Input.dispatchKeyEvent",
        Map.of("type", "keyUp", "key", key, "windowsVirtualKeyCode", code));
  }

  private static int code(String key) {
    return switch (key) {
      case "Tab" -> 9;
      case "Enter" -> 13;
      case "Escape" -> 27;
      case "End" -> 35;
      case "Home" -> 36;
      case "ArrowLeft" -> 37;
      case "ArrowUp" -> 38;
      case "ArrowRight" -> 39;
      case "ArrowDown" -> 40;
      default -> Character.toUpperCase(key.charAt(0));
    };
  }

  /** Types a text where the focus is. */
  void type(String text) throws Exception {
    call("Input.insertText", Map.of("text", text));
  }

  /** Sets the window's size, and light or dark. */
  void window(int width, int height, boolean dark) throws Exception {
    call(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 600));
    List<Object> features = new ArrayList<>();
    features.add(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"));
    call("Emulation.setEmulatedMedia", Map.of("features", features));
  }

  /** Draws what is seen into a PNG. */
  void screenshot(Path file) throws Exception {
    Map<?, ?> shot =
        call("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", false));
    Files.write(file, Base64.getDecoder().decode((String) shot.get("data")));
  }

  @Override
  public void close() {
    socket.abort();
    process.destroy();
    process.onExit().completeOnTimeout(process, 10, TimeUnit.SECONDS).join();
    process.destroyForcibly();
  }
}
