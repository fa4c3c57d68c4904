package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.options.ActivationOptions;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.cli.options.SaeOptions;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.data.Split;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Density;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.LoadCheck;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.evaluation.NeighbourRecall;
import io.github.sae4j.evaluation.SparseProbing;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.Durable;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.SaeLensLayout;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j eval}. */
@Command(
    name = "eval",
    description = "Metrics of a trained SAE on activations.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class EvalCommand implements Callable<Integer> {
  /** Labels go through a source of floats. */
  private static final long MOST_LABEL = 1 << 24;

  @Spec private CommandSpec spec;

  @Option(
      names = "--sae",
      required = true,
      paramLabel = "DIR",
      description = "The SAE: a run, an SAE's folder or file in any layout that inspect knows.")
  private Path sae;

  @Mixin private SaeOptions open = new SaeOptions();

  @Mixin private ActivationOptions input = new ActivationOptions();

  @Option(
      names = "--targets",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description = "Targets of a transcoder's outputs, row by row: [rows, d_out].")
  private List<String> targets = List.of();

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Rows of a batch (default: 4096); only the legacy metrics depend on it.")
  private int batchSize = Evaluator.BATCH_ROWS;

  @Option(
      names = "--held-out",
      paramLabel = "X",
      description = "Evaluate only the rows that a run with --eval-fraction X holds out.")
  private Double heldOut;

  @Option(
      names = "--density",
      paramLabel = "DIR",
      description =
          "Write how often each latent fired: sparsity.safetensors (log10 of the share of rows plus"
              + " 1e-10, as SAELens has it) and density.csv.")
  private Path density;

  @Option(
      names = {"--row-labels", "--labels"},
      paramLabel = "FILE",
      description =
          "The class of each row, integers [rows]; negative for none (report's --labels are names"
              + " of latents). Adds k-sparse probing: how well a few latents tell each class,"
              + " beside as few columns of the activations.")
  private Path labels;

  @Option(
      names = "--probe-features",
      paramLabel = "N",
      split = ",",
      description = "Latents of a probe (default: 1,5,16).")
  private List<Integer> probeFeatures = List.of();

  /** Which rows are evaluated, if not all. */
  private Split split;

  @Option(
      names = "--recall-rows",
      paramLabel = "N",
      description =
          "Also recall@10: of N rows, the share of each one's 10 nearest by cosine that are among"
              + " its 10 nearest by cosine of codes (1000 take a second; default: not measured).")
  private int recallRows;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(names = "--quiet", description = "Warnings and results only.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    if (quiet) {
      CommandLineApp.quiet();
    }
    if (input.activations.isEmpty()) {
      throw new ConfigException("activations", "expected a path, got none");
    }
    MachineMemory.now().expectRoomFor(sae, batchSize);
    try (Device device = choice.open();
        SparseAutoencoder trained = SaeCheckpoint.read(sae, device, open.read()).sae();
        ActivationSource source = input.open(quiet)) {
      ActivationOptions.expectWidth(sae, trained, source);
      Metrics metrics = metrics(trained, source);
      if (density != null) {
        writeDensity(metrics.density());
      }
      List<SparseProbing.Result> probing = probing(trained, source);
      if (json) {
        Map<String, Object> all = new LinkedHashMap<>(metrics.toMap());
        if (!probing.isEmpty()) {
          all.put("sparse_probing", probing.stream().map(SparseProbing.Result::toMap).toList());
        }
        CommandLineApp.print(spec, Json.line(all));
      } else {
        MetricsReport.print(spec, metrics.toMap());
        for (SparseProbing.Result result : probing) {
          CommandLineApp.print(
              spec,
              String.format(
                  Locale.ROOT,
                  "%d classes told by %d latents: balanced accuracy %.4f (by columns %.4f), %d"
                      + " rows",
                  result.probes().size(),
                  result.features(),
                  result.balancedAccuracy(),
                  result.ofColumns(),
                  result.rows()));
        }
      }
      LoadCheck.warnings(trained.config(), metrics)
          .forEach(line -> Terminal.say("sae4j: warning: " + line));
    }
    return ExitCode.DONE;
  }

  /** Probes of the classes, if there are labels. */
  private List<SparseProbing.Result> probing(SparseAutoencoder trained, ActivationSource source)
      throws IOException {
    if (labels == null) {
      if (!probeFeatures.isEmpty()) {
        throw new ConfigException("probe_features", "expected with row_labels only");
      }
      return List.of();
    }
    ActivationSource rows = selected(source);
    long[] classes = readLabels(source.rows());
    int[] features =
        probeFeatures.isEmpty()
            ? new int[] {1, 5, 16}
            : probeFeatures.stream().mapToInt(Integer::intValue).toArray();
    return SparseProbing.probe(trained, rows, classes, features);
  }

  /** The labels of the rows that are evaluated: they go through the same selection. */
  private long[] readLabels(long rows) throws IOException {
    if (labels.toString().endsWith(".json")) {
      throw new BadFileException(
          labels,
          "expected a file of tensors with a class for each row (names of latents are for report"
              + " --labels)");
    }
    try (TensorFile file = TensorFile.open(labels);
        OffHeap memory = new OffHeap()) {
      List<TensorInfo> found =
          file.tensors().stream()
              .filter(tensor -> tensor.elements() == rows && !isFloat(tensor))
              .toList();
      List<TensorInfo> named =
          found.stream().filter(tensor -> tensor.name().matches("labels?")).toList();
      TensorInfo tensor = named.size() == 1 ? named.getFirst() : null;
      if (tensor == null && found.size() == 1) {
        tensor = found.getFirst();
      }
      if (tensor == null || rows > Integer.MAX_VALUE) {
        throw new BadFileException(
            labels,
            "expected the labels of "
                + rows
                + " rows, integers named labels or the only ones of that size, got "
                + file.tensors().stream().map(TensorInfo::toString).limit(8).toList());
      }
      Matrix all = memory.matrix((int) rows, 1);
      long[] values = file.readLongs(tensor, 0, (int) rows);
      for (int row = 0; row < values.length; row++) {
        if (Math.abs(values[row]) > MOST_LABEL) {
          throw new BadFileException(
              labels, "expected labels of at most 2^24, got " + values[row] + " at row " + row);
        }
        all.set(row, 0, values[row]); // exact
      }
      ActivationSource selected = selected(new MatrixSource(all, labels.toString()));
      Matrix some = memory.matrix((int) selected.rows(), 1);
      selected.readRange(0, some.rows(), some);
      long[] classes = new long[some.rows()];
      for (int row = 0; row < classes.length; row++) {
        classes[row] = (long) some.get(row, 0);
      }
      return classes;
    }
  }

  private static boolean isFloat(TensorInfo tensor) {
    return switch (tensor.type()) {
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> true;
      case I64, I32, U8, BOOL -> false;
    };
  }

  private ActivationSource selected(ActivationSource source) {
    if (split == null) {
      return source;
    }
    return heldOut == null ? split.training(source) : split.heldOut(source).orElseThrow();
  }

  /** Each file is there whole or not at all. */
  private void writeDensity(Density latents) throws IOException {
    Files.createDirectories(density);
    float[] log10 = latents.log10();
    Path target = density.resolve(SaeLensLayout.SPARSITY);
    Path fresh = target.resolveSibling("." + SaeLensLayout.SPARSITY + ".new");
    new SafetensorsWriter().floats("sparsity", log10, log10.length).write(fresh);
    Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
    StringBuilder csv = new StringBuilder("latent,fired,rows,density,log10_density\n");
    for (int i = 0; i < log10.length; i++) {
      long fired = latents.fired()[i];
      csv.append(i)
          .append(',')
          .append(fired)
          .append(',')
          .append(latents.rows())
          .append(',')
          .append((double) fired / latents.rows())
          .append(',')
          .append(log10[i])
          .append('\n');
    }
    Durable.write(density.resolve("density.csv"), csv.toString());
    if (!quiet) {
      Terminal.say("densities: " + density);
    }
  }

  private Metrics metrics(SparseAutoencoder trained, ActivationSource source) throws IOException {
    if (batchSize < 1) {
      throw new ConfigException("batch_size", "expected at least 1, got " + batchSize);
    }
    if (labels != null && trained.config().transcoder()) {
      throw new ConfigException("row_labels", "expected with an autoencoder, got a transcoder");
    }
    if (labels != null && input.onBadRows() == OnBadRows.SKIP) {
      throw new ConfigException(
          "on_bad_rows", "expected error with row_labels: a mask leaves out both");
    }
    if (recallRows != 0 && recallRows <= NeighbourRecall.NEIGHBOURS) {
      throw new ConfigException(
          "recall_rows",
          "expected more than the "
              + NeighbourRecall.NEIGHBOURS
              + " neighbours, got "
              + recallRows);
    }
    Evaluator evaluator = new Evaluator(trained, batchSize).withRecall(recallRows);
    if (!trained.config().transcoder()) {
      if (!targets.isEmpty()) {
        throw new ConfigException("targets", "an autoencoder reconstructs its input, got targets");
      }
      ActivationSource chosen = rows(source);
      input.report(quiet);
      return evaluator.evaluate(input.finite(chosen));
    }
    if (targets.isEmpty()) {
      throw new ConfigException(
          "targets", "expected the rows that the transcoder's output approximates, got none");
    }
    try (ActivationSource outputs = input.openOthers(targets, "targets")) {
      if (outputs.width() != trained.config().dOut() || outputs.rows() != source.rows()) {
        throw new ConfigException(
            "targets",
            "expected ["
                + source.rows()
                + ", "
                + trained.config().dOut()
                + "], got ["
                + outputs.rows()
                + ", "
                + outputs.width()
                + "]");
      }
      input.report(quiet);
      // As pairs, so that a mask or a bad row leaves out both.
      ActivationSource pairs = input.finite(rows(RowViews.pairs(source, outputs)));
      return evaluator.evaluate(RowViews.inputs(pairs), RowViews.others(pairs));
    }
  }

  /** The rows that a mask keeps, or those of them that training would hold out. */
  private ActivationSource rows(ActivationSource source) throws IOException {
    Optional<RowMask> mask = input.readMask(source);
    if (mask.isEmpty() && heldOut == null) {
      return source;
    }
    double share = heldOut == null ? 0 : heldOut;
    split = mask.isPresent() ? Split.of(mask.get(), share) : Split.of(source.rows(), share);
    if (heldOut == null) {
      return split.training(source);
    }
    return split
        .heldOut(source)
        .orElseThrow(() -> new ConfigException("held_out", "no row is held out at " + share));
  }
}
