package io.github.sae4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.RunFolder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pages as a browser shows them. */
class BrowserTest {
  /** Screenshots, to be looked at. */
  private static final Path SHOTS = Path.of("target", "screenshots");

  /** Counts the colours of each canvas: one that nothing was drawn on has one. */
  private static final String COLOURS_DRAWN =
      """
      [...document.querySelectorAll('canvas')].filter((c) => c.offsetParent).map((c) => {
        const seen = new Set();
        const all = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
        for (const pixel of all) { seen.add(pixel); if (seen.size > 8) break; }
        return seen.size;
      })\
      """;

  @TempDir private static Path folder;
  private static Chrome chrome;
  private static Device device;
  private static Path run;
  private static Path other;
  private static Path page;
  private static Path compared;

  /** A latent that fires on the first row, and has a label. */
  private static int named;

  @BeforeAll
  static void trained() throws Exception {
    if (Chrome.find().isEmpty()) {
      System.out.println("pages are not tried in a browser: there is no Chromium (CHROME_BIN)");
    }
    Assumptions.assumeTrue(Chrome.find().isPresent(), "no Chromium");
    Files.createDirectories(SHOTS);
    device = SmallRun.device();
    run = SmallRun.train(folder.resolve("first run"), device, 256, 8, 40);
    other = SmallRun.train(folder.resolve("second"), device, 128, 16, 30);
    page = folder.resolve("page.html");
    Path labels = folder.resolve("labels.json");
    try (SparseAutoencoder sae = SaeCheckpoint.load(run, device);
        SparseAutoencoder second = SaeCheckpoint.load(other, device);
        ActivationFiles rows = SmallRun.sample()) {
      named = sae.encode(firstRow(rows)).indices()[0];
      Files.writeString(labels, Json.line(Map.of("" + named, "names of <people> & places")));
      RunReport.write(
          List.of(run),
          ReportOptions.DEFAULT
              .on(device)
              .with(
                  FeatureInput.of(sae, rows)
                      .texts(SmallRun.TOKENS, Optional.empty())
                      .labels(labels)
                      .comparedWith(second, "second")),
          page);
    }
    compared = folder.resolve("compared.html");
    RunReport.write(List.of(run, other), ReportOptions.DEFAULT.on(device), compared);
    chrome = Chrome.start(folder);
  }

  private static float[] firstRow(ActivationFiles rows) throws IOException {
    try (OffHeap memory = device.openMemory()) {
      Matrix one = memory.matrix(1, rows.width());
      rows.readRange(0, 1, one);
      return one.toArray();
    }
  }

  @AfterAll
  static void closed() throws Exception {
    if (chrome != null) {
      chrome.close();
    }
    if (device != null) {
      device.close();
    }
  }

  private static void open(Path file, String fragment) throws Exception {
    chrome.open(file.toUri() + fragment);
    if (fragment.startsWith("#features")) {
      chrome.await(
          "document.querySelector('#features').dataset.ready && document.querySelector('#list a')");
    }
  }

  private static void expectQuiet() {
    assertEquals(List.of(), chrome.complaints);
    for (String request : chrome.requests) {
      assertTrue(
          request.startsWith("file:")
              || request.startsWith("data:")
              || request.equals("about:blank"),
          request);
    }
  }

  @Test
  void everyChartOfARunIsDrawn() throws Exception {
    chrome.window(1360, 900, false);
    open(page, "");
    chrome.await("document.querySelectorAll('canvas').length >= 10");
    List<?> colours = (List<?>) chrome.run(COLOURS_DRAWN);
    assertTrue(colours.size() >= 10, colours::toString);
    for (Object number : colours) {
      assertTrue((Long) number > 3, () -> "colours on each canvas: " + colours);
    }
    assertEquals(
        List.of("FVU, held out", "Explained variance", "L0"),
        chrome.run(
            "[...document.querySelectorAll('#tiles dt')].slice(0, 3).map((e) => e.textContent)"));
    expectQuiet();
  }

  @Test
  void numbersOnThePageAreThoseOfTheEvaluation() throws Exception {
    open(page, "");
    Map<String, Object> evaluation = Json.readObject(run.resolve("evaluation.json"), 1 << 20);
    evaluation.forEach(
        (name, value) -> {
          if (!(value instanceof Number)) {
            return;
          }
          try {
            Object shown =
                chrome.run("document.querySelector('[data-metric=\"" + name + "\"]').title");
            assertEquals(
                ((Number) value).doubleValue(), Double.parseDouble((String) shown), 0, name);
          } catch (Exception e) {
            throw new AssertionError(name, e);
          }
        });
  }

