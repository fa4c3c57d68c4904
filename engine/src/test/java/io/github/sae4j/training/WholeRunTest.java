package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.step.StepReport;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A training run is a function of its inputs: the oracle, and the CPU device at the width this VM
 * was told to use and with any number of threads, end with the same losses, weights, moments and
 * counters. The fingerprints are pinned, so that machines, Javas and widths are compared too.
 */
class WholeRunTest {
  /** Where a recipe's definition changes on purpose, the failing test prints the new ones. */
  private static final Map<String, String> PINNED =
      Map.ofEntries(
          Map.entry("annealed", "b60a02b82c1ef76c"),
          Map.entry("constant_norm", "b34cec1a076fb525"),
          Map.entry("decay", "5b3b7303f0eeb322"),
          Map.entry("dictionary-learning", "4bfda5e91b8d160c"),
          Map.entry("dictionary-learning batchtopk", "265f8a00a48dd28f"),
          Map.entry("dictionary-learning gated", "4965721d6a0adb1c"),
          Map.entry("dictionary-learning jumprelu", "a0ed45958416711b"),
          Map.entry("dictionary-learning matryoshka", "318fea83b9628bc9"),
          Map.entry("dictionary-learning norm", "597aa5c8983174ac"),
          Map.entry("dictionary-learning standard", "8a1052102cb9f73b"),
          Map.entry("eleuther", "d8616686992c0292"),
          Map.entry("eleuther b_dec in AuxK", "dd397729b951bae1"),
          Map.entry("eleuther norm", "f8fa06382e0d650f"),
          Map.entry("layer_norm", "65fc310a6b82e3fe"),
          Map.entry("multi", "b409287dbf0b3e90"),
          Map.entry("multi b_dec in AuxK", "a040b8f8e1b8ba89"),
          Map.entry("multi clip", "2e8d21e5314a3b1c"),
          Map.entry("openai", "fa10491c8cf6de82"),
          Map.entry("openai whitened", "bc11c3b8f8b5beee"),
          Map.entry("openai norm", "826b453ebfe33dd8"),
          Map.entry("skip transcoder", "9b644db340a28881"),
          Map.entry("skip transcoder clip", "ba12c973a7adeddd"),
          Map.entry("transcoder batchtopk", "8e4f4a6625f40ca4"),
          Map.entry("positives", "e0354139955c9643"),
          Map.entry("positives clip", "f3c3c9d7721ff439"),
          Map.entry("sentence-transformers", "419a58a6417ce46d"),
          Map.entry("saelens", "31558aa7c8a38be9"),
          Map.entry("saelens batchtopk", "e5e8ad3c32d64000"),
          Map.entry("saelens gated", "fcaf9ce06180649f"),
          Map.entry("saelens jumprelu", "a571e56e394f36a6"),
          Map.entry("saelens jumprelu tanh", "6338188d93284864"),
          Map.entry("saelens matryoshka", "fba7172c01703585"),
          Map.entry("saelens standard", "7a67823e6c9cc171"),
          Map.entry("saelens b_dec in AuxK", "dd6428de3c2a0f4b"),
          Map.entry("saelens norm", "3caeaff880273f8b"),
          Map.entry("saelens whitened", "6be3a5e7642e91bf"),
          Map.entry("saelens-pr370", "05c0d0b9759bddad"),
          Map.entry("saelens-pr370 norm", "17ff03a0f8228225"));

