package io.github.sae4j.bench.peers;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.sae4j.memory.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A native BLAS: its {@code cblas_sgemm} and its number of threads, set explicitly. */
public final class Blas {
  private static final int ROW_MAJOR = 101;
  private static final int NO_TRANSPOSE = 111;
  private static final int TRANSPOSE = 112;

  private static final List<String> OPEN_BLAS_FILES =
      List.of("libgcc_s.so.1", "libquadmath.so.0", "libgfortran.so.5", "libopenblas.so.0");
  private static final List<String> MKL_FILES =
      List.of(
          "libiomp5.so",
          "libmkl_core.so.3",
          "libmkl_intel_lp64.so.3",
          "libmkl_intel_thread.so.3",
          "libmkl_def.so.3",
          "libmkl_avx2.so.3",
          "libmkl_avx512.so.3",
          "libmkl_rt.so.3");

  private final String name;
  private final MethodHandle sgemm;
  private final MethodHandle setThreads;
  private final String version;

  private Blas(String name, NativeLibrary library, String setThreads, String version) {
    this.name = name;
    this.version = version;
    this.sgemm =
        library.function(
            "cblas_sgemm",
            FunctionDescriptor.ofVoid(
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_FLOAT,
                ADDRESS,
                JAVA_INT,
                ADDRESS,
                JAVA_INT,
                JAVA_FLOAT,
                ADDRESS,
                JAVA_INT));
    this.setThreads = library.function(setThreads, FunctionDescriptor.ofVoid(JAVA_INT));
  }

  /** Whether OpenBLAS is on the class path. */
  public static boolean openBlasPresent() {
    return NativeLibrary.present("openblas", "libopenblas.so.0");
  }

  /** Whether MKL is on the class path. */
  public static boolean mklPresent() {
    return NativeLibrary.present("mkl", "libmkl_rt.so.3");
  }

  /** OpenBLAS with its own threads. */
  public static Blas openBlas() {
    return openBlas(NativeLibrary.open("openblas", OPEN_BLAS_FILES, false));
  }

  private static Blas openBlas(NativeLibrary library) {
    return new Blas(
        "OpenBLAS", library, "openblas_set_num_threads", library.text("openblas_get_config"));
  }

  /**
   * The instances of OpenBLAS that libtorch may have bound to: JavaCPP loads a renamed copy for it.
   * Call after libtorch is loaded.
   */
  public static List<Blas> behindTorch() {
    return Stream.of("libopenblas.so.0", "libopenblas_nolapack.so.0")
        .map(file -> NativeLibrary.unpacked("openblas", "libopenblas.so.0", file))
        .flatMap(Optional::stream)
        .map(Blas::openBlas)
        .toList();
  }

  /** MKL with Intel's OpenMP threads, its symbols visible to libraries loaded after it. */
  public static Blas mkl() {
    NativeLibrary library = NativeLibrary.open("mkl", MKL_FILES, true);
    Blas mkl = new Blas("MKL", library, "MKL_Set_Num_Threads", mklVersion(library));
    // Otherwise MKL may mistake two virtual cores for one physical core and use one thread.
    call(library.function("MKL_Set_Dynamic", FunctionDescriptor.ofVoid(JAVA_INT)), 0);
    return mkl;
  }

  private static String mklVersion(NativeLibrary library) {
    MethodHandle function =
        library.function("MKL_Get_Version_String", FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(256);
      function.invokeExact(text, 256);
      return text.getString(0).strip();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  public String name() {
    return name;
  }

  /** Version and kernels as reported by the library. */
  public String version() {
    return version;
  }

  /** Sets the number of threads of the following calls. */
  public void setThreads(int threads) {
    call(setThreads, threads);
  }

  /**
   * The product {@code out = x w}.
   *
   * @param x {@code [m, p]}
   * @param w {@code [p, q]}, or {@code [q, p]} if transposed
   * @param transposed whether to use the transpose of {@code w}
   * @param out {@code [m, q]}
   */
  public void product(Matrix x, Matrix w, boolean transposed, Matrix out) {
    try {
      sgemm.invokeExact(
          ROW_MAJOR,
          NO_TRANSPOSE,
          transposed ? TRANSPOSE : NO_TRANSPOSE,
          out.rows(),
          out.cols(),
          x.cols(),
          1f,
          x.segment(),
          x.cols(),
          w.segment(),
          w.cols(),
          0f,
          out.segment(),
          out.cols());
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static void call(MethodHandle function, int argument) {
    try {
      function.invokeExact(argument);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
