package io.github.sae4j.cli;

import static java.util.Collections.nCopies;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.MemoryPlan;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What does not fit into memory is refused before it is tried. */
class MachineMemoryTest {
  private static final int D_IN = 64;

  @TempDir private Path folder;
  private final Console console = new Console();

  private static TrainingConfig config(int dSae, int batch) {
    return TrainingConfig.of(Recipe.SAELENS)
        .with("d_sae", dSae)
        .with("k", 4)
        .with("train_batch_size", batch);
  }

  private static long bytes(TrainingConfig config, Device device) {
    return device.memoryPlan(config.stepSpec(D_IN, OptionalDouble.of(1))).bytes();
  }

  private static int named(String option, String complaint) {
    Matcher found = Pattern.compile(option + " ([0-9]+)").matcher(complaint);
    assertTrue(found.find(), complaint);
    return Integer.parseInt(found.group(1));
  }

  @Test
  void theOptionThatIsNamedFitsAndOneMoreDoesNot() {
    try (Device device = Devices.open("cpu", DeviceOptions.DEFAULT)) {
      TrainingConfig config = config(4096, 8192);
      long needed = bytes(config, device);
      MachineMemory enough = new MachineMemory(needed, Long.MAX_VALUE);
      assertEquals(Optional.empty(), enough.complaint(config, D_IN, D_IN, device));
      MachineMemory small = new MachineMemory(needed - 1_000_000, Long.MAX_VALUE);
      String complaint = small.complaint(config, D_IN, D_IN, device).orElseThrow();
      int dSae = named("--d-sae", complaint);
      assertEquals(Optional.empty(), small.complaint(config(dSae, 8192), D_IN, D_IN, device));
      assertTrue(small.complaint(config(dSae + 1, 8192), D_IN, D_IN, device).isPresent());
      int batch = named("--train-batch-size", complaint);
      assertEquals(Optional.empty(), small.complaint(config(4096, batch), D_IN, D_IN, device));
      assertTrue(small.complaint(config(4096, batch + 1), D_IN, D_IN, device).isPresent());
    }
  }

  /** One run of a sweep needs what it needs alone, and the map of the rows is there once. */
  @Test
  void runsOfASweepShareTheirBatchesAndTheirMap() {
    TrainingConfig plain = config(512, 64);
    TrainingConfig whitened = plain.with("normalize_activations", "covariance_whitening");
    try (Device device = Devices.open("cpu", DeviceOptions.DEFAULT)) {
      for (TrainingConfig config : List.of(plain, whitened)) {
        MemoryPlan one = MachineMemory.plan(config, D_IN, D_IN, device);
        MemoryPlan alone = MachineMemory.together(List.of(config), D_IN, D_IN, device);
        assertEquals(one.bytes(), alone.bytes());
        assertEquals(one.heapBytes(), alone.heapBytes());
      }
      int runs = 16;
      long batches = 2L * 64 * D_IN * Float.BYTES;
      MemoryPlan one = MachineMemory.plan(plain, D_IN, D_IN, device);
      MemoryPlan all = MachineMemory.together(nCopies(runs, plain), D_IN, D_IN, device);
      assertEquals(runs * one.bytes() - (runs - 1) * batches, all.bytes());
      long map = 24L * D_IN * D_IN;
      long plainHeap = all.heapBytes();
      all = MachineMemory.together(nCopies(runs, whitened), D_IN, D_IN, device);
      assertEquals(map, all.heapBytes() - plainHeap);
      MachineMemory machine = new MachineMemory(all.bytes(), all.heapBytes());
      assertEquals(
          Optional.empty(), machine.complaint(nCopies(runs, whitened), D_IN, D_IN, device));
      machine = new MachineMemory(all.bytes() - 1, all.heapBytes());
      assertTrue(machine.complaint(nCopies(runs, whitened), D_IN, D_IN, device).isPresent());
    }
  }

  @Test
  void theHeapCounts() {
    try (Device device = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      MachineMemory machine = new MachineMemory(Long.MAX_VALUE, 1000);
      String complaint = machine.complaint(config(4096, 64), D_IN, D_IN, device).orElseThrow();
      assertTrue(complaint.contains("of Java heap"), complaint);
      assertTrue(complaint.contains("JDK_JAVA_OPTIONS=-Xmx"), complaint);
    }
  }

  /** A terabyte of weights: no machine of tests has it, and none of it may be touched. */
  @Test
  void aRunThatNoMachineHoldsIsRefusedAtOnce() throws IOException {
    Path file = Activations.write(folder.resolve("a.safetensors"), 200, D_IN);
    Path run = folder.resolve("run");
    Object[] train = {
      "train",
      "--activations",
      file,
      "--output-path",
      run,
      "--d-sae",
      1_000_000_000,
      "--k",
      4,
      "--steps",
      1,
      "--device",
      "scalar"
    };
    assertEquals(ExitCode.USAGE, console.run(train), console::err);
    assertTrue(console.err().contains("memory: the run needs "), console::err);
    assertTrue(console.err().contains("what fits: --d-sae "), console::err);
    assertFalse(Files.exists(run));
    Object[] dry = new Object[train.length + 2];
    System.arraycopy(train, 0, dry, 0, train.length);
    dry[train.length] = "--dry-run";
    dry[train.length + 1] = "--json";
    assertEquals(ExitCode.USAGE, console.run(dry), console::err);
    assertTrue(console.out().contains("\"fits\":false"), console.out());
    assertTrue(console.err().contains("memory: the run needs "), console::err);
  }

