package io.github.sae4j.bench.peers;

import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * The CPU build of libtorch. Its dense products go to a BLAS library found when it is loaded: the
 * OpenBLAS it was linked to, or an MKL that was opened globally before, which is what the published
 * Python packages of PyTorch use.
 */
public final class Torch {
  /** Where libtorch's dense products go. */
  public enum Backend {
    /** The OpenBLAS that this build of libtorch names. */
    OPENBLAS,
    /** MKL, as in PyTorch's own packages for x86. */
    MKL
  }

  private final Backend backend;
  private final List<Blas> behind;

  private Torch(Backend backend, List<Blas> behind) {
    this.backend = backend;
    this.behind = behind;
  }

  /** Whether libtorch is on the class path. */
  public static boolean present() {
    return NativeLibrary.present("pytorch", "libtorch_cpu.so");
  }

  /**
   * Loads libtorch. Call before anything else has loaded MKL if the backend is OpenBLAS: libtorch
   * takes the first library that offers the symbol.
   *
   * @param backend the BLAS for its products
   * @param mkl MKL, already open, if that is the backend; else null
   * @return libtorch, with the backend bound
   */
  public static Torch load(Backend backend, Blas mkl) {
    if ((backend == Backend.MKL) != (mkl != null)) {
      throw new IllegalArgumentException("mkl: expected only with the backend MKL");
    }
    Loader.load(torch.class);
    Torch loaded = new Torch(backend, backend == Backend.MKL ? List.of(mkl) : Blas.behindTorch());
    loaded.bind();
    return loaded;
  }

  /** Symbols are bound at their first use, so use them. */
  private void bind() {
    try (OffHeap memory = new OffHeap()) {
      Matrix a = memory.matrix(64, 64);
      Matrix out = memory.matrix(64, 64);
      product(a, a, false, out);
      product(a, a, true, out);
    }
  }

  /** Sets the threads of libtorch's own loops and of the BLAS behind it. */
  public void setThreads(int threads) {
    torch.set_num_threads(threads);
    behind.forEach(blas -> blas.setThreads(threads));
  }

  public Backend backend() {
    return backend;
  }

  /**
   * The BLAS whose bits libtorch's product has, found by comparison: the answer does not depend on
   * what a build reports.
   *
   * @param candidates libraries to compare with
   * @return the names of all whose results are equal bit for bit
   */
  public List<String> bitsOf(List<Blas> candidates) {
    try (OffHeap memory = new OffHeap();
        Scene scene = new Scene(memory, new Shape(61, 333, 217, 1))) {
      Matrix ours = memory.matrix(61, 217);
      Matrix theirs = memory.matrix(61, 217);
      product(scene.x(), scene.wEnc(), true, ours);
      float[] bits = ours.toArray();
      return candidates.stream()
          .filter(
              blas -> {
                blas.product(scene.x(), scene.wEnc(), true, theirs);
                return Arrays.equals(bits, theirs.toArray());
              })
          .map(Blas::name)
          .toList();
    }
  }

  /**
   * How libtorch was built, as it reports.
   *
   * @return the lines of {@code at::show_config} that concern arithmetic
   */
  public static List<String> config() {
    String config = torch.show_config().getString();
    return config
        .lines()
        .map(String::strip)
        .filter(line -> !line.startsWith("- Build settings"))
        .toList();
  }

  /** The version of libtorch. */
  public static String version() {
    String config = torch.show_config().getString();
    int at = config.indexOf("TORCH_VERSION=");
    return at < 0 ? "?" : config.substring(at + 14).split("[,\\s]")[0];
  }

  /**
   * The BLAS that the build reports.
   *
   * @return for instance {@code open}
   */
  public static String blasInfo() {
    String config = torch.show_config().getString();
    int at = config.indexOf("BLAS_INFO=");
    return at < 0 ? "?" : config.substring(at + 10).split("[,\\s]")[0];
  }

