package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;

/** An interrupted thread still saves and loads, and stays interrupted. */
class InterruptTest {
  private static final int D = 5;
  private static final int N = 12;

  @TempDir Path temp;

  @EveryDevice
  void savesAndLoadsAndKeepsTheFlag(Device device) throws IOException {
    SaeConfig config = SaeConfig.topK(D, N, 3).with(SaeMetadata.of(Map.of("a", "b")));
    Path folder = temp.resolve("sae");
    SaeWeights weights = SaeWeights.allocate(device, D, N);
    for (int i = 0; i < N; i++) {
      weights.wEnc().set(i, i % D, i + 1);
      weights.wDec().set(i, i % D, -i);
    }
    Thread.currentThread().interrupt();
    try (SparseAutoencoder sae = new SparseAutoencoder(device, config, weights)) {
      SaeCheckpoint.save(folder, sae);
      assertTrue(Thread.currentThread().isInterrupted(), "after saving");
      try (SparseAutoencoder again = SaeCheckpoint.load(folder, device)) {
        assertTrue(Thread.currentThread().isInterrupted(), "after loading");
        assertArrayEquals(encoder(sae), encoder(again));
        assertArrayEquals(sae.weights().wDec().toArray(), again.weights().wDec().toArray());
      }
      assertEquals(
          "topk", Json.readObject(folder.resolve("cfg.json"), 1 << 16).get("architecture"));
    } finally {
      assertTrue(Thread.interrupted());
    }
  }

  private static float[] encoder(SparseAutoencoder sae) {
    float[] rows = new float[N * D];
    sae.weights().readEncoder(0, N, rows, 0);
    return rows;
  }

  @EveryDevice
  void theTrainersStateToo(Device device) throws IOException {
    Path run = temp.resolve("run");
    Thread.currentThread().interrupt();
    try (var memory = device.openMemory();
        CheckpointStore store = CheckpointStore.open(run)) {
      TrainingState state = TrainingState.allocate(memory, D, N);
      state.sinceFired()[3] = 7;
      TrainerState saved = new TrainerState(1, 2, 2, 1f, 1, 0, Map.of(), Map.of(), Map.of("x", 1L));
      Path written = store.write(2, folder -> saved.write(folder, state, Map.of()));
      Manifest.verify(written);
      assertEquals(saved, TrainerState.read(written));
      TrainingState again = TrainingState.allocate(memory, D, N);
      TrainerState.readTensors(written, again, Map.of());
      assertArrayEquals(state.sinceFired(), again.sinceFired());
    } finally {
      assertTrue(Thread.interrupted());
    }
  }
}
