package io.github.sae4j.report.page;

import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.internal.json.Json;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Writes the page. It loads nothing: scripts, styles, data and licences are in it, and its policy
 * forbids everything else, scripts other than its own included.
 */
public final class Page {
  private static final List<String> SCRIPTS =
      List.of("uPlot.iife.min.js", "base.js", "charts.js", "runs.js", "features.js", "start.js");

  private static final List<String> STYLES = List.of("uPlot.min.css", "page.css");

  private Page() {}

  /**
   * Writes the page.
   *
   * @param title its title, any text
   * @param data what it shows, as plain JSON objects
   * @param packed columns of numbers, if it has any
   * @param live whether it may ask its own server for newer data
   * @param out receives UTF-8; stays open
   * @throws IOException if writing fails
   */
  public static void write(
      String title,
      Map<String, Object> data,
      Optional<Packed> packed,
      boolean live,
      OutputStream out)
      throws IOException {
    StringBuilder policy = new StringBuilder("default-src 'none'; img-src data:; script-src");
    for (String script : SCRIPTS) {
      policy.append(" 'sha256-").append(hash(resource(script))).append('\'');
    }
    policy.append("; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
    if (live) {
      policy.append("; connect-src 'self'");
    }
    String head = new String(resource("page.html"), StandardCharsets.UTF_8);
    int split = head.indexOf("<!--content-->");
    put(
        out,
        head.substring(0, split)
            .replace("<!--policy-->", attribute(policy.toString()))
            .replace("<!--title-->", attribute(title))
            .replace("<!--licence-->", attribute(text("LICENSE"))));
    for (String style : STYLES) {
      put(out, "<style>" + text(style) + "</style>\n");
    }
    put(out, "<script type=\"application/json\" id=\"data\">");
    put(out, ScriptText.escaped(Json.line(data)));
    put(out, "</script>\n");
    if (packed.isPresent()) {
      put(out, "<script type=\"application/octet-stream\" id=\"packed\">");
      packed.get().writeBase64(out);
      put(out, "</script>\n");
    }
    for (String script : SCRIPTS) {
      put(out, "<script>");
      out.write(resource(script));
      put(out, "</script>\n");
    }
    put(out, head.substring(split + "<!--content-->".length()));
  }

  private static String text(String name) throws IOException {
    return new String(resource(name), StandardCharsets.UTF_8);
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = Page.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new FileNotFoundException("the page's part " + name + " is missing from the jar");
      }
      return in.readAllBytes();
    }
  }

  private static void put(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String hash(byte[] script) {
    return Base64.getEncoder().encodeToString(Sha256.digest().digest(script));
  }

  private static String attribute(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
