package io.github.sae4j.internal.tensors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Mutates valid and malformed files of every format and reads them. Each gives values or a {@link
 * BadFileException} of one line, in heap memory proportional to the file; nothing else is accepted.
 *
 * <p>System properties: {@code fuzz.seconds} (default 16) or {@code fuzz.inputs} say how long,
 * {@code fuzz.seed} which inputs. The input of one number depends on the seed and the number alone.
 */
class FormatFuzzTest {
  private static final long[] NUMBERS = {
    0,
    1,
    2,
    7,
    8,
    9,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    4095,
    65535,
    65536,
    0x7fffffffL,
    0x80000000L,
    0xffffffffL,
    1L << 32,
    1L << 61,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -2,
    -8
  };

  private static final List<String> WORDS =
      List.of(
          "{",
          "}",
          "[",
          "]",
          "(",
          ")",
          ",",
          ":",
          "\"",
          "'",
          "\\",
          "\\u0000",
          "\\ud800",
          "null",
          "true",
          "NaN",
          "-",
          "e999",
          "1.5",
          "True",
          "<f8",
          ">i4",
          "|u1",
          "|O",
          "F64",
          "F8_E4M3",
          "BOOL",
          "dtype",
          "shape",
          "data_offsets",
          "__metadata__",
          "descr",
          "fortran_order",
          "\n",
          "\0",
          "{{{{{{{{",
          "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");

  private static final List<byte[]> PICKLES =
      List.of(
          new HandMadePickle()
              .ops("}(")
              .text("encoder.weight")
              .tensor("FloatStorage", "0", 6, 0, new long[] {2, 3}, new long[] {1, 2})
              .op('q', 0)
              .text("tied")
              .op('h', 0)
              .text("strided")
              .tensor("HalfStorage", "1", 12, 1, new long[] {2, 2, 2}, new long[] {6, 1, 2})
              .text("cfg")
              .op('}', '(')
              .text("k")
              .op('K', 4)
              .text("activation")
              .text("TopK")
              .text("object")
              .global("some.library", "Thing")
              .op(')', 0x81, '}', 'b')
              .op('u', 'u')
              .end(),
          HandMadePickle.one("DoubleStorage", 3, 0, new long[] {3}, new long[] {1}));

  private record Seed(Attempt.Reader reader, byte[] content) {}

  @TempDir Path folder;

  @Test
  void anyBytesGiveAValueOrOneLine() throws Exception {
    long seconds = Long.getLong("fuzz.seconds", 16);
    long inputs = Long.getLong("fuzz.inputs", Long.MAX_VALUE);
    long seed = Long.getLong("fuzz.seed", System.nanoTime());
    List<Seed> seeds = soundSeeds();
    int sound = seeds.size();
    seeds.addAll(malformedSeeds());
    long end =
        inputs == Long.MAX_VALUE ? System.nanoTime() + seconds * 1_000_000_000L : Long.MAX_VALUE;
    List<String> unexpected = new ArrayList<>();
    long values = 0;
    long number = 0;
    Path file = folder.resolve("input");
    try (OffHeap memory = new OffHeap()) {
      MemorySegment target = memory.block(Attempt.targetBytes());
      for (Seed each : seeds) {
        Files.write(file, each.content());
        Attempt.read(each.reader(), file, target); // classes are loaded here, not counted below
      }
      while (number < inputs && System.nanoTime() < end && unexpected.size() < 10) {
        SplittableRandom random = new SplittableRandom(seed + 0x9e3779b97f4a7c15L * number);
        Seed origin = seeds.get(random.nextInt(random.nextInt(4) == 0 ? seeds.size() : sound));
        byte[] content = mutate(origin.content(), random, seeds);
        if (origin.reader() == Attempt.Reader.TORCH && random.nextInt(4) > 0) {
          content = torch(random, seeds);
        }
        // Deleting is many times cheaper than truncating, which waits for the disk.
        Files.deleteIfExists(file);
        Files.write(file, content);
        Attempt.Reader reader =
            random.nextInt(16) == 0 && origin.reader() != Attempt.Reader.JSON
                ? Attempt.Reader.TENSORS
                : origin.reader();
        Attempt attempt = Attempt.read(reader, file, target);
        String complaint = attempt.complaint(content.length);
        if (complaint != null) {
          unexpected.add(report(seed, number, reader, complaint, content));
        }
        values += attempt.thrown() == null ? 1 : 0;
        number++;
      }
    }
    System.out.println(
        "fuzz inputs="
            + number
            + " unexpected="
            + unexpected.size()
            + " seed="
            + seed
            + " values="
            + values);
    assertEquals(List.of(), unexpected);
  }

