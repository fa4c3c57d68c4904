package io.github.sae4j.internal.jobs;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.SparseCodes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The latent cache that delphi reads: in a module's folder, for each of some ranges of latents,
 * {@code START_END.safetensors} with {@code locations [count, 3]} (sequence, position, latent less
 * START; U16 where that is enough, else U32) and {@code activations} F16, of all activations above
 * 1e-5 in magnitude; where there are tokens, {@code tokens} I64 {@code [sequences, ctx]} in each
 * file; and {@code config.json}.
 */
final class DelphiSink implements Sink {
  private static final float SMALL = 1e-5f;
  private static final int FITS_U16 = 1 << 16;
  private static final String CONFIG = "config.json";
  private static final String TOKENS = "tokens";

  private final CodeFormat.Delphi format;
  private final long sequences;
  private final int[] bounds;
  private final boolean wide;
  private final ByteBuffer[] locations;
  private final ByteBuffer[] activations;

  /**
   * A cache.
   *
   * @param format what the caller knows
   * @param rows of all sequences
   * @param dSae number of latents
   */
  DelphiSink(CodeFormat.Delphi format, long rows, int dSae) {
    this.format = format;
    if (rows % format.context() != 0) {
      throw new IllegalArgumentException(
          "context_size: expected a divisor of the " + rows + " rows, got " + format.context());
    }
    if (format.splits() > dSae) {
      throw new IllegalArgumentException(
          "n_splits: expected at most d_sae = " + dSae + ", got " + format.splits());
    }
    sequences = rows / format.context();
    int splits = format.splits();
    bounds = new int[splits + 1];
    int widest = 0;
    for (int i = 0; i <= splits; i++) {
      bounds[i] = (int) ((long) dSae * i / splits);
      widest = i == 0 ? 0 : Math.max(widest, bounds[i] - bounds[i - 1]);
    }
    wide = sequences > FITS_U16 || widest > FITS_U16 || format.context() > FITS_U16;
    locations = new ByteBuffer[splits];
    activations = new ByteBuffer[splits];
    for (int i = 0; i < splits; i++) {
      locations[i] = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);
      activations[i] = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  @Override
  public Map<String, Object> describe() {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("format", "delphi");
    all.put("n_splits", format.splits());
    all.put("context_size", format.context());
    all.put("tokens", format.tokens().isPresent());
    return all;
  }

  @Override
  public List<String> files() {
    List<String> names = new ArrayList<>();
    for (int split = 0; split < format.splits(); split++) {
      names.add(name(split));
    }
    names.add(CONFIG);
    return names;
  }

  private String name(int split) {
    return bounds[split] + "_" + (bounds[split + 1] - 1) + ".safetensors";
  }

  @Override
  public void begin(ShardFile shard) throws IOException {
    for (int split = 0; split < format.splits(); split++) {
      shard.create("locations-" + split, new byte[0]);
      shard.create("activations-" + split, new byte[0]);
    }
  }

  @Override
  public void resume(ShardFile shard) {
    // Everything is appended.
  }

  @Override
  public void write(ShardFile shard, Slot slot) throws IOException {
    SparseCodes codes = slot.codes();
    for (int row = 0; row < codes.rows(); row++) {
      long number = slot.first() + row;
      int split = 0;
      for (int i = 0; i < codes.length(row); i++) {
        float value = codes.value(row, i);
        if (!(Math.abs(value) > SMALL)) {
          continue;
        }
        int latent = codes.index(row, i);
        while (latent >= bounds[split + 1]) {
          split++;
        }
        add(split, number, latent, value);
      }
    }
    for (int split = 0; split < format.splits(); split++) {
      shard.append("locations-" + split, drained(locations[split]));
      shard.append("activations-" + split, drained(activations[split]));
    }
  }

  private void add(int split, long row, int latent, float value) throws IOException {
    short half = Float.floatToFloat16(value);
    if (Float.isInfinite(Float.float16ToFloat(half))) {
      throw new IOException(
          "row "
              + row
              + ", latent "
              + latent
              + ": an activation of "
              + value
              + " does not fit the F16 of delphi's cache");
    }
    locations[split] = roomy(locations[split], 3 * Integer.BYTES);
    activations[split] = roomy(activations[split], Short.BYTES);
    put(locations[split], row / format.context());
    put(locations[split], row % format.context());
    put(locations[split], latent - bounds[split]);
    activations[split].putShort(half);
  }

  private void put(ByteBuffer target, long number) {
    if (wide) {
      target.putInt((int) number);
    } else {
      target.putShort((short) number);
    }
  }

  private static ByteBuffer roomy(ByteBuffer buffer, int bytes) {
    if (buffer.remaining() >= bytes) {
      return buffer;
    }
    return ByteBuffer.allocate(2 * buffer.capacity())
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(buffer.flip());
  }

  private static MemorySegment drained(ByteBuffer buffer) {
    MemorySegment bytes = MemorySegment.ofArray(buffer.array()).asSlice(0, buffer.position());
    buffer.clear();
    return bytes;
  }

  @Override
  public void finish(ShardFile shard) throws IOException {
    if (format.tokens().isPresent()) {
      writeTokens(shard);
    }
    for (int split = 0; split < format.splits(); split++) {
      long count = shard.size("activations-" + split) / Short.BYTES;
      List<SafetensorsPlan.Part> tensors = new ArrayList<>();
      Map<String, String> parts = new LinkedHashMap<>();
      if (format.tokens().isPresent()) {
        List<Long> shape = List.of(sequences, (long) format.context());
        tensors.add(new SafetensorsPlan.Part(TOKENS, "I64", Long.BYTES, shape));
        parts.put(TOKENS, TOKENS);
      }
      tensors.add(
          new SafetensorsPlan.Part(
              "locations",
              wide ? "U32" : "U16",
              wide ? Integer.BYTES : Short.BYTES,
              List.of(count, 3L)));
      tensors.add(new SafetensorsPlan.Part("activations", "F16", Short.BYTES, List.of(count)));
      parts.put("locations", "locations-" + split);
      parts.put("activations", "activations-" + split);
      shard.assemble(name(split), new SafetensorsPlan(Map.of(), tensors), parts);
    }
    shard.text(CONFIG, Json.pretty(config()));
  }

  /** Members of delphi's CacheConfig by their former and present names, and the model's name. */
  private Map<String, Object> config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("dataset_repo", format.dataset().orElse(""));
    config.put("dataset_split", "train");
    config.put("dataset_name", "");
    config.put("dataset_column", "text");
    config.put("batch_size", 32);
    config.put("cache_ctx_len", format.context());
    config.put("ctx_len", format.context());
    config.put("n_tokens", sequences * format.context());
    config.put("n_splits", format.splits());
    config.put("model_name", format.model().orElse(""));
    return config;
  }

