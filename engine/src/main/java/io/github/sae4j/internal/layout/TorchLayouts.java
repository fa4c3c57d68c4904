package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.internal.tensors.TorchFile;
import io.github.sae4j.sae.ReadOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** The layouts whose weights are a torch file, distinguished by its content. */
final class TorchLayouts implements Layout {
  /** One family of torch files. */
  interface Family {
    /**
     * Looks whether a file is of this family, and reads all but the large matrices.
     *
     * @param file the open file; closed with the blueprint
     * @param tensors its tensors
     * @param files where it is
     * @param options what the files may leave open
     * @return what it is; empty if it is of another family
     */
    Optional<Blueprint> read(
        TorchFile file, WeightTensors tensors, SaeFiles files, ReadOptions options)
        throws IOException;
  }

  private static final List<Family> FAMILIES =
      List.of(
          new SaevFamily(),
          new OpenAiFamily(),
          new GoodfireFamily(),
          new DictionaryLearningFamily(),
          new QwenScopeFamily());

  private static final Pattern TORCH = Pattern.compile(".*\\.(pt|pth)");

  /** How many names a message lists. */
  private static final int LISTED = 12;

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    Optional<Path> path = files.weights("ae.pt");
    if (path.isEmpty()) {
      path = files.onlyWeights(TORCH);
    }
    if (path.isEmpty()) {
      return Optional.empty();
    }
    TorchFile file = TorchFile.open(path.get());
    try {
      WeightTensors tensors = new WeightTensors(file.tensors());
      for (Family family : FAMILIES) {
        Optional<Blueprint> found = family.read(file, tensors, files, options);
        if (found.isPresent()) {
          return found;
        }
      }
      throw unknown(file, path.get());
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static BadFileException unknown(TorchFile file, Path path) {
    List<String> names = file.tensors().tensors().stream().map(TensorInfo::name).toList();
    if (names.isEmpty()) {
      return new BadFileException(
          path,
          "expected a dictionary of tensors, found none"
              + (file.value() instanceof TorchFile.Opaque opaque ? " but an " + opaque.what() : "")
              + "; a module saved as a whole must be saved again as its state_dict()");
    }
    return new BadFileException(
        path,
        "expected the tensors of an SAE of dictionary_learning, OpenAI, Goodfire, Qwen-Scope or"
            + " saev, found "
            + names.stream().limit(LISTED).toList()
            + (names.size() > LISTED ? " and " + (names.size() - LISTED) + " more" : ""));
  }
}
