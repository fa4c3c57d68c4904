package io.github.sae4j.report;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.internal.codes.CodeSource;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.report.features.FeaturePages;
import io.github.sae4j.report.features.FeatureScan;
import io.github.sae4j.report.features.Labels;
import io.github.sae4j.report.features.NeuronpediaExport;
import io.github.sae4j.report.page.Packed;
import io.github.sae4j.report.tokens.TextFiles;
import io.github.sae4j.report.tokens.Texts;
import io.github.sae4j.sae.SaeMetadata;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongPredicate;
import java.util.function.LongUnaryOperator;

/** Makes the data of the pages of features: one pass over the rows. */
final class FeatureData {
  private static final int CODE_ROWS = 4096;
  private static final int SOME_LATENTS = 64;

  private FeatureData() {}

  static Map<String, Object> of(FeatureInput input, Packed packed) throws IOException {
    try (CodeSource codes =
            input.codes().isPresent() ? CodeSource.open(input.codes().get()) : null;
        Texts texts =
            input.texts().isEmpty()
                ? null
                : TextFiles.open(
                    input.texts(),
                    input.vocabulary(),
                    codes == null ? input.span() : codes.rows())) {
      return of(input, codes, Optional.ofNullable(texts), packed);
    }
  }

  private static Map<String, Object> of(
      FeatureInput input, CodeSource codes, Optional<Texts> texts, Packed packed)
      throws IOException {
    int latents = input.sae().config().dSae();
    Optional<RowMask> mask = input.leftOut();
    LongPredicate leftOut = mask.isPresent() ? mask.get()::excluded : row -> false;
    LongUnaryOperator number =
        mask.isPresent() ? mask.get()::keptRow : LongUnaryOperator.identity();
    FeatureScan scan = new FeatureScan(latents, texts, leftOut);
    Optional<Metrics> metrics = Optional.empty();
    if (input.activations().isPresent()) {
      ActivationSource rows = input.activations().get();
      ActivationSource inputs = RowViews.inputs(rows);
      metrics =
          Optional.of(
              new Evaluator(input.sae())
                  .evaluate(
                      inputs,
                      input.sae().config().transcoder() ? RowViews.others(rows) : inputs,
                      (first, batch, errors) -> {
                        scan.add(batch);
                        for (int i = 0; i < errors.length; i++) {
                          scan.addError(number.applyAsLong(first + i), errors[i]);
                        }
                      }));
    } else {
      codes.expectLatents(latents);
      read(codes, input.sae().device(), scan);
    }
    scan.finish();
    Labels labels =
        input.labels().isPresent() ? Labels.read(input.labels().get(), latents) : Labels.NONE;
    FeaturePages pages = new FeaturePages(input.sae(), scan, texts, labels);
    input.notes().forEach(pages::note);
    Map<String, Object> map = pages.toMap(packed, metrics, input.compared(), input.comparedName());
    if (input.neuronpedia().isPresent()) {
      export(input, pages, texts);
    }
    return map;
  }

  private static void read(CodeSource codes, Device device, FeatureScan scan) throws IOException {
    try (OffHeap memory = device.openMemory()) {
      SparseCodes batch = memory.codes(CODE_ROWS, SOME_LATENTS);
      for (long first = 0; first < codes.rows(); first += CODE_ROWS) {
        int count = (int) Math.min(CODE_ROWS, codes.rows() - first);
        SparseCodes some = batch.firstRows(count);
        codes.read(first, count, some);
        scan.add(some);
      }
    }
  }

  private static void export(FeatureInput input, FeaturePages pages, Optional<Texts> texts)
      throws IOException {
    SaeMetadata metadata = input.sae().config().metadata();
    long rows = pages.rows();
    int length = texts.isPresent() && rows > 0 ? texts.get().sequence(0).rows() : 1;
    try (Writer out = Files.newBufferedWriter(input.neuronpedia().orElseThrow())) {
      NeuronpediaExport.write(
          pages,
          metadata.model().orElse(""),
          metadata.layer().orElse(0),
          metadata.hook().orElse("sae"),
          metadata.dataset().orElse(""),
          rows / Math.max(1, length),
          length,
          out);
    }
  }
}
