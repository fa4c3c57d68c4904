package io.github.sae4j.internal.jobs;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.codes.CodeSource;
import io.github.sae4j.internal.jobs.JobResult.Outcome;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Jobs that pass files of rows through an SAE: encode, decode, edit. A job processes consecutive
 * rows chunk by chunk, reading, computing and writing at the same time; memory does not grow with
 * the number of rows. The output depends only on the SAE, the rows and the shard, byte for byte:
 * not on the (exact) device, nor on how often the job was interrupted.
 */
public final class Jobs {
  /** Values of a chunk's rows: 16 MiB. */
  private static final int CHUNK_VALUES = 1 << 22;

  private static final int MOST_ROWS = 4096;
  private static final int FEWEST_ROWS = 16;
  private static final int SOME_LATENTS = 64;

  /** Time between two records of progress, each of which waits for the disk. */
  private static final long RECORD_NANOS = 5_000_000_000L;

  private Jobs() {}

  /**
   * Encodes rows.
   *
   * @param sae the SAE
   * @param source rows of width {@code d_in}
   * @param format how the codes are written
   * @param settings where, and which shard; delphi's cache has no shards
   * @return how it ended
   * @throws BadFileException if a row is not finite or too large for the weights
   * @throws IOException if reading or writing fails, or other files are in the way
   */
  public static JobResult encode(
      SparseAutoencoder sae, ActivationSource source, CodeFormat format, JobSettings settings)
      throws IOException {
    expectWidth("activations", source, sae.config().dIn());
    long rows = source.rows();
    Shard shard = settings.shard();
    String name = shard.name("codes");
    long first = shard.first(rows);
    long count = shard.end(rows) - first;
    int dSae = sae.config().dSae();
    Path folder = settings.output();
    Sink sink;
    switch (format) {
      case CodeFormat.Safetensors _ ->
          sink =
              sae.config().activation().fixedLength().isPresent()
                  ? new EqualCodesSink(name, first, count, sae.config().mostLatents(), dSae)
                  : new OpenCodesSink(name, first, count, dSae);
      case CodeFormat.JsonLines _ -> sink = new JsonLinesSink(name);
      case CodeFormat.Delphi delphi -> {
        Shapes.expect(
            shard.count() == 1, "shard", "1/1 with delphi, whose cache is of all rows", shard);
        DelphiSink cache = new DelphiSink(delphi, rows, dSae);
        cache.checkTokens();
        sink = cache;
        folder = folder.resolve(delphi.module());
      }
    }
    Map<String, Object> request = request("encode", sae, rows, shard);
    request.put("activations", source.identity().toMap());
    return new Job(settings, folder, name, request, sink, new Encoding(sae, source)).run(rows);
  }

  /**
   * Decodes codes.
   *
   * @param sae the SAE
   * @param codes their codes
   * @param source the rows that were encoded, where decoding needs them
   * @param settings where, and which shard
   * @return how it ended
   * @throws BadFileException if codes are damaged, or of an SAE with more latents
   * @throws IOException if reading or writing fails, or other files are in the way
   */
  public static JobResult decode(
      SparseAutoencoder sae,
      CodeSource codes,
      Optional<ActivationSource> source,
      JobSettings settings)
      throws IOException {
    if (sae.decodingNeedsRows()) {
      Shapes.expect(
          source.isPresent(),
          "activations",
          "the rows that were encoded: this SAE normalises rows or has a skip connection",
          "none");
      expectWidth("activations", source.get(), sae.config().dIn());
      expectRows("activations", source.get(), codes.rows());
    }
    codes.expectLatents(sae.config().dSae());
    Optional<ActivationSource> needed = sae.decodingNeedsRows() ? source : Optional.empty();
    long rows = codes.rows();
    Map<String, Object> request = request("decode", sae, rows, settings.shard());
    request.put("codes", codes.identity());
    if (needed.isPresent()) {
      request.put("activations", needed.get().identity().toMap());
    }
    String name = settings.shard().name("reconstructions");
    return new Job(
            settings,
            settings.output(),
            name,
            request,
            rowsSink(name, settings.shard(), rows, sae),
            new Decoding(sae, codes, needed))
        .run(rows);
  }