  @Test
  void runsAreComparedOnOnePage() throws Exception {
    chrome.window(1360, 900, false);
    open(compared, "");
    chrome.await("document.querySelectorAll('canvas').length >= 8");
    for (Object number : (List<?>) chrome.run(COLOURS_DRAWN)) {
      assertTrue((Long) number > 3);
    }
    assertEquals(2L, chrome.run("document.querySelectorAll('svg.pareto circle').length"));
    String differ =
        (String)
            chrome.run("document.querySelector('[aria-label=\"Options that differ\"]').innerText");
    assertTrue(differ.contains("d_sae") && differ.contains("128"), differ);
    assertFalse(differ.contains("shuffle_seed"), differ);
    // A run that is switched off leaves the curves.
    assertEquals(2L, chrome.run("runs.charts.fvu.plot.series.length - 1"));
    chrome.run("document.querySelector('.chip.small').click()");
    assertEquals(1L, chrome.run("runs.charts.fvu.plot.series.length - 1"));
    chrome.screenshot(SHOTS.resolve("compared.png"));
    expectQuiet();
  }

  /** A run that was never evaluated, as if its rows had been whitened. */
  private static Path unevaluated(String name, boolean whitened) throws IOException {
    Path copy = Files.createDirectories(folder.resolve(name + "/checkpoints")).getParent();
    Map<String, Object> config = new LinkedHashMap<>(new RunFolder(run).readConfig());
    Map<String, Object> training = new LinkedHashMap<>();
    ((Map<?, ?>) config.get(RunFolder.TRAINING)).forEach((k, v) -> training.put((String) k, v));
    training.put("normalize_activations", whitened ? "covariance_whitening" : "none");
    config.put(RunFolder.TRAINING, training);
    config.remove("sha256");
    Files.writeString(copy.resolve("config.json"), Json.line(config));
    Files.copy(run.resolve("metrics.jsonl"), copy.resolve("metrics.jsonl"));
    return copy;
  }

  /**
   * FVU while training is of whitened rows; of a run that was evaluated it is of rows as they are.
   */
  @Test
  void errorsOfWhitenedRowsAreNotComparedWithOthers() throws Exception {
    Path white = unevaluated("white", true);
    Path whiter = unevaluated("whiter", true);
    Path plain = unevaluated("not whitened", false);
    Path file = folder.resolve("mixed.html");
    String bold = "[...document.querySelectorAll('[aria-label=\"Runs compared\"] .best')].length";
    String points = "document.querySelectorAll('svg.pareto circle').length";
    String note = "document.body.innerText.includes('says nothing beside')";
    chrome.window(1360, 900, false);
    for (List<Path> runs : List.of(List.of(white, other), List.of(white, plain))) {
      RunReport.write(runs, ReportOptions.DEFAULT.on(device), file);
      open(file, "");
      chrome.await("document.querySelector('[aria-label=\"Runs compared\"]')");
      List<?> marked =
          (List<?>)
              chrome.run(
                  "[...document.querySelectorAll('[aria-label=\"Runs compared\"] tbody tr')]"
                      + ".flatMap((row) => [row.cells[1], row.cells[2]])"
                      + ".filter((cell) => cell.querySelector('.best'))"
                      + ".map((cell) => cell.textContent)");
      assertEquals(List.of(), marked);
      assertEquals(0L, chrome.run(points));
      assertEquals(true, chrome.run(note));
    }
    RunReport.write(List.of(run, other), ReportOptions.DEFAULT.on(device), file);
    open(file, "");
    chrome.await("document.querySelector('[aria-label=\"Runs compared\"]')");
    assertTrue((Long) chrome.run(bold) > 0);
    RunReport.write(List.of(white, whiter), ReportOptions.DEFAULT.on(device), file);
    open(file, "");
    chrome.await("document.querySelector('[aria-label=\"Runs compared\"]')");
    assertEquals(2L, chrome.run(points));
    assertEquals(false, chrome.run(note));
    expectQuiet();
  }

