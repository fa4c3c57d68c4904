package org.example.service;

import com.fasterxml.jackson.core.JacksonException;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * One SAE behind the JDK's HTTP server, on loopback. Requests run on as many threads as there are
 * processors: a row is encoded by one thread, and any number of threads may share an SAE.
 */
final class EncodeServer implements AutoCloseable {
  /** A thousand rows of a large model, as text. */
  private static final int MOST_BYTES = 64 << 20;

  private final SparseAutoencoder sae;
  private final HttpServer server;
  private final ExecutorService threads =
      Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());

  /** What a request is answered with. */
  private record Answer(int status, String json) {}

  /** Answers a request's body. */
  private interface Service {
    String answer(byte[] body) throws IOException;
  }

  /**
   * Starts serving.
   *
   * @param sae the SAE; must stay open
   * @param port the port, 0 for any
   */
  EncodeServer(SparseAutoencoder sae, int port) throws IOException {
    this.sae = sae;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(threads);
    serve("/encode", "POST", this::encode);
    serve("/edit", "POST", this::edit);
    serve("/memory", "GET", body -> MemoryUse.now().json());
    server.start();
  }

  int port() {
    return server.getAddress().getPort();
  }

  private void serve(String path, String method, Service service) {
    server.createContext(
        path,
        exchange -> {
          try (exchange) {
            Answer answer = answer(exchange, path, method, service);
            byte[] bytes = answer.json().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(answer.status(), bytes.length);
            exchange.getResponseBody().write(bytes);
          }
        });
  }

  private static Answer answer(HttpExchange exchange, String path, String method, Service service)
      throws IOException {
    if (!exchange.getRequestURI().getPath().equals(path)) {
      return new Answer(404, Requests.error("no such resource"));
    }
    if (!exchange.getRequestMethod().equals(method)) {
      return new Answer(405, Requests.error("expected " + method));
    }
    byte[] body;
    try (InputStream in = exchange.getRequestBody()) {
      body = in.readNBytes(MOST_BYTES + 1);
    }
    if (body.length > MOST_BYTES) {
      return new Answer(413, Requests.error("expected at most " + MOST_BYTES + " bytes"));
    }
    try {
      return new Answer(200, service.answer(body));
    } catch (JacksonException e) {
      return new Answer(400, Requests.error("expected JSON: " + e.getOriginalMessage()));
    } catch (IllegalArgumentException e) {
      return new Answer(400, Requests.error(e.getMessage()));
    }
  }

  private String encode(byte[] body) throws IOException {
    List<float[]> rows = Requests.rows(body, sae.config().dIn());
    SparseCode[] codes = new SparseCode[rows.size()];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = sae.encode(rows.get(i));
    }
    return Requests.codes(codes);
  }

  private String edit(byte[] body) throws IOException {
    Requests.Edit edit = Requests.edit(body, sae.config().dIn(), sae.config().dSae());
    return Requests.row(sae.edit(edit.row(), edit.edits()));
  }

  @Override
  public void close() {
    server.stop(1);
    threads.shutdown();
  }
}