  /**
   * Edits latents of rows and keeps the error.
   *
   * @param sae the SAE
   * @param source rows of width {@code d_in}
   * @param targets for a transcoder, the rows that its output approximates
   * @param edits what to do to which latents
   * @param settings where, and which shard
   * @return how it ended
   * @throws BadFileException if a row is not finite or too large for the weights
   * @throws IOException if reading or writing fails, or other files are in the way
   */
  public static JobResult edit(
      SparseAutoencoder sae,
      ActivationSource source,
      Optional<ActivationSource> targets,
      LatentEdits edits,
      JobSettings settings)
      throws IOException {
    expectWidth("activations", source, sae.config().dIn());
    Shapes.expect(edits.size() > 0, "edits", "at least one", "none");
    int most = edits.latents()[edits.size() - 1];
    Shapes.expect(
        most < sae.config().dSae(), "edits", "latents in [0, " + sae.config().dSae() + ")", most);
    Shapes.expect(
        sae.config().transcoder() == targets.isPresent(),
        "targets",
        sae.config().transcoder()
            ? "the rows that the transcoder's output approximates"
            : "none with an autoencoder, which edits its input",
        targets.isPresent() ? "some" : "none");
    if (targets.isPresent()) {
      expectWidth("targets", targets.get(), sae.config().dOut());
      expectRows("targets", targets.get(), source.rows());
    }
    long rows = source.rows();
    Map<String, Object> request = request("edit", sae, rows, settings.shard());
    request.put("edits", edits.toString());
    request.put("activations", source.identity().toMap());
    if (targets.isPresent()) {
      request.put("targets", targets.get().identity().toMap());
    }
    String name = settings.shard().name("edited");
    return new Job(
            settings,
            settings.output(),
            name,
            request,
            rowsSink(name, settings.shard(), rows, sae),
            new Editing(sae, source, targets, edits))
        .run(rows);
  }

  private static Sink rowsSink(String name, Shard shard, long rows, SparseAutoencoder sae) {
    long first = shard.first(rows);
    return new RowsSink(name, first, shard.end(rows) - first, sae.config().dOut());
  }

  private static Map<String, Object> request(
      String job, SparseAutoencoder sae, long rows, Shard shard) {
    Map<String, Object> request = new LinkedHashMap<>();
    request.put("job", job);
    request.put("version", 1);
    request.put("shard", shard.toString());
    request.put("first_row", shard.first(rows));
    request.put("rows", shard.end(rows) - shard.first(rows));
    request.put("d_sae", sae.config().dSae());
    request.put("sae", SaeFingerprint.of(sae));
    return request;
  }

  private static void expectWidth(String name, ActivationSource source, int width) {
    Shapes.expect(source.width() == width, name, "rows of width " + width, source.width());
  }

  private static void expectRows(String name, ActivationSource source, long rows) {
    Shapes.expect(source.rows() == rows, name, rows + " rows", source.rows());
  }

  /** A job, ready to run. */
  private record Job(
      JobSettings settings,
      Path folder,
      String name,
      Map<String, Object> request,
      Sink sink,
      Work work) {
    JobResult run(long rows) throws IOException {
      request.put("output", new LinkedHashMap<>(sink.describe()));
      long first = settings.shard().first(rows);
      long end = settings.shard().end(rows);
      List<Path> files = sink.files().stream().map(folder::resolve).toList();
      if (ShardFile.isDone(folder, name, request, sink)) {
        return new JobResult(Outcome.FOUND, end - first, end - first, files);
      }
      try (ShardFile file = ShardFile.open(folder, name, request, sink)) {
        long done = through(file, first, end);
        if (done < end) {
          return new JobResult(Outcome.STOPPED, done - first, end - first, List.of());
        }
        file.finish();
        return new JobResult(Outcome.DONE, end - first, end - first, files);
      }
    }

    private long through(ShardFile file, long first, long end) throws IOException {
      long begin = first + file.rows();
      settings.listener().rows(begin - first, end - first);
      if (begin == end) {
        return end;
      }
      long[] recorded = {System.nanoTime(), begin};
      Pipeline pipeline =
          new Pipeline(
              work,
              slot -> {
                sink.write(file, slot);
                long done = slot.first() + slot.count();
                settings.listener().rows(done - first, end - first);
                boolean due =
                    settings.recordEvery().isPresent()
                        ? done - recorded[1] >= settings.recordEvery().getAsLong()
                        : System.nanoTime() - recorded[0] >= RECORD_NANOS;
                if (due) {
                  file.record(done - first);
                  recorded[0] = System.nanoTime();
                  recorded[1] = done;
                }
              });
      try (OffHeap memory = work.openMemory()) {
        int chunk = rowsAtATime(work.width(), end - begin, settings.recordEvery());
        long done = pipeline.run(memory, begin, end, chunk, () -> settings.listener().stop());
        file.record(done - first);
        return done;
      }
    }
  }

