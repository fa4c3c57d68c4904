package io.github.sae4j.report.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.json.Json;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.InflaterInputStream;
import org.junit.jupiter.api.Test;

/** Columns of numbers and texts, as a page carries them. */
class PackedTest {
  private static ByteBuffer inflated(Packed packed) throws IOException {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    packed.writeBase64(text);
    byte[] deflated = Base64.getDecoder().decode(text.toByteArray());
    byte[] raw = new InflaterInputStream(new ByteArrayInputStream(deflated)).readAllBytes();
    return ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void columnsLieWhereTheHeaderSaysInTheFewestBytes() throws IOException {
    Packed packed =
        new Packed()
            .whole("small", new int[] {0, 255, 7})
            .whole("middle", new int[] {0, 256, 65_535})
            .whole("large", new long[] {65_536, 4_294_967_295L})
            .whole("huge", new long[] {1L << 40, 3})
            .floats("floats", new float[] {1.5f, -2f, Float.MIN_VALUE})
            .bytes("bytes", new byte[] {-1, 0, 1})
            .whole("none", new int[0]);
    ByteBuffer raw = inflated(packed);
    List<String> types = new ArrayList<>();
    for (Object each : (List<?>) packed.header().get("columns")) {
      Map<?, ?> column = (Map<?, ?>) each;
      types.add(column.get("name") + " " + column.get("type") + " " + column.get("length"));
      assertEquals(0, ((Long) column.get("at")) % 8);
    }
    assertEquals(
        List.of(
            "small u1 3",
            "middle u2 3",
            "large u4 2",
            "huge f8 2",
            "floats f4 3",
            "bytes u1 3",
            "none u1 0"),
        types);
    assertEquals((Long) packed.header().get("bytes"), raw.capacity());
    assertEquals(255, raw.get(1) & 0xff);
    assertEquals(65_535, raw.getShort(8 + 4) & 0xffff);
    assertEquals(-1, raw.getInt(16 + 4));
    assertEquals(1L << 40, raw.getDouble(24));
    assertEquals(Float.MIN_VALUE, raw.getFloat(40 + 8));
    assertEquals(-1, raw.get(56));
  }

  @Test
  void noTextLeavesTheElementThatHoldsIt() throws IOException {
    String hostile = "</script><!-- & \u2028\u2029\u202e\u2066\u200f\ufeff \"\\";
    String escaped = ScriptText.escaped(Json.line(List.of(hostile)));
    for (char bad : "<>&\u2028\u2029\u202e\u2066\u200f\ufeff".toCharArray()) {
      assertFalse(escaped.indexOf(bad) >= 0, () -> "U+" + Integer.toHexString(bad));
    }
    assertEquals(
        List.of(hostile), Json.parse(Path.of("page"), escaped.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void thePageNamesItsOwnScriptsAloneAndCarriesTheLicence() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Page.write("a <b> & \"c\"", Map.of("runs", List.of()), Optional.empty(), false, out);
    String html = out.toString(StandardCharsets.UTF_8);
    assertTrue(html.contains("<title>a &lt;b&gt; &amp; &quot;c&quot;</title>"));
    assertTrue(html.contains("Permission is hereby granted, free of charge"));
    String policy = html.replaceAll("(?s).*Content-Security-Policy\" content=\"([^\"]*)\".*", "$1");
    assertTrue(policy.startsWith("default-src 'none'"), policy);
    assertFalse(policy.contains("unsafe-eval") || policy.contains("script-src 'unsafe"), policy);
    assertFalse(policy.contains("connect-src"), policy);
    assertEquals(html.split("<script>").length - 1, policy.split("'sha256-").length - 1, "scripts");
    for (String outside : List.of("http-equiv=\"refresh\"", " src=\"http", "@import", "url(http")) {
      assertFalse(html.contains(outside), outside);
    }
  }
}
