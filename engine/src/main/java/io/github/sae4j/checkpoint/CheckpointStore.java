package io.github.sae4j.checkpoint;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FolderLock;
import io.github.sae4j.internal.folders.AtomicFolder;
import io.github.sae4j.internal.folders.Durable;
import io.github.sae4j.internal.folders.Manifest;
import io.github.sae4j.internal.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The checkpoints of one run: {@code <run>/checkpoints/<n_training_samples>/} and {@code
 * <run>/final/}, each written as an {@link AtomicFolder}. An open store is the run's only writer.
 * Its methods are for one thread; the static ones read and need no store.
 */
public final class CheckpointStore implements AutoCloseable {
  /** Writes the files of a checkpoint. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes into a folder that is not yet in place.
     *
     * @param folder an empty folder
     * @throws IOException if writing fails; nothing is put in place then
     */
    void write(Path folder) throws IOException;
  }

  /** Name of the trained SAE's folder. */
  public static final String FINAL = "final";

  /** Name of the folder of the SAE with the best held-out metrics so far. */
  public static final String BEST = "best";

  /** An SAE that is being evaluated; it never outlives that. */
  private static final String EVALUATED = "evaluated";

  /** Name of the file that describes a run. */
  public static final String CONFIG = "config.json";

  private static final String CHECKPOINTS = "checkpoints";

  private final Path run;
  private final FolderLock lock;

  private CheckpointStore(Path run, FolderLock lock) {
    this.run = run;
    this.lock = lock;
  }

  /**
   * Opens a run for writing and recovers from a writer that died.
   *
   * @param run the run's folder, created if missing
   * @return the store; the caller closes it
   * @throws IOException if the folder is {@linkplain #foreign somebody else's}, another process
   *     writes to this run, or the folder cannot be written
   */
  public static CheckpointStore open(Path run) throws IOException {
    Optional<String> foreign = foreign(run);
    if (foreign.isPresent()) {
      throw new IOException(foreign.get());
    }
    Durable.createFolders(run);
    FolderLock lock = FolderLock.acquire(run);
    try {
      AtomicFolder.recoverAll(run, Set.of(FINAL, BEST, EVALUATED)::contains);
      discardEvaluated(run);
      AtomicFolder.recoverAll(run.resolve(CHECKPOINTS), CheckpointStore::isCheckpoint);
      return new CheckpointStore(run, lock);
    } catch (Throwable e) {
      lock.close();
      throw e;
    }
  }

  /**
   * Whether a run must not be kept in a folder, because somebody else's files could be lost there:
   * it is not empty, and neither {@code config.json} nor a checkpoint, a trained SAE or a lock
   * shows that a run was started in it. A folder whose only trace of a run is a lock may hold
   * nothing else.
   *
   * @param run a folder, which need not exist yet
   * @return why it must not be used, naming what it holds; empty if it may be
   * @throws IOException if it cannot be read
   */
  public static Optional<String> foreign(Path run) throws IOException {
    if (!Files.isDirectory(run) || carriesRecord(run)) {
      return Optional.empty();
    }
    boolean ours = FolderLock.isIn(run);
    try (Stream<Path> entries = Files.list(run)) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .filter(name -> !(ours && isOfARunThatBegins(name)))
          .sorted()
          .findFirst()
          .map(name -> run + " is neither empty nor the folder of a run; it holds '" + name + "'");
    }
  }

  private static boolean carriesRecord(Path run) throws IOException {
    if (Manifest.isIn(run.resolve(FINAL))) {
      return true;
    }
    for (Path checkpoint : list(run)) {
      if (Manifest.isIn(checkpoint)) {
        return true;
      }
    }
    try {
      return JsonObject.read(run.resolve(CONFIG)).members().get("training") instanceof Map;
    } catch (BadFileException e) {
      return false; // missing, damaged, or another program's
    }
  }

  /** Files that may precede {@code config.json} or be all that remains of a run. */
  private static boolean isOfARunThatBegins(String name) {
    return name.equals(FolderLock.NAME)
        || name.equals(CHECKPOINTS)
        || name.equals(Durable.fresh(CONFIG))
        || AtomicFolder.isAside(name, FINAL);
  }

  /**
   * Writes a checkpoint.
   *
   * @param samples rows trained on, which name the checkpoint
   * @param content its files
   * @return its folder
   * @throws CheckpointException if it cannot be written; earlier ones are intact
   */
  public Path write(long samples, Content content) throws CheckpointException {
    return write(run.resolve(CHECKPOINTS).resolve(Long.toString(samples)), content);
  }

  /**
   * Writes the trained SAE, replacing an existing one.
   *
   * @param content its files
   * @return its folder
   * @throws CheckpointException if it cannot be written; an existing one is intact
   */
  public Path writeFinal(Content content) throws CheckpointException {
    return write(run.resolve(FINAL), content);
  }

  /**
   * Writes the best SAE so far, replacing an earlier one.
   *
   * @param content its files
   * @return its folder
   * @throws CheckpointException if it cannot be written; an existing one is intact
   */
  public Path writeBest(Content content) throws CheckpointException {
    return write(run.resolve(BEST), content);
  }

  /** Uses an SAE that lies on the disk. */
  @FunctionalInterface
  public interface Use {
    /**
     * Uses it.
     *
     * @param folder the SAE; removed afterwards
     * @throws IOException if reading fails
     */
    void accept(Path folder) throws IOException;
  }

  /**
   * Writes an SAE, lets it be used, and removes it: for evaluations while a run goes on, which see
   * what a user would load.
   *
   * @param content its files
   * @param use what to do with it
   * @throws CheckpointException if it cannot be written
   * @throws IOException if using it fails
   */
  public void writeBriefly(Content content, Use use) throws IOException {
    Path folder = write(run.resolve(EVALUATED), content);
    try {
      use.accept(folder);
    } finally {
      discardEvaluated(run);
    }
  }

  private static void discardEvaluated(Path run) throws IOException {
    Path folder = run.resolve(EVALUATED);
    if (Manifest.isIn(folder)) {
      AtomicFolder.delete(folder);
    }
  }

  private Path write(Path folder, Content content) throws CheckpointException {
    Object before = identity(folder);
    try {
      lock.check();
      AtomicFolder.writeOwn(folder, content::write);
      return folder;
    } catch (IOException e) {
      // The new one may have taken the name and still not have reached the disk.
      boolean renamed = !Objects.equals(before, identity(folder));
      throw new CheckpointException(folder, intact(renamed ? folder : null), e);
    }
  }

  /** Identifies a folder even if another takes its name; null where the system has no such key. */
  private static Object identity(Path folder) {
    try {
      return Files.readAttributes(folder, BasicFileAttributes.class).fileKey();
    } catch (IOException e) {
      return null;
    }
  }

  private Optional<Path> intact(Path failed) {
    try {
      return newestValid(run, failed).newest();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Removes all but the newest checkpoints, and never the newest valid one.
   *
   * @param count how many to keep, at least 1
   * @throws IOException if reading or removing fails
   */
  public void keepNewest(int count) throws IOException {
    if (count < 1) {
      throw new IllegalArgumentException("count: expected at least 1, got " + count);
    }
    List<Path> all = list(run);
    if (all.size() <= count) {
      return;
    }
    Optional<Path> good = newestValid(run).newest();
    for (Path folder : all.subList(0, all.size() - count)) {
      if (good.isPresent() && !good.get().equals(folder)) {
        try {
          AtomicFolder.delete(folder);
        } catch (IOException e) {
          throw new IOException("cannot remove checkpoint " + folder + ": " + Durable.reason(e), e);
        }
      }
    }
  }

  /**
   * The checkpoints of a run, whole or not.
   *
   * @param run the run's folder
   * @return their folders, oldest first; none if there are none
   * @throws IOException if reading fails
   */
  public static List<Path> list(Path run) throws IOException {
    Path parent = run.resolve(CHECKPOINTS);
    if (!Files.isDirectory(parent)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(parent)) {
      return entries
          .filter(entry -> isCheckpoint(entry.getFileName().toString()))
          .filter(Files::isDirectory)
          .sorted(Comparator.comparingLong(CheckpointStore::samples))
          .toList();
    }
  }

  /**
   * The run that a checkpoint belongs to.
   *
   * @param checkpoint a checkpoint's folder
   * @return the run's folder; empty if the checkpoint does not lie where a run has its checkpoints
   */
  public static Optional<Path> runOf(Path checkpoint) {
    Path parent = checkpoint.toAbsolutePath().normalize().getParent();
    return parent != null && parent.endsWith(CHECKPOINTS)
        ? Optional.of(parent.getParent())
        : Optional.empty();
  }

  private static boolean isCheckpoint(String name) {
    return name.matches("[0-9]{1,18}");
  }

  private static long samples(Path folder) {
    return Long.parseLong(folder.getFileName().toString());
  }

  /**
   * What a search for a checkpoint found.
   *
   * @param newest the newest whose files agree with its manifest
   * @param skipped newer ones that were passed over, and why; newest first
   */
  public record Search(Optional<Path> newest, List<String> skipped) {}

  /**
   * Searches a run for its newest valid checkpoint.
   *
   * @param run the run's folder
   * @return the search's result
   * @throws IOException if the folder cannot be read
   */
  public static Search newestValid(Path run) throws IOException {
    return newestValid(run, null);
  }

  private static Search newestValid(Path run, Path passedOver) throws IOException {
    List<String> skipped = new ArrayList<>();
    for (Path folder : list(run).reversed()) {
      if (folder.equals(passedOver)) {
        continue;
      }
      try {
        Manifest.verify(folder);
        return new Search(Optional.of(folder), List.copyOf(skipped));
      } catch (IOException e) {
        skipped.add(folder + " skipped: " + e.getMessage());
      }
    }
    return new Search(Optional.empty(), List.copyOf(skipped));
  }

  /** {@return the run's folder} */
  public Path run() {
    return run;
  }

  /**
   * Lets others write to the run.
   *
   * @throws IOException if closing the lock's file fails
   */
  @Override
  public void close() throws IOException {
    lock.close();
  }
}
