package io.github.sae4j.internal.jobs;

import io.github.sae4j.checkpoint.Durable;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.files.FolderLock;
import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.internal.json.Json;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The files of one shard under construction. They grow as parts in a folder of their own, {@code
 * .NAME.partial}, with a record of progress that is never ahead of them: if the process dies, the
 * next one truncates the parts to the record and continues. Finished files are renamed to their
 * destination; the manifest {@code NAME.json} comes last: the request, and size and SHA-256 of
 * every file. The same request then finds the shard done.
 *
 * <p>Part files are written by one thread at a time.
 */
final class ShardFile implements Closeable {
  private static final String RECORD = "progress.json";
  private static final int MOST_JSON = 1 << 24;
  private static final int COPY_BYTES = 1 << 20;

  private final Path folder;
  private final String name;
  private final Path partial;
  private final Map<String, Object> request;
  private final Sink sink;
  private final FolderLock lock;
  private final Map<String, DiskFile> parts = new LinkedHashMap<>();
  private final Map<String, Long> sizes = new LinkedHashMap<>();
  private long rows;
  private boolean assembled;
  private boolean finished;

  private ShardFile(
      Path folder, String name, Map<String, Object> request, Sink sink, FolderLock lock) {
    this.folder = folder;
    this.name = name;
    this.partial = partialOf(folder, name);
    this.request = request;
    this.sink = sink;
    this.lock = lock;
  }

  private static Path partialOf(Path folder, String name) {
    return folder.resolve("." + name + ".partial");
  }

