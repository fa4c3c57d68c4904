package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Objects that the pickle of a torch file may build: tensors on storages, dictionaries, lists of
 * sizes. Any other call gives an opaque object.
 */
final class TorchObjects implements Pickle.Objects {
  /** Torch's own limit. */
  private static final int MAX_DIMENSIONS = 64;

  /**
   * Bytes of the archive that tensors share.
   *
   * @param type what torch calls the class or element type, for instance {@code FloatStorage}
   * @param key name of the member under {@code data/}
   * @param elements number of elements of that type
   */
  record Storage(String type, String key, long elements) {}

  /**
   * A view of a storage.
   *
   * @param storage the storage
   * @param offset its first element in it
   * @param shape sizes, outermost first
   * @param strides elements from one index to the next, for each size
   */
  record Tensor(Storage storage, long offset, List<Long> shape, List<Long> strides) {}

  private final Path path;

  TorchObjects(Path path) {
    this.path = path;
  }

  /** Storages: {@code ('storage', class, key, location, elements)}. */
  @Override
  public Object persistent(Object id) throws BadFileException {
    if (id instanceof Object[] parts
        && parts.length >= 5
        && "storage".equals(parts[0])
        && parts[1] instanceof Pickle.Global type
        && parts[2] instanceof String key
        && parts[4] instanceof Long elements
        && elements >= 0) {
      return new Storage(type.name(), key, elements);
    }
    throw bad("expected a storage with a class, a key and a number of elements");
  }

  @Override
  public Object call(Pickle.Global function, Object[] arguments) throws BadFileException {
    return switch (function.toString()) {
      case "collections.OrderedDict", "collections.defaultdict" -> dictionary(function, arguments);
      case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2" ->
          tensor(arguments, null);
      case "torch._utils._rebuild_tensor_v3" -> tensor(arguments, at(arguments, 6));
      // A parameter is its tensor with a flag for training.
      case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state" ->
          at(arguments, 0) instanceof Tensor tensor ? tensor : opaque(function);
      case "torch._tensor._rebuild_from_type_v2" -> rebuilt(function, arguments);
      case "torch.Size" ->
          arguments.length == 1 && arguments[0] instanceof Object[] sizes
              ? sizes.clone()
              : opaque(function);
      default -> opaque(function);
    };
  }

  private static Pickle.Opaque opaque(Pickle.Global function) {
    return new Pickle.Opaque("object " + function);
  }

  private static Object at(Object[] arguments, int index) {
    return index < arguments.length ? arguments[index] : null;
  }

  /**
   * {@code OrderedDict()}, empty or from pairs depending on the protocol; a default factory is not
   * needed.
   */
  private static Object dictionary(Pickle.Global function, Object[] arguments) {
    Map<Object, Object> map = new LinkedHashMap<>();
    boolean pairs = function.name().equals("OrderedDict") && arguments.length > 0;
    if (!pairs) {
      return map;
    }
    if (!(arguments[0] instanceof List<?> list)) {
      return opaque(function);
    }
    for (Object item : list) {
      Object[] pair =
          switch (item) {
            case Object[] tuple -> tuple;
            case List<?> two -> two.toArray();
            case null, default -> new Object[0];
          };
      if (pair.length != 2 || !(pair[0] instanceof String || pair[0] instanceof Long)) {
        return opaque(function);
      }
      map.put(pair[0], pair[1]);
    }
    return map;
  }

  /** A tensor of a subclass: {@code (function, type, arguments, state)}. */
  private Object rebuilt(Pickle.Global function, Object[] arguments) throws BadFileException {
    return at(arguments, 0) instanceof Pickle.Global inner
            && inner.module().equals("torch._utils")
            && at(arguments, 2) instanceof Object[] of
        ? call(inner, of)
        : opaque(function);
  }

  /** {@code (storage, offset, sizes, strides, ...)}, with a type of its own in the third form. */
  private Tensor tensor(Object[] arguments, Object type) throws BadFileException {
    if (!(at(arguments, 0) instanceof Storage storage)
        || !(at(arguments, 1) instanceof Long offset)
        || offset < 0) {
      throw bad("expected a tensor on a storage with an offset of at least 0");
    }
    if (type instanceof Pickle.Global element) {
      storage = new Storage(element.name(), storage.key(), storage.elements());
    }
    List<Long> shape = sizes(at(arguments, 2));
    List<Long> strides = sizes(at(arguments, 3));
    if (shape.size() != strides.size()) {
      throw bad("expected as many strides as sizes, got " + strides + " for " + shape);
    }
    return new Tensor(storage, offset, shape, strides);
  }

  private List<Long> sizes(Object value) throws BadFileException {
    List<?> items =
        value instanceof Object[] tuple && tuple.length <= MAX_DIMENSIONS
            ? Arrays.asList(tuple)
            : null;
    if (items == null) {
      throw bad("expected sizes and strides of at most " + MAX_DIMENSIONS + " dimensions");
    }
    List<Long> sizes = new ArrayList<>(items.size());
    for (Object item : items) {
      if (!(item instanceof Long size) || size < 0) {
        throw bad("expected sizes and strides of at least 0");
      }
      sizes.add(size);
    }
    return sizes;
  }

  private BadFileException bad(String problem) {
    return new BadFileException(path, TorchFile.PICKLE + ": " + problem);
  }
}
