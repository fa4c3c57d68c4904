package io.github.sae4j.step;

import io.github.sae4j.kernels.Shapes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Memory of training, itemised. No buffer grows with rows × d_sae, and there is no gradient matrix
 * except the rows that clipping keeps.
 *
 * @param parts the parts, in order of importance
 */
public record MemoryPlan(List<Part> parts) {
  /**
   * One part.
   *
   * @param name what it is, with its formula: n = d_sae, d = d_in, B = rows of a step
   * @param bytes its size, at most
   * @param onHeap whether it lies on the Java heap, which must be as large as all such parts; if
   *     not, in native memory
   * @param shared whether runs that go on together have it once; if not, each for itself
   */
  public record Part(String name, long bytes, boolean onHeap, boolean shared) {
    /** Checks the size. */
    public Part {
      Shapes.expect(bytes >= 0, "bytes of " + name, "at least 0", bytes);
    }

    /**
     * A part that each run has for itself.
     *
     * @param name what it is, with its formula
     * @param bytes its size, at most
     * @param onHeap whether it lies on the Java heap
     */
    public Part(String name, long bytes, boolean onHeap) {
      this(name, bytes, onHeap, false);
    }
  }

  /** Copies the list. */
  public MemoryPlan {
    parts = List.copyOf(parts);
  }

  /**
   * The part that every device needs: the state and two batches, the current and the next.
   *
   * @param spec the step
   * @return the plan
   */
  public static MemoryPlan ofState(StepSpec spec) {
    long n = spec.shape().dSae();
    long d = spec.shape().dIn();
    long o = spec.shape().dOut();
    Part batches = ofBatches(spec);
    Part counters = new Part("8 n: steps or rows since latents fired", 8 * n, true);
    if (spec.shape().tied()) {
      return new MemoryPlan(
          List.of(
              new Part("12 n d: tied weights and moments", 12 * n * d, false),
              new Part("12 n + 12 d: biases and moments", 12 * (n + d), false),
              counters,
              batches));
    }
    long vectors = spec.forward().gate().map(gate -> gate.parameters().size()).orElse(0);
    Part gates = new Part("12 n a vector: gates and moments", 12 * n * vectors, false);
    if (spec.shape().pairs() == Pairs.NONE) {
      return new MemoryPlan(
              List.of(
                  new Part("24 n d: weights and moments", 24 * n * d, false),
                  new Part("12 n + 12 d: biases and moments", 12 * (n + d), false),
                  counters,
                  batches))
          .plus(List.of(gates));
    }
    return new MemoryPlan(
            List.of(
                new Part("12 n (d + d_out): weights and moments", 12 * n * (d + o), false),
                new Part("12 n + 12 d_out: biases and moments", 12 * (n + o), false),
                counters,
                batches))
        .plus(
            List.of(
                new Part(
                    "12 d d_out: skip connection and moments",
                    spec.shape().skip() ? 12 * d * o : 0,
                    false),
                gates));
  }

  /** The current batch and the next, of which the runs of a sweep have the same pairs. */
  private static Part ofBatches(StepSpec spec) {
    String name =
        switch (spec.shape().pairs()) {
          case NONE -> "8 B d";
          case TARGETS -> "8 B (d + d_out)";
          case POSITIVES -> "8 B d, with positives 16 B d";
        };
    return new Part(
        name + ": batch and next batch",
        8L * spec.shape().rows() * spec.shape().batchWidth(),
        false,
        true);
  }

  /**
   * Running averages of everything that is trained.
   *
   * @param spec the step
   * @return the part
   */
  public static Part ofAverages(StepSpec spec) {
    long n = spec.shape().dSae();
    long d = spec.shape().dIn();
    long o = spec.shape().dOut();
    long vectors = spec.forward().gate().map(gate -> gate.parameters().size()).orElse(0);
    long matrices = spec.shape().tied() ? n * d : n * (d + o);
    long skip = spec.shape().skip() ? d * o : 0;
    return new Part(
        "running averages of weights", 4 * (matrices + n + o + skip + n * vectors), false);
  }

  /**
   * What {@link Whitening} takes beside a step: at the start a covariance and its eigenvectors,
   * then the map and whitened rows and, while an SAE is written, its weights without it.
   *
   * @param spec the step
   * @return the parts
   */
  public static List<Part> ofWhitening(StepSpec spec) {
    long n = spec.shape().dSae();
    long d = spec.shape().dIn();
    long rows = spec.shape().rows();
    return List.of(
        new Part("4 d d + 8 B d: map and whitened rows", 4 * d * d + 8 * rows * d, false),
        new Part(
            "8 n d + 8 d d + 4 d min(n, 1024): weights without it, while an SAE is written",
            8 * n * d + 8 * d * d + 4 * d * Math.min(n, 1024),
            false,
            true),
        new Part(
            "24 d d: covariance and its eigenvectors at the start, map", 24 * d * d, true, true));
  }

  /**
   * This plan with further parts.
   *
   * @param more further parts; those of size 0 are left out
   * @return a new plan
   */
  public MemoryPlan plus(List<Part> more) {
    List<Part> all = new ArrayList<>(parts);
    more.stream().filter(part -> part.bytes() > 0).forEach(all::add);
    return new MemoryPlan(all);
  }

  /**
   * What runs that go on together need: what each has for itself, and once what they share, as
   * large as the largest needs it.
   *
   * @param plans of each run
   * @return a plan
   */
  public static MemoryPlan together(List<MemoryPlan> plans) {
    List<Part> all = new ArrayList<>();
    Map<String, Part> shared = new LinkedHashMap<>();
    for (MemoryPlan plan : plans) {
      for (Part part : plan.parts) {
        if (part.shared()) {
          shared.merge(part.name(), part, (a, b) -> a.bytes() < b.bytes() ? b : a);
        } else {
          all.add(part);
        }
      }
    }
    all.addAll(shared.values());
    return new MemoryPlan(all);
  }

  /** {@return the total size in bytes} */
  public long bytes() {
    return parts.stream().mapToLong(Part::bytes).sum();
  }

  /** {@return the size in bytes of the parts on the Java heap} */
  public long heapBytes() {
    return parts.stream().filter(Part::onHeap).mapToLong(Part::bytes).sum();
  }
}
