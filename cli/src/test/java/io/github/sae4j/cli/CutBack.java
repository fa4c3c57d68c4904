package io.github.sae4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Cuts a finished run back, as if it had been killed on the way. */
final class CutBack {
  private CutBack() {}

  /**
   * Leaves the checkpoint of so many rows as the only one, and no finished SAE.
   *
   * @param run the run's folder, which has that checkpoint
   * @param rows rows trained on
   */
  static void to(Path run, long rows) throws IOException {
    delete(run.resolve("final"));
    Files.deleteIfExists(run.resolve("evaluation.json"));
    Path kept = run.resolve("checkpoints").resolve(Long.toString(rows));
    if (!Files.isDirectory(kept)) {
      throw new IllegalStateException("there is no checkpoint " + kept);
    }
    List<Path> checkpoints;
    try (Stream<Path> all = Files.list(kept.getParent())) {
      checkpoints = all.filter(each -> !each.equals(kept)).toList();
    }
    for (Path checkpoint : checkpoints) {
      delete(checkpoint);
    }
  }

  /** Removes a folder with all that is in it. */
  static void delete(Path folder) throws IOException {
    List<Path> deepestFirst;
    try (Stream<Path> all = Files.walk(folder)) {
      deepestFirst = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : deepestFirst) {
      Files.delete(path);
    }
  }
}
