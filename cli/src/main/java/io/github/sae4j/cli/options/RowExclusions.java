package io.github.sae4j.cli.options;

import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.report.tokens.TextFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Rows that are left out for what they are, beside those of a mask: by token, norm or position. */
public final class RowExclusions {
  /** Rows whose norms give the median that others are measured by, spread evenly. */
  static final int SAMPLED = 1 << 16;

  /** Their names in the record of a run. */
  public static final List<String> OPTIONS =
      List.of(
          "exclude_tokens", "token_ids", "exclude_positions", "sequence_length", "max_norm_ratio");

  private static final int READ_ROWS = 1024;
  private static final int READ_TOKENS = 1 << 16;

  @Option(
      names = "--exclude-tokens",
      paramLabel = "ID",
      split = ",",
      description =
          "Leave out rows of these tokens. Their ids: 'token_ids' beside the activations, or"
              + " --token-ids.")
  private List<Long> tokens = List.of();

  @Option(
      names = "--token-ids",
      paramLabel = "FILE",
      description = "Token ids, one integer a row, [rows] or [seq, ctx].")
  private Path tokenFile;

  @Option(
      names = "--exclude-positions",
      paramLabel = "N",
      split = ",",
      description = "Leave out rows at these positions of their sequence, from 0.")
  private List<Integer> positions = List.of();

  @Option(
      names = "--sequence-length",
      paramLabel = "N",
      description = "Rows of a sequence (default: ctx of activations [seq, ctx, d_in]).")
  private Integer sequenceLength;

  @Option(
      names = "--max-norm-ratio",
      paramLabel = "X",
      description =
          "Leave out rows whose norm is above X times the median of those that are not zero"
              + " (attention sinks; 10, say).")
  private Double mostNorm;

  /** One bit of a row for each reason to leave it out. */
  private interface Reason {
    boolean excludes(long row) throws IOException;
  }

  /**
   * What was given, by option, for the record of a run; as text, which JSON gives back unchanged.
   */
  Map<String, Object> given() {
    Map<String, Object> given = new LinkedHashMap<>();
    if (!tokens.isEmpty()) {
      given.put("exclude_tokens", tokens.stream().sorted().map(String::valueOf).toList());
    }
    if (tokenFile != null) {
      given.put("token_ids", tokenFile.toAbsolutePath().toString());
    }
    if (!positions.isEmpty()) {
      given.put("exclude_positions", positions.stream().sorted().map(String::valueOf).toList());
    }
    if (sequenceLength != null) {
      given.put("sequence_length", sequenceLength.toString());
    }
    if (mostNorm != null) {
      given.put("max_norm_ratio", mostNorm.toString());
    }
    return given;
  }

  /** Leaves out what a run did. */
  void take(Map<?, ?> record) {
    tokens = strings(record.get("exclude_tokens")).map(Long::valueOf).toList();
    positions = strings(record.get("exclude_positions")).map(Integer::valueOf).toList();
    tokenFile = record.get("token_ids") instanceof String file ? Path.of(file) : null;
    sequenceLength =
        record.get("sequence_length") instanceof String rows ? Integer.valueOf(rows) : null;
    mostNorm = record.get("max_norm_ratio") instanceof String ratio ? Double.valueOf(ratio) : null;
  }

  private static Stream<String> strings(Object values) {
    return values instanceof List<?> all ? all.stream().map(String::valueOf) : Stream.empty();
  }

  /** Refuses a resumed run that would leave out other rows than it began with. */
  void expectAs(Map<?, ?> record) {
    Map<String, Object> now = given();
    for (String option : OPTIONS) {
      String was = String.valueOf(record.get(option));
      String is = String.valueOf(now.get(option));
      if (!Objects.equals(was, is)) {
        throw new ConfigException(
            option,
            "expected what the run began with, "
                + (record.get(option) == null ? "nothing" : was)
                + ", got "
                + (now.get(option) == null ? "nothing" : is)
                + "; further rows are left out with --mask");
      }
    }
  }

