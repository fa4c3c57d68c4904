package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.internal.tensors.UnreadableTensorException;
import java.io.FileInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Files opened when needed, the least recently used closed again beyond a limit, so that thousands
 * of shards do not exhaust the system's file handles. A file in use is never closed, so readers may
 * exceed the limit by one file each.
 */
final class OpenFiles implements AutoCloseable {
  /** An open file and its number of readers. */
  private static final class Handle {
    final TensorFile file;
    int readers;

    Handle(TensorFile file) {
      this.file = file;
    }
  }

  private final boolean wordsAreBf16;
  private int limit;
  private final Map<Path, Handle> handles = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  OpenFiles(int limit, boolean wordsAreBf16) {
    this.wordsAreBf16 = wordsAreBf16;
    this.limit = Math.clamp(systemLimit() / 4, 1, limit);
  }

  /**
   * The limit of open files of this process where Linux tells; elsewhere it shows when it is
   * reached.
   */
  private static long systemLimit() {
    try (FileInputStream in = new FileInputStream("/proc/self/limits")) {
      String limits = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      Matcher open = Pattern.compile("Max open files +([0-9]{1,18}) ").matcher(limits);
      return open.find() ? Long.parseLong(open.group(1)) : Long.MAX_VALUE;
    } catch (IOException e) {
      return Long.MAX_VALUE;
    }
  }

  /** What the file holds. */
  ActivationTensor describe(Path path, Optional<String> tensorName) throws IOException {
    Handle handle = acquire(path);
    try {
      return ActivationTensor.choose(handle.file, tensorName);
    } finally {
      release(handle);
    }
  }

  /** What accompanies activations in a file, if it holds nothing else and no named tensor. */
  Optional<String> labels(Path path, Optional<String> tensorName) throws IOException {
    try {
      Handle handle = acquire(path);
      try {
        boolean asked =
            tensorName.isPresent()
                && handle.file.tensors().stream().anyMatch(t -> t.name().equals(tensorName.get()));
        return asked ? Optional.empty() : ActivationTensor.labels(handle.file);
      } finally {
        release(handle);
      }
    } catch (UnreadableTensorException e) {
      return ActivationTensor.isLabels(e.tensor())
          ? Optional.of(e.tensor().toString())
          : Optional.empty();
    }
  }

  /** What reading a tensor that {@link #describe} gave in any order keeps in memory, in bytes. */
  long held(Path path, TensorInfo tensor) throws IOException {
    Handle handle = acquire(path);
    try {
      return handle.file.held(tensor);
    } finally {
      release(handle);
    }
  }

  /** An element, without rounding, of a tensor returned by {@link #describe}. */
  double stored(Path path, TensorInfo tensor, long element) throws IOException {
    Handle handle = acquire(path);
    try {
      return handle.file.readDouble(tensor, element);
    } finally {
      release(handle);
    }
  }

  /** Reads elements of a tensor returned by {@link #describe}, as {@link TensorFile#readFloats}. */
  void read(Path path, TensorInfo tensor, long first, long count, MemorySegment target, long at)
      throws IOException {
    Handle handle = acquire(path);
    try {
      if (!handle.file.tensors().contains(tensor)) {
        throw new BadFileException(path, "has changed since it was first opened");
      }
      handle.file.readFloats(tensor, first, count, target, at);
    } finally {
      release(handle);
    }
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    IOException failure = null;
    for (Handle handle : handles.values()) {
      try {
        handle.file.close();
      } catch (IOException e) {
        failure = e;
      }
    }
    handles.clear();
    if (failure != null) {
      throw failure;
    }
  }

  /** How many files are open. */
  synchronized int size() {
    return handles.size();
  }

  private synchronized Handle acquire(Path path) throws IOException {
    if (closed) {
      throw new IllegalStateException("the activation files are closed");
    }
    Handle handle = handles.get(path);
    if (handle == null) {
      handle = new Handle(open(path));
      handles.put(path, handle);
      evict(1); // the newest, which is about to be used
    }
    handle.readers++;
    return handle;
  }

  /** Where the system has no handles left, half of ours are closed. */
  private TensorFile open(Path path) throws IOException {
    while (true) {
      try {
        return TensorFile.open(path, wordsAreBf16);
      } catch (BadFileException e) {
        throw e;
      } catch (IOException e) {
        int before = handles.size();
        limit = before / 2;
        evict(0);
        limit = Math.max(1, limit);
        if (handles.size() == before) {
          throw e;
        }
      }
    }
  }

  /**
   * Closes the least recently used files beyond the limit, sparing the given number of newest ones.
   */
  private void evict(int spared) throws IOException {
    Iterator<Map.Entry<Path, Handle>> eldest = handles.entrySet().iterator();
    for (int i = handles.size() - 1; i >= spared && handles.size() > limit; i--) {
      Handle handle = eldest.next().getValue();
      if (handle.readers == 0) {
        eldest.remove();
        handle.file.close();
      }
    }
  }

  private synchronized void release(Handle handle) {
    handle.readers--;
  }
}
