package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.options.ActivationOptions;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.cli.options.RowFiles;
import io.github.sae4j.cli.options.SaeOptions;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.jobs.CodeFormat;
import io.github.sae4j.internal.jobs.Jobs;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j encode}. */
@Command(
    name = "encode",
    description = {
      "Activations to sparse codes.",
      "safetensors: indices I32 and values F32 [rows, k] where every row has k latents, else"
          + " compressed rows with indptr I64 [rows + 1]. jsonl: a line for each row. delphi: the"
          + " latent cache that delphi reads."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class EncodeCommand implements Callable<Integer> {
  /** Forms of codes. */
  enum Format {
    SAFETENSORS,
    JSONL,
    DELPHI
  }

  /** So many chunks pay for making a copy, which takes as long as reading W_enc many times. */
  private static final long FEWEST_CHUNKS = 256;

  @Spec private CommandSpec spec;

  @Option(
      names = "--sae",
      required = true,
      paramLabel = "DIR",
      description = "The SAE: a run, an SAE's folder or file in any layout that inspect knows.")
  private Path sae;

  @Mixin private RowFiles input = new RowFiles();

  @Mixin private JobOptions job = new JobOptions();

  @Option(
      names = "--format",
      paramLabel = "NAME",
      description = "safetensors, jsonl or delphi (default: safetensors).")
  private Format format = Format.SAFETENSORS;

  @Option(
      names = "--context-size",
      paramLabel = "N",
      description = "delphi: rows of a sequence (default: ctx of activations [seq, ctx, d_in]).")
  private Integer context;

  @Option(
      names = "--n-splits",
      paramLabel = "N",
      description = "delphi: ranges of latents, each a file of its own (default: 5).")
  private Integer splits;

  @Option(
      names = "--hook-name",
      paramLabel = "NAME",
      description = "delphi: name of the module's folder (default: the SAE's hook, else 'sae').")
  private String hook;

  @Option(
      names = "--tokens",
      paramLabel = "FILE",
      description = "delphi: token ids [seq, ctx], to be kept beside the codes.")
  private Path tokens;

  @Option(
      names = "--serve-precision",
      paramLabel = "NAME",
      description =
          "f32, bf16, int8 or auto: what is read for every row. A copy of W_enc in fewer bits only"
              + " rules latents out, so codes have the same bits; it is faster where less than "
              + ServingPrecision.MANY_ROWS
              + " rows are encoded together. Files are encoded in larger chunks, so auto is f32"
              + " unless --record-every makes them small and W_enc is large (default: auto).")
  private ServingPrecision precision = ServingPrecision.AUTO;

  private boolean largeChunks;

  @Mixin private SaeOptions open = new SaeOptions();

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Override
  public Integer call() throws IOException {
    if (job.quiet) {
      CommandLineApp.quiet();
    }
    boolean forDelphi = context != null || splits != null || hook != null || tokens != null;
    if (forDelphi && format != Format.DELPHI) {
      throw new ConfigException(
          "format", "expected delphi with --context-size, --n-splits, --hook-name or --tokens");
    }
    MachineMemory.now().expectRoomFor(sae, 1);
    try (Device device = choice.open();
        ActivationFiles source = input.open(job.quiet);
        SparseAutoencoder trained = read(device, source)) {
      ActivationOptions.expectWidth(sae, trained, source);
      if (!job.quiet) {
        sayWhatIsRead(trained);
      }
      CodeFormat written =
          switch (format) {
            case SAFETENSORS -> new CodeFormat.Safetensors();
            case JSONL -> new CodeFormat.JsonLines();
            case DELPHI -> delphi(trained, source);
          };
      return job.run(spec, settings -> Jobs.encode(trained, source, written, settings));
    }
  }

  private SparseAutoencoder read(Device device, ActivationFiles source) throws IOException {
    int chunk = Jobs.rowsAtATime(source.inputWidth(), source.rows(), job.recordEvery());
    ServingPrecision wish = chosen(precision, chunk, source.rows());
    largeChunks = chunk >= ServingPrecision.MANY_ROWS;
    if (wish == ServingPrecision.AUTO && !MachineMemory.now().hasRoomFor(sae, wish)) {
      wish = ServingPrecision.F32;
    }
    MachineMemory.now().expectRoomFor(sae, 1, wish);
    return SaeCheckpoint.read(sae, device, open.read().with(wish)).sae();
  }

  /**
   * What to ask for: a copy is worth making if it is read often, and not if chunks are large.
   *
   * @param wish the option
   * @param chunk rows that are encoded together; below 1 if the option for it is refused later
   * @param rows all rows
   * @return the wish, or f32 instead of auto
   */
  static ServingPrecision chosen(ServingPrecision wish, int chunk, long rows) {
    boolean read = chunk > 0 && chunk < ServingPrecision.MANY_ROWS && rows >= FEWEST_CHUNKS * chunk;
    return wish == ServingPrecision.AUTO && !read ? ServingPrecision.F32 : wish;
  }

  /** A copy takes memory, and a wish that is not followed is no error: codes are the same. */
  private void sayWhatIsRead(SparseAutoencoder trained) {
    ServingPrecision used = trained.servingPrecision();
    if (used != ServingPrecision.F32) {
      long copy = used.copyBytes(trained.config().dIn(), trained.config().dSae());
      Terminal.say(
          String.format(
              Locale.ROOT,
              largeChunks
                  ? "sae4j: the copy of W_enc in %s, %.1f MiB, is not read for chunks of %d rows"
                      + " and more; --record-every makes them smaller"
                  : "sae4j: chunks are encoded from a copy of W_enc in %s, %.1f MiB",
              used.name().toLowerCase(Locale.ROOT),
              copy / (double) (1 << 20),
              ServingPrecision.MANY_ROWS));
    } else if (precision == ServingPrecision.INT8 || precision == ServingPrecision.BF16) {
      Terminal.say(
          "sae4j: --serve-precision: this device or activation has no kernel for copies in fewer"
              + " bits; W_enc is read in f32");
    }
  }

  private CodeFormat delphi(SparseAutoencoder trained, ActivationFiles source) {
    OptionalInt found = source.contextSize();
    if (context == null && found.isEmpty()) {
      throw new ConfigException(
          "context_size", "expected rows of a sequence, which the activations do not define");
    }
    SaeMetadata metadata = trained.config().metadata();
    return new CodeFormat.Delphi(
        hook != null ? hook : metadata.hook().orElse("sae"),
        context != null ? context : found.getAsInt(),
        splits == null ? 5 : splits,
        metadata.model(),
        metadata.dataset(),
        Optional.ofNullable(tokens));
  }
}