  /**
   * The rows to leave out.
   *
   * @param source the rows
   * @param files the files they are of
   * @return empty if nothing was given
   */
  Optional<RowMask> mask(ActivationSource source, ActivationFiles files) throws IOException {
    if (tokens.isEmpty() && tokenFile != null) {
      throw new ConfigException("token_ids", "expected with exclude_tokens only");
    }
    if (positions.isEmpty() && sequenceLength != null) {
      throw new ConfigException("sequence_length", "expected with exclude_positions only");
    }
    if (tokens.isEmpty() && positions.isEmpty() && mostNorm == null) {
      return Optional.empty();
    }
    long rows = source.rows();
    Optional<RowMask> all = Optional.empty();
    if (!tokens.isEmpty()) {
      all = Optional.of(byToken(files, rows));
    }
    if (!positions.isEmpty()) {
      all = either(all, byPosition(files, rows));
    }
    if (mostNorm != null) {
      all = either(all, byNorm(files)); // of pairs the inputs alone
    }
    return all;
  }

  /** The mask that leaves out what either does. */
  static Optional<RowMask> either(Optional<RowMask> one, RowMask other) {
    return Optional.of(one.isEmpty() ? other : one.get().and(other));
  }

  private RowMask byPosition(ActivationFiles files, long rows) {
    if (sequenceLength == null && files.contextSize().isEmpty()) {
      throw new ConfigException(
          "sequence_length", "expected rows of a sequence, which the activations do not define");
    }
    int length = sequenceLength == null ? files.contextSize().getAsInt() : sequenceLength;
    boolean[] out = new boolean[Math.max(length, 0)];
    if (length < 1 || rows % length != 0) {
      throw new ConfigException(
          "sequence_length", "expected a divisor of the " + rows + " rows, got " + length);
    }
    for (int position : positions) {
      if (position < 0 || position >= length) {
        throw new ConfigException(
            "exclude_positions", "expected 0 to " + (length - 1) + ", got " + position);
      }
      out[position] = true;
    }
    return report("exclude_positions", "", rows, row -> out[(int) (row % length)]);
  }

  private RowMask byToken(ActivationFiles files, long rows) throws IOException {
    long[] wanted = tokens.stream().mapToLong(Long::longValue).sorted().toArray();
    List<Path> paths = tokenFile == null ? files.paths() : List.of(tokenFile);
    List<TensorInfo> found = new ArrayList<>();
    long all = 0;
    for (Path path : paths) {
      try (TensorFile file = TensorFile.open(path)) {
        found.add(tokensOf(file));
        all += found.getLast().elements();
      }
    }
    if (all != rows) {
      throw new BadFileException(
          paths.getLast(),
          "expected a token id for each of the " + rows + " rows, got " + all + " in all");
    }
    try (TokenReader reader = new TokenReader(paths, found)) {
      return report(
          "exclude_tokens", "", rows, row -> Arrays.binarySearch(wanted, reader.at(row)) >= 0);
    } catch (ReadFailure e) {
      throw e.failure();
    }
  }

  private TensorInfo tokensOf(TensorFile file) throws IOException {
    List<TensorInfo> integers = file.tensors().stream().filter(RowExclusions::isInteger).toList();
    for (String name : TextFiles.TOKEN_TENSORS) {
      for (TensorInfo tensor : integers) {
        if (tensor.name().equals(name)) {
          return tensor;
        }
      }
    }
    if (tokenFile != null && integers.size() == 1) {
      return integers.getFirst();
    }
    throw new BadFileException(
        file.path(),
        "expected token ids, integers named token_ids, got "
            + file.tensors().stream().map(TensorInfo::name).limit(8).toList()
            + (tokenFile == null ? "; name a file that has them (--token-ids)" : ""));
  }

  private static boolean isInteger(TensorInfo tensor) {
    return switch (tensor.type()) {
      case I64, I32, U8 -> true;
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2, BOOL -> false;
    };
  }

  /** Token ids of several files, from front to back. */
  private static final class TokenReader implements AutoCloseable {
    private final List<Path> paths;
    private final List<TensorInfo> tensors;
    private TensorFile file;
    private int next;
    private long fileStart;
    private long fileEnd;
    private long start;
    private long[] values = {};

