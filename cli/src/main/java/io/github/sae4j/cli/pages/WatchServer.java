package io.github.sae4j.cli.pages;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.sae4j.report.LiveReport;
import io.github.sae4j.report.RunReport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Serves the live page of runs on loopback: the page at {@code /}, its data at {@code /data.json},
 * and nothing else. It only reads, and needs no run to be there yet.
 */
public final class WatchServer implements AutoCloseable {
  private static final String DATA = "/" + RunReport.LIVE;
  private static final String HTML = "text/html; charset=utf-8";
  private static final String JSON = "application/json";
  private static final String TEXT = "text/plain; charset=utf-8";

  /** Seconds between two requests of a page. */
  private static final int SECONDS = 2;

  private static final int THREADS = 2;

  private static final int OK = 200;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;
  private static final int NOT_ALLOWED = 405;
  private static final int NOT_YET = 503;

  private final HttpServer server;
  private final ExecutorService threads;
  private final LiveReport report;
  private final List<Path> runs;

  private WatchServer(HttpServer server, List<Path> runs) {
    this.server = server;
    this.runs = List.copyOf(runs);
    this.report = new LiveReport(runs);
    threads =
        Executors.newFixedThreadPool(
            THREADS,
            task -> {
              Thread thread = new Thread(task, "sae4j-watch");
              thread.setDaemon(true); // a page never keeps a run from ending
              return thread;
            });
    server.setExecutor(threads);
    server.createContext("/", this::answer);
    server.start();
  }

  /**
   * Serves runs at an address that a user gave.
   *
   * @param runs their folders, which need not exist yet
   * @param option what the address was given for
   * @param address {@code 127.0.0.1:PORT}, {@code localhost:PORT} or {@code [::1]:PORT}
   * @return the server; the caller closes it
   * @throws io.github.sae4j.options.ConfigException if it is another address
   * @throws IOException if the port is taken
   */
  public static WatchServer open(List<Path> runs, String option, String address)
      throws IOException {
    return open(runs, Loopback.parse(option, address));
  }

  /**
   * Refuses an address that cannot be served.
   *
   * @param option what it was given for
   * @param address the address
   * @throws ConfigException if it is not one of this machine
   */
  public static void expectAddress(String option, String address) {
    Loopback.parse(option, address);
  }

  /**
   * Serves runs at a port.
   *
   * @param runs their folders, which need not exist yet
   * @param option what the port was given for
   * @param port a port of 127.0.0.1; 0 for any that is free
   * @return the server; the caller closes it
   * @throws IOException if the port is taken
   */
  public static WatchServer open(List<Path> runs, String option, int port) throws IOException {
    return open(runs, Loopback.port(option, port));
  }

  private static WatchServer open(List<Path> runs, InetSocketAddress address) throws IOException {
    try {
      return new WatchServer(HttpServer.create(address, 0), runs);
    } catch (IOException e) {
      throw new IOException("cannot listen on " + text(address) + ": " + e.getMessage(), e);
    }
  }

  /** The page's address. */
  public String url() {
    return "http://" + text(server.getAddress()) + "/";
  }

  private static String text(InetSocketAddress address) {
    InetAddress host = address.getAddress();
    String name = host.getAddress().length == 4 ? host.getHostAddress() : "[::1]";
    return name + ":" + address.getPort();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String method = exchange.getRequestMethod();
      if (!Loopback.isNamedBy(exchange.getRequestHeaders().getFirst("Host"))) {
        send(exchange, FORBIDDEN, TEXT, bytes("expected a Host of this machine\n"));
        return;
      }
      if (!method.equals("GET") && !method.equals("HEAD")) {
        exchange.getResponseHeaders().set("Allow", "GET, HEAD");
        send(exchange, NOT_ALLOWED, TEXT, bytes("only GET and HEAD\n"));
        return;
      }
      URI uri = exchange.getRequestURI();
      String path = uri.getRawAuthority() == null ? uri.getRawPath() : "";
      if (path.equals("/")) {
        page(exchange);
      } else if (path.equals(DATA)) {
        data(exchange);
      } else {
        send(exchange, NOT_FOUND, TEXT, bytes("not found\n"));
      }
    }
  }

  private void page(HttpExchange exchange) throws IOException {
    ByteArrayOutputStream page = new ByteArrayOutputStream();
    try {
      report.writePage(SECONDS, page);
    } catch (IOException e) {
      exchange.getResponseHeaders().set("Refresh", Integer.toString(SECONDS));
      String names = String.join(", ", runs.stream().map(Path::toString).toList());
      send(exchange, NOT_YET, TEXT, bytes("Waiting for " + names + "\n" + e.getMessage() + "\n"));
      return;
    }
    send(exchange, OK, HTML, page.toByteArray());
  }

  private void data(HttpExchange exchange) throws IOException {
    byte[] data;
    try {
      data = bytes(report.data());
    } catch (IOException e) {
      send(exchange, NOT_YET, TEXT, bytes(e.getMessage() + "\n"));
      return;
    }
    send(exchange, OK, JSON, data);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void send(HttpExchange exchange, int status, String type, byte[] body)
      throws IOException {
    Headers headers = exchange.getResponseHeaders();
    headers.set("Content-Type", type);
    headers.set("Cache-Control", "no-store");
    headers.set("X-Content-Type-Options", "nosniff");
    // Other pages in the same browser must neither frame nor load it.
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    headers.set("Content-Security-Policy", "frame-ancestors 'none'");
    headers.set("Referrer-Policy", "no-referrer");
    if (exchange.getRequestMethod().equals("HEAD")) {
      headers.set("Content-Length", Integer.toString(body.length));
      exchange.sendResponseHeaders(status, -1);
      return;
    }
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
