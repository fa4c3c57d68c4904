package io.github.sae4j.bench;

import io.github.sae4j.bench.peers.Torch;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.device.DeviceOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What to compare.
 *
 * @param subjects the parts to run
 * @param shapes sizes of the main comparison and of the hard rows; the first is also that of
 *     scaling, serving and fit
 * @param rounds alternating rounds
 * @param pauseMillis pause before each sample
 * @param sampleMillis shortest sample; shorter runs are repeated until they fill it
 * @param warmMillis least time of the untimed runs of ours before the first round
 * @param threads most threads
 * @param vectorBits forced vector width of our device
 * @param device our device, or {@code none}
 * @param peers whether peers run
 * @param peerSteps whether the peers' whole steps run, which take long
 * @param torchBackend the BLAS that libtorch's products use
 * @param json where results are written
 * @param markdown where the tables are written as Markdown, or null
 */
public record CompareOptions(
    Set<Subject> subjects,
    List<Shape> shapes,
    int rounds,
    int pauseMillis,
    int sampleMillis,
    int warmMillis,
    int threads,
    OptionalInt vectorBits,
    String device,
    boolean peers,
    boolean peerSteps,
    Torch.Backend torchBackend,
    Path json,
    Path markdown) {

  /** The parts of a comparison. */
  enum Subject {
    /** Peak arithmetic and read bandwidth. */
    PROBES,
    /** The dense product. */
    PRODUCT,
    /** Encode and top-k. */
    ENCODE,
    /** Whole training steps. */
    STEP,
    /** The parts of a step, what is serial, and more cores. */
    PHASES,
    /** One thread against all. */
    SCALING,
    /** One vector at a time. */
    SERVE,
    /** Time as a function of B and n. */
    FIT,
    /** Rows that are hard to select from. */
    ROWS
  }

  /** What {@code --help} prints. */
  static final String HELP =
      """
      Compares sae4j with OpenBLAS, MKL and libtorch in alternating runs.

        --only LIST           parts, all unless given: probes,product,encode,step,
                              phases (parts of a step beside their floors, serial part,
                              more cores predicted),
                              scaling (one thread and all), serve (one vector and few rows),
                              fit (growth in B and n), rows (hard to select from)
        --shape LIST          BxDxN, comma-separated (4096x768x24576)
        --k LIST              latents per row (32); every shape with every k
        --all                 the shapes and k of the acceptance table
        --rounds N            alternating rounds (5)
        --pause MS            pause before each sample (300)
        --sample MS           shortest sample; shorter runs are repeated until they fill it (200)
        --warm MS             least time of untimed runs of ours beforehand (1500)
        --threads N           threads of us and of every peer (all processors)
        --vector-bits N       forced vector width of our device
        --device NAME         our device (cpu); none leaves us out
        --no-peers            leaves the peers out
        --no-peer-steps       omits the peers' whole training steps (they take long)
        --torch-blas NAME     BLAS of libtorch's products: mkl (as PyTorch's packages) or openblas
        --json FILE           where results are written (target/compare.json)
        --markdown FILE       where the tables are written as Markdown as well
      """;

  /**
   * Reads a command line.
   *
   * @param args the arguments
   * @return options
   * @throws IllegalArgumentException if an argument is unknown, or a value is missing or wrong
   */
  static CompareOptions parse(String[] args) {
    Set<Subject> subjects = EnumSet.allOf(Subject.class);
    List<String> sizes = List.of("4096x768x24576");
    List<Integer> ks = List.of(32);
    boolean all = false;
    int rounds = 5;
    int pause = 300;
    int sample = 200;
    int warm = 1500;
    int threads = Runtime.getRuntime().availableProcessors();
    OptionalInt bits = OptionalInt.empty();
    String device = "cpu";
    boolean peers = true;
    boolean peerSteps = true;
    Torch.Backend backend = Torch.Backend.MKL;
    Path json = Path.of("target", "compare.json");
    Path markdown = null;
    for (int i = 0; i < args.length; i++) {
      String word = args[i];
      switch (word) {
        case "--all" -> all = true;
        case "--no-peers" -> peers = false;
        case "--no-peer-steps" -> peerSteps = false;
        default -> {
          if (i + 1 == args.length) {
            throw new IllegalArgumentException(word + ": unknown, or its value is missing");
          }
          String value = args[++i];
          switch (word) {
            case "--only" ->
                subjects = EnumSet.copyOf(words(value).map(CompareOptions::subject).toList());
            case "--shape" -> sizes = words(value).toList();
            case "--k" -> ks = words(value).map(Integer::valueOf).toList();
            case "--rounds" -> rounds = Integer.parseInt(value);
            case "--pause" -> pause = Integer.parseInt(value);
            case "--sample" -> sample = Integer.parseInt(value);
            case "--warm" -> warm = Integer.parseInt(value);
            case "--threads" -> threads = Integer.parseInt(value);
            case "--vector-bits" -> bits = OptionalInt.of(Integer.parseInt(value));
            case "--device" -> device = value;
            case "--torch-blas" -> backend = backend(value);
            case "--json" -> json = Path.of(value);
            case "--markdown" -> markdown = Path.of(value);
            default -> throw new IllegalArgumentException(word + ": unknown option");
          }
        }
      }
    }
    List<Shape> shapes = new ArrayList<>();
    for (String size : sizes) {
      for (int k : ks) {
        shapes.add(Shape.parse(size, k));
      }
    }
    if (all) {
      shapes.add(new Shape(4096, 768, 24576, 64));
      shapes.add(new Shape(4096, 768, 24576, 128));
      shapes.add(new Shape(4096, 384, 8192, 32));
      shapes.add(new Shape(4096, 2304, 16384, 32));
    }
    if (rounds < 1 || threads < 1 || pause < 0 || sample < 0 || warm < 0) {
      throw new IllegalArgumentException(
          "expected --rounds and --threads of at least 1, --pause, --sample and --warm of at least"
              + " 0");
    }
    return new CompareOptions(
        subjects, shapes, rounds, pause, sample, warm, threads, bits, device, peers, peerSteps,
        backend, json, markdown);
  }

  /** Whether our device is measured. */
  boolean ours() {
    return !device.equals("none");
  }

  /**
   * The options of our device.
   *
   * @param count threads
   * @return options for {@code Devices.open}
   */
  DeviceOptions deviceOptions(int count) {
    return new DeviceOptions(OptionalInt.of(count), vectorBits);
  }

  private static Stream<String> words(String list) {
    return Stream.of(list.split(",")).map(String::strip);
  }

  private static Subject subject(String name) {
    return Stream.of(Subject.values())
        .filter(one -> one.name().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("--only: no part is named '" + name + "'"));
  }

  private static Torch.Backend backend(String name) {
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "mkl" -> Torch.Backend.MKL;
      case "openblas" -> Torch.Backend.OPENBLAS;
      default ->
          throw new IllegalArgumentException(
              "--torch-blas: expected mkl or openblas, got '" + name + "'");
    };
  }
}
