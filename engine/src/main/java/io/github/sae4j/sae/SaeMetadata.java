package io.github.sae4j.sae;

import io.github.sae4j.kernels.Shapes;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Where an SAE belongs and how it was trained. Nothing here changes what it computes.
 *
 * @param model the model whose activations it reads, by the name the checkpoint gives
 * @param hook the point in the model where they are taken
 * @param outputHook the point that a transcoder's output approximates
 * @param layer the layer, where the checkpoint names it separately from the hook
 * @param dataset the dataset that they were taken from
 * @param training the architecture that it was trained as, where that is not what it computes: for
 *     instance {@code batchtopk} for an SAE that has thresholds now
 * @param l0 mean number of active latents that the checkpoint declares
 * @param headsFlattened whether heads are flattened before encoding (SAELens's {@code
 *     reshape_activations = hook_z}). Rows are flat here, so it changes nothing
 * @param others all other members of a checkpoint, unchanged: JSON values by key, in order
 */
public record SaeMetadata(
    Optional<String> model,
    Optional<String> hook,
    Optional<String> outputHook,
    OptionalInt layer,
    Optional<String> dataset,
    Optional<String> training,
    OptionalDouble l0,
    boolean headsFlattened,
    Map<String, Object> others) {

  /** Nothing is known. */
  public static final SaeMetadata NONE =
      new SaeMetadata(
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          OptionalInt.empty(),
          Optional.empty(),
          Optional.empty(),
          OptionalDouble.empty(),
          false,
          Map.of());

  /** Names of the typed members in the notation of {@link #toMap}. */
  private static final String MODEL = "model_name";

  private static final String HOOK = "hook_name";
  private static final String OUTPUT_HOOK = "hook_name_out";
  private static final String LAYER = "hook_layer";
  private static final String DATASET = "dataset_path";
  private static final String TRAINING = "training_architecture";
  private static final String L0 = "l0";
  private static final String RESHAPE = "reshape_activations";
  private static final String HOOK_Z = "hook_z";

  /** Copies the free members. */
  public SaeMetadata {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(hook, "hook");
    Objects.requireNonNull(outputHook, "output hook");
    Objects.requireNonNull(layer, "layer");
    Objects.requireNonNull(dataset, "dataset");
    Objects.requireNonNull(training, "training");
    Shapes.expect(l0.isEmpty() || l0.getAsDouble() >= 0, "l0", "at least 0", l0);
    others = Collections.unmodifiableMap(new LinkedHashMap<>(others));
  }

  /**
   * Metadata in SAELens's notation: known members of the expected type become typed members, the
   * rest is kept unchanged.
   *
   * @param members JSON values by key: {@code model_name}, {@code hook_name}, {@code
   *     hook_name_out}, {@code hook_layer}, {@code dataset_path}, {@code training_architecture},
   *     {@code l0}, {@code reshape_activations}, and any others
   * @return the metadata
   */
  public static SaeMetadata of(Map<String, Object> members) {
    Map<String, Object> rest = new LinkedHashMap<>(members);
    Optional<String> model = text(rest, MODEL);
    Optional<String> hook = text(rest, HOOK);
    Optional<String> outputHook = text(rest, OUTPUT_HOOK);
    OptionalInt layer = OptionalInt.empty();
    if (rest.get(LAYER) instanceof Number number && number.doubleValue() == number.intValue()) {
      layer = OptionalInt.of(number.intValue());
      rest.remove(LAYER);
    }
    Optional<String> dataset = text(rest, DATASET);
    Optional<String> training = text(rest, TRAINING);
    OptionalDouble l0 = OptionalDouble.empty();
    if (rest.get(L0) instanceof Number number && number.doubleValue() >= 0) {
      l0 = OptionalDouble.of(number.doubleValue());
      rest.remove(L0);
    }
    boolean flattened = rest.remove(RESHAPE, HOOK_Z);
    return new SaeMetadata(model, hook, outputHook, layer, dataset, training, l0, flattened, rest);
  }

  private static Optional<String> text(Map<String, Object> members, String name) {
    if (!(members.get(name) instanceof String text)) {
      return Optional.empty();
    }
    members.remove(name);
    return Optional.of(text);
  }

  /**
   * The metadata in SAELens's notation.
   *
   * @return JSON values by key, the typed members first; the inverse of {@link #of}
   */
  public Map<String, Object> toMap() {
    Map<String, Object> members = new LinkedHashMap<>();
    model.ifPresent(text -> members.put(MODEL, text));
    hook.ifPresent(text -> members.put(HOOK, text));
    outputHook.ifPresent(text -> members.put(OUTPUT_HOOK, text));
    layer.ifPresent(number -> members.put(LAYER, number));
    dataset.ifPresent(text -> members.put(DATASET, text));
    training.ifPresent(text -> members.put(TRAINING, text));
    l0.ifPresent(number -> members.put(L0, number));
    if (headsFlattened) {
      members.put(RESHAPE, HOOK_Z);
    }
    members.putAll(others);
    return members;
  }

  /**
   * The same with one more free member.
   *
   * @param name its name
   * @param value a JSON value
   * @return the changed metadata
   */
  public SaeMetadata with(String name, Object value) {
    Map<String, Object> members = toMap();
    members.put(name, value);
    return of(members);
  }
}
