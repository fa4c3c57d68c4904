package io.github.sae4j.internal.flight;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** The events. Loaded only where there is a recorder. */
final class Events {
  private Events() {}

  static Flight.Span of(Phase phase) {
    return new Recorded(phase);
  }

  static Flight.Span step() {
    return new Recorded(null);
  }

  private static Timed event(Phase phase) {
    return switch (phase) {
      case null -> new Step();
      case READING -> new Reading();
      case ENCODE -> new Encode();
      case DECODE -> new Decode();
      case GRADIENTS -> new Gradients();
      case UPDATE -> new Update();
      case CHECKPOINT -> new Checkpoint();
    };
  }

  /**
   * One event, committed again and again. It is made once somebody records: the first event wakes
   * the whole recorder, which a short run would wait for.
   */
  private static final class Recorded implements Flight.Span {
    private final Phase phase;
    private Timed event;

    /** The event of a phase, or of whole steps for null. */
    Recorded(Phase phase) {
      this.phase = phase;
    }

    @Override
    public void begin() {
      if (event == null && FlightRecorder.isInitialized()) {
        event = event(phase);
      }
      if (event != null) {
        event.begin();
      }
    }

    @Override
    public void end(long step, int rows) {
      if (event == null) {
        return;
      }
      event.end();
      if (event.shouldCommit()) {
        event.step = step;
        event.rows = rows;
        event.commit();
      }
    }
  }

  /** What all events have. Where the time goes is known without stack traces. */
  @Category({"sae4j", "Training"})
  @StackTrace(false)
  private abstract static class Timed extends Event {
    @Label("Step")
    @Description("Training step, from 1; 0 if it does not belong to one")
    long step;

    @Label("Rows")
    @Description("Rows of the batch")
    int rows;
  }

  @Name("sae4j.Step")
  @Label("Training Step")
  @Description("A training step, without the time in which it waits for rows")
  private static final class Step extends Timed {}

  @Name("sae4j.Reading")
  @Label("Reading")
  @Description("A batch is read and checked, on the reader's thread, while steps run")
  private static final class Reading extends Timed {}

  @Name("sae4j.Encode")
  @Label("Encode")
  @Description("Product with the encoder, selection of latents, dead latents counted")
  private static final class Encode extends Timed {}

  @Name("sae4j.Decode")
  @Label("Decode")
  @Description("Reconstruction and losses; in some fused steps also the gradients of the codes")
  private static final class Decode extends Timed {}

  @Name("sae4j.Gradients")
  @Label("Gradients")
  @Description("Gradients of the weights")
  private static final class Gradients extends Timed {}

  @Name("sae4j.Update")
  @Label("Update")
  @Description(
      "Clipping and the optimizer; in fused steps that do not clip also the gradients of the"
          + " weights")
  private static final class Update extends Timed {}

  @Name("sae4j.Checkpoint")
  @Label("Checkpoint")
  @Description("A checkpoint or the trained SAE is written")
  private static final class Checkpoint extends Timed {}
}
