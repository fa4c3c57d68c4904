package org.example.service;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Requests from several clients at once to a server on loopback, a bounded number. */
final class LoadTest {
  private final URI server;
  private final int dIn;

  /**
   * Times of a load, in nanoseconds and sorted.
   *
   * @param times of each request
   * @param seconds that all took together
   */
  record Result(long[] times, double seconds) {
    double milliseconds(double share) {
      return times[(int) Math.min(times.length - 1, share * times.length)] / 1e6;
    }

    String text() {
      return String.format(
          Locale.ROOT,
          "%,d requests, %.0f a second, p50 %.2f ms, p99 %.2f ms, slowest %.2f ms",
          times.length,
          times.length / seconds,
          milliseconds(0.5),
          milliseconds(0.99),
          milliseconds(1));
    }
  }

  LoadTest(int port, int dIn) {
    server = URI.create("http://127.0.0.1:" + port);
    this.dIn = dIn;
  }

  /**
   * Sends requests of one row each.
   *
   * @param clients how many at once
   * @param requests of each client
   */
  Result encode(int clients, int requests) throws IOException, InterruptedException {
    long[] times = new long[clients * requests];
    long start = System.nanoTime();
    try (ExecutorService pool = Executors.newFixedThreadPool(clients);
        HttpClient client = HttpClient.newHttpClient()) {
      List<Callable<Void>> all = new ArrayList<>();
      for (int c = 0; c < clients; c++) {
        int number = c;
        all.add(
            () -> {
              String body = row(new Random(number));
              for (int r = 0; r < requests; r++) {
                long sent = System.nanoTime();
                post(client, "/encode", body);
                times[number * requests + r] = System.nanoTime() - sent;
              }
              return null;
            });
      }
      for (Future<Void> done : pool.invokeAll(all)) {
        done.get();
      }
    } catch (ExecutionException e) {
      throw new IOException("a request failed: " + e.getCause(), e);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    Arrays.sort(times);
    return new Result(times, seconds);
  }

  MemoryUse memory() throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpRequest request = HttpRequest.newBuilder(server.resolve("/memory")).build();
      return MemoryUse.parse(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
  }

  private String post(HttpClient client, String path, String body)
      throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(server.resolve(path))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() != 200) {
      throw new IOException(response.statusCode() + ": " + response.body());
    }
    return response.body();
  }

  private String row(Random random) {
    StringBuilder body = new StringBuilder("[[");
    for (int j = 0; j < dIn; j++) {
      body.append(j == 0 ? "" : ",").append((float) random.nextGaussian());
    }
    return body.append("]]").toString();
  }
}
