package io.github.sae4j.training;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.config.SweepAxis;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.Durable;
import io.github.sae4j.internal.folders.SealedJson;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * Several runs on one stream of batches: activations are read and shuffled once, and every run
 * takes its step on the same batch before the next is read. Each run has a folder of its own in the
 * sweep's and ends with the bits that it would have alone; it may also be resumed alone. A run that
 * diverges ends, and the others go on.
 *
 * <p>Memory: that of all runs together, but for what they share: the two batches, the map of rows
 * that are whitened, and the room that writing an SAE without it takes.
 */
public final class Sweep {
  /** Member of a sweep's {@code config.json}: its axes. */
  public static final String AXES = "sweep";

  /** The most runs of one sweep; a mistyped axis should not fill a disk. */
  private static final int MOST_RUNS = 256;

  /** A name of at most this many characters is one that every file system takes. */
  private static final int LONGEST_NAME = 120;

  /**
   * One run of a sweep.
   *
   * @param name name of its folder
   * @param options values of the options that the sweep varies
   * @param config its configuration
   */
  public record Member(String name, Map<String, String> options, TrainingConfig config) {
    /** Copies the options in their order. */
    public Member {
      options = Collections.unmodifiableMap(new LinkedHashMap<>(options));
    }
  }

  /**
   * How a run of a sweep ended.
   *
   * @param member the run
   * @param folder its folder
   * @param outcome how it ended; empty if it diverged
   * @param evaluation metrics of its SAE on held-out rows, if it finished and there are such rows
   * @param failure why it diverged, if it did
   */
  public record Result(
      Member member,
      RunFolder folder,
      Optional<TrainingRun.Outcome> outcome,
      Optional<Metrics> evaluation,
      Optional<String> failure) {}

  private final TrainingRun.Settings settings;
  private final List<SweepAxis> axes;
  private final Map<String, Object> given;
  private final List<Member> members;
  private final TrainingData data;
  private final Device device;
  private final Function<Member, TrainingListener> listeners;

  /**
   * A sweep that has not started.
   *
   * @param settings where and how it is kept; the folder is the sweep's, the rest is every run's
   * @param axes what varies
   * @param given options of all runs: those that were given, without defaults
   * @param data the rows
   * @param device where steps run
   * @param listeners receives progress of each run
   * @throws ConfigException if an option of a run is out of range, or the runs cannot share a
   *     stream; names the option
   */
  public Sweep(
      TrainingRun.Settings settings,
      List<SweepAxis> axes,
      Map<String, Object> given,
      TrainingData data,
      Device device,
      Function<Member, TrainingListener> listeners) {
    this.settings = settings;
    this.axes = List.copyOf(axes);
    this.given = new LinkedHashMap<>(given);
    this.data = data;
    this.device = device;
    this.listeners = listeners;
    this.members = members(axes, given);
    members.forEach(member -> member.config().resolved(data.dIn()));
    expectOneStream();
  }

  /**
   * The runs of a sweep. They share the order of rows, so {@code shuffle_seed} is the same for all
   * of them where it would follow from a {@code seed} that varies.
   *
   * @param axes what varies
   * @param given options of all runs: those that were given, without defaults
   * @return one run for every combination
   * @throws ConfigException if there are too many, or an option is out of range
   */
  public static List<Member> members(List<SweepAxis> axes, Map<String, Object> given) {
    List<Map<String, String>> all = SweepAxis.combinations(axes);
    if (all.size() > MOST_RUNS) {
      throw new ConfigException(
          "sweep", "expected at most " + MOST_RUNS + " runs, got " + all.size());
    }
    String shuffleSeed = "shuffle_seed";
    List<Member> members = new ArrayList<>();
    for (Map<String, String> options : all) {
      TrainingConfig config = TrainingConfig.fromLayers(List.of(given, options));
      if (config.data().shuffleSeed().isEmpty()) {
        long seed =
            members.isEmpty()
                ? config.run().seed()
                : members.getFirst().config().data().shuffleSeed().getAsLong();
        config = config.with(shuffleSeed, seed);
      }
      members.add(new Member(name(options, members.size()), options, config));
    }
    return List.copyOf(members);
  }