  private void writeTokens(ShardFile shard) throws IOException {
    try (TensorFile file = TensorFile.open(format.tokens().orElseThrow())) {
      TensorInfo tensor = tokens(file);
      shard.create(TOKENS, new byte[0]);
      int most = 1 << 14;
      for (long first = 0; first < tensor.elements(); first += most) {
        int count = (int) Math.min(most, tensor.elements() - first);
        ByteBuffer bytes = ByteBuffer.allocate(8 * count).order(ByteOrder.LITTLE_ENDIAN);
        for (long token : file.readLongs(tensor, first, count)) {
          bytes.putLong(token);
        }
        shard.append(TOKENS, MemorySegment.ofArray(bytes.array()));
      }
    }
  }

  /** Checks a file of tokens before anything is encoded. */
  void checkTokens() throws IOException {
    Optional<Path> path = format.tokens();
    if (path.isPresent()) {
      try (TensorFile file = TensorFile.open(path.get())) {
        tokens(file);
      }
    }
  }

  private TensorInfo tokens(TensorFile file) throws IOException {
    TensorInfo tensor =
        file.tensors().size() == 1 ? file.tensors().getFirst() : file.tensor(TOKENS);
    if (tensor.elements() != sequences * format.context()) {
      throw new BadFileException(
          file.path(),
          "expected tokens ["
              + sequences
              + ", "
              + format.context()
              + "], got '"
              + tensor.name()
              + "' "
              + tensor.shape());
    }
    file.readLongs(tensor, 0, 0); // fails unless it is of an integer type
    return tensor;
  }
}