  @Test
  @Tag("kernel")
  void everyRecipeGivesTheSameBitsOnEveryDeviceAndWithAnyNumberOfThreads() throws IOException {
    Map<String, String> expected = new LinkedHashMap<>();
    long steps = 0;
    try (Device oracle = new ScalarDevice()) {
      for (WholeRun run : WholeRun.all()) {
        WholeRun.Result result = run.train(oracle);
        steps += result.reports().size();
        assertUsesWhatItIsToTest(run, result);
        expected.put(run.name(), result.fingerprint());
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      try (Device device = new VectorDevice(threads)) {
        for (WholeRun run : WholeRun.all()) {
          assertEquals(
              expected.get(run.name()),
              run.train(device).fingerprint(),
              run.name() + " on " + device.description());
        }
      }
    }
    System.out.printf(
        "whole runs width=%d threads=1,2,3 runs=%d steps=%d, bits of the oracle: all%n",
        VectorDevice.vectorBits(), expected.size(), steps);
    assertEquals(lines(PINNED), lines(expected));
  }

  /** Also while another device has as many; nobody waits for ever. */
  @Test
  void moreThreadsThanProcessorsGiveTheSameBits() throws Exception {
    Map<String, String> alone = fingerprints(8);
    assertEquals(lines(PINNED), lines(alone));
    ExecutorService both = Executors.newFixedThreadPool(2);
    try {
      List<Future<Map<String, String>>> results =
          both.invokeAll(List.of(() -> fingerprints(64), () -> fingerprints(16)));
      for (Future<Map<String, String>> result : results) {
        assertEquals(lines(PINNED), lines(result.get()));
      }
    } finally {
      both.shutdown();
    }
  }

  private static Map<String, String> fingerprints(int threads) throws IOException {
    Map<String, String> fingerprints = new LinkedHashMap<>();
    try (Device device = new VectorDevice(threads)) {
      for (WholeRun run : WholeRun.all()) {
        fingerprints.put(run.name(), run.train(device).fingerprint());
      }
    }
    return fingerprints;
  }

  private static String lines(Map<String, String> fingerprints) {
    StringBuilder lines = new StringBuilder();
    fingerprints.keySet().stream()
        .sorted()
        .forEach(
            name ->
                lines.append(
                    "Map.entry(\"%s\", \"%s\"),%n".formatted(name, fingerprints.get(name))));
    return lines.toString();
  }

  /** A run without dead latents, clipping or decay would not test them. */
  private static void assertUsesWhatItIsToTest(WholeRun run, WholeRun.Result result) {
    List<StepReport> reports = result.reports();
    StepReport last = reports.getLast();
    assertTrue(reports.stream().allMatch(report -> Double.isFinite(report.loss())), run.name());
    if (run.name().equals("decay")) {
      assertTrue(result.decayed() > 0, "no moment decayed to zero");
      return;
    }
    if (run.config().auxK().coefficient() > 0
        || run.config().sparsity().preActCoefficient().isPresent()
        || run.name().endsWith("_norm")) {
      assertTrue(result.deadSteps() > 5, run.name() + ": too few steps with dead latents");
    }
    if (run.config().sparsity().preActCoefficient().isPresent()) {
      assertTrue(
          reports.stream().filter(report -> report.loss(PreActivation.class) > 0).count() > 5,
          run.name() + ": no latent was revived");
    }
    assertTrue(last.rows() < 26, run.name() + ": the last batch is not short");
    if (run.config().auxK().coefficient() > 0) {
      assertTrue(
          reports.stream().filter(report -> report.loss(AuxK.class) > 0).count() > 5,
          run.name() + ": AuxK was idle");
    }
    if (run.config().optimizer().clipGradNorm().isPresent()) {
      double most = run.config().optimizer().clipGradNorm().getAsDouble();
      assertTrue(
          reports.stream().anyMatch(report -> report.gradientNorm() > most),
          run.name() + ": nothing was clipped");
    }
    if (run.name().startsWith("multi")) {
      assertTrue(last.loss(MultiTopK.class) > 0, run.name() + ": no Multi-TopK term");
    }
  }

  /** The interpreter has no SIMD, no fused multiply-add instruction and no compiled loop. */
  @Test
  void theInterpreterGivesTheSameBits() throws Exception {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xint",
                "-Xmx256m",
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                WholeRun.class.getName(),
                "128",
                "saelens",
                "multi clip")
            .redirectErrorStream(true)
            .start();
    List<String> lines = child.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertEquals(0, child.waitFor(), () -> String.join("\n", lines));
    for (String name : List.of("saelens", "multi clip")) {
      assertTrue(lines.contains(name + "=" + PINNED.get(name)), () -> String.join("\n", lines));
    }
    System.out.println("whole runs -Xint width=128: the same bits");
  }
}
