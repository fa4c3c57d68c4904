package io.github.sae4j.report.features;

import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.report.runs.Histogram;
import io.github.sae4j.report.tokens.Texts;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.function.LongPredicate;

/**
 * One pass over codes, in the order of their rows. Memory grows with the number of latents, about
 * 2.5 kB each, not with the number of rows.
 */
public final class FeatureScan {
  /** Rows with the largest errors that are remembered. */
  private static final int WORST = 20;

  private final Optional<Texts> texts;
  private final LongPredicate leftOut;
  private final CodeWindow window = new CodeWindow();
  private final Activity activity;
  private final Contexts contexts;
  private final RowSample sample = new RowSample();
  private final Histogram errors = new Histogram();
  private final PriorityQueue<Worst> worst =
      new PriorityQueue<>(Comparator.comparingDouble(Worst::error).thenComparing(Worst::row));
  private Texts.Sequence sequence = new Texts.Sequence(0, 0, "");
  private long done;
  private long taken;
  private long codesSeen;
  private int[] active = new int[0];

  /** A row and its squared error. */
  record Worst(long row, double error) {}

  /**
   * A pass over all rows that has not begun.
   *
   * @param latents number of latents
   * @param texts where sequences begin and end; without them each row is alone
   */
  public FeatureScan(int latents, Optional<Texts> texts) {
    this(latents, texts, row -> false);
  }

  /**
   * A pass over some rows that has not begun.
   *
   * @param latents number of latents
   * @param texts where sequences begin and end; without them each row is alone
   * @param leftOut whether a row is none of those that will be taken; their numbers, by which texts
   *     are found, count it all the same
   */
  public FeatureScan(int latents, Optional<Texts> texts, LongPredicate leftOut) {
    this.texts = texts;
    this.leftOut = leftOut;
    activity = new Activity(latents);
    contexts = new Contexts(latents, window);
  }

  /** Takes the next rows. */
  public void add(SparseCodes codes) throws IOException {
    window.append(codes, leftOut);
    work(window.end() - Contexts.AFTER);
    window.dropBefore(Math.max(window.first(), done - Contexts.BEFORE));
  }

  /**
   * Takes the squared error of a row.
   *
   * @param row its number
   * @param squared the error
   */
  public void addError(long row, float squared) {
    errors.add(squared);
    if (worst.size() < WORST || squared > worst.peek().error()) {
      worst.add(new Worst(row, squared));
      if (worst.size() > WORST) {
        worst.poll();
      }
    }
  }

  /** No rows follow. */
  public void finish() throws IOException {
    work(window.end());
  }

  private void work(long end) throws IOException {
    int[] latents = window.latents();
    float[] values = window.values();
    for (; done < end; done++) {
      if (leftOut.test(done)) {
        continue;
      }
      taken++;
      if (done >= sequence.first() + sequence.rows()) {
        sequence = texts.isPresent() ? texts.get().sequence(done) : new Texts.Sequence(done, 1, "");
      }
      long first = sequence.first();
      long last = first + sequence.rows();
      int from = window.start(done);
      int to = window.start(done + 1);
      int count = 0;
      if (active.length < to - from) {
        active = new int[to - from];
      }
      for (int at = from; at < to; at++) {
        // TopK stores zeros too: such a latent does not fire.
        if (values[at] != 0) {
          active[count++] = latents[at];
          activity.add(latents[at], values[at]);
          contexts.offer(latents[at], done, values[at], first, last);
        }
      }
      sample.add(done, active, 0, count);
      codesSeen += count;
    }
  }

  /** {@return number of rows taken} */
  public long rows() {
    return taken;
  }

  long codesSeen() {
    return codesSeen;
  }

  Activity activity() {
    return activity;
  }

  Contexts contexts() {
    return contexts;
  }

  RowSample sample() {
    return sample;
  }

  Histogram errors() {
    return errors;
  }

  /** The rows with the largest errors, the largest first. */
  List<Worst> worst() {
    List<Worst> rows = new ArrayList<>(worst);
    rows.sort(Comparator.comparingDouble(Worst::error).reversed().thenComparing(Worst::row));
    return rows;
  }
}
