package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.RowOrder;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A process that may open few files and reads many; for {@link ActivationFilesTest}. */
final class FewHandles {
  private FewHandles() {}

  /**
   * @param args a folder of files of one row each, of width 2
   */
  public static void main(String[] args) throws IOException {
    try (OffHeap memory = new OffHeap();
        ActivationFiles files = ActivationFiles.open(List.of(args[0]), Optional.empty())) {
      Matrix row = memory.matrix(1, 2);
      double sum = 0;
      for (int pass = 0; pass < 2; pass++) {
        RowOrder order = new RowOrder(1, pass, files.rows());
        for (long i = 0; i < files.rows(); i++) {
          files.read(new long[] {order.at(i)}, 1, row);
          sum += row.get(0, 0);
        }
      }
      // Handles are left for logs and checkpoints.
      List<FileInputStream> others = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        others.add(new FileInputStream(Path.of(args[0], "00000.npy").toFile()));
      }
      System.out.println("sum " + sum + ", " + others.size() + " more");
    }
  }
}
