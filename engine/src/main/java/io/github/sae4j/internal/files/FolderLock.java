package io.github.sae4j.internal.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Set;

/**
 * One writer for each folder of a run or of a job: a lock of the operating system on {@code .lock},
 * which dies with the process, however it dies. The file stays.
 */
public final class FolderLock implements AutoCloseable {
  /** The file that is locked. */
  public static final String NAME = ".lock";

  /** The start of the file, by which we recognise it. */
  private static final String MARK = "sae4j pid ";

  private static final int MOST_BYTES = 64;

  // POSIX drops all locks of a process on a file when it closes any channel on it, so a second
  // attempt within this VM must not even open the file.
  private static final Set<Path> HELD = new HashSet<>();

  private final Path folder;
  private final Path file;
  private final FileChannel channel;
  private final Object identity;

  private FolderLock(Path folder, Path file, FileChannel channel) throws IOException {
    this.folder = folder;
    this.file = file;
    this.channel = channel;
    identity = identity();
  }

  /**
   * Takes the lock.
   *
   * @param run the folder, which exists
   * @throws IOException if another writer holds it
   */
  public static FolderLock acquire(Path run) throws IOException {
    Path folder = run.toRealPath();
    synchronized (HELD) {
      if (!HELD.add(folder)) {
        throw new IOException(run + ": this process is already writing to this run");
      }
    }
    boolean interrupted = false;
    try {
      while (true) {
        interrupted |= Thread.interrupted();
        try {
          return lock(run, folder);
        } catch (ClosedByInterruptException e) {
          continue; // the lock went with its channel
        }
      }
    } catch (Throwable e) {
      release(folder);
      throw e;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** The channel is touched no more once it has the lock, or an interrupt would drop it. */
  private static FolderLock lock(Path run, Path folder) throws IOException {
    FileChannel channel = null;
    try {
      Path file = folder.resolve(NAME);
      channel =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              // Never overwrite a file that is not ours, whatever the user's folder holds.
              LinkOption.NOFOLLOW_LINKS);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw new IOException(
            run + ": another process" + holder(channel) + " is writing to this run");
      }
      String text = MARK + ProcessHandle.current().pid() + "\n";
      channel.truncate(0);
      channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), 0);
      return new FolderLock(folder, file, channel);
    } catch (Throwable e) {
      if (channel != null) {
        channel.close();
      }
      throw e;
    }
  }

  /**
   * Whether a writer of ours has been in a folder. An empty file counts: a writer may be about to
   * fill it.
   */
  public static boolean isIn(Path run) throws IOException {
    Path file = run.resolve(NAME);
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    boolean held;
    synchronized (HELD) {
      held = HELD.contains(run.toRealPath());
    }
    if (held) {
      return true; // opening it here would drop its lock
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.size() == 0 || read(channel).startsWith(MARK);
    }
  }

  private static String read(FileChannel channel) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(MOST_BYTES);
    channel.read(buffer, 0);
    return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
  }

  /** The PID that the holder recorded; informational only. */
  private static String holder(FileChannel channel) {
    try {
      String text = read(channel).strip();
      String pid = text.startsWith(MARK) ? text.substring(MARK.length()) : "";
      return pid.matches("[0-9]+") ? " (pid " + pid + ")" : "";
    } catch (IOException e) {
      return "";
    }
  }

  /**
   * Checks that the folder is still the one that was locked.
   *
   * @throws IOException if it has vanished or was replaced
   */
  public void check() throws IOException {
    if (!Files.exists(folder)) {
      throw new IOException("the run's folder " + folder + " has vanished");
    }
    if (!Files.exists(file)) {
      throw new IOException(
          file
              + " was removed: without it another process could also write to this run; the run can"
              + " be resumed");
    }
    Object now = identity();
    if (identity != null && !identity.equals(now)) {
      throw new IOException("the run's folder " + folder + " was replaced by another folder");
    }
  }

  private Object identity() throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      release(folder);
    }
  }

  private static void release(Path folder) {
    synchronized (HELD) {
      HELD.remove(folder);
    }
  }
}
