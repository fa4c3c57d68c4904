package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;

/**
 * Activations dumped to files: safetensors, npy, npz or torch files (pt, pth), one or thousands.
 * Rows of all files in path order are numbered once; dumps of {@code [seq, ctx, d_in]} are
 * flattened. Values are converted to {@code f32} as they are read.
 *
 * <p>Memory does not depend on the size of the files: rows are read by position into the caller's
 * matrix, in the order of the files, neighbours in one read; at most {@value #MOST_OPEN} files are
 * open at a time. The exception is an npz file whose members are compressed: such a member cannot
 * be read by position and is held in memory whole while its file is open, within a bound that
 * {@link #expectAnyOrder} checks.
 */
public final class ActivationFiles implements ActivationSource {
  private static final int MOST_OPEN = 256;

  /** Rows are sorted with their place in the batch in the low bits: 2^16 places, 2^47 rows. */
  private static final int PLACE_BITS = 16;

  private static final int MOST_PLACES = 1 << PLACE_BITS;
  private static final long MOST_ROWS = 1L << Long.SIZE - 1 - PLACE_BITS;

  /** Neighbouring rows are read together, up to this size, then copied to their places. */
  private static final int SCRATCH_BYTES = 1 << 18;

  private final List<Path> paths;
  private final List<TensorInfo> tensors;
  private final Optional<String> name;
  private final List<String> leftOut;

  /** First row of each file, then the number of all rows. */
  private final long[] starts;

  private final int width;
  private final boolean inPlace;
  private final OpenFiles files;
  private final OffHeap memory = new OffHeap();
  private final ConcurrentLinkedQueue<Matrix> scratch = new ConcurrentLinkedQueue<>();

  private ActivationFiles(
      List<Path> paths,
      List<TensorInfo> tensors,
      Optional<String> name,
      long[] starts,
      int width,
      boolean inPlace,
      OpenFiles files,
      List<String> leftOut) {
    this.name = name;
    this.leftOut = leftOut;
    this.paths = paths;
    this.tensors = tensors;
    this.starts = starts;
    this.width = width;
    this.inPlace = inPlace;
    this.files = files;
  }

  /**
   * Opens activations and reads the header of every file.
   *
   * <p>A specification is a file; a folder, which stands for the {@code .safetensors}, {@code
   * .npy}, {@code .npz}, {@code .pt} and {@code .pth} files directly in it, and those of {@link
   * io.github.sae4j.format.TensorFormat other modules' formats}; or a glob such as {@code
   * dumps/**}{@code /*.npy} in Java's syntax, where {@code **}{@code /} may also stand for no
   * folder. A file named twice counts once. Order: by the names along the absolute path, compared
   * as strings.
   *
   * <p>Links are followed; a folder or file whose name holds glob characters is taken as it is
   * named where it exists. Files of a folder or glob that hold nothing but tokens, positions or
   * masks (integers) are left out, which {@link #leftOut} says.
   *
   * <p>Which tensor of a file: the named one; else the one called {@code activations}; else the
   * only float tensor of rank 2 or 3, if no other tensor can be meant. A tensor of that name that
   * cannot be read is an error. All files must give a tensor of the same name, unless one was named
   * here; a file that does not name its tensor, npy or a bare torch tensor, fits any.
   *
   * @param specs files, folders and globs, at least one
   * @param tensorName the tensor's name in every file that names its tensors, if the user gave one
   * @return the open files; files without rows are left out
   * @throws IllegalArgumentException if {@code specs} is empty or holds what cannot be a path
   * @throws BadFileException if nothing matches, a file is malformed or has no fitting tensor,
   *     files differ in width or in the tensor they give, or no file has any row
   * @throws IOException if reading fails
   */
  public static ActivationFiles open(List<String> specs, Optional<String> tensorName)
      throws IOException {
    return open(specs, tensorName, false);
  }