  /** A folder's name that says what is in it: {@code k-16_lr-0.001}. */
  private static String name(Map<String, String> options, int index) {
    StringBuilder name = new StringBuilder();
    options.forEach(
        (option, value) ->
            name.append(name.isEmpty() ? "" : "_")
                .append(option)
                .append('-')
                .append(value.replaceAll("[^A-Za-z0-9.+-]+", "+")));
    return name.length() <= LONGEST_NAME
        ? name.toString()
        : name.substring(0, LONGEST_NAME) + "_" + index;
  }

  private void expectOneStream() {
    long rows = data.training().rows();
    expectSame("train_batch_size", config -> config.rowsPerStep());
    expectSame("steps, epochs or training_samples", config -> config.samples(rows));
    expectSame("shuffle_seed", config -> config.data().shuffleSeed());
    expectSame("eval_fraction", config -> config.data().evalFraction());
    expectSame("normalize_activations", config -> config.data().normalizeActivations());
    expectSame("whitening_epsilon", config -> config.data().whiteningEpsilon());
    long names = members.stream().map(Member::name).distinct().count();
    if (names < members.size()) {
      throw new ConfigException("sweep", "expected values that differ in letters and digits");
    }
  }

  private void expectSame(String option, Function<TrainingConfig, Object> value) {
    Member first = members.getFirst();
    for (Member member : members) {
      if (!Objects.equals(value.apply(first.config()), value.apply(member.config()))) {
        throw new ConfigException(
            "sweep",
            "expected runs with the same "
                + option
                + ", since they share their batches; got "
                + value.apply(first.config())
                + " in "
                + first.name()
                + " and "
                + value.apply(member.config())
                + " in "
                + member.name());
      }
    }
  }

  /** {@return what varies} */
  public List<SweepAxis> axes() {
    return axes;
  }

  /** {@return the runs} */
  public List<Member> members() {
    return members;
  }

  /**
   * Runs from the first step.
   *
   * @param stop asked after every step of every run; true ends the sweep after checkpoints
   * @return how each run ended
   * @throws ConfigException if the folder holds a sweep already, or files of somebody else
   * @throws IOException if reading or writing fails; what the runs have reached is kept
   */
  public List<Result> start(BooleanSupplier stop) throws IOException {
    expectStartable();
    RunFolder folder = settings.folder();
    TrainingRun.expectHeldOut(settings.heldOut(), data, BatchSupply.OWN);
    Map<String, Object> config = new LinkedHashMap<>(settings.record());
    config.put(RunFolder.TRAINING, given);
    config.put(RunFolder.DATA, data.identity().toMap());
    config.put(RunFolder.ON_BAD_ROWS, data.rules().onBadRows().toString());
    config.put(AXES, toMap(axes));
    Durable.createFolders(folder.path());
    folder.writeConfig(config);
    return run(stop);
  }

  /**
   * Refuses what {@link #start} would refuse before it reads rows, but for what the disk refuses.
   * Nothing is written.
   *
   * @throws ConfigException if options do not fit the data, or the folder holds a run or a sweep
   *     already, or files of somebody else
   * @throws IOException if the folder cannot be read
   */
  public void expectStartable() throws IOException {
    RunFolder folder = settings.folder();
    folder.expectNotForeign();
    if (folder.used()) {
      throw new ConfigException(
          "output_path",
          folder.path() + " holds a run or a sweep already; choose another folder or resume it");
    }
    TrainingRun.expectHeldOutRows(settings.heldOut(), data);
    for (Member member : members) {
      expectStartable(member);
    }
  }

  private void expectStartable(Member member) {
    Trainer.expectStartable(member.config().resolved(data.dIn()), data, Optional.empty());
  }

  /**
   * Refuses what {@link #resume} would refuse of the sweep and of each of its runs before it reads
   * rows, as {@link TrainingRun#expectResumable} does. Nothing is written.
   *
   * @throws ConfigException if the configuration differs from the sweep's
   * @throws BadFileException if the data differ, or what a run has left is damaged
   * @throws IOException if reading fails
   */
  public void expectResumable() throws IOException {
    RunFolder folder = settings.folder();
    if (!axes.equals(axesOf(folder))) {
      throw new ConfigException(
          "sweep", "expected the axes of " + folder.path() + ", " + toMap(axesOf(folder)));
    }
    expectSameConfig();
    new Continuation(folder, members.getFirst().config(), data, TrainingListener.NONE)
        .expectSameData(Optional.empty());
    for (Member member : members) {
      RunFolder own = folder(member);
      if (own.used()) {
        new TrainingRun(settings.in(own), member.config(), data, device, TrainingListener.NONE)
            .expectResumable(Optional.empty(), Optional.empty());
      } else {
        TrainingRun.expectHeldOutRows(settings.heldOut(), data);
        expectStartable(member);
      }
    }
  }

