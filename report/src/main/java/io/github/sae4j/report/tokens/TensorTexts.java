package io.github.sae4j.report.tokens;

import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** Tokens by their numbers, in a tensor of integers {@code [rows]} or {@code [seq, ctx]}. */
final class TensorTexts implements Texts {
  private final Path path;
  private final TensorInfo tensor;
  private final int context;
  private final Optional<Vocabulary> vocabulary;
  private TensorFile file;

  TensorTexts(Path path, TensorInfo tensor, Optional<Vocabulary> vocabulary) {
    this.path = path;
    this.tensor = tensor;
    this.vocabulary = vocabulary;
    int rank = tensor.shape().size();
    context =
        (int)
            Math.min(Integer.MAX_VALUE, Math.max(1, tensor.shape().get(rank == 0 ? 0 : rank - 1)));
  }

  /** The tensor of a file that holds tokens, if one does. */
  static Optional<TensorInfo> find(TensorFile file) {
    for (String name : TextFiles.TOKEN_TENSORS) {
      for (TensorInfo tensor : file.tensors()) {
        boolean integers =
            switch (tensor.type()) {
              case I64, I32, U8 -> true;
              case F64, F32, F16, BF16, F8_E4M3, F8_E5M2, BOOL -> false;
            };
        boolean shaped = tensor.shape().size() == 1 || tensor.shape().size() == 2;
        if (integers && shaped && (tensor.name().equals(name) || !file.named())) {
          return Optional.of(tensor);
        }
      }
    }
    return Optional.empty();
  }

  @Override
  public long rows() {
    return tensor.elements();
  }

  @Override
  public boolean tokens() {
    return true;
  }

  @Override
  public Sequence sequence(long row) {
    long first = row / context * context;
    return new Sequence(first, (int) Math.min(context, rows() - first), "");
  }

  @Override
  public String[] read(long first, int count) throws IOException {
    if (file == null) {
      file = TensorFile.open(path);
    }
    long[] numbers = file.readLongs(tensor, first, count);
    String[] shown = new String[count];
    for (int i = 0; i < count; i++) {
      long number = numbers[i];
      shown[i] = vocabulary.map(known -> known.shown(number)).orElse(" #" + number);
    }
    return shown;
  }

  @Override
  public void rest() throws IOException {
    if (file != null) {
      file.close();
      file = null;
    }
  }

  @Override
  public void close() throws IOException {
    rest();
  }
}