  @Test
  void heldOutCurvesUnknownKeysAndWarningsAreShown() throws Exception {
    Path evaluated = Files.createDirectories(folder.resolve("evaluated/checkpoints")).getParent();
    Files.copy(run.resolve("config.json"), evaluated.resolve("config.json"));
    StringBuilder log = new StringBuilder();
    int number = 0;
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      String more = ++number % 5 == 0 ? ",\"eval/fvu\":0.5,\"eval/never_fired\":7" : "";
      log.append(line, 0, line.length() - 1)
          .append(more)
          .append(",\"mine/odd key\":")
          .append(number)
          .append("}\n");
    }
    Files.writeString(evaluated.resolve("metrics.jsonl"), log.toString());
    Files.writeString(
        evaluated.resolve("warnings.jsonl"),
        "{\"step\":12,\"kind\":\"x\",\"message\":\"loss is <b>high</b>\",\"advice\":\"--lr"
            + " lower\"}\n");
    Path file = folder.resolve("evaluated.html");
    RunReport.write(List.of(evaluated), ReportOptions.DEFAULT, file);
    chrome.window(1360, 900, false);
    open(file, "");
    chrome.await("runs.charts.fvu.plot");
    assertEquals(
        List.of("FVU", "FVU, held out"),
        chrome.run("runs.charts.fvu.spec.curves.map((c) => c.label)"));
    assertEquals(
        List.of("dead", "never fired, held out"),
        chrome.run("runs.charts.dead.spec.curves.map((c) => c.label)"));
    assertEquals((long) number / 5, chrome.run("runs.charts.fvu.spec.curves[1].x.length"));
    // What nobody knows is a curve too, behind one click.
    chrome.run("document.querySelector('#more summary').click()");
    chrome.await("runs.charts['mine/odd key'].plot");
    assertEquals(
        "Step 12. loss is <b>high</b>--lr lower",
        chrome.run("document.querySelector('.warnings li').textContent"));
    expectQuiet();
  }

  @Test
  void searchFindsLatentsByNumberLabelAndToken() throws Exception {
    open(page, "#features");
    chrome.run("document.getElementById('search').focus()");
    chrome.type("<people>");
    assertEquals(List.of("" + named), listed());
    chrome.run("document.getElementById('search').value = ''");
    chrome.type("42");
    assertEquals("42", listed().getFirst());
    // A token on which some latent fires most strongly, as the page itself says.
    String token =
        (String)
            chrome.run(
                "peaks(F.order[0], 9).find((t) => /^[a-z]{3,}$/.test(t)) ||"
                    + " [...tokenIndex().keys()].find((t) => /^[a-z]{3,}$/.test(t))");
    chrome.run("document.getElementById('search').value = ''");
    chrome.type(token);
    assertFalse(listed().isEmpty(), token);
    assertEquals(
        true,
        chrome.run(
            "F.order.every((latent) => [...tokenIndex()].some(([t, ls]) => t.startsWith('"
                + token
                + "') && ls.has(latent)))"));
    chrome.press("Enter");
    chrome.await("document.getElementById('latent').textContent === 'Latent ' + F.order[0]");
    assertTrue((Long) chrome.run("document.querySelectorAll('#contexts .ctx').length") > 3);
    chrome.run("document.getElementById('search').value = ''");
    chrome.type("no such token");
    assertEquals(List.of(), listed());
    expectQuiet();
  }

  private static List<?> listed() throws Exception {
    return (List<?>)
        chrome.run("[...document.querySelectorAll('#list .id')].map((e) => e.textContent)");
  }

  @Test
  void contextsAreShadedWhereTheLatentFires() throws Exception {
    open(page, "#features/" + named);
    assertEquals(
        "names of <people> & places",
        chrome.run("document.querySelector('.detail .label').textContent"));
    // The peak of each of the strongest contexts is shaded at least as much as the rest of it.
    assertEquals(
        true,
        chrome.run(
            """
            document.querySelectorAll('#contexts .ctx').length > 5 && [...document.querySelectorAll('#contexts .ctx')].slice(0, 3).every((ctx) => {
              const shade = (e) => Number((e.style.background.match(/\\* ([0-9.]+)/) || [0, 0])[1]);
              const peak = ctx.querySelector('.peak');
              return shade(peak) > 0 && [...ctx.querySelectorAll('.text > span')].every((e) => shade(e) <= shade(peak) + 0.01);
            })\
            """));
    assertTrue((Long) chrome.run("document.querySelectorAll('.links li').length") > 3);
    assertTrue(
        ((String) chrome.run("document.querySelector('#compare').innerText")).contains("0.7"));
    expectQuiet();
  }

  @Test
  void thePageIsUsedByKeyboardAlone() throws Exception {
    chrome.window(1360, 900, false);
    open(page, "");
    chrome.press("Tab");
    assertEquals("skip", chrome.run("document.activeElement.className"));
    chrome.run("runs.charts.fvu.node.querySelector('.plot').focus()");
    chrome.press("End");
    String said = (String) chrome.run("document.getElementById('say').textContent");
    assertTrue(said.startsWith("step 40: FVU"), said);
    chrome.press("ArrowLeft");
    assertNotEquals(said, chrome.run("document.getElementById('say').textContent"));
    Object whole =
        chrome.run("runs.charts.loss.plot.scales.x.max - runs.charts.loss.plot.scales.x.min");
    chrome.press("+");
    chrome.await(
        "runs.charts.loss.plot.scales.x.max - runs.charts.loss.plot.scales.x.min < 0.6 * " + whole);
    chrome.press("0");
    chrome.await(
        "runs.charts.loss.plot.scales.x.max - runs.charts.loss.plot.scales.x.min == " + whole);
    chrome.run("location.hash = '#features'");
    chrome.await(
        "document.querySelector('#features').dataset.ready && F.chosen !== null &&"
            + " document.querySelector('#list a')");
    chrome.run("document.activeElement.blur()");
    chrome.press("/");
    assertEquals("search", chrome.run("document.activeElement.id"));
    chrome.press("ArrowDown");
    chrome.press("ArrowDown");
    chrome.press("Enter");
    chrome.await("F.chosen === F.order[1]");
    chrome.run("document.activeElement.blur()");
    chrome.press("j");
    chrome.await("F.chosen === F.order[2]");
    expectQuiet();
  }

  @ParameterizedTest
  @CsvSource({"1360, 900, false", "1360, 900, true", "390, 844, false", "390, 844, true"})
  void axeFindsNoSeriousFault(int width, int height, boolean dark) throws Exception {
    chrome.window(width, height, dark);
    tryAxe(page, "", "run-" + width, dark);
    tryAxe(page, "#features/" + named, "features-" + width, dark);
    tryAxe(compared, "", "compared-" + width, dark);
  }

  private static void tryAxe(Path file, String part, String what, boolean dark) throws Exception {
    open(file, part);
    assertEquals(dark ? "dark" : "light", chrome.run("document.documentElement.dataset.theme"));
    String name = what + (dark ? "-dark" : "-light");
    chrome.screenshot(SHOTS.resolve(name + ".png"));
    assertEquals(
        true,
        chrome.run("document.documentElement.scrollWidth <= innerWidth"),
        "too wide: " + name);
    expectQuiet();
    chrome.run(axe());
    Object faults =
        chrome.run(
            """
            axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations
              .filter((v) => ['serious', 'critical'].includes(v.impact))
              .map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + ' ' + n.failureSummary).join(' | ')))\
            """);
    assertEquals(List.of(), faults, name);
  }

  private static String axe() throws IOException {
    try (InputStream in =
        BrowserTest.class.getResourceAsStream(
            "/META-INF/resources/webjars/axe-core/4.6.3/axe.min.js")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void hostileTokensAndNamesDoNothing() throws Exception {
    List<String> hostile =
        List.of(
            "</script><script>window.hacked = 1</script>",
            "<img src=x onerror='window.hacked = 2'>",
            "<!--<script>",
            "\u202egnihtemos\u2066",
            "line\u2028separator\u2029",
            "'\"><b>&amp;\u0000\u0007",
            "x".repeat(100_000),
            "\ud83d\ude00".repeat(50_000),
            "__proto__",
            "constructor");
    Path tokens = folder.resolve("hostile.tokens.jsonl");
    StringBuilder lines = new StringBuilder();
    for (int row = 0; row < 2000; row += 50) {
      List<Object> all = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        all.add(i % 5 == 4 ? hostile.get((row / 50 + i) % hostile.size()) : "word" + i % 7);
      }
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("row0", row);
      line.put("source", hostile.get(row / 50 % hostile.size()));
      line.put("tokens", all);
      lines.append(Json.line(line)).append('\n');
    }
    Files.writeString(tokens, lines.toString());
    Path labels = folder.resolve("hostile-labels.json");
    Map<String, Object> named = new LinkedHashMap<>();
    for (int i = 0; i < hostile.size(); i++) {
      named.put(String.valueOf(i), hostile.get(i));
    }
    Files.writeString(labels, Json.line(named));
    Path file = folder.resolve("hostile.html");
    try (SparseAutoencoder sae = SaeCheckpoint.load(run, device);
        ActivationFiles rows = SmallRun.sample()) {
      RunReport.write(
          List.of(run),
          ReportOptions.DEFAULT
              .titled("</title><script>window.hacked = 3</script>")
              .warned(List.of("</script><script>window.hacked = 4</script>"))
              .with(
                  FeatureInput.of(sae, new Head(rows, 2000))
                      .texts(tokens, Optional.empty())
                      .labels(labels)
                      .noted(List.of("<script>window.hacked = 5</script>"))),
          file);
    }
    assertTrue(Files.size(file) < 3_000_000, "bytes: " + Files.size(file));
    chrome.window(1360, 900, false);
    for (int latent = 0; latent < hostile.size(); latent++) {
      open(file, "#features/" + latent);
      assertEquals("undefined", chrome.run("typeof window.hacked"));
      assertEquals(
          0L, chrome.run("document.querySelectorAll('img, main script, main b.x').length"));
      assertEquals(
          true,
          chrome.run("document.documentElement.scrollWidth <= innerWidth"),
          "latent " + latent);
    }
    // The most active latents fire on such tokens.
    open(file, "#features");
    for (int place = 0; place < 12; place++) {
      chrome.run("open(F.order[" + place + "])");
      chrome.await(
          "F.chosen === F.order["
              + place
              + "] && document.querySelectorAll('#contexts .ctx').length > 5");
      assertEquals("undefined", chrome.run("typeof window.hacked"));
      assertEquals(
          true, chrome.run("document.documentElement.scrollWidth <= innerWidth"), "place " + place);
    }
    String seen = (String) chrome.run("document.getElementById('contexts').textContent");
    assertTrue(seen.contains("</script>") && seen.contains("(100,000 characters)"), seen);
    chrome.screenshot(SHOTS.resolve("hostile.png"));
    // Marks of direction stay within their own word.
    assertEquals(
        true,
        chrome.run(
            "[...document.querySelectorAll('.ctx .text > span')].every((e) => e.firstChild.tagName"
                + " === 'BDI')"));
    chrome.run("document.getElementById('search').focus()");
    for (String search : List.of("</script>", "__proto__", "constructor", "\u202e")) {
      chrome.run("document.getElementById('search').value = ''");
      chrome.type(search);
      assertFalse(listed().isEmpty(), search);
    }
    expectQuiet();
  }

  /** Serves the page of runs, and what is new of them. */
  private static HttpServer serve(List<Path> runs, AtomicInteger asked) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] body;
          if (exchange.getRequestURI().getPath().endsWith(RunReport.LIVE)) {
            asked.incrementAndGet();
            body = RunReport.liveData(runs).getBytes(StandardCharsets.UTF_8);
          } else {
            ByteArrayOutputStream html = new ByteArrayOutputStream();
            RunReport.write(runs, ReportOptions.DEFAULT.live(1), html);
            body = html.toByteArray();
            exchange.getResponseHeaders().add("Content-Type", "text/html; charset=utf-8");
          }
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    return server;
  }

  @Test
  void aServedPageFollowsItsRun() throws Exception {
    Path growing = Files.createDirectories(folder.resolve("growing/checkpoints")).getParent();
    Path log = growing.resolve("metrics.jsonl");
    List<String> lines = Files.readAllLines(run.resolve("metrics.jsonl"));
    Files.write(log, lines.subList(0, 5));
    Files.copy(run.resolve("config.json"), growing.resolve("config.json"));
    AtomicInteger asked = new AtomicInteger();
    HttpServer server = serve(List.of(growing), asked);
    try {
      chrome.open("http://127.0.0.1:" + server.getAddress().getPort() + "/");
      chrome.await("runs.charts.fvu.plot && runs.charts.fvu.plot.data[0].length === 5");
      Files.write(log, lines);
      chrome.await("runs.charts.fvu.plot.data[0].length === " + lines.size());
      assertTrue(asked.get() > 0);
      assertEquals(List.of(), chrome.complaints);
    } finally {
      server.stop(0);
    }
  }

  @Test
  void aServedPageFollowsSeveralRuns() throws Exception {
    List<Path> both = new ArrayList<>();
    for (Path from : List.of(run, other)) {
      Path to = folder.resolve("both/" + from.getFileName());
      Files.createDirectories(to.resolve("checkpoints"));
      Files.copy(from.resolve("config.json"), to.resolve("config.json"));
      Files.write(
          to.resolve("metrics.jsonl"),
          Files.readAllLines(from.resolve("metrics.jsonl")).subList(0, 5));
      both.add(to);
    }
    HttpServer server = serve(both, new AtomicInteger());
    try {
      chrome.open("http://127.0.0.1:" + server.getAddress().getPort() + "/");
      chrome.await("runs.charts.fvu.plot && document.querySelector('svg.pareto')");
      String steps =
          "document.querySelector('[aria-label=\"Runs compared\"] tbody').rows[0].lastChild"
              + ".textContent";
      String trade = "document.querySelector('svg.pareto').getAttribute('aria-label')";
      Object before = chrome.run(steps);
      String beforeTrade = (String) chrome.run(trade);
      chrome.run("document.querySelector('[aria-label=\"Runs compared\"]').focus()");
      List<String> all = Files.readAllLines(run.resolve("metrics.jsonl"));
      Files.write(both.getFirst().resolve("metrics.jsonl"), all);
      Files.writeString(
          both.getLast().resolve("warnings.jsonl"),
          "{\"step\":12,\"kind\":\"x\",\"message\":\"it is late\",\"advice\":\"\"}\n");
      chrome.await(steps + " === '40'");
      assertNotEquals("40", before);
      chrome.await("document.querySelector('.warnings')");
      assertTrue(
          ((String) chrome.run("document.querySelector('.warnings').textContent"))
              .contains("it is late"));
      assertNotEquals(beforeTrade, chrome.run(trade));
      // Who reads the table with the keyboard stays in it.
      assertEquals(
          "Runs compared", chrome.run("document.activeElement.getAttribute('aria-label')"));
      assertEquals(List.of(), chrome.complaints);
    } finally {
      server.stop(0);
    }
  }

  @Test
  void namesOfEveryObjectsMembersAndBrokenAddressesAreHarmless() throws Exception {
    List<Path> both = new ArrayList<>();
    for (String name : List.of("odd", "plain")) {
      Path odd = Files.createDirectories(folder.resolve(name + "/checkpoints")).getParent();
      Files.copy(run.resolve("config.json"), odd.resolve("config.json"));
      StringBuilder log = new StringBuilder();
      for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
        log.append(line, 0, line.length() - 1)
            .append(
                name.equals("odd")
                    ? ",\"constructor\":1,\"toString\":2,\"eval/valueOf\":3,\"__proto__\":4}\n"
                    : "}\n");
      }
      Files.writeString(odd.resolve("metrics.jsonl"), log.toString());
      both.add(odd);
    }
    for (List<Path> shown : List.of(both.subList(0, 1), both)) {
      Path file = folder.resolve("odd" + shown.size() + ".html");
      RunReport.write(shown, ReportOptions.DEFAULT, file);
      open(file, "#%E0");
      chrome.await("runs.charts.fvu.plot");
      chrome.run("document.querySelector('#more summary').click()");
      for (String key : List.of("constructor", "toString", "eval/valueOf", "__proto__")) {
        chrome.await("runs.charts['" + key + "'].plot");
        assertEquals(1L, chrome.run("runs.charts['" + key + "'].spec.curves.length"), key);
      }
      expectQuiet();
    }
  }

  /** As with activations whose magnitude is what counts. */
  @Test
  void aLatentWithoutPositiveActivationsHasNoHistogram() throws Exception {
    open(page, "#features/" + named);
    Object shown =
        chrome.run(
            """
            (() => {
              const i = F.place.get(F.chosen), d = data(), range = F.columns.range[i];
              F.columns.range[i] = 0;
              F.columns.bins.fill(0, i * d.bins, (i + 1) * d.bins);
              F.columns.quantiles.fill(0, i * (d.bands - 1), (i + 1) * (d.bands - 1));
              F.detail.replaceChildren(...show(F.chosen));
              return [F.detail.innerHTML.includes('NaN'), !!F.detail.querySelector('svg.bands'),
                F.detail.textContent.includes('No activation above 0')];
            })()\
            """);
    assertEquals(List.of(false, false, true), shown);
    expectQuiet();
  }

  @Test
  void theThemeIsChosenByButton() throws Exception {
    chrome.window(1360, 900, false);
    open(page, "");
    Object light = chrome.run("getComputedStyle(document.body).backgroundColor");
    chrome.run("document.getElementById('theme').click()");
    chrome.run("document.getElementById('theme').click()");
    assertEquals("Theme: dark", chrome.run("document.getElementById('theme').textContent"));
    assertNotEquals(light, chrome.run("getComputedStyle(document.body).backgroundColor"));
    chrome.run("document.getElementById('theme').click()");
    assertEquals("Theme: system", chrome.run("document.getElementById('theme').textContent"));
    expectQuiet();
  }
}
