package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code convert}, and what {@code eval} writes of latents for it. */
class ConvertCommandTest {
  private static final Path GOLDEN =
      Path.of("../engine/src/test/resources/golden/checkpoints").toAbsolutePath();

  @TempDir private Path folder;
  private final Console console = new Console();
  private Path rows;

  @BeforeEach
  void writeRows() throws IOException {
    rows = Activations.write(folder.resolve("a.safetensors"), 120, 40);
  }

  private void run(int code, Object... args) {
    assertEquals(code, console.run(args), console::err);
  }

  private Map<?, ?> result() throws IOException {
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    return (Map<?, ?>) Json.parse(Path.of("stdout"), out);
  }

  private Map<?, ?> evaluated(Path sae) throws IOException {
    run(0, "eval", "--sae", sae, "--activations", rows, "--json");
    return result();
  }

  /** There and back again: the same metrics, digit by digit. */
  @ParameterizedTest
  @CsvSource({
    "saelens-topk, sparsify",
    "sparsify-topk, saelens",
    "saelens-jumprelu, saelens",
    "gemma-scope, saelens",
  })
  void whatIsConvertedComputesTheSame(String name, String format) throws IOException {
    Path from = GOLDEN.resolve(name);
    Path to = folder.resolve("to");
    run(0, "convert", "--from", from, "--to", to, "--format", format);
    assertEquals(to + System.lineSeparator(), console.out());
    assertEquals(evaluated(from), evaluated(to));
    // What it wrote it may replace.
    run(0, "convert", "--from", from, "--to", to, "--format", format, "--dtype", "bf16");
    run(0, "inspect", to, "--json");
    assertEquals("BF16", ((Map<?, ?>) result().get("sae")).get("dtype"));
  }

  @Test
  void aTiedSaeGoesToSentenceTransformersAndBack() throws IOException {
    Path from = GOLDEN.resolve("sentence-transformers-csr");
    Path there = folder.resolve("2_SparseAutoEncoder");
    run(0, "convert", "--from", from, "--to", there, "--format", "sentence-transformers");
    Path back = folder.resolve("back");
    run(0, "convert", "--from", there, "--to", back, "--format", "saelens");
    Path again = folder.resolve("again");
    run(0, "convert", "--from", back, "--to", again, "--format", "sentence-transformers");
    assertArrayEquals(
        Files.readAllBytes(there.resolve("config.json")),
        Files.readAllBytes(again.resolve("config.json")));
  }

  @Test
  void whatCannotBeExpressedIsUsageThatNamesIt() {
    Path to = folder.resolve("to");
    run(
        2,
        "convert",
        "--from",
        GOLDEN.resolve("saelens-gated"),
        "--to",
        to,
        "--format",
        "sparsify");
    assertTrue(console.err().contains("sparsify cannot express activation"), console.err());
    run(
        2,
        "convert",
        "--from",
        GOLDEN.resolve("saelens-topk"),
        "--to",
        to,
        "--format",
        "sentence-transformers");
    assertTrue(console.err().contains("an encoder and a decoder that differ"), console.err());
    run(
        2,
        "convert",
        "--from",
        GOLDEN.resolve("sparsify-groupmax"),
        "--to",
        to,
        "--format",
        "saelens");
    assertTrue(console.err().contains("SAELens has no architecture for activation"), console.err());
    run(2, "convert", "--from", GOLDEN.resolve("saelens-topk"), "--to", to, "--format", "npz");
    assertTrue(console.err().contains("sentence-transformers"), console.err());
    run(3, "convert", "--from", folder, "--to", to, "--format", "saelens");
    assertTrue(Files.notExists(to));
  }

  @Test
  void filesOfSomebodyElseAreNotReplaced() throws IOException {
    Path to = Files.createDirectory(folder.resolve("to"));
    Files.writeString(to.resolve("thesis.tex"), "years of work");
    run(1, "convert", "--from", GOLDEN.resolve("saelens-topk"), "--to", to, "--format", "saelens");
    assertTrue(console.err().contains("choose another folder"), console.err());
    assertEquals("years of work", Files.readString(to.resolve("thesis.tex")));
  }