    TokenReader(List<Path> paths, List<TensorInfo> tensors) {
      this.paths = paths;
      this.tensors = tensors;
    }

    long at(long row) throws IOException {
      while (row >= fileEnd) {
        close();
        file = TensorFile.open(paths.get(next));
        fileStart = fileEnd;
        fileEnd += tensors.get(next).elements();
        next++;
        values = new long[0];
      }
      if (row >= start + values.length || row < start) {
        start = row;
        int count = (int) Math.min(READ_TOKENS, fileEnd - row);
        values = file.readLongs(tensors.get(next - 1), row - fileStart, count);
      }
      return values[(int) (row - start)];
    }

    @Override
    public void close() throws IOException {
      if (file != null) {
        file.close();
        file = null;
      }
    }
  }

  private RowMask byNorm(ActivationFiles source) throws IOException {
    if (!(mostNorm > 1)) {
      throw new ConfigException("max_norm_ratio", "expected above 1, got " + mostNorm);
    }
    long rows = source.rows();
    int most = (int) Math.min(READ_ROWS, rows);
    try (OffHeap memory = new OffHeap()) {
      Matrix x = memory.matrix(most, source.width());
      float[] row = new float[source.width()];
      int count = (int) Math.min(SAMPLED, rows);
      double[] norms = new double[count];
      long[] ids = new long[most];
      for (int from = 0; from < count; from += most) {
        int now = Math.min(most, count - from);
        for (int i = 0; i < now; i++) {
          ids[i] = spread(from + i, rows, count);
        }
        source.read(ids, now, x);
        for (int i = 0; i < now; i++) {
          norms[from + i] = norm(x, i, row);
        }
      }
      double median = medianOfPositive(norms);
      double bound = median * mostNorm;
      long[] first = {-1};
      String what = String.format(Locale.ROOT, ": norm above %.6g, median %.6g", bound, median);
      return report(
          "max_norm_ratio",
          what,
          rows,
          id -> {
            if (id % most == 0) {
              first[0] = id;
              source.readRange(id, (int) Math.min(most, rows - id), x);
            }
            return norm(x, (int) (id - first[0]), row) > bound;
          });
    } catch (ReadFailure e) {
      throw e.failure();
    }
  }

  /** Rows of zeros are padding, which says nothing of how long the others are. */
  private static double medianOfPositive(double[] norms) {
    double[] positive = Arrays.stream(norms).filter(norm -> norm > 0).sorted().toArray();
    if (positive.length == 0) {
      throw new ConfigException(
          "max_norm_ratio",
          "expected rows that are finite and not zero, got none among the "
              + norms.length
              + " that the median is taken of");
    }
    return positive[positive.length / 2];
  }

  /** The i-th of some rows that are spread over all. */
  private static long spread(long i, long rows, long count) {
    return i * (rows / count) + i * (rows % count) / count;
  }

  /** A row that is not finite has no norm above any bound: it is another option's matter. */
  private static double norm(Matrix x, int row, float[] values) {
    x.read(row, 1, values, 0);
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Double.isFinite(squares) ? Math.sqrt(squares) : 0;
  }

  private static RowMask report(String option, String what, long rows, Reason reason) {
    long[] count = {0};
    RowMask mask;
    try {
      mask =
          RowMask.where(
              rows,
              row -> {
                try {
                  boolean out = reason.excludes(row);
                  count[0] += out ? 1 : 0;
                  return out;
                } catch (IOException e) {
                  throw new ReadFailure(e);
                }
              });
    } catch (IllegalArgumentException e) {
      throw new ConfigException(option, "excludes all " + rows + " rows");
    }
    Terminal.say(option + " leaves out " + count[0] + " of " + rows + " rows" + what);
    return mask;
  }

  /** Carries what reading threw through a predicate. */
  private static final class ReadFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ReadFailure(IOException failure) {
      super(failure);
    }

    IOException failure() {
      return (IOException) getCause();
    }
  }
}