  /**
   * Opens activations as {@link #open(List, Optional)} does.
   *
   * @param specs files, folders and globs, at least one
   * @param tensorName the tensor's name in every file that names its tensors, if the user gave one
   * @param wordsAreBf16 whether unsigned 16-bit integers of npy, npz and safetensors are the bits
   *     of bfloat16, as those are dumped that have no other type for it
   * @return the open files; files without rows are left out
   * @throws IllegalArgumentException as {@link #open(List, Optional)}
   * @throws BadFileException as {@link #open(List, Optional)}
   * @throws IOException if reading fails
   */
  public static ActivationFiles open(
      List<String> specs, Optional<String> tensorName, boolean wordsAreBf16) throws IOException {
    return open(specs, tensorName, wordsAreBf16, MOST_OPEN);
  }

  static ActivationFiles open(List<String> specs, Optional<String> tensorName, int mostOpen)
      throws IOException {
    return open(specs, tensorName, false, mostOpen);
  }

  private static ActivationFiles open(
      List<String> specs, Optional<String> tensorName, boolean wordsAreBf16, int mostOpen)
      throws IOException {
    if (specs.isEmpty()) {
      throw new IllegalArgumentException("activations: expected at least one path, got none");
    }
    Collection<ActivationPaths.Found> found = ActivationPaths.resolve(specs);
    OpenFiles files = new OpenFiles(mostOpen, wordsAreBf16);
    try {
      return describe(found, tensorName, files);
    } catch (IOException | RuntimeException e) {
      files.close();
      throw e;
    }
  }

  private static ActivationFiles describe(
      Collection<ActivationPaths.Found> found, Optional<String> tensorName, OpenFiles files)
      throws IOException {
    List<Path> paths = new ArrayList<>();
    List<TensorInfo> tensors = new ArrayList<>();
    List<String> leftOut = new ArrayList<>();
    long[] starts = new long[found.size() + 1];
    long rows = 0;
    boolean inPlace = true;
    Path first = null;
    int width = 0;
    Path firstNamed = null;
    String name = null;
    for (ActivationPaths.Found file : found) {
      Path path = file.path();
      if (!file.named()) {
        Optional<String> labels = files.labels(path, tensorName);
        if (labels.isPresent()) {
          leftOut.add(path + " is left out: it holds no activations, only " + labels.get());
          continue;
        }
      }
      ActivationTensor tensor = describe(file, found.size(), tensorName, files);
      if (first == null) {
        first = path;
        width = tensor.width();
      } else if (tensor.width() != width) {
        throw new BadFileException(
            path, "has rows of width " + tensor.width() + ", but " + first + " has width " + width);
      }
      if (tensor.named()) {
        String here = tensor.info().name();
        if (firstNamed == null) {
          firstNamed = path;
          name = here;
        } else if (!here.equals(name)) {
          throw new BadFileException(
              path,
              "gives the tensor '"
                  + here
                  + "', but "
                  + firstNamed
                  + " gives '"
                  + name
                  + "': name one that all files have (--tensor), or train on each alone");
        }
      }
      if (tensor.rows() == 0) {
        continue;
      }
      inPlace &= files.held(path, tensor.info()) == 0;
      starts[paths.size()] = rows;
      paths.add(path);
      tensors.add(tensor.info());
      rows += tensor.rows();
      if (rows > MOST_ROWS) {
        throw new BadFileException(path, "expected at most " + MOST_ROWS + " rows in all");
      }
    }
    if (first == null) {
      throw new BadFileException(
          found.iterator().next().path(),
          "expected activations, found none; "
              + String.join("; ", leftOut.stream().limit(3).toList()));
    }
    if (rows == 0) {
      throw new BadFileException(
          first, "has no rows" + (found.size() == 1 ? "" : ", nor has any of the other files"));
    }
    starts[paths.size()] = rows;
    return new ActivationFiles(
        List.copyOf(paths),
        List.copyOf(tensors),
        Optional.ofNullable(name),
        Arrays.copyOf(starts, paths.size() + 1),
        width,
        inPlace,
        files,
        List.copyOf(leftOut));
  }

  /** What a file of a folder is refused for, with the way to leave it out. */
  private static ActivationTensor describe(
      ActivationPaths.Found file, int all, Optional<String> tensorName, OpenFiles files)
      throws IOException {
    try {
      return files.describe(file.path(), tensorName);
    } catch (BadFileException e) {
      if (file.named() || all == 1) {
        throw e;
      }
      String problem = e.getMessage().substring(file.path().toString().length() + 2);
      throw new BadFileException(
          file.path(),
          problem + "; to read only some files of the folder, give a glob or name them",
          e);
    }
  }

