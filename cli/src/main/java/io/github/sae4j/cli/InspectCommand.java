package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Reading;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.options.ActivationOptions;
import io.github.sae4j.cli.options.SaeOptions;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.Split;
import io.github.sae4j.data.TensorScan;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.LoadCheck;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.SaeReader;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorFormats;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code sae4j inspect}. */
@Command(
    name = "inspect",
    description = {
      "Shows what is in a file or folder: tensors, shapes, types, configuration, runs.",
      "For an SAE in any published layout: family, activation, normalisation, norms; with"
          + " --activations also L0 and FVU beside what the files declare; options of rows are for"
          + " those."
    },
    mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
  private static final int MOST_JSON_BYTES = 1 << 24;

  /** A folder may hold thousands of shards. */
  private static final int MOST_FILES = 1000;

  /** Links may form cycles. */
  private static final int MOST_DEPTH = 4;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "PATH",
      description =
          "A file of tensors (safetensors, npy, npz, torch, Parquet, Arrow, JSON lines), an SAE, a"
              + " checkpoint, a run, a folder.")
  private Path path;

  @Mixin private SaeOptions open = new SaeOptions();

  @Mixin private ActivationOptions input = new ActivationOptions();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(
      names = "--scan",
      description = "Read every float tensor and name rows that are not finite; exit 3 if any.")
  private boolean scan;

  private final Reading reading = Reading.toStderr();

  private long badRows;

  @Override
  public Integer call() throws IOException {
    if (input.activations.isEmpty()) {
      input.expectNone();
    }
    Map<String, Object> found = new LinkedHashMap<>();
    Path trained = path.resolve(CheckpointStore.FINAL);
    boolean run = Files.isDirectory(trained) && SaeReader.isAt(trained);
    if (Files.exists(path) && (SaeReader.isAt(path) || run)) {
      found.put("sae", describeSae(run ? trained : path));
    } else if (!input.activations.isEmpty()) {
      throw new BadFileException(path, "expected an SAE to try on activations, found none");
    } else if (open.given() != null) {
      throw new BadFileException(path, "expected an SAE with --" + open.given() + ", found none");
    }
    found.putAll(describe(path, 0));
    if (json) {
      // An SAE written by Python may contain NaN, which JSON can only express as text.
      CommandLineApp.print(spec, Json.line(Json.finite(found, Object::toString)));
    } else {
      print(found, "");
    }
    return badRows == 0 ? ExitCode.DONE : ExitCode.BAD_INPUT;
  }

  /** Describes an SAE and, given activations, checks whether it fits what its files declare. */
  private Object describeSae(Path sae) throws IOException {
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT)) {
      LoadedSae loaded = SaeReader.read(sae, device, open.read());
      try (SparseAutoencoder opened = loaded.sae()) {
        Map<String, Object> report = SaeReport.of(loaded);
        if (!input.activations.isEmpty()) {
          report.put("on_activations", check(opened));
        }
        return report;
      }
    } catch (BadFileException e) {
      if (!input.activations.isEmpty()) {
        throw e;
      }
      return e.getMessage();
    }
  }

  private Map<String, Object> check(SparseAutoencoder sae) throws IOException {
    try (ActivationSource source = input.open(json)) {
      ActivationOptions.expectWidth(path, sae, source);
      Map<String, Object> found = new LinkedHashMap<>();
      if (sae.config().transcoder()) {
        found.put("fvu", "for a transcoder see sae4j eval --targets");
        return found;
      }
      Optional<RowMask> mask = input.readMask(source);
      ActivationSource rows = mask.isPresent() ? Split.of(mask.get(), 0).training(source) : source;
      Metrics metrics = new Evaluator(sae).evaluate(input.finite(rows));
      found.put("rows", metrics.rows());
      found.put("l0", metrics.l0());
      LoadCheck.declaredL0(sae.config()).ifPresent(l0 -> found.put("declared_l0", l0));
      found.put("fvu", Double.isFinite(metrics.fvu()) ? metrics.fvu() : null);
      List<String> warnings = LoadCheck.warnings(sae.config(), metrics);
      if (!warnings.isEmpty()) {
        found.put("warnings", List.<Object>copyOf(warnings));
      }
      warnings.forEach(line -> Terminal.say("sae4j: warning: " + line));
      return found;
    }
  }

  private Map<String, Object> describe(Path path, int depth) throws IOException {
    if (Files.isDirectory(path)) {
      return describeFolder(path, depth);
    }
    if (!Files.exists(path)) {
      throw new BadFileException(path, "no such file or folder");
    }
    Map<String, Object> file = new LinkedHashMap<>();
    if (isJson(path)) {
      file.put("json", Json.finite(Json.readForeign(path, MOST_JSON_BYTES), Object::toString));
    } else {
      describeTensors(path, file);
    }
    return file;
  }

  private void describeTensors(Path path, Map<String, Object> file) throws IOException {
    try (TensorFile tensors = TensorFile.open(path)) {
      if (!tensors.metadata().isEmpty()) {
        file.put("metadata", new LinkedHashMap<String, Object>(tensors.metadata()));
      }
      List<Object> list = new ArrayList<>();
      Map<String, Object> scans = new LinkedHashMap<>();
      for (TensorInfo tensor : tensors.tensors()) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("name", tensor.name());
        entry.put("type", tensor.type().name());
        entry.put("shape", new ArrayList<Object>(tensor.shape()));
        if (scan) {
          TensorScan.of(tensors, tensor, at -> reading.at(tensor.name(), at, tensor.elements()))
              .ifPresent(
                  found -> {
                    badRows += found.badRows();
                    scans.put(tensor.name(), found.toMap());
                  });
        }
        list.add(entry);
      }
      file.put("tensors", list);
      if (scan) {
        file.put("scan", scans);
      }
      if (!tensors.unreadable().isEmpty()) {
        Map<String, Object> unreadable = new LinkedHashMap<>();
        tensors.unreadable().forEach((name, tensor) -> unreadable.put(name, tensor.description()));
        file.put("unreadable", unreadable);
      }
    }
  }

  /** JSON and tensor files of a folder and of the folders in it, as far as they can be read. */
  private Map<String, Object> describeFolder(Path folder, int depth) throws IOException {
    Map<String, Object> found = new LinkedHashMap<>();
    List<Path> entries;
    try (Stream<Path> files = Files.list(folder)) {
      entries = files.sorted().toList();
    }
    for (Path entry : entries.subList(0, Math.min(MOST_FILES, entries.size()))) {
      String name = entry.getFileName().toString();
      if (Files.isDirectory(entry)) {
        found.put(name + "/", depth < MOST_DEPTH ? describe(entry, depth + 1) : "not looked into");
      } else if (isJson(entry) || isTensors(entry)) {
        try {
          found.put(name, describe(entry, depth));
        } catch (BadFileException e) {
          found.put(name, e.getMessage());
        }
      } else if (Files.exists(entry)) {
        found.put(name, Files.size(entry) + " bytes");
      } else {
        found.put(name, "a link to nothing");
      }
    }
    if (entries.size() > MOST_FILES) {
      found.put("...", "and " + (entries.size() - MOST_FILES) + " more, not looked into");
    }
    return found;
  }

  private static boolean isJson(Path path) {
    return path.toString().toLowerCase(Locale.ROOT).endsWith(".json");
  }

  private static boolean isTensors(Path path) {
    String name = path.toString().toLowerCase(Locale.ROOT);
    return Stream.concat(
            Stream.of(".safetensors", ".npy", ".npz", ".pt", ".pth"),
            TensorFormats.folderSuffixes().stream())
        .anyMatch(name::endsWith);
  }

  private void print(Object value, String indent) {
    if (value instanceof Map<?, ?> map) {
      map.forEach((key, member) -> printMember(key.toString(), member, indent));
    } else if (value instanceof List<?> list) {
      list.forEach(item -> CommandLineApp.print(spec, indent + oneLine(item)));
    } else {
      CommandLineApp.print(spec, indent + oneLine(value));
    }
  }

  private void printMember(String key, Object member, String indent) {
    boolean nested =
        member instanceof Map<?, ?> || (member instanceof List<?> list && isListOfMaps(list));
    if (nested) {
      CommandLineApp.print(spec, indent + oneLine(key));
      print(member, indent + "  ");
    } else {
      CommandLineApp.print(spec, indent + oneLine(key) + ": " + oneLine(member));
    }
  }

  private static boolean isListOfMaps(List<?> list) {
    return !list.isEmpty() && list.getFirst() instanceof Map<?, ?>;
  }

  /**
   * A tensor as {@code W_enc F32 [384, 3072]}, anything else as JSON. Names come from files: one
   * with characters that have to be escaped is quoted, so that the escapes are recognisable.
   */
  private static String oneLine(Object value) {
    if (value instanceof Map<?, ?> map && map.containsKey("shape") && map.containsKey("type")) {
      return oneLine(map.get("name")) + " " + map.get("type") + " " + map.get("shape");
    }
    boolean plain = value instanceof String text && Terminal.isHarmless(text);
    return plain ? value.toString() : Json.line(Json.finite(value, Object::toString));
  }
}
