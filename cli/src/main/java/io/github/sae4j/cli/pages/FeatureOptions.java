package io.github.sae4j.cli.pages;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.options.ActivationOptions;
import io.github.sae4j.cli.options.RowExclusions;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.report.FeatureInput;
import io.github.sae4j.report.tokens.Shard;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.training.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/** What the pages of features are made of, from the command line. */
public final class FeatureOptions {
  /** Rows that are encoded unless more are asked for. */
  static final long USUAL_ROWS = 1 << 16;

  /** Options of activations that are of a run rather than of its page. */
  private static final List<String> UNKNOWN =
      Stream.concat(Stream.of("mask", "on_bad_rows"), RowExclusions.OPTIONS.stream()).toList();

  @Mixin private ActivationOptions input = new ActivationOptions();

  @Option(
      names = "--rows",
      paramLabel = "N",
      description = "Encode the first N rows of the activations (default: 65536).")
  private Long rows;

  @Option(
      names = "--codes",
      paramLabel = "FILE|DIR",
      description = "Codes that encode has written, instead of activations; all rows are read.")
  private Path codes;

  @Option(
      names = "--tokens",
      paramLabel = "FILE",
      description = {
        "What rows stand for: JSON lines with tokens or text, a text a line (.txt), or tensors with"
            + " tokens, token_ids or input_ids, or a column of texts (default: FILE.tokens.jsonl,"
            + " FILE.texts.jsonl or FILE.texts.txt beside the activations, or tokens or texts in"
            + " their file)."
      })
  private Path tokens;