  /**
   * Compressed npz members, and torch views whose rows do not lie together, can be read in any
   * order from memory alone.
   */
  @Override
  public void expectAnyOrder() throws IOException {
    long held = 0;
    for (int i = 0; i < paths.size(); i++) {
      long here = files.held(paths.get(i), tensors.get(i));
      held += here;
      if (here > 0 && held > TensorFile.mostHeld()) {
        throw new BadFileException(
            paths.get(i),
            "is compressed or text, or its rows do not lie together: to be read in any order, "
                + held
                + " bytes"
                + (held > here ? " of the files up to this one" : "")
                + " would be held in memory, at most "
                + TensorFile.mostHeld()
                + " are; save it with numpy.savez (torch: a .contiguous() tensor), or start Java"
                + " with -Dsae4j.npzInflateBytes=BYTES");
      }
    }
  }

  @Override
  public boolean readsInPlace() {
    return inPlace;
  }

  /**
   * The tensor that was taken: its name where files name their tensors, with the element types and
   * the number of files, so that a user can see what is trained on.
   *
   * @return for instance {@code 'resid_pre' F16, 3 files}; the name is left out for npy alone
   */
  public String tensorTaken() {
    Optional<String> name = tensorName();
    String count = paths.size() == 1 ? paths.getFirst().toString() : paths.size() + " files";
    return (name.isPresent() ? "'" + name.get() + "' " : "")
        + types()
        + (paths.size() == 1 ? " " + tensors.getFirst().shape() : "")
        + " of "
        + count;
  }

  /**
   * The name of the tensor that every file gave.
   *
   * @return the name; empty where all files are npy, which have no names
   */
  public Optional<String> tensorName() {
    return name;
  }

  /**
   * How many rows make a sequence, where the files say it.
   *
   * @return ctx of tensors {@code [seq, ctx, d_in]}, if all are such and of the same ctx
   */
  public OptionalInt contextSize() {
    List<Long> sizes =
        tensors.stream()
            .map(tensor -> tensor.shape().size() == 3 ? tensor.shape().get(1) : -1L)
            .distinct()
            .toList();
    boolean one = sizes.size() == 1 && sizes.getFirst() > 0;
    return one && sizes.getFirst() <= Integer.MAX_VALUE
        ? OptionalInt.of(sizes.getFirst().intValue())
        : OptionalInt.empty();
  }

  /**
   * Files of folders and globs that hold tokens or masks and no activations.
   *
   * @return one line each; usually none
   */
  public List<String> leftOut() {
    return leftOut;
  }

  /**
   * The files that have rows.
   *
   * @return paths in the order of the rows
   */
  public List<Path> paths() {
    return paths;
  }

  /**
   * Where a file's rows begin.
   *
   * @param file its place in {@link #paths}
   * @return the number of the file's first row among all rows
   * @throws IndexOutOfBoundsException if there is no such file
   */
  public long firstRow(int file) {
    return starts[Objects.checkIndex(file, paths.size())];
  }

