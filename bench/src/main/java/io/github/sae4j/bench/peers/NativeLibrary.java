package io.github.sae4j.bench.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;

/**
 * A native library in a JavaCPP jar on the class path, opened for downcalls. The jars are on the
 * class path only with the Maven profile {@code bench}.
 */
@SuppressWarnings("restricted")
public final class NativeLibrary {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final int RTLD_LAZY_GLOBAL = 0x101;

  private final Path file;
  private final SymbolLookup symbols;

  private NativeLibrary(Path file, SymbolLookup symbols) {
    this.file = file;
    this.symbols = symbols;
  }

  /**
   * Whether a library is on the class path.
   *
   * @param module its folder, for instance {@code mkl}
   * @param name its file name
   * @return true if it can be opened
   */
  public static boolean present(String module, String name) {
    return NativeLibrary.class.getResource(resource(module, name)) != null;
  }

  /**
   * Unpacks libraries of one folder and opens the last of them.
   *
   * @param module their folder, for instance {@code mkl}
   * @param names file names; the last one depends on those before it
   * @param global whether its symbols are visible to libraries loaded later
   * @return the last library
   */
  public static NativeLibrary open(String module, List<String> names, boolean global) {
    Path last = null;
    for (String name : names) {
      last = unpack(module, name);
    }
    if (global) {
      openGlobally(last);
    }
    return new NativeLibrary(last, SymbolLookup.libraryLookup(last, Arena.global()));
  }

  /**
   * Opens a library that JavaCPP has put beside an unpacked one.
   *
   * @param module their folder
   * @param beside file name of the unpacked one
   * @param name file name of the other
   * @return the other, if it exists
   */
  public static Optional<NativeLibrary> unpacked(String module, String beside, String name) {
    Path file = unpack(module, beside).resolveSibling(name);
    return Files.exists(file)
        ? Optional.of(new NativeLibrary(file, SymbolLookup.libraryLookup(file, Arena.global())))
        : Optional.empty();
  }

  /**
   * A function.
   *
   * @param name its name
   * @param descriptor its signature
   * @return a handle that calls it
   */
  public MethodHandle function(String name, FunctionDescriptor descriptor) {
    MemorySegment address =
        symbols
            .find(name)
            .orElseThrow(() -> new IllegalStateException(file + " has no function " + name));
    return LINKER.downcallHandle(address, descriptor);
  }

  /**
   * The text that a function without arguments returns.
   *
   * @param name the function
   * @return its C string
   */
  public String text(String name) {
    try {
      MemorySegment text =
          (MemorySegment) function(name, FunctionDescriptor.of(ValueLayout.ADDRESS)).invokeExact();
      return text.reinterpret(1024).getString(0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static Path unpack(String module, String name) {
    try {
      return Loader.cacheResource(NativeLibrary.class, resource(module, name)).toPath();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void openGlobally(Path file) {
    MethodHandle dlopen =
        LINKER.downcallHandle(
            LINKER.defaultLookup().find("dlopen").orElseThrow(),
            FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle =
          (MemorySegment) dlopen.invokeExact(arena.allocateFrom(file.toString()), RTLD_LAZY_GLOBAL);
      if (handle.address() == 0) {
        throw new IllegalStateException(file + " cannot be loaded");
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static String resource(String module, String name) {
    return "/org/bytedeco/" + module + "/" + Loader.getPlatform() + "/" + name;
  }
}