  @Test
  void anSaeIsHeldToItToo() throws IOException {
    Path file = Activations.write(folder.resolve("a.safetensors"), 200, 16);
    Path sae = Path.of("..", "engine", "src", "test", "resources", "cases", "3-sae-hook_z");
    int batch = Integer.MAX_VALUE;
    int code = console.run("eval", "--sae", sae, "--activations", file, "--batch-size", batch);
    assertEquals(ExitCode.USAGE, code, console::err);
    assertTrue(console.err().contains("what fits: --batch-size "), console::err);
    ConfigException e =
        assertThrows(
            ConfigException.class, () -> new MachineMemory(1000, 1000).expectRoomFor(sae, 1));
    assertTrue(e.getMessage().contains("of memory, there are"), e.getMessage());
  }

  @Test
  void anSaeIsHeldToItWithItsCopyForServing() throws IOException {
    Path sae = Path.of("..", "engine", "src", "test", "resources", "cases", "3-sae-hook_z");
    long weights = Files.size(sae.resolve("sae_weights.safetensors"));
    MachineMemory memory = new MachineMemory(weights, weights);
    memory.expectRoomFor(sae, 0, ServingPrecision.F32);
    assertTrue(memory.hasRoomFor(sae, ServingPrecision.F32));
    assertFalse(memory.hasRoomFor(sae, ServingPrecision.AUTO), "auto is held to its copy");
    ConfigException e =
        assertThrows(
            ConfigException.class, () -> memory.expectRoomFor(sae, 0, ServingPrecision.BF16));
    assertTrue(e.getMessage().contains("of memory, there are"), e.getMessage());
  }

  /** The SAE that latents are matched with lies in memory beside the first. */
  @Test
  void twoSaesAreHeldToItTogether() throws IOException {
    Path sae = Path.of("..", "engine", "src", "test", "resources", "cases", "3-sae-hook_z");
    long weights = Files.size(sae.resolve("sae_weights.safetensors"));
    MachineMemory memory = new MachineMemory(weights + weights / 2, weights);
    memory.expectRoomFor(List.of(sae), 0);
    ConfigException e =
        assertThrows(ConfigException.class, () -> memory.expectRoomFor(List.of(sae, sae), 0));
    assertTrue(e.getMessage().contains("of memory, there are"), e.getMessage());
  }

  @Test
  void reportIsHeldToItForTheSaeThatItCompares() throws IOException {
    Path file = Activations.write(folder.resolve("a.safetensors"), 20, 16);
    Path sae = Path.of("..", "engine", "src", "test", "resources", "cases", "3-sae-hook_z");
    Path large = Files.createDirectories(folder.resolve("large"));
    long elements = 1L << 40; // 4 TiB, of which none is written
    byte[] header =
        ("{\"W_dec\":{\"dtype\":\"F32\",\"shape\":["
                + elements
                + "],\"data_offsets\":[0,"
                + 4 * elements
                + "]}}")
            .getBytes(StandardCharsets.UTF_8);
    try (RandomAccessFile sparse =
        new RandomAccessFile(large.resolve("sae_weights.safetensors").toFile(), "rw")) {
      sparse.writeLong(Long.reverseBytes(header.length));
      sparse.write(header);
      sparse.setLength(8 + header.length + 4 * elements);
    }
    int code =
        console.run(
            "report",
            "--sae",
            sae,
            "--activations",
            file,
            "--compare",
            large,
            "--out",
            folder.resolve("page.html"));
    assertEquals(ExitCode.USAGE, code, console::err);
    assertTrue(console.err().contains("of memory, there are"), console::err);
  }

  /** A run of contrastive codes leaves its weights under other names. */
  @Test
  void anSaeOfSentenceTransformersIsHeldToItToo() {
    Path sae =
        Path.of(
            "../engine/src/test/resources/golden/checkpoints/sentence-transformers-csr",
            "2_SparseAutoEncoder");
    ConfigException e =
        assertThrows(
            ConfigException.class, () -> new MachineMemory(1000, 1000).expectRoomFor(sae, 1));
    assertTrue(e.getMessage().contains("of memory, there are"), e.getMessage());
    e =
        assertThrows(
            ConfigException.class,
            () -> new MachineMemory(1 << 20, 1 << 20).expectRoomFor(sae, 1 << 20));
    assertTrue(e.getMessage().contains("what fits: --batch-size "), e.getMessage());
  }
}