  @Option(
      names = "--vocabulary",
      paramLabel = "FILE",
      description =
          "What numbers of tokens stand for: tokenizer.json, vocab.json or vocab.txt (default: the"
              + " one beside them).")
  private Path vocabulary;

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description =
          "JSON object from latents to what they are called (not eval's classes of rows).")
  private Path labels;

  @Option(
      names = "--compare",
      paramLabel = "SAE",
      description = "Another SAE or run, to match the latents with by cosine.")
  private Path compare;

  @Option(
      names = "--neuronpedia",
      paramLabel = "FILE",
      description = "Write the features into a file as well, as Neuronpedia reads them.")
  private Path neuronpedia;

  /** What has been opened, to be closed when the page is written. */
  public record Opened(
      FeatureInput features, SparseAutoencoder sae, ActivationSource rows, SparseAutoencoder other)
      implements AutoCloseable {
    @Override
    public void close() throws IOException {
      try {
        if (rows != null) {
          rows.close();
        }
      } finally {
        sae.close();
        if (other != null) {
          other.close();
        }
      }
    }
  }

  /** Whether an option of these was given. */
  public boolean given() {
    return !input.activations.isEmpty()
        || codes != null
        || tokens != null
        || vocabulary != null
        || labels != null
        || compare != null
        || neuronpedia != null
        || rows != null
        || input.reads();
  }

  /** The SAE that the latents are matched with. */
  public Optional<Path> compared() {
    return Optional.ofNullable(compare);
  }

  /**
   * Hides from a command's help what {@link #expectKnown} refuses.
   *
   * @param command has these options
   * @return the command
   */
  public static CommandLine withoutUnknown(Object command) {
    CommandLine line = new CommandLine(command);
    CommandSpec spec = line.getCommandSpec();
    for (String name : UNKNOWN) {
      OptionSpec option = spec.findOption("--" + name.replace('_', '-'));
      spec.remove(option);
      spec.addOption(option.toBuilder().hidden(true).build());
    }
    return line;
  }

  /** Refuses what a page does not know, of all that options of activations offer. */
  public void expectKnown() {
    if (input.mask != null || input.onBadRows != null) {
      throw new ConfigException(
          input.mask != null ? "mask" : "on_bad_rows",
          "is not known to report: a run's page is of its own rows");
    }
    if (input.excludes()) {
      throw new ConfigException(
          input.others().keySet().iterator().next(),
          "is not known to report: a run's page is of its own rows");
    }
  }

  /**
   * Opens what was given, and of a run what it was trained on.
   *
   * @param trained the SAE: a run, or an SAE in any layout
   * @param device runs it
   * @param quiet whether to hide the progress of reading
   * @return empty if there are neither activations nor codes, and none were asked for
   */
  public Optional<Opened> open(Path trained, Device device, boolean quiet) throws IOException {
    if (codes != null && (rows != null || !input.activations.isEmpty())) {
      throw new ConfigException("codes", "expected codes or activations, got both");
    }
    if (codes != null) {
      input.expectNone();
    }
    Map<String, Object> record = Map.of();
    if (codes == null && input.activations.isEmpty()) {
      record = RunPage.record(trained);
      List<String> recorded = RunPage.recordedActivations(trained);
      if (recorded.isEmpty()) {
        if (given()) {
          throw new ConfigException(
              "activations", "expected a path: the run's own activations are not there any more");
        }
        if (record.get(RunFolder.OPTIONS) instanceof Map<?, ?> options
            && options.containsKey("activations")) {
          Terminal.say(
              "sae4j: warning: the features are not on the page: the run's activations are not"
                  + " there any more");
        }
        return Optional.empty();
      }
      input.take(record);
    }
    SparseAutoencoder sae = SaeCheckpoint.load(trained, device);
    SparseAutoencoder other = null;
    ActivationSource source = null;
    try {
      FeatureInput features;
      if (codes != null) {
        features = FeatureInput.ofCodes(sae, codes);
      } else {
        source = open(record, quiet);
        ActivationOptions.expectWidth(trained, sae, source);
        input.report(quiet);
        long most = rows == null ? USUAL_ROWS : rows;
        if (most < 1) {
          throw new ConfigException("rows", "expected at least 1, got " + most);
        }
        ActivationOptions.Kept kept =
            record.isEmpty() ? ActivationOptions.Kept.ALL : input.kept(source, record);
        features = RunPage.features(sae, source, kept, most);
      }
      Optional<RunPage.Found> texts =
          tokens != null
              ? Optional.of(new RunPage.Found(List.of(textsOf(source)), vocabularyOf(tokens)))
              : codes == null
                  ? RunPage.textsBeside(
                      input.shards(), features.span(), Optional.ofNullable(vocabulary))
                  : Optional.empty();
      if (texts.isEmpty() && vocabulary != null) {
        throw new ConfigException("vocabulary", "expected tokens of the rows, found none");
      }
      if (texts.isPresent()) {
        features = features.texts(texts.get().texts(), texts.get().vocabulary());
        if (!quiet) {
          Terminal.say("texts of rows: " + Terminal.harmless(RunPage.named(texts.get().texts())));
        }
      }
      if (labels != null) {
        features = features.labels(labels);
      }
      if (compare != null) {
        other = SaeCheckpoint.load(compare, device);
        Path name = compare.toAbsolutePath().normalize().getFileName();
        features = features.comparedWith(other, name.toString());
      }
      if (neuronpedia != null) {
        features = features.neuronpedia(neuronpedia);
      }
      return Optional.of(new Opened(features, sae, source, other));
    } catch (Throwable e) {
      if (source != null) {
        source.close();
      }
      sae.close();
      if (other != null) {
        other.close();
      }
      throw e;
    }
  }

  /** The rows, of a run with those that it was trained on beside them. */
  private ActivationSource open(Map<String, Object> record, boolean quiet) throws IOException {
    Optional<Map.Entry<String, List<String>>> others = ActivationOptions.recordedOthers(record);
    return others.isPresent()
        ? input.open(quiet, others.get().getValue(), others.get().getKey())
        : input.open(quiet);
  }

  /** The texts that were named: of rows whose number is known, or of codes. */
  private Shard textsOf(ActivationSource source) {
    return source == null ? Shard.all(tokens) : new Shard(tokens, 0, source.rows());
  }

  private Optional<Path> vocabularyOf(Path texts) {
    return vocabulary != null ? Optional.of(vocabulary) : RunPage.vocabularyBeside(texts);
  }
}
