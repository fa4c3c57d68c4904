package io.github.sae4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.sae.SparseAutoencoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A page of a dictionary of a usual size. */
@Tag("long")
class LargePageTest {
  private static final int ROWS = 300_000;
  private static final int LATENTS = 24_576;

  @TempDir private Path folder;

  @Test
  void itStaysSmall() throws Exception {
    Path codes = folder.resolve("codes.safetensors");
    Path tokens = folder.resolve("x.tokens.jsonl");
    SyntheticCodes.writeCodes(codes, ROWS, LATENTS, 32);
    SyntheticCodes.writeTokens(tokens, ROWS);
    Path page = folder.resolve("page.html");
    try (Device device = SmallRun.device();
        SparseAutoencoder sae = SyntheticCodes.dictionary(device, LATENTS, 64, 32)) {
      RunReport.write(
          List.of(),
          ReportOptions.DEFAULT.with(
              FeatureInput.ofCodes(sae, codes).texts(tokens, Optional.empty())),
          page);
    }
    System.out.printf(
        "page of %d latents and %d rows: %d bytes%n", LATENTS, ROWS, Files.size(page));
    assertTrue(Files.size(page) < 10_000_000, "bytes: " + Files.size(page));
    Map<?, ?> features = (Map<?, ?>) SmallRun.data(page).get("features");
    assertEquals((long) ROWS, features.get("rows"));
    assertTrue((Long) features.get("detailed") > 1000, "in detail: " + features.get("detailed"));
    assertTrue(features.get("notes").toString().contains("To keep the page small"));
    assumeTrue(
        Chrome.find().isPresent(), "the large page is not tried in a browser: no Chromium found");
    try (Chrome chrome = Chrome.start(folder)) {
      chrome.open(page.toUri() + "#features");
      chrome.await("document.querySelector('#features').dataset.ready && F.chosen !== null");
      assertTrue((Long) chrome.run("document.querySelectorAll('#contexts .ctx').length") > 10);
      // A latent far down the list has contexts too.
      chrome.run("location.hash = '#features/' + sorted('dense', ORDERS[1][3])[20000]");
      chrome.await("document.querySelectorAll('#contexts .ctx').length === 4");
      assertEquals(List.of(), chrome.complaints);
    }
  }
}
