package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A restricted interpreter of Python's pickles, protocols 2 to 5. It builds plain values: {@code
 * null}, {@code Boolean}, {@code Long}, {@code Double}, {@code String}, tuples as {@code Object[]},
 * {@code List}, {@code Map}; {@link Global} for a name that the pickle refers to; and whatever its
 * {@link Objects} build for calls. Nothing is imported and nothing that the pickle names is run: an
 * object that is not understood becomes an {@link Opaque}.
 *
 * <p>Containers may contain themselves, and the same container may occur many times: callers that
 * walk the result must bound the walk.
 */
final class Pickle {
  /** Most containers in one pickle, since one byte each can allocate them. */
  static final int MAX_CONTAINERS = 1 << 18;

  /** Most characters of a name from the file in an {@link Opaque}. */
  private static final int MAX_NAME = 200;

  /**
   * A function or class by its name.
   *
   * @param module the module's name
   * @param name the name within it
   */
  record Global(String module, String name) {
    @Override
    public String toString() {
      return module + "." + name;
    }
  }

  /**
   * Something that is not a plain value; equal only to itself.
   *
   * @param what what it is, for messages
   */
  static final class Opaque {
    private final String what;

    Opaque(String what) {
      this.what = what.length() > MAX_NAME ? what.substring(0, MAX_NAME) + "..." : what;
    }

    String what() {
      return what;
    }
  }

  /** What references into the archive and calls of functions mean. */
  interface Objects {
    /** The object that a persistent id stands for. */
    Object persistent(Object id) throws BadFileException;

    /** The result of calling {@code function} with {@code arguments}. */
    Object call(Global function, Object[] arguments) throws BadFileException;
  }

  private final Path path;
  private final String what;
  private final ByteBuffer in;
  private final Objects objects;
  private final List<Object> stack = new ArrayList<>();
  private int[] marks = new int[16];
  private int depth;
  private Object[] memo = new Object[64];
  private int memorized;
  private int containers;

  private Pickle(Path path, String what, byte[] bytes, Objects objects) {
    this.path = path;
    this.what = what;
    this.in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.objects = objects;
  }

  /**
   * Reads a pickle.
   *
   * @param path the file it is in, for messages
   * @param what where in the file, for messages; ends with a colon and a space
   * @param bytes the pickle and nothing else
   * @param objects interprets calls and persistent ids
   * @return the value
   * @throws BadFileException if it is malformed, or uses what torch does not write
   */
  static Object read(Path path, String what, byte[] bytes, Objects objects)
      throws BadFileException {
    return new Pickle(path, what, bytes, objects).run();
  }

  private Object run() throws BadFileException {
    if (u1() != 0x80) {
      throw bad("expected a pickle of protocol 2 to 5");
    }
    int protocol = u1();
    if (protocol < 2 || protocol > 5) {
      throw bad("expected a pickle of protocol 2 to 5, got protocol " + protocol);
    }
    while (true) {
      int code = u1();
      if (code == '.') {
        Object value = pop();
        if (in.hasRemaining()) {
          throw bad("has " + in.remaining() + " bytes after its end");
        }
        return value;
      }
      step(code);
    }
  }

