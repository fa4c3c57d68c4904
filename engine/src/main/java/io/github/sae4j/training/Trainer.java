package io.github.sae4j.training;

import io.github.sae4j.config.ActivationNormalization;
import io.github.sae4j.config.LearningRate;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.Batch;
import io.github.sae4j.data.Batches;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.flight.Flight;
import io.github.sae4j.internal.start.DataStatistics;
import io.github.sae4j.internal.start.Spectrum;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import io.github.sae4j.step.Whitening;
import java.io.IOException;
import java.util.Arrays;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Trains in memory, one step at a time: a batch from the stream, then the device's step at its
 * learning rate. It accesses no file but the activations; {@link TrainingRun} adds logs and
 * checkpoints.
 *
 * <p>Memory beside the device's step: the state (24 d_sae d_in bytes) and two batches of {@code
 * [rows, d_in]}; with whitening two more, and the map. Not thread-safe. A trainer owns neither the
 * device nor the data.
 */
public final class Trainer implements AutoCloseable {
  /**
   * What was measured on the data before the first step.
   *
   * @param normalizationFactor every row is multiplied by this in one rounding; 1 without {@code
   *     expected_average_only_in}
   * @param mseScale factor of the scaled loss where it is measured
   * @param whitening with {@code covariance_whitening} the map that every row goes through
   */
  public record Measured(
      float normalizationFactor, OptionalDouble mseScale, Optional<Whitening> whitening) {
    /**
     * What was measured on rows that are not whitened.
     *
     * @param normalizationFactor every row is multiplied by this
     * @param mseScale factor of the scaled loss where it is measured
     */
    public Measured(float normalizationFactor, OptionalDouble mseScale) {
      this(normalizationFactor, mseScale, Optional.empty());
    }

    /** The most that rows are lengthened, which decides which of them are too long to train on. */
    float gain() {
      return whitening.map(map -> (float) Math.max(1, map.gain())).orElse(normalizationFactor);
    }
  }

  private final TrainingConfig config;
  private final Device device;
  private final Measured measured;
  private final StepSpec spec;
  private final LearningRate learningRate;
  private final long steps;
  private final OffHeap memory;
  private final TrainingState state;
  private final TrainingStep step;
  private final Batches stream;
  private final Optional<Whitening.OnDevice> whitening;
  private final Flight.Span span = Flight.step();

  /** What was measured of whitened rows, in the process that began the run. */
  private Optional<Spectrum> spectrum = Optional.empty();

  private long stepsDone;
  private long samplesDone;
  private long passedOver;
  private LeftOut leftOut;

  /** Whether steps have run since the state was last brought up to date. */
  private boolean behind;

