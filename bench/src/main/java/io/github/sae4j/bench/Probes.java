package io.github.sae4j.bench;

import io.github.sae4j.bench.probes.PeakFlops;
import io.github.sae4j.bench.probes.ReadBandwidth;
import io.github.sae4j.bench.probes.TileRate;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.memory.Matrix;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The machine's own limits, peak arithmetic and read bandwidth, and our register tile's. */
public final class Probes {
  static final String PEAK = "peak FMA probe";
  static final String READ = "read-bandwidth probe";
  private static final int READ_COLS = 1 << 16;
  private static final int READ_ROWS = 1 << 10;
  private static final int WARMUPS = 20;

  private Probes() {}

  /** Times the probes with one thread and with all. */
  static Section run(Setup setup) {
    Section section =
        new Section("Probes (" + PeakFlops.vectorBits() + "-bit vectors, 256 MiB read)");
    List<Contender> contenders = new ArrayList<>();
    try (Scene scene = setup.scene(new Shape(1, 1, 1, 1))) {
      Matrix memory = scene.memory().matrix(READ_ROWS, READ_COLS);
      memory.fill(1f);
      for (int threads : counts(setup)) {
        Contender peak = peak(setup, threads);
        contenders.add(peak);
        section.work(peak.name(), PeakFlops.flops(threads), "GFLOP/s");
        if (setup.device() instanceof VectorDevice) {
          Contender tile = tile(setup, threads);
          contenders.add(tile);
          section.work(tile.name(), TileRate.flops(threads), "GFLOP/s");
        }
        Contender read = read(setup, memory, threads);
        contenders.add(read);
        section.work(read.name(), 4.0 * memory.size(), "GB/s");
      }
      section.add(setup.runs().time(contenders));
    }
    return section;
  }

  /** The thread counts that are compared: one and all. */
  static Set<Integer> counts(Setup setup) {
    return new LinkedHashSet<>(List.of(1, setup.options().threads()));
  }

  static Contender peak(Setup setup, int threads) {
    return new Contender(
        PEAK + setup.suffix(threads),
        threads,
        WARMUPS,
        () -> {
          if (!PeakFlops.correct(PeakFlops.run(threads), threads)) {
            throw new IllegalStateException("peak probe: wrong result");
          }
        });
  }

  /** Our register tile; at the width of our device. */
  private static Contender tile(Setup setup, int threads) {
    return new Contender(
        "sae4j register tile alone" + setup.suffix(threads),
        threads,
        WARMUPS,
        () -> {
          if (!TileRate.run(threads)) {
            throw new IllegalStateException("tile probe: wrong result");
          }
        });
  }

  static Contender read(Setup setup, Matrix memory, int threads) {
    return new Contender(
        READ + setup.suffix(threads),
        threads,
        WARMUPS,
        () -> {
          if (Float.isNaN(ReadBandwidth.sum(memory, threads))) {
            throw new IllegalStateException("bandwidth probe: wrong result");
          }
        });
  }
}
