package org.example.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The service, asked by HTTP on loopback. */
class ServiceTest {
  private static final Path SAE =
      Path.of("../../engine/src/test/resources/golden/checkpoints/saelens-topk");

  @TempDir Path folder;

  private final HttpClient client = HttpClient.newHttpClient();
  private Device device;
  private SparseAutoencoder sae;
  private EncodeServer server;

  @BeforeEach
  void start() throws IOException {
    device = Devices.open("auto", DeviceOptions.DEFAULT);
    sae = SaeCheckpoint.load(SAE, device);
    server = new EncodeServer(sae, 0);
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    sae.close();
    device.close();
  }

  private HttpResponse<String> send(String method, String path, String body)
      throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build();
    return client.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private float[] row(int seed) {
    Random random = new Random(seed);
    float[] row = new float[sae.config().dIn()];
    for (int j = 0; j < row.length; j++) {
      row[j] = (float) random.nextGaussian();
    }
    return row;
  }

  private static String json(SparseCode code) {
    StringBuilder text = new StringBuilder("{");
    for (int i = 0; i < code.length(); i++) {
      text.append(i == 0 ? "" : ",")
          .append('"')
          .append(code.indices()[i])
          .append("\":")
          .append(code.values()[i]);
    }
    return text.append('}').toString();
  }

  @Test
  void rowsAreEncoded() throws IOException, InterruptedException {
    String body = Arrays.toString(row(1)) + "," + Arrays.toString(row(2));
    HttpResponse<String> response = send("POST", "/encode", "[" + body + "]");
    assertEquals(200, response.statusCode(), response.body());
    String expected = "[" + json(sae.encode(row(1))) + "," + json(sae.encode(row(2))) + "]";
    assertEquals(expected, response.body());
  }

  @Test
  void aRowIsEdited() throws IOException, InterruptedException {
    int latent = sae.encode(row(3)).indices()[0];
    String body =
        "{\"row\": %s, \"edits\": [{\"latent\": %d, \"scale\": 3}, {\"latent\": 1, \"add\": 0.5}]}"
            .formatted(Arrays.toString(row(3)), latent);
    HttpResponse<String> response = send("POST", "/edit", body);
    assertEquals(200, response.statusCode(), response.body());
    float[] edited = sae.edit(row(3), LatentEdits.NONE.scale(latent, 3).add(1, 0.5f));
    assertEquals(Arrays.toString(edited).replace(" ", ""), response.body());
  }

  @Test
  void manyClientsGetTheSameBits() throws Exception {
    try (ExecutorService pool = Executors.newFixedThreadPool(8)) {
      List<Callable<Void>> all = new ArrayList<>();
      for (int c = 0; c < 8; c++) {
        int seed = c;
        all.add(
            () -> {
              String body = "[" + Arrays.toString(row(seed)) + "]";
              String expected = "[" + json(sae.encode(row(seed))) + "]";
              for (int i = 0; i < 25; i++) {
                assertEquals(expected, send("POST", "/encode", body).body());
              }
              return null;
            });
      }
      for (Future<Void> done : pool.invokeAll(all)) {
        done.get();
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "POST | /encode | [[1, 2]]                               | 400 | expected rows of",
        "POST | /encode | [[1, 2                                 | 400 | expected",
        "POST | /encode | {}                                     | 400 | an array of rows",
        "POST | /encode | [[\"a\"]]                              | 400 | expected a number",
        "POST | /encode | [[1e39]]                               | 400 | finite",
        "POST | /edit   | {\"edits\": []}                        | 400 | expected a row",
        "POST | /edit   | {\"edits\": [{\"latent\": -1, \"set\": 1}]} | 400 | latent: expected 0"
            + " to",
        "POST | /edit   | {\"edits\": [{\"latent\": 1, \"drop\": 1}]} | 400 | set, scale or add",
        "POST | /edit   | {\"other\": 1}                         | 400 | got other",
        "GET  | /encode | []                                     | 405 | expected POST",
        "POST | /encode/more | []                                | 404 | no such resource",
      })
  void whatIsWrongIsAnswered(String method, String path, String body, int status, String problem)
      throws IOException, InterruptedException {
    HttpResponse<String> response = send(method, path, body);
    assertEquals(status, response.statusCode(), response.body());
    assertTrue(response.body().startsWith("{\"error\":"), response.body());
    assertTrue(response.body().contains(problem), response.body());
  }

  @Test
  void aLoadIsMeasured() throws IOException, InterruptedException {
    LoadTest load = new LoadTest(server.port(), sae.config().dIn());
    LoadTest.Result result = load.encode(3, 20);
    assertEquals(60, result.times().length);
    assertTrue(result.times()[0] > 0);
    assertTrue(result.milliseconds(0.99) >= result.milliseconds(0.5));
    MemoryUse memory = load.memory();
    assertTrue(memory.heap() > 0, memory::text);
    // This test's Java does not track native memory; the example's does.
    assertTrue(memory.text().contains("resident"), memory::text);
  }

  @Test
  void theVariantOfTheReadmeCompiles() throws IOException {
    Matcher block =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("README.md")));
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    int count = 0;
    while (block.find()) {
      Matcher name = Pattern.compile("class (\\w+)").matcher(block.group(1));
      assertTrue(name.find(), block.group(1));
      Path source = folder.resolve(name.group(1) + ".java");
      Files.writeString(source, block.group(1));
      StringWriter errors = new StringWriter();
      try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
        boolean compiled =
            compiler
                .getTask(
                    errors,
                    files,
                    null,
                    List.of("-cp", System.getProperty("java.class.path"), "-d", folder.toString()),
                    null,
                    files.getJavaFileObjects(source))
                .call();
        assertTrue(compiled, errors::toString);
      }
      count++;
    }
    assertEquals(1, count, "the README's Spring Boot variant");
  }

  /** What {@code examples/run} starts. */
  @Test
  void theClassThatIsRunIsNamed() throws IOException {
    String name = Files.readString(Path.of("main-class")).strip();
    assertEquals(Main.class.getName(), name);
  }
}