  private RunFolder folder(Member member) {
    return new RunFolder(settings.folder().path().resolve(member.name()));
  }

  /**
   * Resumes an interrupted sweep: every run from its newest checkpoint, those that had not begun
   * from their first step.
   *
   * @param stop asked after every step of every run
   * @return how each run ended
   * @throws ConfigException if the configuration differs from the sweep's
   * @throws IOException if reading or writing fails
   */
  public List<Result> resume(BooleanSupplier stop) throws IOException {
    expectResumable();
    recordRemoval();
    return run(stop);
  }

  private void expectSameConfig() throws IOException {
    Optional<Map<String, Object>> before =
        settings.folder().section(RunFolder.TRAINING, Optional.empty());
    if (before.isPresent()) {
      List<String> differences = new ArrayList<>();
      List<Member> started = members(axes, before.get());
      for (int i = 0; i < members.size(); i++) {
        Map<String, Object> was = started.get(i).config().toMap();
        members
            .get(i)
            .config()
            .toMap()
            .forEach(
                (option, value) -> {
                  String difference = option + " was " + was.get(option) + ", is now " + value;
                  if (!Objects.equals(was.get(option), value)
                      && !differences.contains(difference)) {
                    differences.add(difference);
                  }
                });
      }
      Continuation.expectNone(differences);
    }
  }

  /** Rows that are left out from now on are also left out when the sweep is resumed again. */
  private void recordRemoval() throws IOException {
    OnBadRows policy = data.rules().onBadRows();
    if (!data.removals().isEmpty() || policy != settings.folder().onBadRows()) {
      Continuation.recordRemoval(settings.folder(), data, 0, policy);
    }
  }

  /**
   * The axes of a sweep on disk.
   *
   * @param folder its folder
   * @return what varies; empty if the folder is not a sweep's
   * @throws IOException if its {@code config.json} cannot be read
   */
  public static List<SweepAxis> axesOf(RunFolder folder) throws IOException {
    List<SweepAxis> axes = new ArrayList<>();
    if (folder.readConfig().get(AXES) instanceof Map<?, ?> saved) {
      saved.forEach(
          (option, values) ->
              axes.add(
                  new SweepAxis(
                      (String) option,
                      ((List<?>) values).stream().map(String.class::cast).toList())));
    }
    return axes;
  }

  private static Map<String, Object> toMap(List<SweepAxis> axes) {
    Map<String, Object> map = new LinkedHashMap<>();
    axes.forEach(axis -> map.put(axis.option(), List.<Object>copyOf(axis.values())));
    return map;
  }

  /** A run of the sweep while it goes on. */
  private static final class Running {
    private final Member member;
    private final RunFolder folder;
    private final TrainingRun run;
    private CheckpointStore store;
    private Optional<ActiveRun> active = Optional.empty();
    private Optional<TrainingRun.Outcome> outcome = Optional.empty();
    private Optional<String> failure = Optional.empty();

    Running(Member member, RunFolder folder, TrainingRun run) {
      this.member = member;
      this.folder = folder;
      this.run = run;
    }

    void open() throws IOException {
      if (folder.used()) {
        store = run.openAgain();
        active = run.again(store, Optional.empty(), Optional.empty());
      } else {
        store = run.openNew();
        active = Optional.of(run.begin(store, Optional.empty()));
      }
      endIfDone();
    }

    void advance(BooleanSupplier stop) throws IOException {
      try {
        if (active.orElseThrow().advance(stop)) {
          outcome = Optional.of(TrainingRun.Outcome.STOPPED);
          close();
        } else {
          endIfDone();
        }
      } catch (DivergenceException e) {
        failure = Optional.of(e.getMessage());
        close();
      }
    }

    private void endIfDone() throws IOException {
      if (active.isPresent() && !active.get().done()) {
        return;
      }
      try {
        if (active.isPresent()) {
          active.get().end();
          active.get().close(); // its memory is needed for the evaluation
          active = Optional.empty();
        }
        outcome = Optional.of(run.finish());
      } catch (DivergenceException e) {
        failure = Optional.of(e.getMessage());
      }
      close();
    }