  /** Names a row that cannot be encoded. */
  private static BadFileException bad(NonFiniteException e, ActivationSource source, Slot slot)
      throws IOException {
    float[] row = new float[source.width()];
    slot.x().read(e.row(), 1, row, 0);
    long id = slot.first() + e.row();
    FiniteRows.expect(row, source, id);
    RowOrigin origin = source.origin(id);
    return new BadFileException(
        Path.of(origin.source()),
        "row "
            + origin.row()
            + " is too large for the weights: the pre-activation of latent "
            + e.latent()
            + " is "
            + e.value());
  }

  private static void read(ActivationSource source, Slot slot, Matrix target) throws IOException {
    source.readRange(slot.first(), slot.count(), target);
  }

  /**
   * Rows that a job processes together.
   *
   * @param width values of a row
   * @param rows how many there are
   * @param recordEvery rows after which progress is recorded, if not by time
   * @return at most {@code rows}
   */
  public static int rowsAtATime(int width, long rows, OptionalLong recordEvery) {
    int most = Math.clamp(CHUNK_VALUES / width, FEWEST_ROWS, MOST_ROWS);
    return (int) Math.min(most, Math.min(rows, recordEvery.orElse(most)));
  }

  private static int someLatents(SparseAutoencoder sae) {
    return Math.min(SOME_LATENTS, sae.config().mostLatents());
  }

  private record Encoding(SparseAutoencoder sae, ActivationSource source) implements Work {
    @Override
    public OffHeap openMemory() {
      return sae.device().openMemory();
    }

    @Override
    public int width() {
      return sae.config().dIn();
    }

    @Override
    public Slot slot(OffHeap memory, int rows) {
      return new Slot(
          rows, memory.matrix(rows, width()), null, null, memory.codes(rows, someLatents(sae)));
    }

    @Override
    public void read(Slot slot) throws IOException {
      Jobs.read(source, slot, slot.x());
    }

    @Override
    public void compute(Slot slot) throws IOException {
      try {
        sae.encode(slot.x(), slot.codes());
      } catch (NonFiniteException e) {
        throw bad(e, source, slot);
      }
    }
  }

  private record Decoding(
      SparseAutoencoder sae, CodeSource codes, Optional<ActivationSource> source) implements Work {
    @Override
    public OffHeap openMemory() {
      return sae.device().openMemory();
    }

    @Override
    public int width() {
      return Math.max(sae.config().dIn(), sae.config().dOut());
    }

    @Override
    public Slot slot(OffHeap memory, int rows) {
      return new Slot(
          rows,
          source.isPresent() ? memory.matrix(rows, sae.config().dIn()) : null,
          null,
          memory.matrix(rows, sae.config().dOut()),
          memory.codes(rows, someLatents(sae)));
    }

    @Override
    public void read(Slot slot) throws IOException {
      codes.read(slot.first(), slot.count(), slot.codes());
      if (source.isPresent()) {
        Jobs.read(source.get(), slot, slot.x());
        float[] row = new float[source.get().width()];
        for (int b = 0; b < slot.count(); b++) {
          slot.x().read(b, 1, row, 0);
          FiniteRows.expect(row, source.get(), slot.first() + b);
        }
      }
    }

    @Override
    public void compute(Slot slot) {
      if (source.isPresent()) {
        sae.decode(slot.codes(), slot.x(), slot.out());
      } else {
        sae.decode(slot.codes(), slot.out());
      }
    }
  }

  private record Editing(
      SparseAutoencoder sae,
      ActivationSource source,
      Optional<ActivationSource> targets,
      LatentEdits edits)
      implements Work {
    @Override
    public OffHeap openMemory() {
      return sae.device().openMemory();
    }

    @Override
    public int width() {
      return Math.max(sae.config().dIn(), sae.config().dOut());
    }

    @Override
    public Slot slot(OffHeap memory, int rows) {
      return new Slot(
          rows,
          memory.matrix(rows, sae.config().dIn()),
          targets.isPresent() ? memory.matrix(rows, sae.config().dOut()) : null,
          memory.matrix(rows, sae.config().dOut()),
          null);
    }

    @Override
    public void read(Slot slot) throws IOException {
      Jobs.read(source, slot, slot.x());
      if (targets.isPresent()) {
        Jobs.read(targets.get(), slot, slot.target());
      }
    }

    @Override
    public void compute(Slot slot) throws IOException {
      try {
        Matrix target = targets.isPresent() ? slot.target() : slot.x();
        sae.edit(slot.x(), target, edits, slot.out());
      } catch (NonFiniteException e) {
        throw bad(e, source, slot);
      }
    }
  }
}
