package io.github.sae4j.cli.pages;

import io.github.sae4j.options.ConfigException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Map;

/**
 * Addresses of this machine that no other reaches. The pages of runs are served there alone: they
 * show paths, command lines and texts, and nobody is asked for a password.
 */
final class Loopback {
  private static final byte[] IPV4 = {127, 0, 0, 1};
  private static final byte[] IPV6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  private static final Map<String, byte[]> NAMES =
      Map.of("127.0.0.1", IPV4, "localhost", IPV4, "[::1]", IPV6);
  private static final int MOST_PORT = 65535;

  private Loopback() {}

  /**
   * Reads an address.
   *
   * @param option what it was given for
   * @param text {@code 127.0.0.1:PORT}, {@code localhost:PORT} or {@code [::1]:PORT}; port 0 is any
   *     that is free
   * @throws ConfigException for every other text
   */
  static InetSocketAddress parse(String option, String text) {
    int colon = text.lastIndexOf(':');
    byte[] host = colon < 0 ? null : NAMES.get(text.substring(0, colon).toLowerCase(Locale.ROOT));
    int port = colon < 0 ? -1 : port(text.substring(colon + 1));
    if (host == null || port < 0) {
      throw new ConfigException(
          option,
          "expected 127.0.0.1:PORT, localhost:PORT or [::1]:PORT, got '"
              + text
              + "'; other machines are never served (ssh -L brings a port to yours)");
    }
    return at(host, port);
  }

  /** A port of 127.0.0.1; 0 is any that is free. */
  static InetSocketAddress port(String option, int port) {
    if (port < 0 || port > MOST_PORT) {
      throw new ConfigException(option, "expected a port from 0 to 65535, got " + port);
    }
    return at(IPV4, port);
  }

  private static InetSocketAddress at(byte[] host, int port) {
    try {
      return new InetSocketAddress(InetAddress.getByAddress(host), port);
    } catch (UnknownHostException e) {
      throw new AssertionError(e); // only of a wrong length
    }
  }

  private static int port(String digits) {
    if (!digits.matches("[0-9]{1,5}")) {
      return -1;
    }
    int port = Integer.parseInt(digits);
    return port <= MOST_PORT ? port : -1;
  }

  /**
   * Whether a request means this machine by one of these names. A page of somewhere else that had
   * its own name point here would send that name.
   *
   * @param host the header, with or without a port, which a tunnel may change; null if missing
   */
  static boolean isNamedBy(String host) {
    return host != null
        && NAMES.containsKey(host.replaceFirst(":[0-9]{1,5}$", "").toLowerCase(Locale.ROOT));
  }
}
