package io.github.sae4j.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * All tables of RESULTS.md that one checkout and one process can measure, in one go: the runs of
 * {@link Compare} with the arguments that are printed above each, then {@link FileEncoding} and
 * {@link SweepCost}. Arguments are added to those of every run of {@link Compare}, so that they
 * override them: {@code --shape 64x48x256 --rounds 1} tries it out. Missing are {@link WarmUp},
 * which compares checkouts, and other vector widths and processors.
 */
public final class Everything {
  /** The folder of the tables; a file for each run, as JSON and as Markdown. */
  private static final Path FOLDER = Path.of("target", "everything");

  /** Arguments of one run each. */
  static final List<String> RUNS =
      List.of(
          "--only probes,product,encode,step,scaling,serve --rounds 5",
          // Smaller shapes, as people use them, and many codes a row.
          "--only encode,step --no-peer-steps --rounds 5 --shape"
              + " 2048x768x24576,2048x384x3072,4096x384x8192,4096x768x12288,4096x2304x16384",
          "--only encode,step --no-peer-steps --rounds 3 --k 64,128",
          "--only phases --no-peers --rounds 7 --shape 2048x768x24576,4096x384x8192",
          "--only fit --no-peers --rounds 3",
          "--only rows --k 32,128,384 --no-peers --rounds 3");

  private Everything() {}

  /**
   * Measures and prints.
   *
   * @param args arguments for {@link Compare}, see {@code --help} there
   * @throws IOException if files cannot be read or written
   */
  public static void main(String[] args) throws IOException {
    boolean right = run(List.of(args), FOLDER, System.out);
    boolean small = List.of(args).contains("--shape");
    System.out.println("\nFrom file to file");
    FileEncoding.main(small ? new String[] {"512", "1", "48", "256", "8"} : new String[0]);
    System.out.println("\nA sweep beside its runs");
    SweepCost.main(small ? new String[] {"1", "48", "64", "4", "2"} : new String[0]);
    System.exit(right ? 0 : 1);
  }

  /** The runs of {@link Compare}; whether every result was right. */
  static boolean run(List<String> more, Path folder, PrintStream out) throws IOException {
    boolean right = true;
    for (int i = 0; i < RUNS.size(); i++) {
      String name = String.format(Locale.ROOT, "%d", i + 1);
      List<String> args = new ArrayList<>(List.of(RUNS.get(i).split(" ")));
      args.addAll(List.of("--json", folder.resolve(name + ".json").toString()));
      args.addAll(List.of("--markdown", folder.resolve(name + ".md").toString()));
      args.addAll(more);
      out.println("\n" + String.join(" ", args) + "\n");
      right &= Compare.run(CompareOptions.parse(args.toArray(new String[0])), out);
    }
    return right;
  }
}