  /**
   * {@code torch.mm} into memory that exists.
   *
   * @param x {@code [m, p]}
   * @param w {@code [p, q]}, or {@code [q, p]} if transposed
   * @param transposed whether to use the transpose of {@code w}
   * @param out {@code [m, q]}
   */
  public void product(Matrix x, Matrix w, boolean transposed, Matrix out) {
    try (PointerScope _ = new PointerScope()) {
      Tensor weight = view(w);
      torch.mm_out(view(out), view(x), transposed ? weight.t() : weight);
    }
  }

  /**
   * {@code torch.mm} into memory that exists, then {@code torch.topk} unsorted.
   *
   * @param x {@code [m, p]}
   * @param w {@code [p, q]}, or {@code [q, p]} if transposed
   * @param transposed whether to use the transpose of {@code w}
   * @param out {@code [m, q]}
   * @param k how many per row
   */
  public void productTopK(Matrix x, Matrix w, boolean transposed, Matrix out, int k) {
    try (PointerScope _ = new PointerScope()) {
      Tensor weight = view(w);
      Tensor pre = torch.mm_out(view(out), view(x), transposed ? weight.t() : weight);
      pre.topk(k, -1, true, false);
    }
  }

  /**
   * The encoder as sparsify writes it: {@code topk(relu(linear(x - b_dec, W_enc, b_enc)))}, each
   * operation into fresh memory as in Python.
   *
   * @param scene weights and batch
   * @param out receives k codes per row, in libtorch's order, or null
   */
  public void encode(Scene scene, SparseCodes out) {
    try (PointerScope _ = new PointerScope()) {
      Tensor input = view(scene.x()).sub(row(scene.bDec()));
      Tensor pre =
          torch.linear(input, view(scene.wEnc()), new TensorOptional(row(scene.bEnc()))).relu();
      T_TensorTensor_T top = pre.topk(scene.shape().k(), -1, true, false);
      if (out != null) {
        float[] values = floats(top.get0());
        long[] indices = longs(top.get1());
        int k = scene.shape().k();
        out.equalRows(k);
        for (int b = 0; b < out.rows(); b++) {
          for (int slot = 0; slot < k; slot++) {
            out.set(b, slot, (int) indices[b * k + slot], values[b * k + slot]);
          }
        }
      }
    }
  }

  /** A tensor on a matrix's memory, {@code [rows, cols]}. */
  public static Tensor view(Matrix matrix) {
    return torch.from_blob(
        new Address(matrix.segment()),
        new long[] {matrix.rows(), matrix.cols()},
        new TensorOptions(torch.ScalarType.Float));
  }

  /** A tensor on the memory of a matrix of one row, {@code [cols]}. */
  public static Tensor row(Matrix matrix) {
    return torch.from_blob(
        new Address(matrix.segment()),
        new long[] {matrix.cols()},
        new TensorOptions(torch.ScalarType.Float));
  }

  /** A Python number. */
  public static Scalar number(double value) {
    return new Scalar(value);
  }

  private static float[] floats(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.numel())];
    memory(tensor)
        .asByteBuffer()
        .order(java.nio.ByteOrder.nativeOrder())
        .asFloatBuffer()
        .get(values);
    return values;
  }

  private static long[] longs(Tensor tensor) {
    long[] values = new long[Math.toIntExact(tensor.numel())];
    MemorySegment.copy(
        memory(tensor), ValueLayout.JAVA_LONG_UNALIGNED, 0, values, 0, values.length);
    return values;
  }

  @SuppressWarnings("restricted")
  private static MemorySegment memory(Tensor tensor) {
    return MemorySegment.ofAddress(tensor.data_ptr().address()).reinterpret(tensor.nbytes());
  }

  /** A pointer to memory that it does not own. */
  private static final class Address extends FloatPointer {
    Address(MemorySegment segment) {
      super((Pointer) null);
      this.address = segment.address();
    }
  }
}
