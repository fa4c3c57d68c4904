package io.github.sae4j.internal.tensors;

import com.sun.management.ThreadMXBean;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;

/**
 * The result of an attempt to read everything in a file.
 *
 * @param thrown what was thrown, null if the file was read
 * @param allocated bytes of heap that it took
 */
record Attempt(Throwable thrown, long allocated) {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** Elements read at once. */
  private static final int BLOCK = 4096;

  /** How a file is read. */
  enum Reader {
    TENSORS,
    SAFETENSORS,
    NPY,
    NPZ,
    TORCH,
    JSON
  }

  static Attempt read(Reader reader, Path path, MemorySegment target) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    Throwable thrown = null;
    try {
      switch (reader) {
        case TENSORS -> readAll(TensorFile.open(path), target);
        case SAFETENSORS -> readAll(SafetensorsFile.open(path), target);
        case NPY -> readAll(NpyFile.open(path), target);
        case NPZ -> readAll(NpzFile.open(path), target);
        case TORCH -> readAll(TorchFile.open(path).tensors(), target);
        case JSON -> Json.line(Json.read(path, 1 << 20));
      }
    } catch (Throwable e) {
      thrown = e;
    }
    return new Attempt(thrown, THREADS.getCurrentThreadAllocatedBytes() - before);
  }

  /** Room for what {@link #read} reads, in bytes. */
  static long targetBytes() {
    return 4L * BLOCK;
  }

  private static void readAll(TensorFile file, MemorySegment target) throws IOException {
    try (file) {
      file.metadata().size();
      for (TensorInfo info : file.tensors()) {
        long elements = info.elements();
        for (long first = 0; first < elements; first += BLOCK) {
          file.readFloats(info, first, Math.min(BLOCK, elements - first), target, 0);
        }
        switch (info.type()) {
          case I64, I32, U8, BOOL -> file.readLongs(info, 0, (int) Math.min(BLOCK, elements));
          case F64, F32, F16, BF16 -> {}
        }
      }
    }
  }

  /**
   * Checks this outcome.
   *
   * @param bytes size of the file
   * @return a problem, or null if the outcome is as documented
   */
  String complaint(long bytes) {
    // Opening a file, the JDK's zip and the JSON parser have buffers of their own.
    long limit = 64 * bytes + (1 << 20);
    if (allocated > limit) {
      return "allocated " + allocated + " bytes for a file of " + bytes;
    }
    if (thrown == null) {
      return null;
    }
    if (!(thrown instanceof BadFileException)) {
      return "threw " + thrown;
    }
    String message = thrown.getMessage();
    return message.lines().count() == 1 && message.length() < 1100 ? null : "said " + message;
  }
}
