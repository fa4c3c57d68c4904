package io.github.sae4j.bench.peers;

import java.util.ArrayList;
import java.util.List;

/**
 * The native libraries that are measured beside us, if they are on the class path.
 *
 * @param blas BLAS libraries
 * @param torch libtorch, or null
 */
public record Peers(List<Blas> blas, Torch torch) {
  /** No peers. */
  public static final Peers NONE = new Peers(List.of(), null);

  /**
   * Opens what is on the class path.
   *
   * @param backend the BLAS for libtorch's products
   * @return the peers
   */
  public static Peers open(Torch.Backend backend) {
    List<Blas> blas = new ArrayList<>();
    Torch torch = null;
    if (Torch.present() && backend == Torch.Backend.OPENBLAS) {
      // Before MKL, whose symbols it would otherwise bind to.
      torch = Torch.load(backend, null);
    }
    if (Blas.openBlasPresent()) {
      blas.add(Blas.openBlas());
    }
    if (Blas.mklPresent()) {
      Blas mkl = Blas.mkl();
      blas.add(mkl);
      if (Torch.present() && backend == Torch.Backend.MKL) {
        torch = Torch.load(backend, mkl);
      }
    }
    return new Peers(List.copyOf(blas), torch);
  }

  /**
   * Describes the peers, one line each.
   *
   * @return lines for the report
   */
  public List<String> describe() {
    List<String> lines = new ArrayList<>();
    blas.forEach(one -> lines.add(one.name() + ": " + one.version()));
    if (torch != null) {
      lines.add(
          "libtorch: "
              + Torch.version()
              + ", built for BLAS '"
              + Torch.blasInfo()
              + "', its product has the bits of "
              + torch.bitsOf(blas));
    }
    return lines;
  }
}