  private static String report(
      long seed, long number, Attempt.Reader reader, String complaint, byte[] content) {
    String bytes = Base64.getEncoder().encodeToString(content);
    return "input %d of seed %d: %s %s on %s"
        .formatted(
            number,
            seed,
            reader,
            complaint,
            bytes.length() < 4000 ? bytes : bytes.substring(0, 4000) + "...");
  }

  private static List<Seed> malformedSeeds() throws Exception {
    List<Seed> seeds = new ArrayList<>();
    for (Path file : CorpusTest.files()) {
      if (Files.size(file) < 10_000) {
        seeds.add(new Seed(CorpusTest.reader(file), Files.readAllBytes(file)));
      }
    }
    return seeds;
  }

  private List<Seed> soundSeeds() throws Exception {
    List<Seed> seeds = new ArrayList<>();
    List<byte[]> arrays = new ArrayList<>();
    try (Stream<Path> files = Files.list(NpyFileTest.made("npy"))) {
      for (Path file : files.sorted().toList()) {
        byte[] content = Files.readAllBytes(file);
        seeds.add(new Seed(Attempt.Reader.NPY, content));
        arrays.add(content);
      }
    }
    for (int i = 0; i + 3 <= arrays.size(); i += 3) {
      for (int method : new int[] {ZipEntry.STORED, ZipEntry.DEFLATED}) {
        byte[] zip =
            NpzFileTest.zip(
                method,
                "a.npy",
                arrays.get(i),
                "W_enc.npy",
                arrays.get(i + 1),
                "x/../y",
                arrays.get(i + 2));
        seeds.add(new Seed(Attempt.Reader.NPZ, zip));
      }
    }
    byte[] safetensors = safetensors();
    for (int i = 0; i < 40; i++) {
      seeds.add(new Seed(Attempt.Reader.SAFETENSORS, safetensors));
    }
    byte[] json =
        """
        {"d_in": 768, "k": 32, "lr": 1e-4, "metadata": {"hook": "blocks.8", "slice": [null, -2]},
         "names": ["\\u00e9\\ud83d\\ude00", true, false], "deep": [[[[{"x": 0.5}]]]]}
        """
            .getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < 20; i++) {
      seeds.add(new Seed(Attempt.Reader.JSON, json));
    }
    for (int i = 0; i < 20; i++) {
      torchFiles().forEach(content -> seeds.add(new Seed(Attempt.Reader.TORCH, content)));
    }
    return seeds;
  }

  /** Small archives: in large ones mutations would hardly ever meet the pickle. */
  private static List<byte[]> torchFiles() {
    byte[] data = HandMade.floats(0, 1, 2, 3, 4, 5);
    byte[] zip = HandMadePickle.archive(PICKLES.get(0), data, data);
    byte[] big = HandMadePickle.archive("big", PICKLES.get(1), data);
    byte[] line = "{\"schema\": 1, \"cfg\": {}}\n".getBytes(StandardCharsets.US_ASCII);
    return List.of(zip, big, replace(zip, 0, 0, line));
  }

  private byte[] safetensors() throws IOException {
    Path file = folder.resolve("seed");
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(3, 5);
      new SafetensorsWriter()
          .metadata("format", "pt")
          .matrix("W_enc", matrix)
          .transposed("half", matrix, ElementType.BF16)
          .vector("b", memory.vector(4), ElementType.F16)
          .longs("steps", new long[] {1, 2}, 2)
          .bytes("mask", new byte[3], 3)
          .floats("empty", new float[0], 0, 7)
          .floats("scalar", new float[1])
          .write(file);
    }
    return Files.readAllBytes(file);
  }

  private static byte[] mutate(byte[] origin, SplittableRandom random, List<Seed> seeds) {
    byte[] content = origin.clone();
    int times = 1 + random.nextInt(3);
    for (int i = 0; i < times; i++) {
      content = mutateOnce(content, random, seeds);
    }
    if (random.nextBoolean()) {
      repairLength(content);
    }
    return content;
  }

  private static byte[] mutateOnce(byte[] content, SplittableRandom random, List<Seed> seeds) {
    int length = content.length;
    // Headers are short and come first: half of the mutations aim at them.
    int at = random.nextInt(1 + (random.nextBoolean() ? Math.min(length, 200) : length));
    int span = Math.min(length - at, 1 + random.nextInt(random.nextBoolean() ? 4 : 64));
    switch (random.nextInt(9)) {
      case 0 -> {
        if (at < length) {
          content[at] ^= (byte) (1 << random.nextInt(8));
        }
        return content;
      }
      case 1 -> {
        if (at < length) {
          content[at] = (byte) random.nextInt();
        }
        return content;
      }
      case 2 -> {
        long number = NUMBERS[random.nextInt(NUMBERS.length)] + random.nextInt(3) - 1;
        int bytes = Math.min(1 << random.nextInt(4), length - at);
        for (int i = 0; i < bytes; i++) {
          content[at + i] = (byte) (number >>> 8 * i);
        }
        return content;
      }
      case 3 -> {
        return replace(content, at, span, new byte[0]);
      }
      case 4 -> {
        byte[] piece = Arrays.copyOfRange(content, at, at + span);
        return replace(content, random.nextInt(length + 1), 0, piece);
      }
      case 5 -> {
        return replace(content, at, random.nextInt(span + 1), word(random));
      }
      case 6 -> {
        return replaceNumber(content, at, random);
      }
      case 7 -> {
        if (random.nextInt(4) == 0) {
          return Arrays.copyOf(content, at);
        }
        return replace(content, length, 0, word(random));
      }
      default -> {
        byte[] other = seeds.get(random.nextInt(seeds.size())).content();
        int from = random.nextInt(other.length + 1);
        int to = Math.min(other.length, from + random.nextInt(200));
        return replace(content, at, span, Arrays.copyOfRange(other, from, to));
      }
    }
  }

  /** A sound archive of a mutated pickle: a zip that is damaged hides it. */
  private static byte[] torch(SplittableRandom random, List<Seed> seeds) {
    byte[] data = HandMade.floats(0, 1, 2, 3, 4, 5);
    byte[] sound = PICKLES.get(random.nextInt(PICKLES.size()));
    byte[] pickle = mutate(sound, random, seeds);
    return HandMadePickle.archive(pickle, data, data);
  }

  private static byte[] word(SplittableRandom random) {
    return WORDS.get(random.nextInt(WORDS.size())).getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Puts another number in the place of the next one written in digits. */
  private static byte[] replaceNumber(byte[] content, int at, SplittableRandom random) {
    int from = at;
    while (from < content.length && (content[from] < '0' || content[from] > '9')) {
      from++;
    }
    int to = from;
    while (to < content.length && content[to] >= '0' && content[to] <= '9') {
      to++;
    }
    long number = NUMBERS[random.nextInt(NUMBERS.length)] + random.nextInt(3) - 1;
    return replace(
        content, from, to - from, Long.toString(number).getBytes(StandardCharsets.US_ASCII));
  }

  private static byte[] replace(byte[] content, int at, int span, byte[] piece) {
    byte[] result = new byte[content.length - span + piece.length];
    System.arraycopy(content, 0, result, 0, at);
    System.arraycopy(piece, 0, result, at, piece.length);
    System.arraycopy(content, at + span, result, at + piece.length, content.length - at - span);
    return result;
  }

  /** Makes the length of a safetensors header right again, so that mutations get past it. */
  private static void repairLength(byte[] content) {
    if (content.length > 9 && content[8] == '{') {
      int end = content.length - 1;
      while (end > 8 && !(content[end] == '}' && content[end - 1] == '}')) {
        end--;
      }
      long length = end - 8 + 1;
      for (int i = 0; i < 8; i++) {
        content[i] = (byte) (length >>> 8 * i);
      }
    }
  }
}
