package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FileSource;
import io.github.sae4j.internal.files.ZipDirectory;
import io.github.sae4j.internal.json.ParseBudget;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * Opens numpy npz files: a zip of npy arrays, each a tensor named like its member without {@code
 * .npy}. What {@link NpyFile} would refuse, and members that are not npy, are listed as unreadable.
 *
 * <p>Members of {@code numpy.savez} (stored) are read in place. Members of {@code
 * numpy.savez_compressed} (deflated) are inflated into memory outside the heap when their elements
 * are first read, and kept until the file is closed: at most 1 GiB for all open files together
 * ({@code -Dsae4j.npzInflateBytes}). Beyond that they can only be read from front to back, inflated
 * on the fly. Names of members are never used as paths.
 */
public final class NpzFile {
  private NpzFile() {}

  /**
   * Opens a file as it says it is: unsigned 16-bit integers cannot be read.
   *
   * @param path the file
   * @return the open file
   * @throws BadFileException as {@link #open(Path, boolean)}
   * @throws IOException if reading fails
   */
  public static TensorFile open(Path path) throws IOException {
    return open(path, false);
  }

  /**
   * Opens a file and checks the headers of all its members.
   *
   * @param path the file
   * @param wordsAreBf16 whether unsigned 16-bit integers are the bits of bfloat16
   * @return the open file
   * @throws BadFileException if it is missing or not a zip file of npy arrays
   * @throws IOException if reading fails
   */
  public static TensorFile open(Path path, boolean wordsAreBf16) throws IOException {
    // Reports a missing file, a folder or a pipe like the other formats.
    long fileSize;
    ParseBudget budget = new ParseBudget(path);
    try (FileSource file = FileSource.open(path)) {
      fileSize = file.size();
      // Java reads the whole directory into a table.
      budget.spend(2 * ZipDirectory.size(file));
    }
    try {
      ZipFile zip = new ZipFile(path.toFile());
      try {
        return read(path, zip, fileSize, budget, wordsAreBf16);
      } catch (Throwable e) {
        zip.close();
        throw e;
      }
    } catch (ZipException | EOFException e) {
      throw new BadFileException(path, "expected a zip file of npy arrays: " + e.getMessage(), e);
    }
  }

  private static TensorFile read(
      Path path, ZipFile zip, long fileSize, ParseBudget budget, boolean wordsAreBf16)
      throws IOException {
    List<NpzMember> members = new ArrayList<>();
    List<StoredTensor> tensors = new ArrayList<>();
    List<UnreadableTensor> unreadable = new ArrayList<>();
    Set<String> names = new HashSet<>();
    Enumeration<? extends ZipEntry> entries = zip.entries();
    while (entries.hasMoreElements()) {
      ZipEntry entry = entries.nextElement();
      budget.spend(2 * ParseBudget.TENSOR);
      budget.spendText(entry.getName());
      String name = NpyHeader.withoutSuffix(entry.getName());
      if (!names.add(name)) {
        throw new BadFileException(path, "duplicate member '" + name + "'");
      }
      if (name.equals(entry.getName())) {
        unreadable.add(new UnreadableTensor(name, "", List.of(), "not an npy array"));
        continue;
      }
      String what = "member '" + entry.getName() + "': ";
      NpzMember member = new NpzMember(path, zip, entry, fileSize);
      members.add(member);
      NpyHeader header = NpyHeader.read(path, what, member::stream, member.size());
      String obstacle = header.obstacle(wordsAreBf16);
      if (obstacle == null) {
        tensors.add(header.tensor(path, what, name, member, member.size(), wordsAreBf16));
      } else {
        unreadable.add(new UnreadableTensor(name, header.descr(), header.shape(), obstacle));
      }
    }
    return new TensorFile(
        path,
        tensors,
        unreadable,
        Map.of(),
        true,
        () -> {
          members.forEach(NpzMember::close);
          zip.close();
        });
  }
}
