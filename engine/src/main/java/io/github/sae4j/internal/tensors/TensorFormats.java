package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TensorFormat;
import io.github.sae4j.internal.files.ByteSource;
import io.github.sae4j.internal.files.FileSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;

/** Formats of other modules, by the suffixes of their files. */
public final class TensorFormats {
  /** What the project has a module for, so that its absence can be named. */
  private static final List<String> EXTRA = List.of(".parquet", ".arrow", ".jsonl", ".feather");

  private static final List<TensorFormat> FOUND = find();

  private TensorFormats() {}

  private static List<TensorFormat> find() {
    List<TensorFormat> found = new ArrayList<>();
    try {
      ServiceLoader.load(TensorFormat.class, TensorFormats.class.getClassLoader())
          .forEach(found::add);
    } catch (ServiceConfigurationError e) {
      throw new IllegalStateException("a format of tensor files cannot be loaded: " + e, e);
    }
    return List.copyOf(found);
  }

  /**
   * Suffixes of the files that a folder is searched for.
   *
   * @return with the dot, sorted; empty without other modules
   */
  public static Set<String> folderSuffixes() {
    Set<String> suffixes = new TreeSet<>();
    FOUND.stream().filter(TensorFormat::inFolders).forEach(f -> suffixes.addAll(f.suffixes()));
    return suffixes;
  }

  /**
   * All suffixes.
   *
   * @return with the dot, sorted; empty without other modules
   */
  public static Set<String> suffixes() {
    Set<String> suffixes = new TreeSet<>();
    FOUND.forEach(format -> suffixes.addAll(format.suffixes()));
    return suffixes;
  }

  /** The format of a file by its name. */
  static Optional<TensorFormat> of(Path file) {
    String name = lowerName(file);
    return FOUND.stream()
        .filter(format -> format.suffixes().stream().anyMatch(name::endsWith))
        .findFirst();
  }

  /** What to say of a file that nothing here reads; empty if it is of no kind that could be. */
  static String missing(Path file) {
    return EXTRA.stream().anyMatch(lowerName(file)::endsWith)
        ? " (this suffix is read by the module sae4j-formats-extra, which is not on the class path)"
        : "";
  }

  private static String lowerName(Path file) {
    return file.getFileName().toString().toLowerCase(Locale.ROOT);
  }

  /**
   * Opens a file of another module's format for what it holds beside tensors.
   *
   * @param file the file
   * @return its columns; empty if its name is none of such a format
   * @throws BadFileException if it is missing, of another format or malformed
   * @throws IOException if reading fails
   */
  public static Optional<TensorColumns> columns(Path file) throws IOException {
    Optional<TensorFormat> format = of(file);
    return format.isPresent() ? Optional.of(columns(file, format.get())) : Optional.empty();
  }

  private static TensorColumns columns(Path file, TensorFormat format) throws IOException {
    FileSource.open(file).close(); // reports a missing file, a folder or a pipe like other formats
    try {
      return format.open(file);
    } catch (LinkageError e) {
      throw new IOException(
          file + ": the reader of " + format.name() + " lacks one of its libraries: " + e, e);
    }
  }

  static TensorFile open(Path file, TensorFormat format) throws IOException {
    TensorColumns columns = columns(file, format);
    try {
      List<StoredTensor> tensors = new ArrayList<>();
      Set<String> names = new HashSet<>();
      for (TensorColumns.Column column : columns.columns()) {
        if (!names.add(column.name())) {
          throw new BadFileException(file, "duplicate column '" + column.name() + "'");
        }
        TensorInfo info;
        try {
          info = new TensorInfo(column.name(), column.type(), column.shape());
        } catch (IllegalArgumentException e) {
          throw new BadFileException(file, "column '" + column.name() + "': " + e.getMessage(), e);
        }
        tensors.add(new StoredTensor(info, new ColumnSource(columns, column), 0, false));
      }
      List<UnreadableTensor> unreadable = new ArrayList<>();
      columns
          .others()
          .forEach(
              (name, reason) -> unreadable.add(new UnreadableTensor(name, "", List.of(), reason)));
      return new TensorFile(file, tensors, unreadable, Map.of(), true, columns);
    } catch (Throwable e) {
      columns.close();
      throw e;
    }
  }

  /** A column's bytes. */
  private record ColumnSource(TensorColumns columns, TensorColumns.Column column)
      implements ByteSource {
    @Override
    public void read(long position, MemorySegment target) throws IOException {
      columns.read(column, position, target);
    }

    @Override
    public long held() {
      return columns.held(column);
    }
  }
}
