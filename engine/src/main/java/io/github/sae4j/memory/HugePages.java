package io.github.sae4j.memory;

import java.io.FileInputStream;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Transparent huge pages of Linux for big blocks: the TLB covers some thousand pages, and kernels
 * that jump between rows of a matrix in small pages spend time on TLB misses.
 *
 * <p>They are used where the system offers them ({@code
 * /sys/kernel/mm/transparent_hugepage/enabled} says {@code madvise} or {@code always}) and this
 * library may call native code ({@code --enable-native-access}). Elsewhere, and with {@code
 * -Dsae4j.hugePages=false}, blocks are in small pages and nothing else changes.
 */
public final class HugePages {
  private static final String PROPERTY = "sae4j.hugePages";
  private static final Path SETTINGS = Path.of("/sys/kernel/mm/transparent_hugepage");

  // The same number on all Linux architectures that Java runs on.
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;

  private static final HugePages OF_THIS_SYSTEM = find();

  private final long pageBytes;
  private final MethodHandle madvise;
  private final String description;

  private HugePages(long pageBytes, MethodHandle madvise, String description) {
    this.pageBytes = pageBytes;
    this.madvise = madvise;
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
   * Moves a new block into huge pages where it covers at least two whole ones.
   *
   * @param zeros a new block of zeros, not used yet; still zeros afterwards
   * @param firstTouch touches the huge pages
   */
  static void take(MemorySegment zeros, OffHeap.FirstTouch firstTouch) {
    if (OF_THIS_SYSTEM.madvise != null) {
      OF_THIS_SYSTEM.back(zeros, firstTouch);
    }
  }

  private void back(MemorySegment zeros, OffHeap.FirstTouch firstTouch) {
    long skipped = -zeros.address() & (pageBytes - 1);
    long covered = (zeros.byteSize() - skipped) & -pageBytes;
    if (covered < 2 * pageBytes) {
      return;
    }
    MemorySegment pages = zeros.asSlice(skipped, covered);
    // Zeroing the block mapped small pages. They are given back; the next touch of each range maps
    // a
    // zeroed huge page. It must be a write: a read maps the shared zero page, which many kernels
    // break
    // up into small pages when it is written later.
    if (advise(pages, MADV_HUGEPAGE) && advise(pages, MADV_DONTNEED)) {
      firstTouch.run(
          Math.toIntExact(covered / pageBytes),
          page -> pages.set(ValueLayout.JAVA_BYTE, page * pageBytes, (byte) 0));
    }
  }

  private boolean advise(MemorySegment pages, int advice) {
    try {
      return (int) madvise.invokeExact(pages, pages.byteSize(), advice) == 0;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("madvise", e); // A native function throws no exception.
    }
  }

  /** By a stream: a channel would fail in a thread whose interrupt flag is set. */
  private static String read(String setting) throws IOException {
    try (FileInputStream in = new FileInputStream(SETTINGS.resolve(setting).toFile())) {
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
          pageBytes, madvise(), pageBytes / 1024 + " KiB, for blocks that hold two or more");
    } catch (UnsupportedOperationException e) {
      return none("madvise cannot be called");
    }
  }

  @SuppressWarnings("restricted") // Native access is checked before.
  private static MethodHandle madvise() {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker
            .defaultLookup()
            .find("madvise")
            .orElseThrow(() -> new UnsupportedOperationException("madvise")),
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT,
            ValueLayout.ADDRESS,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT));
  }

  private static HugePages none(String why) {
    return new HugePages(0, null, "none: " + why);
  }
}
