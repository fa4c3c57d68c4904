package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.options.SaeOptions;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.layout.SaeLensLayout;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.WriteOptions;
import io.github.sae4j.sae.WriteOptions.Layout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j convert}. */
@Command(
    name = "convert",
    description = {
      "Converts an SAE from any layout that can be read to one that can be written.",
      "What the layout cannot express is an error that names it. What is folded into the weights"
          + " (norms, factors) stays folded."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class ConvertCommand implements Callable<Integer> {
  /** Layouts as named on the command line. */
  enum Format {
    SAELENS(Layout.SAELENS),
    SPARSIFY(Layout.SPARSIFY),
    SENTENCE_TRANSFORMERS(Layout.SENTENCE_TRANSFORMERS);

    final Layout layout;

    Format(Layout layout) {
      this.layout = layout;
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /** Types of weights. */
  enum Type {
    F32(ElementType.F32),
    BF16(ElementType.BF16),
    F16(ElementType.F16);

    final ElementType element;

    Type(ElementType element) {
      this.element = element;
    }
  }

  @Spec private CommandSpec spec;

  @Option(
      names = "--from",
      required = true,
      paramLabel = "PATH",
      description = "The SAE: a run, an SAE's folder or file in any layout that inspect knows.")
  private Path from;

  @Option(
      names = "--to",
      required = true,
      paramLabel = "DIR",
      description = "Folder for the files: new, empty, or written by this command before.")
  private Path to;

  @Option(
      names = "--format",
      required = true,
      paramLabel = "NAME",
      description = "${COMPLETION-CANDIDATES}: the layout to write.")
  private Format format;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description =
          "f32, bf16 or f16: how weights are stored, rounded to nearest even" + " (default: f32).")
  private Type type = Type.F32;

  @Option(
      names = "--sparsity",
      paramLabel = "FILE",
      description =
          "saelens: sparsity.safetensors, as eval --density writes it (default: the one"
              + " beside the SAE).")
  private Path sparsity;

  @Mixin private SaeOptions open = new SaeOptions();

  @Override
  public Integer call() throws IOException {
    if (sparsity != null && format != Format.SAELENS) {
      throw new ConfigException("sparsity", "only saelens has a place for it, not " + format);
    }
    MachineMemory.now().expectRoomFor(from, 1);
    try (Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
        LoadedSae loaded = SaeCheckpoint.read(from, device, open.read())) {
      WriteOptions options =
          new WriteOptions(format.layout, type.element, readSparsity(loaded.sae().config().dSae()));
      SaeCheckpoint.save(to, loaded.sae(), options);
    }
    CommandLineApp.print(spec, to.toString());
    return ExitCode.DONE;
  }

  private Optional<float[]> readSparsity(int dSae) throws IOException {
    Path beside = from.resolve(SaeLensLayout.SPARSITY);
    Path file = sparsity != null ? sparsity : beside;
    if (format != Format.SAELENS || sparsity == null && !Files.exists(beside)) {
      return Optional.empty();
    }
    try (TensorFile tensors = SafetensorsFile.open(file)) {
      TensorInfo tensor = tensors.tensor("sparsity");
      if (tensor.elements() != dSae) {
        throw new BadFileException(file, "expected sparsity [" + dSae + "], got " + tensor.shape());
      }
      float[] values = new float[dSae];
      tensors.readFloats(tensor, 0, dSae, MemorySegment.ofArray(values), 0);
      return Optional.of(values);
    }
  }
}