  @Override
  public long rows() {
    return starts[paths.size()];
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public void read(long[] rowIds, int count, Matrix target) throws IOException {
    RowChecks.target(count, target, width);
    RowChecks.ids(rowIds, count, rows());
    Matrix buffer = scratch.poll();
    if (buffer == null) {
      long rowBytes = (long) width * Float.BYTES;
      buffer = memory.matrix((int) Math.max(1, SCRATCH_BYTES / rowBytes), width);
    }
    try {
      for (int from = 0; from < count; from += MOST_PLACES) {
        readSorted(rowIds, from, Math.min(MOST_PLACES, count - from), target, buffer);
      }
    } finally {
      scratch.add(buffer);
    }
  }

  private void readSorted(long[] rowIds, int from, int count, Matrix target, Matrix buffer)
      throws IOException {
    long[] sorted = new long[count];
    for (int place = 0; place < count; place++) {
      sorted[place] = rowIds[from + place] << PLACE_BITS | place;
    }
    Arrays.sort(sorted);
    int file = 0;
    int next = 0;
    while (next < count) {
      long first = sorted[next] >>> PLACE_BITS;
      if (first >= starts[file + 1]) {
        file = fileOf(first);
      }
      int end = runEnd(sorted, next, Math.min(starts[file + 1], first + buffer.rows()));
      if (end == next + 1) {
        readFile(file, first, 1, target, from + place(sorted[next]));
      } else {
        int run = (int) ((sorted[end - 1] >>> PLACE_BITS) - first) + 1;
        readFile(file, first, run, buffer, 0);
        for (int i = next; i < end; i++) {
          int row = (int) ((sorted[i] >>> PLACE_BITS) - first);
          copyRow(buffer, row, target, from + place(sorted[i]));
        }
      }
      next = end;
    }
  }

  /** End of the run of equal or neighbouring rows below {@code limit} that starts at {@code i}. */
  private static int runEnd(long[] sorted, int i, long limit) {
    long last = sorted[i] >>> PLACE_BITS;
    int end = i + 1;
    while (end < sorted.length) {
      long row = sorted[end] >>> PLACE_BITS;
      if (row > last + 1 || row >= limit) {
        break;
      }
      last = row;
      end++;
    }
    return end;
  }

  private static int place(long packed) {
    return (int) (packed & MOST_PLACES - 1);
  }

  @Override
  public void readRange(long first, int count, Matrix target) throws IOException {
    RowChecks.target(count, target, width);
    RowChecks.range(first, count, rows());
    int done = 0;
    while (done < count) {
      int file = fileOf(first + done);
      int run = (int) Math.min(count - done, starts[file + 1] - first - done);
      readFile(file, first + done, run, target, done);
      done += run;
    }
  }

  @Override
  public double stored(long row, int column) throws IOException {
    RowChecks.row(row, rows());
    RowChecks.row(column, width);
    int file = fileOf(row);
    return files.stored(paths.get(file), tensors.get(file), (row - starts[file]) * width + column);
  }

  @Override
  public RowOrigin origin(long row) {
    RowChecks.row(row, rows());
    int file = fileOf(row);
    return new RowOrigin(paths.get(file).toString(), row - starts[file]);
  }

  @Override
  public DataIdentity identity() throws IOException {
    List<String> layouts =
        tensors.stream().map(tensor -> tensor.type() + " " + tensor.shape()).toList();
    return DataIdentity.sample(this, types(), layouts, edges());
  }

  /** Element types as stored, sorted, joined by commas. */
  private String types() {
    return tensors.stream()
        .map(tensor -> tensor.type().name())
        .distinct()
        .sorted()
        .collect(Collectors.joining(","));
  }

  /** First and last rows of files, evenly chosen where there are many. */
  private long[] edges() {
    TreeSet<Long> edges = new TreeSet<>();
    int chosen = Math.min(paths.size(), DataIdentity.EDGE_FILES);
    for (int i = 0; i < chosen; i++) {
      int file = (int) ((long) i * paths.size() / chosen);
      edges.add(starts[file]);
      edges.add(starts[file + 1] - 1);
    }
    return edges.stream().mapToLong(Long::longValue).toArray();
  }

  /**
   * Closes all files.
   *
   * @throws IOException if closing one fails
   * @throws IllegalStateException if another thread is reading
   */
  @Override
  public void close() throws IOException {
    try {
      files.close();
    } finally {
      memory.close();
    }
  }

  /** How many files are open now. */
  int openFiles() {
    return files.size();
  }

  private int fileOf(long row) {
    int found = Arrays.binarySearch(starts, row);
    return found >= 0 ? found : -found - 2;
  }

  private void readFile(int file, long firstRow, int count, Matrix target, int at)
      throws IOException {
    MemorySegment segment = target.segment();
    files.read(
        paths.get(file),
        tensors.get(file),
        (firstRow - starts[file]) * width,
        (long) count * width,
        segment,
        target.rowOffset(at));
  }

  private static void copyRow(Matrix from, int row, Matrix to, int at) {
    long bytes = (long) from.cols() * Float.BYTES;
    MemorySegment.copy(from.segment(), from.rowOffset(row), to.segment(), to.rowOffset(at), bytes);
  }
}