  private void step(int code) throws BadFileException {
    switch (code) {
      case 0x80 -> u1(); // PROTO
      case 0x95 -> skipFrame();
      case '(' -> mark();
      case '0' -> pop();
      case '1' -> popMark();
      case '2' -> push(peek());
      case 'N' -> push(null);
      case 0x88 -> push(true);
      case 0x89 -> push(false);
      case 'J' -> push((long) take(4).getInt());
      case 'K' -> push((long) u1());
      case 'M' -> push((long) (take(2).getShort() & 0xffff));
      case 0x8a -> push(integer(u1()));
      case 0x8b -> push(integer(length(u4())));
      case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(take(8).getLong())));
      case 'X' -> push(text(length(u4())));
      case 0x8c -> push(text(u1()));
      case 0x8d -> push(text(length(take(8).getLong())));
      case 'T' -> push(latin(length(u4())));
      case 'U' -> push(latin(u1()));
      case 'B' -> push(bytes(length(u4())));
      case 'C' -> push(bytes(u1()));
      case 0x8e, 0x96 -> push(bytes(length(take(8).getLong())));
      case ']', 0x8f -> push(list(0)); // a set is a list here
      case ')' -> push(tuple(0));
      case '}' -> push(dictionary());
      case 't', 0x91 -> push(tuple(sinceMark()));
      case 0x85 -> push(tuple(1));
      case 0x86 -> push(tuple(2));
      case 0x87 -> push(tuple(3));
      case 'l' -> push(list(sinceMark()));
      case 'd' -> {
        int count = sinceMark();
        Map<Object, Object> map = dictionary();
        put(map, popAll(count));
        push(map);
      }
      case 'a' -> {
        Object item = pop();
        append(peek(), new Object[] {item});
      }
      case 'e', 0x90 -> {
        Object[] items = popAll(sinceMark());
        append(peek(), items);
      }
      case 's' -> {
        Object[] pair = popAll(2);
        put(peek(), pair);
      }
      case 'u' -> {
        Object[] pairs = popAll(sinceMark());
        put(peek(), pairs);
      }
      case 'c' -> push(new Global(line(), line()));
      case 0x93 -> {
        Object name = pop();
        Object module = pop();
        if (!(module instanceof String from) || !(name instanceof String of)) {
          throw bad("expected two strings for the name of a global");
        }
        push(new Global(from, of));
      }
      case 'R', 0x81 -> {
        Object arguments = pop();
        push(called(pop(), arguments));
      }
      case 0x92 -> {
        Object named = pop();
        Object arguments = pop();
        boolean none = named instanceof Map<?, ?> map && map.isEmpty();
        Object function = pop();
        push(none ? called(function, arguments) : opaque(function));
      }
      case 'b' -> pop(); // state that an object adds to a container or tensor is not content
      case 'Q' -> push(objects.persistent(pop()));
      case 'h' -> push(memorized(u1()));
      case 'j' -> push(memorized(u4()));
      case 'q' -> memorize(u1());
      case 'r' -> memorize(u4());
      case 0x94 -> memorize(memorized);
      default ->
          throw bad(
              "expected instructions that torch.save writes, got 0x%02x at byte %d"
                  .formatted(code, in.position() - 1));
    }
  }

  private Object called(Object function, Object arguments) throws BadFileException {
    if (!(arguments instanceof Object[] tuple)) {
      throw bad("expected a tuple of arguments");
    }
    return function instanceof Global global ? objects.call(global, tuple) : opaque(function);
  }

  private static Opaque opaque(Object function) {
    return function instanceof Opaque known
        ? known
        : new Opaque(function instanceof Global global ? "object " + global : "object");
  }

  private void append(Object target, Object[] items) throws BadFileException {
    if (target instanceof List<?> list) {
      @SuppressWarnings("unchecked") // made by list()
      List<Object> open = (List<Object>) list;
      open.addAll(Arrays.asList(items));
    } else if (!(target instanceof Opaque)) {
      throw bad("expected a list to append to");
    }
  }

  private void put(Object target, Object[] pairs) throws BadFileException {
    if (pairs.length % 2 != 0) {
      throw bad("expected pairs of keys and values");
    }
    if (target instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked") // made by dictionary()
      Map<Object, Object> open = (Map<Object, Object>) map;
      for (int i = 0; i < pairs.length; i += 2) {
        open.put(key(pairs[i]), pairs[i + 1]);
      }
    } else if (!(target instanceof Opaque)) {
      throw bad("expected a dictionary to put into");
    }
  }

  /** Hashing a cyclic container would not end: only scalars are keys by value. */
  private static Object key(Object key) {
    return switch (key) {
      case null -> new Opaque("None");
      case String _, Long _, Double _, Boolean _ -> key;
      default -> new Opaque("key");
    };
  }

  private List<Object> list(int count) throws BadFileException {
    countContainer();
    return new ArrayList<>(Arrays.asList(popAll(count)));
  }

  private Object[] tuple(int count) throws BadFileException {
    countContainer();
    return popAll(count);
  }

  private Map<Object, Object> dictionary() throws BadFileException {
    countContainer();
    return new LinkedHashMap<>();
  }

  private void countContainer() throws BadFileException {
    if (++containers > MAX_CONTAINERS) {
      throw bad("expected at most " + MAX_CONTAINERS + " containers");
    }
  }

  private void push(Object value) {
    stack.add(value);
  }

  private int bottom() {
    return depth == 0 ? 0 : marks[depth - 1];
  }

  private Object pop() throws BadFileException {
    if (stack.size() <= bottom()) {
      throw bad("takes a value where there is none, at byte " + (in.position() - 1));
    }
    return stack.removeLast();
  }

  private Object peek() throws BadFileException {
    Object value = pop();
    push(value);
    return value;
  }

  private Object[] popAll(int count) throws BadFileException {
    int from = stack.size() - count;
    if (from < bottom()) {
      throw bad("takes a value where there is none, at byte " + (in.position() - 1));
    }
    List<Object> top = stack.subList(from, stack.size());
    Object[] items = top.toArray();
    top.clear();
    return items;
  }

  private void mark() {
    if (depth == marks.length) {
      marks = Arrays.copyOf(marks, 2 * depth);
    }
    marks[depth++] = stack.size();
  }

  /** Removes the topmost mark; what is above it stays. */
  private int sinceMark() throws BadFileException {
    if (depth == 0) {
      throw bad("looks for a mark where there is none");
    }
    return stack.size() - marks[--depth];
  }

  private void popMark() throws BadFileException {
    popAll(sinceMark());
  }

  private Object memorized(long index) throws BadFileException {
    if (index >= memorized) {
      throw bad("refers to value " + index + " of " + memorized);
    }
    return memo[(int) index];
  }

  /** Python numbers them consecutively, so a table is enough. */
  private void memorize(long index) throws BadFileException {
    if (index > memorized) {
      throw bad("numbers a value " + index + " after " + memorized);
    }
    if (index == memorized) {
      if (memorized == memo.length) {
        memo = Arrays.copyOf(memo, 2 * memorized);
      }
      memorized++;
    }
    memo[(int) index] = peek();
  }

  private void skipFrame() throws BadFileException {
    take(8).getLong(); // the length of a frame, which its end marks too
  }

  private ByteBuffer take(int count) throws BadFileException {
    if (in.remaining() < count) {
      throw bad("is cut short");
    }
    return in;
  }

  private int u1() throws BadFileException {
    return take(1).get() & 0xff;
  }

  private long u4() throws BadFileException {
    return take(4).getInt() & 0xffffffffL;
  }

  private int length(long declared) throws BadFileException {
    if (declared < 0 || declared > in.remaining()) {
      throw bad("is cut short: " + declared + " bytes announced, " + in.remaining() + " left");
    }
    return (int) declared;
  }

  private Object integer(int count) throws BadFileException {
    take(count);
    if (count > Long.BYTES) {
      in.position(in.position() + count);
      return new Opaque("integer of " + count + " bytes");
    }
    long value = 0;
    for (int i = 0; i < count; i++) {
      value |= (in.get() & 0xffL) << 8 * i;
    }
    int unused = Long.SIZE - 8 * count;
    return count == 0 ? 0L : value << unused >> unused;
  }

  private String text(int count) throws BadFileException {
    take(count);
    ByteBuffer piece = in.slice(in.position(), count);
    in.position(in.position() + count);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(piece).toString();
    } catch (CharacterCodingException e) {
      throw new BadFileException(path, what + "expected UTF-8 in a string", e);
    }
  }

  private String latin(int count) throws BadFileException {
    take(count);
    String text = new String(in.array(), in.position(), count, StandardCharsets.ISO_8859_1);
    in.position(in.position() + count);
    return text;
  }

  private Object bytes(int count) throws BadFileException {
    take(count);
    in.position(in.position() + count);
    return new Opaque(count + " bytes");
  }

  /** A line of a global's name, without its end. */
  private String line() throws BadFileException {
    int from = in.position();
    while (u1() != '\n') {
      // goes on to the end of the line
    }
    return new String(in.array(), from, in.position() - 1 - from, StandardCharsets.UTF_8);
  }

  private BadFileException bad(String problem) {
    return new BadFileException(path, what + problem);
  }
}
