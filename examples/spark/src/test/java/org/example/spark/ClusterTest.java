package org.example.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnSchema;
import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The example on a cluster of two executor JVMs on loopback, one of which is killed with SIGKILL
 * while it trains: what comes out has the bits of runs that nothing disturbed.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ClusterTest {
  private static final int STEPS = 600;
  private static final Path SAMPLE = Path.of("../../sample/minilm-l3-sample.safetensors");

  @TempDir static Path folder;

  private Process driver;
  private Path work;
  private long killed;

  @BeforeAll
  void runAndKillAnExecutor() throws IOException, InterruptedException {
    work = folder.resolve("work");
    driver = driver("driver.log", "local-cluster[2,1,1024]");
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(20);
    while (driver.isAlive() && System.nanoTime() < end) {
      if (killed == 0 && hasCheckpoint("k8") && hasCheckpoint("k16")) {
        killed = killExecutor();
      }
      driver.waitFor(20, TimeUnit.MILLISECONDS);
    }
    assertTrue(!driver.isAlive(), "the driver has not ended in twenty minutes");
    assertEquals(0, driver.exitValue(), log());
  }

  @AfterAll
  void end() {
    driver.descendants().forEach(ProcessHandle::destroyForcibly);
    driver.destroyForcibly();
  }

  private Process driver(String log, String master) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.add("--add-modules=jdk.incubator.vector");
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(Files.readAllLines(Path.of("java.flags")));
    command.add("-Dexample.home=" + Path.of("").toAbsolutePath());
    command.addAll(List.of("-cp", "target/classes:target/home/jars/*"));
    command.add(Files.readString(Path.of("main-class")).strip());
    command.addAll(List.of(work.toString(), Integer.toString(STEPS), master));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("SPARK_HOME", Path.of("target/home").toAbsolutePath().toString());
    builder.environment().put("SPARK_SCALA_VERSION", "2.13");
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    builder.redirectErrorStream(true).redirectOutput(folder.resolve(log).toFile());
    return builder.start();
  }

  private String again() throws IOException {
    return Files.readString(folder.resolve("again.log"));
  }

  private String log() throws IOException {
    return Files.readString(folder.resolve("driver.log"));
  }

  private boolean hasCheckpoint(String run) throws IOException {
    Path checkpoints = work.resolve("runs").resolve(run).resolve("checkpoints");
    if (!Files.isDirectory(checkpoints)) {
      return false;
    }
    try (Stream<Path> all = Files.list(checkpoints)) {
      return all.anyMatch(each -> each.getFileName().toString().matches("[0-9]+"));
    }
  }

  /** Kills an executor JVM: both are in the middle of a run, so either will do. */
  private long killExecutor() {
    Optional<ProcessHandle> executor =
        driver
            .descendants()
            .filter(
                process ->
                    process
                        .info()
                        .commandLine()
                        .orElse("")
                        .contains("CoarseGrainedExecutorBackend"))
            .findFirst();
    executor.ifPresent(ProcessHandle::destroyForcibly);
    return executor.map(ProcessHandle::pid).orElse(0L);
  }

  /** The same training in this JVM, without Spark. */
  private byte[] undisturbed(TrainingJob.Work one) throws IOException {
    Path trained = TrainingJob.train(one, folder.resolve("alone"), 1000, 1);
    return Files.readAllBytes(trained.resolve("sae_weights.safetensors"));
  }

  private byte[] onTheCluster(TrainingJob.Work one) throws IOException {
    Path run = work.resolve("runs").resolve(one.name());
    return Files.readAllBytes(run.resolve("final/sae_weights.safetensors"));
  }

  @Test
  void killedTasksEndWithTheBitsOfRunsThatWereNot() throws IOException {
    assertTrue(killed > 0, "no executor was killed: " + log());
    for (TrainingJob.Work one : Main.works(work.resolve("activations"), STEPS)) {
      assertArrayEquals(undisturbed(one), onTheCluster(one), one.name());
    }
    assertTrue(log().contains("Lost task"), "no task was lost: " + log());
  }

  @Test
  void parquetThatSparkWroteHoldsTheNumbers() throws IOException {
    try (ActivationFiles expected =
            ActivationFiles.open(List.of(SAMPLE.toString()), Optional.empty());
        ActivationFiles got =
            ActivationFiles.open(
                List.of(work.resolve("activations").toString()), Optional.of("activation"));
        OffHeap memory = new OffHeap()) {
      assertEquals(4, got.paths().size());
      int rows = Math.toIntExact(got.rows());
      Matrix a = memory.matrix(rows, expected.width());
      Matrix b = memory.matrix(rows, expected.width());
      expected.readRange(0, rows, a);
      got.readRange(0, rows, b);
      assertEquals(-1, a.segment().mismatch(b.segment()));
    }
  }

  @Test
  void codesAreThoseOfTheSae() throws IOException {
    List<Integer> ids = new ArrayList<>();
    List<Float> weights = new ArrayList<>();
    try (Stream<Path> shards = Files.list(work.resolve("codes"))) {
      for (Path shard : shards.filter(Files::isDirectory).sorted().toList()) {
        try (Stream<Path> parts = Files.list(shard)) {
          List<Path> files =
              parts.filter(part -> part.toString().endsWith(".parquet")).sorted().toList();
          for (Path file : files) {
            read(file, ids, weights);
          }
        }
      }
    }
    List<Integer> expectedIds = new ArrayList<>();
    List<Float> expectedWeights = new ArrayList<>();
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        SparseAutoencoder sae = SaeCheckpoint.load(work.resolve("runs/k8"), device);
        ActivationFiles rows = ActivationFiles.open(List.of(SAMPLE.toString()), Optional.empty());
        OffHeap memory = new OffHeap()) {
      Matrix one = memory.matrix(1, rows.width());
      float[] row = new float[rows.width()];
      for (int i = 0; i < 4096; i++) {
        rows.readRange(i, 1, one);
        one.read(0, 1, row, 0);
        SparseCode code = sae.encode(row);
        for (int j = 0; j < code.length(); j++) {
          expectedIds.add(code.indices()[j]);
          expectedWeights.add(code.values()[j]);
        }
      }
    }
    assertEquals(expectedIds, ids);
    assertEquals(expectedWeights, weights);
    assertTrue(log().contains("often active: ["), log());
  }

  private static void read(Path file, List<Integer> ids, List<Float> weights) throws IOException {
    try (InputFile input = InputFile.of(file);
        ParquetFileReader reader = ParquetFileReader.open(input)) {
      for (ColumnSchema column : reader.getFileSchema().getColumns()) {
        String leaf = column.fieldPath().leafName();
        try (ColumnReader values = reader.columnReader(column.columnIndex())) {
          while (leaf.equals("id") && values.nextBatch()) {
            for (int i = 0; i < values.getValueCount(); i++) {
              ids.add(values.getInts()[i]);
            }
          }
          while (leaf.equals("weight") && values.nextBatch()) {
            for (int i = 0; i < values.getValueCount(); i++) {
              weights.add(values.getFloats()[i]);
            }
          }
        }
      }
    }
  }

  @Test
  void whatIsDoneIsNotDoneAgain() throws IOException, InterruptedException {
    List<Path> manifests;
    try (Stream<Path> all = Files.list(work.resolve("codes"))) {
      manifests = all.filter(file -> file.toString().endsWith(".manifest")).sorted().toList();
    }
    List<String> shards =
        manifests.stream()
            .map(file -> file.getFileName().toString().replace(".manifest", ""))
            .toList();
    assertEquals(4, shards.size());
    assertTrue(log().contains("encoded now: shards " + shards), log());
    Path manifest = manifests.get(2);
    String before = Files.readString(manifest);
    Files.delete(manifest); // as if the job had been killed before it
    List<String> untouched = stamps();
    Process again = driver("again.log", "local[2]"); // what is left needs no cluster
    assertTrue(again.waitFor(20, TimeUnit.MINUTES));
    assertEquals(0, again.exitValue(), again());
    assertTrue(again().contains("encoded now: shards [" + shards.get(2) + "]"), again());
    assertEquals(untouched, stamps());
    assertEquals(
        before.lines().limit(3).toList(), Files.readString(manifest).lines().limit(3).toList());
  }

  /** When the SAEs and the other shards were written. */
  private List<String> stamps() throws IOException {
    List<String> stamps = new ArrayList<>();
    List<Path> folders = new ArrayList<>();
    try (Stream<Path> codes = Files.list(work.resolve("codes"))) {
      folders.add(codes.filter(Files::isDirectory).sorted().toList().get(1));
    }
    folders.add(work.resolve("runs/k8/final"));
    folders.add(work.resolve("runs/k16/final"));
    for (Path folder : folders) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted().toList()) {
          stamps.add(file + " " + Files.getLastModifiedTime(file));
        }
      }
    }
    return stamps;
  }
}
