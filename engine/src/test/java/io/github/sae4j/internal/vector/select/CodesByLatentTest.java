package io.github.sae4j.internal.vector.select;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.internal.vector.runtime.WorkerPool;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CodesByLatentTest {
  private final SplittableRandom random = new SplittableRandom(3);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5})
  void threadsSortBatchAfterBatchAsOneDoes(int threads) {
    HeapCodes codes = new HeapCodes();
    try (WorkerPool pool = new WorkerPool(threads)) {
      // Each batch is split as the one before it was: one without codes, other numbers of latents
      // and rows, and codes of few latents come in between.
      check(codes, 40, 300, 1, pool);
      check(codes, 40, 300, 1, pool);
      check(codes, 17, 300, 0, pool);
      check(codes, 40, 300, 0.02, pool);
      check(codes, 64, 2, 1, pool);
      check(codes, 64, 300, 1, pool);
      check(codes, 3, 1000, 1, pool);
      check(codes, 0, 1000, 1, pool);
      check(codes, 64, 1000, 1, pool);
    }
  }

  private void check(HeapCodes codes, int rows, int latents, double share, WorkerPool pool) {
    draw(codes, rows, latents, share);
    codes.indexByLatent(latents, pool);

    CodesByLatent expected = new CodesByLatent();
    expected.build(rows, codes.starts, codes.indices, latents);
    CodesByLatent index = codes.byLatent;
    for (int i = 0; i < latents; i++) {
      assertEquals(expected.from(i), index.from(i));
      assertEquals(expected.to(i), index.to(i));
    }
    for (int p = 0; p < codes.size(); p++) {
      assertEquals(expected.row(p), index.row(p));
      assertEquals(expected.place(p), index.place(p));
      assertEquals(codes.values[expected.place(p)], codes.valuesByLatent[p]);
    }
  }

  /** Rows of uneven length; low latents more often than high ones. */
  private void draw(HeapCodes codes, int rows, int latents, double share) {
    codes.begin(rows, 12 * rows);
    int size = 0;
    codes.starts[0] = 0;
    for (int b = 0; b < rows; b++) {
      TreeSet<Integer> chosen = new TreeSet<>();
      int length = share == 0 ? 0 : random.nextInt(13);
      for (int i = 0; i < length; i++) {
        double u = random.nextDouble();
        chosen.add((int) (share * latents * u * u * u));
      }
      for (int latent : chosen) {
        codes.indices[size] = latent;
        codes.values[size++] = random.nextFloat();
      }
      codes.starts[b + 1] = size;
    }
  }
}