  /**
   * Whether the shard is already done.
   *
   * @param folder where its files belong
   * @param name of the shard
   * @param request what is asked for: JSON values
   * @param sink names the files
   * @return true if the manifest has this request and the files have not changed since; false if
   *     nothing exists or it is damaged
   * @throws IOException if files of another request, or of somebody else, are in the way
   */
  static boolean isDone(Path folder, String name, Map<String, Object> request, Sink sink)
      throws IOException {
    Path manifest = folder.resolve(name + ".json");
    if (!Files.exists(manifest, LinkOption.NOFOLLOW_LINKS)) {
      if (!Files.exists(partialOf(folder, name).resolve(RECORD))) {
        for (String file : sink.files()) {
          if (Files.exists(folder.resolve(file), LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(
                folder.resolve(file)
                    + " is there and was not written by this job; choose another"
                    + " folder");
          }
        }
      }
      return false;
    }
    Map<String, Object> found = Json.readObject(manifest, MOST_JSON);
    Object before = found.get("request");
    if (!json(request).equals(before)) {
      throw new IOException(
          manifest
              + " is of another job ("
              + difference(before, json(request))
              + "); choose another"
              + " folder");
    }
    return found.get("files") instanceof Map<?, ?> files && intact(folder, files);
  }

  /** Describes the first difference. */
  private static String difference(Object before, Map<?, ?> now) {
    if (before instanceof Map<?, ?> members) {
      for (Map.Entry<?, ?> member : now.entrySet()) {
        Object old = members.get(member.getKey());
        if (!member.getValue().equals(old)) {
          boolean simple = !(old instanceof Map) && !(member.getValue() instanceof Map);
          return simple
              ? member.getKey() + " was " + old + ", is now " + member.getValue()
              : "other " + member.getKey();
        }
      }
    }
    return "it asks for something else";
  }

  private static boolean intact(Path folder, Map<?, ?> files) throws IOException {
    for (Map.Entry<?, ?> entry : files.entrySet()) {
      Path file = folder.resolve(String.valueOf(entry.getKey()));
      if (!(entry.getValue() instanceof Map<?, ?> facts)
          || !Files.isRegularFile(file)
          || !Long.valueOf(Files.size(file)).equals(facts.get("bytes"))
          || !Sha256.of(file).equals(facts.get("sha256"))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Opens a shard that is not done, to start or continue it.
   *
   * @param folder where its files belong; created if missing
   * @param name of the shard
   * @param request what is asked for: JSON values
   * @param sink writes the files
   * @throws IOException if another process is writing it, or the folder cannot be written
   */
  static ShardFile open(Path folder, String name, Map<String, Object> request, Sink sink)
      throws IOException {
    Path partial = partialOf(folder, name);
    Files.createDirectories(partial);
    DiskFile.forceFolder(folder);
    FolderLock lock = FolderLock.acquire(partial);
    ShardFile file = new ShardFile(folder, name, json(request), sink, lock);
    try {
      if (!file.takeUp()) {
        file.clear();
        sink.begin(file);
        file.record(0);
      }
      return file;
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /** Continues from the record; false if there is none, or it is of another request. */
  private boolean takeUp() throws IOException {
    Path record = partial.resolve(RECORD);
    if (!Files.exists(record)) {
      return false;
    }
    Map<String, Object> found;
    try {
      found = Json.readObject(record, MOST_JSON);
    } catch (BadFileException e) {
      return false;
    }
    if (!request.equals(found.get("request")) || !(found.get("rows") instanceof Long done)) {
      return false;
    }
    rows = done;
    if (found.get("files") instanceof Map<?, ?> files) {
      assembled = true;
      for (Object each : files.keySet()) {
        // Some may have been moved already.
        Path here = partial.resolve(each.toString());
        Path there = folder.resolve(each.toString());
        if (!intact(Files.exists(here) ? partial : folder, Map.of(each, files.get(each)))) {
          assembled = false;
          Files.deleteIfExists(there);
          return false;
        }
      }
      return true;
    }
    if (!(found.get("parts") instanceof Map<?, ?> listed)) {
      return false;
    }
    for (Map.Entry<?, ?> part : listed.entrySet()) {
      Path path = partial.resolve(part.getKey().toString());
      if (!(part.getValue() instanceof Long size)
          || !Files.isRegularFile(path)
          || Files.size(path) < size) {
        return false;
      }
      DiskFile open = DiskFile.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
      parts.put(part.getKey().toString(), open);
      open.truncate(size);
      sizes.put(part.getKey().toString(), size);
    }
    for (Path entry : entries()) {
      String left = entry.getFileName().toString();
      // Parts that were started after the record.
      if (!parts.containsKey(left) && !left.equals(RECORD) && !left.equals(FolderLock.NAME)) {
        Files.deleteIfExists(entry);
      }
    }
    sink.resume(this);
    return true;
  }

  private void clear() throws IOException {
    for (DiskFile part : parts.values()) {
      part.close();
    }
    parts.clear();
    sizes.clear();
    rows = 0;
    for (Path entry : entries()) {
      if (!entry.getFileName().toString().equals(FolderLock.NAME)) {
        Files.deleteIfExists(entry);
      }
    }
  }

  private List<Path> entries() throws IOException {
    try (Stream<Path> found = Files.list(partial)) {
      return found.toList();
    }
  }

  /** Rows that are safely on disk, counted from the shard's first. */
  long rows() {
    return rows;
  }

  /** Creates a part, with its first bytes. */
  void create(String part, byte[] start) throws IOException {
    DiskFile open =
        DiskFile.open(
            partial.resolve(part),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    parts.put(part, open);
    open.writeFully(ByteBuffer.wrap(start), 0);
    sizes.put(part, (long) start.length);
  }

  /** Bytes of a part. */
  long size(String part) {
    return sizes.get(part);
  }

  /** Writes at the end of a part. */
  void append(String part, MemorySegment bytes) throws IOException {
    put(part, sizes.get(part), bytes);
  }

  /** Writes somewhere in a part, which grows as needed; native memory or a {@code byte[]}. */
  void put(String part, long position, MemorySegment bytes) throws IOException {
    parts.get(part).writeFully(bytes.asByteBuffer(), position);
    sizes.merge(part, position + bytes.byteSize(), Math::max);
  }

  /** Reads from a part. */
  void read(String part, long position, ByteBuffer target) throws IOException {
    while (target.hasRemaining()) {
      if (parts.get(part).read(target, position + target.position()) < 0) {
        throw new IOException(partial.resolve(part) + " has become shorter");
      }
    }
  }

  /** Syncs the parts, then records the number of rows that they hold. */
  void record(long rowsDone) throws IOException {
    for (DiskFile part : parts.values()) {
      part.force();
    }
    rows = rowsDone;
    write("parts", new LinkedHashMap<>(sizes));
  }

  private void write(String key, Map<String, Object> value) throws IOException {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("request", request);
    record.put("rows", rows);
    record.put(key, value);
    Durable.write(partial.resolve(RECORD), Json.pretty(record));
  }

  /**
   * Assembles a safetensors file from parts.
   *
   * @param file its name
   * @param plan where its tensors lie
   * @param tensors the part that holds each tensor of the plan
   */
  void assemble(String file, SafetensorsPlan plan, Map<String, String> tensors) throws IOException {
    try (DiskFile out = DiskFile.create(partial.resolve(file))) {
      out.writeFully(ByteBuffer.wrap(plan.header()), 0);
      ByteBuffer buffer = ByteBuffer.allocateDirect(COPY_BYTES);
      for (Map.Entry<String, String> tensor : tensors.entrySet()) {
        long position = plan.position(tensor.getKey());
        long size = sizes.get(tensor.getValue());
        for (long done = 0; done < size; done += buffer.limit()) {
          buffer.clear().limit((int) Math.min(COPY_BYTES, size - done));
          read(tensor.getValue(), done, buffer);
          out.writeFully(buffer.flip(), position + done);
        }
      }
      out.force();
    }
  }

  /** Writes a small file of text. */
  void text(String file, String text) throws IOException {
    DiskFile.write(partial.resolve(file), text);
  }

  /** Finishes the files, moves them to their destination and writes the manifest. */
  Map<String, Object> finish() throws IOException {
    Map<String, Object> files;
    if (assembled) {
      Map<String, Object> record = Json.readObject(partial.resolve(RECORD), MOST_JSON);
      files = new LinkedHashMap<>();
      ((Map<?, ?>) record.get("files")).forEach((file, facts) -> files.put((String) file, facts));
    } else {
      sink.finish(this);
      files = new LinkedHashMap<>();
      for (String file : sink.files()) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("bytes", Files.size(partial.resolve(file)));
        facts.put("sha256", Sha256.of(partial.resolve(file)));
        files.put(file, facts);
      }
      DiskFile.forceFolder(partial);
      write("files", files);
    }
    for (String file : files.keySet()) {
      Path here = partial.resolve(file);
      if (Files.exists(here)) {
        Files.move(here, folder.resolve(file), StandardCopyOption.ATOMIC_MOVE);
      }
    }
    DiskFile.forceFolder(folder);
    Map<String, Object> manifest = new LinkedHashMap<>();
    manifest.put("request", request);
    manifest.put("rows", rows);
    manifest.put("files", files);
    Durable.write(folder.resolve(name + ".json"), Json.pretty(manifest));
    clear();
    close();
    finished = true;
    Files.deleteIfExists(partial.resolve(FolderLock.NAME));
    Files.deleteIfExists(partial);
    return manifest;
  }

  /** The same as JSON would read it back. */
  private static Map<String, Object> json(Map<String, Object> members) throws BadFileException {
    byte[] text = Json.line(members).getBytes(StandardCharsets.UTF_8);
    Map<String, Object> read = new LinkedHashMap<>();
    ((Map<?, ?>) Json.parse(Path.of("request"), text))
        .forEach((key, value) -> read.put((String) key, value));
    return read;
  }

  @Override
  public void close() throws IOException {
    if (finished) {
      return;
    }
    try {
      for (DiskFile part : parts.values()) {
        part.close();
      }
    } finally {
      lock.close();
    }
  }
}