  private Trainer(
      TrainingConfig config,
      TrainingData data,
      Device device,
      Measured measured,
      Done done,
      Start start,
      BatchSupply supply)
      throws IOException {
    expectPairs(config, data);
    long samples = config.samples(data.training().rows());
    this.config = config;
    this.device = device;
    this.measured = measured;
    stepsDone = done.steps();
    passedOver = done.passedOver();
    leftOut = done.leftOut();
    spec =
        config
            .stepSpec(data.dIn(), data.dOut(), measured.mseScale())
            .withInputFactor(measured.normalizationFactor());
    steps = Math.ceilDiv(samples + done.shortRows(), (long) spec.shape().rows());
    learningRate = config.learningRate(spec.shape().dSae(), steps);
    long position =
        Math.min(
            samples, Math.multiplyExact(stepsDone, (long) spec.shape().rows()) - done.shortRows());
    samplesDone = position - leftOut.rows();
    memory = device.openMemory();
    try {
      state = TrainingState.allocate(memory, spec);
      if (config.optimizer().emaDecay().isPresent()) {
        state.allocateAverages(memory);
      }
      start.fill(state);
      stream =
          supply.open(
              new BatchSupply.Request(
                  data.training(),
                  config.data().shuffleSeed().orElse(config.run().seed()),
                  spec.shape().rows(),
                  position,
                  samples,
                  data.rules().withFactor(measured.gain())),
              memory);
      whitening =
          measured
              .whitening()
              .map(map -> map.on(device, memory, (int) Math.min(spec.shape().rows(), samples)));
      step = device.compile(spec, state);
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /**
   * The progress of a run.
   *
   * @param steps steps done, including those whose batch lost all its rows
   * @param passedOver how many of them lost all rows: the optimizer has made that many steps fewer
   * @param leftOut rows left out so far although they had a place in the stream
   * @param shortRows places by which batches so far were shorter than a whole batch, because the
   *     run ended there before it was extended; 0 for most runs
   */
  public record Done(long steps, long passedOver, LeftOut leftOut, long shortRows) {
    /**
     * Progress of a run whose batches so far were whole.
     *
     * @param steps steps done
     * @param passedOver how many of them had no rows
     * @param leftOut rows left out
     */
    public Done(long steps, long passedOver, LeftOut leftOut) {
      this(steps, passedOver, leftOut, 0);
    }
  }

  /** Gives a trainer its initial or saved state. */
  @FunctionalInterface
  public interface Start {
    /**
     * Fills a state.
     *
     * @param state all zeros, in the device's memory
     * @throws IOException if reading it fails
     */
    void fill(TrainingState state) throws IOException;
  }

  /**
   * Starts a run: measures the statistics that the configuration needs, then initialises the
   * weights.
   *
   * @param config the configuration
   * @param data the rows
   * @param device where steps run; must stay open
   * @param pretrained an SAE to start from; empty to draw weights
   * @return a trainer before its first step
   * @throws ConfigException if options do not fit the data or the SAE
   * @throws io.github.sae4j.format.BadFileException if activations are not finite
   * @throws IOException if reading fails
   */
  public static Trainer start(
      TrainingConfig config,
      TrainingData data,
      Device device,
      Optional<SparseAutoencoder> pretrained)
      throws IOException {
    return start(config, data, device, pretrained, BatchSupply.OWN);
  }

  /** The same, with batches from elsewhere. */
  static Trainer start(
      TrainingConfig config,
      TrainingData data,
      Device device,
      Optional<SparseAutoencoder> pretrained,
      BatchSupply supply)
      throws IOException {
    expectStartable(config, data, pretrained);
    Optional<DataStatistics.Whitened> whitened = whiten(config, data, device, supply);
    Measured measured =
        whitened.isPresent() ? measured(config, whitened.get()) : measure(config, data, supply);
    Trainer trainer =
        new Trainer(
            config,
            data,
            device,
            measured,
            new Done(0, 0, LeftOut.NONE),
            state -> {
              InitialState initial = new InitialState(config, state);
              if (pretrained.isPresent()) {
                initial.copy(pretrained.get(), measured);
              } else {
                initial.draw(data, measured, device);
              }
            },
            supply);
    trainer.spectrum = whitened.map(DataStatistics.Whitened::spectrum);
    return trainer;
  }

  /**
   * Refuses what cannot be started, before any row is read.
   *
   * @param config the configuration
   * @param data the rows
   * @param pretrained an SAE to start from
   * @throws ConfigException if options do not fit the data or the SAE
   */
  static void expectStartable(
      TrainingConfig config, TrainingData data, Optional<SparseAutoencoder> pretrained) {
    expectPairs(config, data);
    if (config.whitens() && pretrained.isPresent()) {
      throw new ConfigException(
          "normalize_activations",
          "expected another than covariance_whitening with from_pretrained: the SAE is one of rows"
              + " that are not whitened");
    }
    StepSpec spec = config.stepSpec(data.dIn(), data.dOut(), OptionalDouble.of(1));
    config.learningRate(spec.shape().dSae(), config.steps(data.training().rows()));
    pretrained.ifPresent(sae -> InitialState.expectFits(config, spec.shape(), sae));
  }

  /**
   * Resumes where another trainer stopped.
   *
   * @param config the same configuration
   * @param data the same rows
   * @param device where steps run; must stay open
   * @param measured what was measured at the start
   * @param done the other's progress
   * @param saved gives weights, moments and counters at that point
   * @return a trainer whose next step has the bits it would have had there
   * @throws IOException if reading fails
   */
  public static Trainer resume(
      TrainingConfig config,
      TrainingData data,
      Device device,
      Measured measured,
      Done done,
      Start saved)
      throws IOException {
    return resume(config, data, device, measured, done, saved, BatchSupply.OWN);
  }

  /** The same, with batches from elsewhere. */
  static Trainer resume(
      TrainingConfig config,
      TrainingData data,
      Device device,
      Measured measured,
      Done done,
      Start saved,
      BatchSupply supply)
      throws IOException {
    return new Trainer(config, data, device, measured, done, saved, supply);
  }

  private static void expectPairs(TrainingConfig config, TrainingData data) {
    boolean wanted = config.sae().pairs() != Pairs.NONE;
    if (wanted != data.paired()) {
      throw new ConfigException(
          "pairs",
          wanted
              ? "expected pairs of rows, got rows of width " + data.dIn() + " alone"
              : "expected targets or positives, as the rows are pairs, got none");
    }
  }

  private static Optional<DataStatistics.Whitened> whiten(
      TrainingConfig config, TrainingData data, Device device, BatchSupply supply)
      throws IOException {
    if (!config.whitens()) {
      return Optional.empty();
    }
    double epsilon = config.data().whiteningEpsilon();
    return Optional.of(
        supply.once(
            "whitening, epsilon " + epsilon,
            DataStatistics.Whitened.class,
            () ->
                new DataStatistics(
                        RowViews.inputs(data.training()), data.rules(), config.rowsPerStep())
                    .whitening(epsilon, device)));
  }

  private static Measured measured(TrainingConfig config, DataStatistics.Whitened whitened) {
    double variance = whitened.spectrum().variance();
    return new Measured(
        1f,
        config.needsMseScale()
            ? OptionalDouble.of(variance > 0 ? 1 / variance : 1)
            : OptionalDouble.empty(),
        Optional.of(whitened.map()));
  }

  private static Measured measure(TrainingConfig config, TrainingData data, BatchSupply supply)
      throws IOException {
    float factor =
        config.data().normalizeActivations() == ActivationNormalization.EXPECTED_AVERAGE_ONLY_IN
            ? supply.once(
                "normalization factor",
                Float.class,
                () ->
                    new DataStatistics(
                            RowViews.inputs(data.training()), data.rules(), config.rowsPerStep())
                        .normalizationFactor())
            : 1f;
    OptionalDouble mseScale =
        config.needsMseScale()
            ? OptionalDouble.of(
                supply.once(
                    "mse scale",
                    Double.class,
                    () ->
                        new DataStatistics(
                                config.sae().pairs() == Pairs.TARGETS
                                    ? RowViews.others(data.training())
                                    : RowViews.inputs(data.training()),
                                data.rules().withFactor(factor),
                                config.rowsPerStep())
                            .mseScale(factor)))
            : OptionalDouble.empty();
    return new Measured(factor, mseScale);
  }

  /**
   * Runs one step. With gradient accumulation the remaining rows of a step are cut into
   * micro-batches again, so that only the last is short. A batch that lost all its rows is skipped:
   * the step is counted, the state and the optimizer's own count do not change, and the report has
   * no rows.
   *
   * @param withVariance whether the batch's variance is wanted in the report
   * @return losses and counts
   * @throws NoSuchElementException if the run is at its end
   * @throws DivergenceException if a pre-activation or the loss is not finite
   * @throws io.github.sae4j.data.BadRowException if a row is not finite and none are left out
   * @throws IOException if reading fails; as with a bad row, the state is as it was before
   */
  public StepRecord step(boolean withVariance) throws IOException {
    double waited = stream.secondsWaited();
    Batch batch = stream.next();
    waited = stream.secondsWaited() - waited;
    long began = System.nanoTime();
    leftOut = leftOut.and(batch.bad(), batch.masked());
    double rate = learningRate.at(stepsDone);
    if (batch.rows() == 0) {
      stepsDone++;
      passedOver++;
      return record(noRows(), rate, 0, waited);
    }
    StepReport report;
    behind = true;
    span.begin();
    Matrix x = whitening.isPresent() ? whitening.get().apply(batch.x()) : batch.x();
    try {
      report = step.run(x, rate, stepsDone - passedOver + 1, withVariance);
    } catch (NonFiniteException e) {
      throw new DivergenceException(
          String.format(
              "step %d: the pre-activation of latent %d is %s at %s, learning rate %s",
              stepsDone + 1, e.latent(), e.value(), batch.origin(e.row()), rate),
          e);
    }
    double seconds = (System.nanoTime() - began) * 1e-9;
    stepsDone++;
    span.end(stepsDone, batch.rows());
    samplesDone += batch.rows();
    if (!Double.isFinite(report.loss())) {
      throw diverged(batch, report.loss(), rate);
    }
    if (config.optimizer().emaDecay().isPresent()) {
      state()
          .keepAverages(
              device, config.optimizer().emaDecay().getAsDouble(), stepsDone - passedOver);
    }
    return record(report, rate, seconds, waited);
  }

  /** The report of a batch without rows: nothing is defined. */
  private StepReport noRows() {
    double[] undefined = new double[spec.objective().terms().size()];
    Arrays.fill(undefined, Double.NaN);
    return new StepReport(
        0,
        Double.NaN,
        StepReport.losses(spec.objective(), undefined),
        Double.NaN,
        Double.NaN,
        Double.NaN,
        0,
        0,
        Double.NaN);
  }

  private StepRecord record(StepReport report, double rate, double seconds, double waited) {
    return new StepRecord(stepsDone, steps, samplesDone, rate, report, seconds, waited);
  }

  private DivergenceException diverged(Batch batch, double loss, double rate) {
    String weights = nonFiniteWeights().map(found -> "; " + found).orElse("");
    return new DivergenceException(
        String.format(
            "step %d: the loss is %s%s; %d rows, the first %s, learning rate %s",
            stepsDone, loss, weights, batch.rows(), batch.origin(0), rate),
        null);
  }

  /**
   * Looks for weights that are not finite.
   *
   * @return a description of the first found; usually empty
   */
  public Optional<String> nonFiniteWeights() {
    synchronize();
    for (TrainingState.Named tensor : state.tensors()) {
      Matrix matrix = tensor.matrix();
      float[] row = new float[matrix.cols()];
      for (int i = 0; i < matrix.rows(); i++) {
        matrix.read(i, 1, row, 0);
        for (int j = 0; j < row.length; j++) {
          if (!Float.isFinite(row[j])) {
            // Vectors are one row: there the column is the latent, b_dec's are input columns.
            String where =
                tensor.name().startsWith("b_dec")
                    ? " at column " + j
                    : " of latent " + (matrix.rows() == 1 ? j : i);
            return Optional.of(tensor.name() + where + " is " + row[j]);
          }
        }
      }
    }
    return Optional.empty();
  }

  /** {@return whether the last step is done} */
  public boolean done() {
    return stepsDone >= steps;
  }

  /** {@return the number of steps done, including those before a resumption} */
  public long stepsDone() {
    return stepsDone;
  }

  /** {@return the number of steps of the whole run} */
  public long steps() {
    return steps;
  }

  /**
   * The learning rate of a step.
   *
   * @param step the step, from 1
   * @return its learning rate in a run of this length
   */
  public double learningRateAt(long step) {
    return learningRate.at(step - 1);
  }

  /**
   * This trainer's progress, to {@link #resume} from.
   *
   * @return the progress
   */
  public Done progress() {
    long places = Math.multiplyExact(stepsDone, (long) spec.shape().rows());
    return new Done(stepsDone, passedOver, leftOut, places - position());
  }

  /**
   * Places of the shuffled stream that the steps so far have taken: rows trained on and rows left
   * out.
   *
   * @return places
   */
  public long position() {
    return samplesDone + leftOut.rows();
  }

  /** {@return the number of rows trained on, repetitions counted} */
  public long samplesDone() {
    return samplesDone;
  }

  /** {@return the configuration} */
  public TrainingConfig config() {
    return config;
  }

  /** What whitening left of the rows' variances; empty without it, and after a resumption. */
  Optional<Spectrum> spectrum() {
    return spectrum;
  }

  /** {@return the factors measured before the first step} */
  public Measured measured() {
    return measured;
  }

  /**
   * The state after the last step, brought up to date with the device. The trainer owns it and the
   * next step changes it.
   *
   * @return weights, moments and counters
   */
  public TrainingState state() {
    synchronize();
    return state;
  }

  /** Copies the state from the device, if steps have run since the last copy. */
  private void synchronize() {
    if (behind) {
      step.synchronize();
      behind = false;
    }
  }

  /**
   * The state of what an SAE is made of: with {@code ema_decay} the running averages of the trained
   * tensors, else the tensors themselves. The trainer owns it and the next step changes it.
   *
   * @return weights, with moments and counters
   */
  public TrainingState served() {
    return state().served();
  }

  /**
   * The weights of {@link #served}. The trainer owns them: do not close them.
   *
   * @return raw weights, nothing folded
   */
  public SaeWeights weights() {
    TrainingState now = served();
    return new SaeWeights(memory, now.wEnc(), now.bEnc(), now.wDec(), now.bDec(), now.wSkip());
  }

  /** {@return what a step computes} */
  public StepSpec spec() {
    return spec;
  }

  /** Stops reading and frees the state. */
  @Override
  public void close() {
    if (step != null) {
      step.close();
    }
    if (stream != null) {
      stream.close();
    }
    memory.close();
  }
}
