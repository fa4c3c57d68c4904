package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.sae.ReadOptions;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** All layouts that can be read, tried in turn; their signatures exclude each other. */
final class Layouts {
  private static final List<Layout> ALL =
      List.of(
          new SaeLensLayout(),
          new SparsifyLayout(),
          new LlamascopiumLayout(),
          new LlamaScopeLayout(),
          new GemmaScopeLayout(),
          new GemmaScope2Layout(),
          new SentenceTransformersLayout(),
          new CircuitTracerLayout(),
          new TorchLayouts());

  private Layouts() {}

  /** Reads an SAE of any layout, or fails with a list of those that are known. */
  static Blueprint read(SaeFiles files, ReadOptions options) throws IOException {
    return find(files, options)
        .orElseThrow(
            () ->
                new BadFileException(
                    files.path(),
                    "expected an SAE in the layout of SAELens (cfg.json and "
                        + SaeLensLayout.WEIGHTS
                        + "), sparsify (cfg.json and "
                        + SparsifyLayout.WEIGHTS
                        + "), Gemma Scope ("
                        + GemmaScopeLayout.WEIGHTS
                        + ", "
                        + GemmaScope2Layout.WEIGHTS
                        + "), Llama Scope ("
                        + LlamaScopeLayout.CONFIG
                        + "), sentence-transformers (modules.json), circuit-tracer"
                        + " (layer_N.safetensors) or a torch file (.pt, .pth), found none of"
                        + " them"));
  }

  static Optional<Blueprint> find(SaeFiles files, ReadOptions options) throws IOException {
    for (Layout layout : ALL) {
      Optional<Blueprint> found = layout.read(files, options);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }
}
