package io.github.sae4j.memory;

import java.io.FileInputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Scanner;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Transparent huge pages of Linux for big blocks: the TLB covers some thousand pages, and kernels
 * that jump between rows of a matrix in small pages spend time on TLB misses.
 *
 * <p>They are used where the system offers them ({@code
 * /sys/kernel/mm/transparent_hugepage/enabled} says {@code madvise} or {@code always}) and this
 * library may call native code ({@code --enable-native-access}). Elsewhere, and with {@code
 * -Dsae4j.hugePages=false}, blocks are in small pages, and Java's limit for them is that of direct
 * memory ({@code -XX:MaxDirectMemorySize}, by default as much as the heap may take). Here it is the
 * memory of the machine, or of its container.
 */
public final class HugePages {
  private static final String PROPERTY = "sae4j.hugePages";
  private static final Path SETTINGS = Path.of("/sys/kernel/mm/transparent_hugepage");

  // The same numbers on all Linux architectures that Java runs on.
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_HUGEPAGE = 14;
  private static final long MAP_FAILED = -1;

  private static final HugePages OF_THIS_SYSTEM = find();

  /** Bytes that are mapped. */
  private static final AtomicLong MAPPED = new AtomicLong();

  private final long pageBytes;
  private final Calls calls;
  private final long most;
  private final String description;

  /** Functions of the system. */
  private record Calls(MethodHandle mmap, MethodHandle munmap, MethodHandle madvise) {}

  private HugePages(long pageBytes, Calls calls, long most, String description) {
    this.pageBytes = pageBytes;
    this.calls = calls;
    this.most = most;
    this.description = description;
  }

  /**
   * Describes whether big blocks are in huge pages.
   *
   * @return for instance {@code 2048 KiB, for blocks that hold two or more}, or {@code none} with
   *     the reason
   */
  public static String description() {
    return OF_THIS_SYSTEM.description;
  }

  /**
   * Allocates a block in huge pages where it covers at least two whole ones. The system has zeroed
   * it, page by page when a thread first touched them: {@link Arena#allocate} would touch all of
   * them here.
   *
   * @param arena owns the block
   * @param size bytes
   * @param firstTouch touches the huge pages
   * @return zeros, on a boundary of small pages; null where there are no huge pages for a block of
   *     this size
   * @throws OutOfMemoryError if the machine, or the container, has less memory than is mapped then
   */
  static MemorySegment allocate(Arena arena, long size, OffHeap.FirstTouch firstTouch) {
    return OF_THIS_SYSTEM.calls == null || size < 2 * OF_THIS_SYSTEM.pageBytes
        ? null
        : OF_THIS_SYSTEM.map(arena, size, firstTouch);
  }

  @SuppressWarnings("restricted") // Native access is checked before.
  private MemorySegment map(Arena arena, long size, OffHeap.FirstTouch firstTouch) {
    reserve(size);
    long address = mmap(size);
    if (address == MAP_FAILED) {
      MAPPED.addAndGet(-size);
      return null;
    }
    MemorySegment block;
    try {
      block = MemorySegment.ofAddress(address).reinterpret(size, arena, this::unmap);
    } catch (RuntimeException e) {
      unmap(MemorySegment.ofAddress(address).reinterpret(size)); // the arena is closed
      throw e;
    }
    long skipped = -address & (pageBytes - 1);
    long covered = (size - skipped) & -pageBytes;
    // It must be a write: a read maps the shared zero page, which many kernels break up into small
    // pages when it is written later.
    if (covered >= 2 * pageBytes && advise(block.asSlice(skipped, covered))) {
      firstTouch.run(
          Math.toIntExact(covered / pageBytes),
          page -> block.set(ValueLayout.JAVA_BYTE, skipped + page * pageBytes, (byte) 0));
    }
    return block;
  }

  /** The system grants more than there is, and kills who touches it: that is refused here. */
  private void reserve(long size) {
    long mapped = MAPPED.addAndGet(size);
    if (mapped > most || mapped < 0) {
      MAPPED.addAndGet(-size);
      throw new OutOfMemoryError(
          "cannot map " + size + " bytes: " + (mapped - size) + " are mapped, there are " + most);
    }
  }

  private long mmap(long size) {
    try {
      return (long)
          calls.mmap.invokeExact(0L, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private boolean advise(MemorySegment pages) {
    try {
      return (int) calls.madvise.invokeExact(pages.address(), pages.byteSize(), MADV_HUGEPAGE) == 0;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private void unmap(MemorySegment block) {
    try {
      int unused = (int) calls.munmap.invokeExact(block.address(), block.byteSize());
      MAPPED.addAndGet(-block.byteSize());
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** A native function throws no exception; the JVM may. */
  private static RuntimeException unexpected(Throwable thrown) {
    return switch (thrown) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new IllegalStateException(thrown);
    };
  }

  private static String read(String setting) throws IOException {
    return text(SETTINGS.resolve(setting));
  }

  /** By a stream: a channel would fail in a thread whose interrupt flag is set. */
  private static String text(Path file) throws IOException {
    try (FileInputStream in = new FileInputStream(file.toFile())) {
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  private static HugePages find() {
    if ("false".equals(System.getProperty(PROPERTY))) {
      return none("switched off by " + PROPERTY);
    }
    long pageBytes;
    try {
      if (read("enabled").contains("[never]")) {
        return none("switched off in " + SETTINGS);
      }
      pageBytes = Long.parseLong(read("hpage_pmd_size").strip());
    } catch (IOException | NumberFormatException e) {
      return none("no transparent huge pages on this system");
    }
    // Without it the restricted call would print a warning, possibly into a service's log.
    if (!HugePages.class.getModule().isNativeAccessEnabled()) {
      return none("--enable-native-access is missing");
    }
    try {
      return new HugePages(
          pageBytes,
          calls(),
          memory(),
          pageBytes / 1024 + " KiB, for blocks that hold two or more");
    } catch (UnsupportedOperationException e) {
      return none("memory cannot be mapped");
    }
  }

  /** {@return how many bytes may be mapped at a time} */
  static long most() {
    return OF_THIS_SYSTEM.most;
  }

  /** Bytes of memory of the machine, or of the container where that has less. */
  private static long memory() {
    long bytes = Long.MAX_VALUE;
    try (Scanner in = new Scanner(text(Path.of("/proc/meminfo")))) {
      if (in.findWithinHorizon("MemTotal:\\s*(\\d+) kB", 0) != null) {
        bytes = 1024 * Long.parseLong(in.match().group(1));
      }
      for (String limit :
          List.of("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")) {
        Path file = Path.of(limit);
        String value = Files.isReadable(file) ? text(file).strip() : "max";
        bytes = value.equals("max") ? bytes : Math.min(bytes, Long.parseLong(value));
      }
    } catch (IOException | NumberFormatException e) {
      return bytes; // what is known
    }
    return bytes;
  }

  private static Calls calls() {
    // Addresses as numbers, so that fewer shapes of calls have to be linked.
    ValueLayout.OfLong size = ValueLayout.JAVA_LONG;
    ValueLayout.OfInt number = ValueLayout.JAVA_INT;
    return new Calls(
        link("mmap", FunctionDescriptor.of(size, size, size, number, number, number, size)),
        link("munmap", FunctionDescriptor.of(number, size, size)),
        link("madvise", FunctionDescriptor.of(number, size, size, number)));
  }

  @SuppressWarnings("restricted") // Native access is checked before.
  private static MethodHandle link(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new UnsupportedOperationException(name)),
        descriptor);
  }

  private static HugePages none(String why) {
    return new HugePages(0, null, 0, "none: " + why);
  }
}
