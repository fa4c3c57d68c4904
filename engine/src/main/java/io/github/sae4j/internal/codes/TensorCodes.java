package io.github.sae4j.internal.codes;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.SparseCodes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Codes in a safetensors file: {@code indices} and {@code values} {@code [rows, k]}, or with {@code
 * indptr} {@code [rows + 1]} in compressed rows. Nothing is trusted.
 */
final class TensorCodes implements CodeSource {
  private final TensorFile file;
  private final TensorInfo indptr;
  private final TensorInfo indices;
  private final TensorInfo values;
  private final long rows;
  private final int k;
  private float[] activations = new float[0];
  private int[] latents = new int[0];
  private int dSae = Integer.MAX_VALUE;

  private TensorCodes(
      TensorFile file, TensorInfo indptr, TensorInfo indices, TensorInfo values, long rows, int k) {
    this.file = file;
    this.indptr = indptr;
    this.indices = indices;
    this.values = values;
    this.rows = rows;
    this.k = k;
  }

  static TensorCodes open(Path path) throws IOException {
    TensorFile file = SafetensorsFile.open(path);
    try {
      return of(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static TensorCodes of(TensorFile file) throws IOException {
    TensorInfo indices = file.tensor(CodeTensors.INDICES);
    TensorInfo values = file.tensor(CodeTensors.VALUES);
    expect(file, isInteger(indices), "indices I32 or I64", indices);
    expect(file, isFloat(values), "values of a float type", values);
    expect(file, indices.shape().equals(values.shape()), "values " + indices.shape(), values);
    boolean open = file.tensors().stream().anyMatch(t -> t.name().equals(CodeTensors.INDPTR));
    if (!open) {
      expect(file, indices.shape().size() == 2, "indices [rows, k]", indices);
      long k = indices.shape().get(1);
      expect(file, k >= 1 && k <= Integer.MAX_VALUE, "indices [rows, k]", indices);
      return new TensorCodes(file, null, indices, values, indices.shape().get(0), (int) k);
    }
    TensorInfo indptr = file.tensor(CodeTensors.INDPTR);
    expect(file, isInteger(indptr), "indptr I64", indptr);
    expect(file, indices.shape().size() == 1, "indices [codes] with indptr", indices);
    boolean vector = indptr.shape().size() == 1 && indptr.elements() >= 1;
    expect(file, vector, "indptr [rows + 1]", indptr);
    long rows = indptr.elements() - 1;
    long last = file.readLongs(indptr, rows, 1)[0];
    if (file.readLongs(indptr, 0, 1)[0] != 0 || last != indices.elements()) {
      throw new BadFileException(
          file.path(),
          "indptr: expected to go from 0 to the " + indices.elements() + " codes, ends at " + last);
    }
    return new TensorCodes(file, indptr, indices, values, rows, 0);
  }

  private static boolean isInteger(TensorInfo tensor) {
    return tensor.type() == ElementType.I32 || tensor.type() == ElementType.I64;
  }

  private static boolean isFloat(TensorInfo tensor) {
    return switch (tensor.type()) {
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> true;
      case I64, I32, U8, BOOL -> false;
    };
  }

  private static void expect(TensorFile file, boolean holds, String what, TensorInfo got)
      throws BadFileException {
    if (!holds) {
      throw new BadFileException(
          file.path(),
          "expected codes: "
              + what
              + ", got '"
              + got.name()
              + "' "
              + got.type()
              + " "
              + got.shape());
    }
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public void read(long first, int count, SparseCodes target) throws IOException {
    Objects.checkFromIndexSize(first, count, rows);
    int[] starts = new int[count + 1];
    long from = first * k;
    if (indptr == null) {
      for (int row = 0; row <= count; row++) {
        starts[row] = Math.multiplyExact(row, k);
      }
    } else {
      long[] ends = file.readLongs(indptr, first, count + 1);
      from = ends[0];
      for (int row = 0; row <= count; row++) {
        long length = ends[row] - from;
        if (ends[row] < 0
            || row > 0 && ends[row] < ends[row - 1]
            || length < 0
            || ends[row] > indices.elements()
            || length > Integer.MAX_VALUE) {
          throw new BadFileException(
              file.path(), "indptr: expected to ascend, does not at row " + (first + row));
        }
        starts[row] = (int) length;
      }
    }
    int codes = starts[count];
    if (latents.length < codes) {
      latents = new int[codes];
      activations = new float[codes];
    }
    long[] read = file.readLongs(indices, from, codes);
    file.readFloats(values, from, codes, MemorySegment.ofArray(activations), 0);
    for (int row = 0; row < count; row++) {
      long before = -1;
      for (int i = starts[row]; i < starts[row + 1]; i++) {
        if (read[i] <= before || read[i] >= dSae) {
          throw new BadFileException(
              file.path(),
              "row "
                  + (first + row)
                  + ": expected ascending latents below "
                  + dSae
                  + ", got "
                  + read[i]
                  + " after "
                  + before);
        }
        if (!Float.isFinite(activations[i])) {
          throw new BadFileException(
              file.path(),
              "row " + (first + row) + ": latent " + read[i] + " has the value " + activations[i]);
        }
        before = read[i];
        latents[i] = (int) before;
      }
    }
    target.setRows(0, count, starts, latents, activations);
  }

  @Override
  public void expectLatents(int number) throws BadFileException {
    String said = file.metadata().get(CodeTensors.D_SAE);
    if (said != null && !said.equals(Integer.toString(number))) {
      throw new BadFileException(
          file.path(), "is of an SAE with " + said + " latents, this one has " + number);
    }
    dSae = number;
  }

  @Override
  public Map<String, Object> identity() throws IOException {
    return Map.of("sha256", Sha256.of(file.path()), "rows", rows);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  @Override
  public String toString() {
    return "TensorCodes" + List.of(file.path(), rows);
  }
}
