package io.github.sae4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The checkpoints of one run: {@code <run>/checkpoints/<n_training_samples>/} and {@code
 * <run>/final/}, each written as an {@link AtomicFolder}. An open store is the run's only writer.
 * Its methods are for one thread; the static ones read and need no store.
 */
public final class CheckpointStore implements AutoCloseable {
  /** Name of the trained SAE's folder. */
  public static final String FINAL = "final";

  private static final String CHECKPOINTS = "checkpoints";

  private final Path run;
  private final RunLock lock;

  private CheckpointStore(Path run, RunLock lock) {
    this.run = run;
    this.lock = lock;
  }

  /**
   * Opens a run for writing, and clears up after a writer that died.
   *
   * @param run the run's folder, created if missing
   * @return the store; the caller closes it
   * @throws IOException if another process writes to this run, or the folder cannot be written
   */
  public static CheckpointStore open(Path run) throws IOException {
    Durable.createFolders(run);
    RunLock lock = RunLock.acquire(run);
    try {
      AtomicFolder.recoverAll(run);
      AtomicFolder.recoverAll(run.resolve(CHECKPOINTS));
      return new CheckpointStore(run, lock);
    } catch (Throwable e) {
      lock.close();
      throw e;
    }
  }

  /**
   * Writes a checkpoint.
   *
   * @param samples rows trained on, its name
   * @param content its files
   * @return its folder
   * @throws CheckpointException if it cannot be written; those before it are intact
   */
  public Path write(long samples, AtomicFolder.Content content) throws CheckpointException {
    return write(run.resolve(CHECKPOINTS).resolve(Long.toString(samples)), content);
  }

  /**
   * Writes the trained SAE, replacing one that is there.
   *
   * @param content its files
   * @return its folder
   * @throws CheckpointException if it cannot be written; what was there is intact
   */
  public Path writeFinal(AtomicFolder.Content content) throws CheckpointException {
    return write(run.resolve(FINAL), content);
  }

  private Path write(Path folder, AtomicFolder.Content content) throws CheckpointException {
    Object before = identity(folder);
    try {
      lock.check();
      AtomicFolder.write(folder, content);
      return folder;
    } catch (IOException e) {
      // The new one may have taken the name and still not have reached the disk.
      boolean renamed = !Objects.equals(before, identity(folder));
      throw new CheckpointException(folder, intact(renamed ? folder : null), e);
    }
  }

  /** What tells a folder from another that takes its name; null where there is none. */
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
          .filter(entry -> entry.getFileName().toString().matches("[0-9]{1,18}"))
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
   * @return what was found
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

  /**
   * The run's folder.
   *
   * @return its path
   */
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
