package io.github.sae4j.cli.options;

import io.github.sae4j.cli.console.Reading;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.LeftOut;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.OptionTable;
import io.github.sae4j.report.tokens.Shard;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.RunFolder;
import io.github.sae4j.training.TrainingData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Where activations come from. */
public final class ActivationOptions {
  /** What {@link #others} may hold. */
  public static final List<String> OTHERS =
      Stream.concat(RowExclusions.OPTIONS.stream(), Stream.of("dtype")).toList();

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--activations",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description =
          "Activations [rows, d_in] or [seq, ctx, d_in]: safetensors, npy, npz, torch, Parquet,"
              + " Arrow or JSON lines.")
  public List<String> activations = new ArrayList<>();

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Tensor to read (default: 'activations', else the only one of rank 2 or 3).")
  public String tensor;

  @Option(
      names = "--dtype",
      paramLabel = "bf16",
      description = "What unsigned 16-bit integers of npy, npz and safetensors are: bf16.")
  private String dtype;

  @Option(
      names = "--mask",
      paramLabel = "FILE",
      description = "BOOL or U8 tensor, one value per row: 1 leaves the row out.")
  public Path mask;

  @Option(
      names = "--on-bad-rows",
      paramLabel = "error|skip",
      description = "Rows that hold NaN, infinity or what f32 cannot: stop, or leave them out.")
  public String onBadRows;

  @Mixin private RowExclusions exclusions = new RowExclusions();

  private ActivationFiles files;
  private ActivationFiles others;
  private String othersName;
  private RowMask rowMask;
  private Rules rules;

  /**
   * Opens them.
   *
   * @param quiet whether to hide the progress of reading
   */
  public ActivationSource open(boolean quiet) throws IOException {
    expectPaths(activations, spec);
    files =
        ActivationFiles.open(
            activations, Optional.ofNullable(tensor), ActivationOptions.wordsAreBf16(dtype));
    return quiet ? files : Reading.toStderr().of(files);
  }

  /** The only type that integers are given. */
  static boolean wordsAreBf16(String dtype) {
    if (dtype != null && !List.of("bf16", "bfloat16").contains(dtype.toLowerCase(Locale.ROOT))) {
      throw new ConfigException("dtype", "expected bf16, got '" + dtype + "'");
    }
    return dtype != null;
  }

  /**
   * Opens pairs of rows.
   *
   * @param paths the other rows; empty for rows that are inputs alone
   * @param name the option that gives them, as files spell it
   */
  public ActivationSource open(boolean quiet, List<String> paths, String name) throws IOException {
    ActivationSource inputs = open(quiet);
    if (paths.isEmpty()) {
      return inputs;
    }
    try {
      openOthers(paths, name);
      if (others.rows() != inputs.rows()) {
        throw new ConfigException(
            name,
            "expected as many rows as the "
                + inputs.rows()
                + " activations, one for each, got "
                + others.rows());
      }
      return RowViews.pairs(inputs, others);
    } catch (Throwable e) {
      if (others != null) {
        others.close();
      }
      inputs.close();
      throw e;
    }
  }

  /**
   * Opens the other rows of pairs by themselves, read like the inputs.
   *
   * @param paths files, folders or globs
   * @param name the option that gives them, as files spell it
   */
  public ActivationSource openOthers(List<String> paths, String name) throws IOException {
    expectPaths(paths, spec);
    others = ActivationFiles.open(paths, Optional.empty(), wordsAreBf16(dtype));
    othersName = name;
    return others;
  }

  /** Whether it was said how files are read. */
  public boolean reads() {
    return tensor != null || dtype != null;
  }

  /** Refuses, rather than ignores, what is said of activations where there are none. */
  public void expectNone() {
    Map<String, Object> given = new LinkedHashMap<>(others());
    given.put("tensor", tensor);
    given.put("mask", mask);
    given.put("on_bad_rows", onBadRows);
    given.forEach(
        (option, value) -> {
          if (value != null) {
            throw new ConfigException(option, "expected with activations, got none");
          }
        });
  }

  /** Whether rows are to be left out for what they are. */
  public boolean excludes() {
    return !exclusions.given().isEmpty();
  }

  /** All rows, or pairs of rows, once they are open, without the progress of reading. */
  public ActivationSource files() {
    return others == null ? files : RowViews.pairs(files, others);
  }

  /** The files of the inputs, once they are open, and the rows that they begin with. */
  public List<Shard> shards() {
    List<Shard> shards = new ArrayList<>();
    int count = files.paths().size();
    for (int i = 0; i < count; i++) {
      long end = i + 1 < count ? files.firstRow(i + 1) : files.rows();
      shards.add(new Shard(files.paths().get(i), files.firstRow(i), end - files.firstRow(i)));
    }
    return shards;
  }

  /**
   * Takes what a run read, and how, where the user has named nothing.
   *
   * @param record the run's {@code config.json}
   */
  public void take(Map<String, Object> record) {
    if (record.get(RunFolder.OPTIONS) instanceof Map<?, ?> options) {
      activations.addAll(paths(options, "activations"));
      tensor = tensor == null && options.get("tensor") instanceof String name ? name : tensor;
      dtype = dtype == null && options.get("dtype") instanceof String type ? type : dtype;
      exclusions.take(options);
    }
    if (OnBadRows.SKIP.toString().equals(record.get(RunFolder.ON_BAD_ROWS))) {
      onBadRows = OnBadRows.SKIP.toString();
    }
  }

  /** The other rows of a run's pairs, by the option that gave them; empty if it has none. */
  public static Optional<Map.Entry<String, List<String>>> recordedOthers(
      Map<String, Object> record) {
    Map<?, ?> options =
        record.get(RunFolder.OPTIONS) instanceof Map<?, ?> recorded ? recorded : Map.of();
    return Stream.of("targets", "positives")
        .map(name -> Map.entry(name, paths(options, name)))
        .filter(paths -> !paths.getValue().isEmpty())
        .findFirst();
  }

  private static List<String> paths(Map<?, ?> options, String name) {
    return options.get(name) instanceof List<?> all
        ? all.stream().map(String::valueOf).toList()
        : List.of();
  }

  /** The rows that a run was made of. */
  public record Kept(Optional<RowMask> mask, OnBadRows onBadRows) {
    /** Nothing is left out. */
    public static final Kept ALL = new Kept(Optional.empty(), OnBadRows.ERROR);
  }

  /** Checks what was taken for paths: as many words follow {@code --activations} as there are. */
  static void expectPaths(List<String> paths, CommandSpec spec) {
    for (String path : paths) {
      if (path.isBlank()) {
        throw new ConfigException("activations", "expected a path, got '" + path + "'");
      }
      // A mistyped option is one of them.
      if (path.startsWith("-")) {
        List<String> flags =
            spec.optionsMap().keySet().stream().filter(name -> name.startsWith("--")).toList();
        throw new IllegalArgumentException(
            "unknown option '"
                + path
                + "'; the nearest is "
                + OptionTable.nearest(path.split("=", 2)[0], flags)
                + " (for a file of that name write './"
                + path
                + "')");
      }
    }
  }

  /** Says on stderr which tensors were taken, and which files of a folder were not. */
  public void report(boolean quiet) {
    files.leftOut().forEach(line -> Terminal.say("sae4j: warning: " + Terminal.harmless(line)));
    if (others != null) {
      others.leftOut().forEach(line -> Terminal.say("sae4j: warning: " + Terminal.harmless(line)));
    }
    if (!quiet) {
      taken().forEach((what, which) -> Terminal.say(what + ": " + which));
    }
  }

  /** The tensors that were taken, for the console and for {@code config.json}. */
  public Map<String, Object> taken() {
    Map<String, Object> taken = new LinkedHashMap<>();
    taken.put("activations", files.tensorTaken());
    if (others != null) {
      taken.put(othersName, others.tensorTaken());
    }
    if (rowMask != null) {
      taken.put("mask", rowMask.tensor() + " of " + mask);
    }
    return taken;
  }

  /** What to do with rows that are not finite; error by default. */
  public OnBadRows onBadRows() {
    if (onBadRows == null) {
      return OnBadRows.ERROR;
    }
    for (OnBadRows policy : OnBadRows.values()) {
      if (policy.toString().equalsIgnoreCase(onBadRows)) {
        return policy;
      }
    }
    throw new ConfigException("on_bad_rows", "expected error or skip, got '" + onBadRows + "'");
  }

  /** The rows of a new run. */
  public TrainingData data(ActivationSource source, double evalFraction) throws IOException {
    return data(source, evalFraction, rules(source));
  }

  private TrainingData data(ActivationSource source, double evalFraction, Rules now)
      throws IOException {
    rules = now;
    return TrainingData.of(source, now.mask(), evalFraction, now.onBadRows(), now.removals());
  }

  private Rules rules(ActivationSource source) throws IOException {
    return new Rules(readMask(source), onBadRows(), List.of());
  }

  /** Which rows a run leaves out, the removals since it began. */
  private record Rules(Optional<RowMask> mask, OnBadRows onBadRows, List<RowMask> removals) {
    Kept kept() {
      return new Kept(
          Stream.concat(mask.stream(), removals.stream()).reduce(RowMask::and), onBadRows);
    }
  }

  /** The rows of the run whose data were made last. */
  public Kept kept() {
    return rules.kept();
  }

  /**
   * The rows of a run that is there.
   *
   * @param record its {@code config.json}
   */
  public Kept kept(ActivationSource source, Map<String, Object> record) throws IOException {
    return resumedRules(source, record).kept();
  }

  /**
   * The rows of a resumed run: its first mask determined their order, and masks added since exclude
   * more of them, now and whenever it is resumed again.
   *
   * @param record the run's {@code config.json}; empty if it is lost
   */
  public TrainingData resumedData(
      ActivationSource source, double evalFraction, Map<String, Object> record) throws IOException {
    return data(source, evalFraction, resumedRules(source, record));
  }

  private Rules resumedRules(ActivationSource source, Map<String, Object> record)
      throws IOException {
    if (!(record.get(RunFolder.OPTIONS) instanceof Map<?, ?> options)) {
      return rules(source);
    }
    exclusions.expectAs(options);
    Optional<RowMask> given = readFile(source);
    Optional<RowMask> first =
        options.get("mask") instanceof String file
            ? Optional.of(RowMask.read(Path.of(file), source.rows()))
            : Optional.empty();
    OnBadRows policy = onBadRows();
    List<RowMask> removals = new ArrayList<>();
    if (record.get(RunFolder.REMOVALS) instanceof List<?> all
        && !all.isEmpty()
        && all.getLast() instanceof Map<?, ?> last) {
      if (OnBadRows.SKIP.toString().equals(last.get("on_bad_rows")) && onBadRows == null) {
        policy = OnBadRows.SKIP;
      }
      if (last.get("masks") instanceof List<?> masks) {
        for (Object entry : masks) {
          removals.add(again((Map<?, ?>) entry, source.rows()));
        }
      }
    }
    if (given.isPresent()
        && Stream.concat(first.stream(), removals.stream())
            .noneMatch(mask -> mask.sha256().equals(given.get().sha256()))) {
      removals.add(given.get());
    }
    return new Rules(withExclusions(first, source), policy, removals);
  }

  /** A mask that was added by an earlier resumption. */
  private static RowMask again(Map<?, ?> entry, long rows) throws IOException {
    Path file = Path.of(String.valueOf(entry.get("file")));
    RowMask read = RowMask.read(file, rows);
    if (!read.sha256().equals(entry.get("sha256"))) {
      throw new BadFileException(file, "is not the mask that the run was resumed with before");
    }
    return read;
  }

  /** The finite rows, if bad ones are to be left out; reports which were not finite. */
  public ActivationSource finite(ActivationSource source) throws IOException {
    if (onBadRows() == OnBadRows.ERROR) {
      return source;
    }
    FiniteRows.Selected selected = FiniteRows.select(source);
    LeftOut leftOut = selected.leftOut();
    leftOut.named().forEach(row -> Terminal.say("sae4j: warning: left out: " + row));
    if (leftOut.bad() > leftOut.named().size()) {
      Terminal.say("sae4j: warning: left out in all: " + leftOut.bad() + " rows");
    }
    return selected
        .rows()
        .orElseThrow(() -> new ConfigException("on_bad_rows", "no row is finite"));
  }

  /** Checks that rows are as wide as an SAE's input. */
  public static void expectWidth(Path folder, SparseAutoencoder sae, ActivationSource source)
      throws BadFileException {
    int dIn = sae.config().dIn();
    if (source.inputWidth() != dIn) {
      throw new BadFileException(
          folder,
          "encodes rows of width " + dIn + ", the activations have width " + source.inputWidth());
    }
  }

  /** The rows that a mask or an exclusion leaves out. */
  public Optional<RowMask> readMask(ActivationSource source) throws IOException {
    return withExclusions(readFile(source), source);
  }

  private Optional<RowMask> withExclusions(Optional<RowMask> mask, ActivationSource source)
      throws IOException {
    Optional<RowMask> excluded = exclusions.mask(source, files);
    if (excluded.isEmpty() || mask.isEmpty()) {
      return mask.isEmpty() ? excluded : mask;
    }
    try {
      return Optional.of(mask.get().and(excluded.get()));
    } catch (IllegalArgumentException e) {
      throw new ConfigException("mask", "leaves out, with what is excluded besides, all rows");
    }
  }

  /** What else the user said of the rows, by option, for the record of a run. */
  public Map<String, Object> others() {
    Map<String, Object> others = exclusions.given();
    if (dtype != null) {
      others.put("dtype", dtype);
    }
    return others;
  }

  private Optional<RowMask> readFile(ActivationSource source) throws IOException {
    rowMask = mask == null ? null : RowMask.read(mask, source.rows());
    return Optional.ofNullable(rowMask);
  }
}