  /** eval writes it, convert takes it along, and SAELens's meaning is log10(share + 1e-10). */
  @Test
  void densities() throws IOException {
    Path sae = GOLDEN.resolve("saelens-topk");
    Path dense = folder.resolve("dense");
    run(0, "eval", "--sae", sae, "--activations", rows, "--density", dense, "--json");
    List<String> csv = Files.readAllLines(dense.resolve("density.csv"));
    assertEquals("latent,fired,rows,density,log10_density", csv.getFirst());
    Path codes = folder.resolve("codes");
    run(0, "encode", "--sae", sae, "--activations", rows, "--output", codes, "--format", "jsonl");
    long[] fired = new long[csv.size() - 1];
    for (String line : Files.readAllLines(codes.resolve("codes.jsonl"))) {
      Map<?, ?> row = (Map<?, ?>) Json.parse(codes, line.getBytes(StandardCharsets.UTF_8));
      ((Map<?, ?>) row.get("features"))
          .keySet()
          .forEach(latent -> fired[Integer.parseInt(latent.toString())]++);
    }
    float[] sparsity = sparsity(dense.resolve("sparsity.safetensors"));
    for (int i = 0; i < fired.length; i++) {
      double share = fired[i] / 120.0;
      String[] cells = csv.get(i + 1).split(",");
      assertEquals(List.of("" + i, "" + fired[i], "120", "" + share), List.of(cells).subList(0, 4));
      assertEquals((float) Math.log10(share + 1e-10), sparsity[i], 1e-6f);
      assertEquals(Float.toString(sparsity[i]), cells[4]);
    }
    Path to = folder.resolve("to");
    run(
        0,
        "convert",
        "--from",
        sae,
        "--to",
        to,
        "--format",
        "saelens",
        "--sparsity",
        dense.resolve("sparsity.safetensors"));
    assertArrayEquals(sparsity, sparsity(to.resolve("sparsity.safetensors")));
    Path on = folder.resolve("on");
    run(0, "convert", "--from", to, "--to", on, "--format", "saelens");
    assertArrayEquals(sparsity, sparsity(on.resolve("sparsity.safetensors")));
    run(
        3,
        "convert",
        "--from",
        GOLDEN.resolve("gemma-scope-2"),
        "--to",
        folder.resolve("no"),
        "--format",
        "saelens",
        "--sparsity",
        dense.resolve("sparsity.safetensors"));
    assertTrue(console.err().contains("expected sparsity ["), console.err());
  }

  /** Of every kind, transcoders too. */
  @ParameterizedTest
  @CsvSource({
    "saelens-gated, 40, 0",
    "saelens-jumprelu, 40, 0",
    "dictionary-learning-april, 24, 0",
    "sparsify-groupmax, 40, 0",
    "saelens-transcoder, 24, 20",
  })
  void densitiesOfEveryFamily(String name, int dIn, int dOut) throws IOException {
    Path in = Activations.write(folder.resolve("in.safetensors"), 50, dIn);
    Path out = folder.resolve("out");
    if (dOut > 0) {
      Path targets = Activations.write(folder.resolve("y.safetensors"), 50, dOut);
      run(
          0,
          "eval",
          "--sae",
          GOLDEN.resolve(name),
          "--activations",
          in,
          "--targets",
          targets,
          "--density",
          out,
          "--json");
    } else {
      run(
          0,
          "eval",
          "--sae",
          GOLDEN.resolve(name),
          "--activations",
          in,
          "--density",
          out,
          "--json");
    }
    long sum = 0;
    for (String line : Files.readAllLines(out.resolve("density.csv")).stream().skip(1).toList()) {
      sum += Long.parseLong(line.split(",")[1]);
    }
    assertEquals((Double) result().get("l0"), sum / 50.0, 1e-9);
  }

  private static float[] sparsity(Path file) throws IOException {
    try (TensorFile tensors = TensorFile.open(file)) {
      TensorInfo tensor = tensors.tensor("sparsity");
      float[] values = new float[(int) tensor.elements()];
      tensors.readFloats(tensor, 0, values.length, MemorySegment.ofArray(values), 0);
      return values;
    }
  }
}