    void close() throws IOException {
      try {
        if (active.isPresent()) {
          active.get().close();
          active = Optional.empty();
        }
      } finally {
        if (store != null) {
          store.close();
          store = null;
        }
      }
    }

    Result result() {
      return new Result(member, folder, outcome, run.evaluation(), failure);
    }
  }

  private List<Result> run(BooleanSupplier stop) throws IOException {
    List<Running> all = new ArrayList<>();
    try (OffHeap memory = device.openMemory();
        SharedBatches batches = new SharedBatches(memory, settings.folder().path())) {
      try {
        for (Member member : members) {
          RunFolder folder = folder(member);
          TrainingRun run =
              new TrainingRun(
                  settings.in(folder),
                  member.config(),
                  data,
                  device,
                  listeners.apply(member),
                  batches);
          Running running = new Running(member, folder, run);
          all.add(running);
          running.open();
        }
        takeTurns(all, stop);
      } finally {
        for (Running running : all) {
          running.close();
        }
      }
    }
    List<Result> results = all.stream().map(Running::result).toList();
    if (results.stream()
        .noneMatch(result -> result.outcome().equals(Optional.of(TrainingRun.Outcome.STOPPED)))) {
      write(results);
    }
    return results;
  }

  /** Takes the runs that are furthest behind forward, until none is left. */
  private static void takeTurns(List<Running> all, BooleanSupplier stop) throws IOException {
    List<Running> active = new ArrayList<>(all);
    while (active.removeIf(running -> running.active.isEmpty()) || !active.isEmpty()) {
      long step =
          active.stream()
              .mapToLong(running -> running.active.get().stepsDone())
              .min()
              .orElse(Long.MAX_VALUE);
      for (Running running : active) {
        if (running.active.get().stepsDone() == step) {
          try {
            running.advance(stop);
          } catch (IOException e) {
            keepOthers(active, running, e);
            throw e;
          }
        }
      }
    }
  }

  /** What fails for one, a disk or a row, would fail for all: keep what the others have reached. */
  private static void keepOthers(List<Running> active, Running failed, IOException failure) {
    for (Running other : active) {
      if (other != failed && other.active.isPresent()) {
        other.active.get().keep(failure);
      }
    }
  }

  /** The file of a finished sweep's table. */
  private Path table() {
    return settings.folder().path().resolve("sweep.json");
  }

  private void write(List<Result> results) throws IOException {
    SealedJson.write(table(), toMap(axes, results));
  }

  /**
   * What {@code sweep.json} holds: the axes, and of each run its folder's name, options, outcome,
   * held-out metrics, and whether it is on the {@linkplain #pareto front}.
   *
   * @param axes what varied
   * @param results how the runs ended
   * @return values of JSON's kinds
   */
  public static Map<String, Object> toMap(List<SweepAxis> axes, List<Result> results) {
    List<Object> runs = new ArrayList<>();
    List<Boolean> pareto = pareto(results);
    for (int i = 0; i < results.size(); i++) {
      Result result = results.get(i);
      Map<String, Object> run = new LinkedHashMap<>();
      run.put("run", result.member().name());
      run.put("options", new LinkedHashMap<String, Object>(result.member().options()));
      run.put(
          "outcome",
          result.outcome().map(end -> end.name().toLowerCase(Locale.ROOT)).orElse("diverged"));
      result.failure().ifPresent(failure -> run.put("failure", failure));
      run.put("pareto", pareto.get(i));
      run.put("metrics", result.evaluation().map(Metrics::toMap).orElse(null));
      runs.add(run);
    }
    Map<String, Object> table = new LinkedHashMap<>();
    table.put("axes", toMap(axes));
    table.put("runs", runs);
    return table;
  }

  /**
   * Which runs no other beats: none has a lower FVU at an L0 that is not higher, nor a lower L0 at
   * an FVU that is not higher.
   *
   * @param results how runs ended
   * @return whether each is on the front; false without metrics
   */
  public static List<Boolean> pareto(List<Result> results) {
    List<Boolean> front = new ArrayList<>();
    for (Result result : results) {
      front.add(
          result.evaluation().isPresent()
              && results.stream()
                  .flatMap(other -> other.evaluation().stream())
                  .noneMatch(other -> beats(other, result.evaluation().get())));
    }
    return front;
  }

  private static boolean beats(Metrics a, Metrics b) {
    return a.fvu() <= b.fvu() && a.l0() <= b.l0() && (a.fvu() < b.fvu() || a.l0() < b.l0());
  }
}
