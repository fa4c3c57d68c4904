package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Parses the Python dictionary literal of an npy header. It consists of strings without escapes,
 * {@code True}, {@code False} and one tuple of integers: nothing nests, so nothing recurses.
 */
final class NpyHeaderParser {
  private static final int MAX_DIMENSIONS = 64;

  private final Path path;
  private final String what;
  private final String text;
  private final int dataOffset;
  private int at;

  NpyHeaderParser(Path path, String what, String text, int dataOffset) {
    this.path = path;
    this.what = what;
    this.text = text;
    this.dataOffset = dataOffset;
  }

  NpyHeader header() throws BadFileException {
    String descr = null;
    Boolean fortranOrder = null;
    List<Long> shape = null;
    expect('{');
    while (!accept('}')) {
      String key = string();
      expect(':');
      if (key.equals("descr") && descr == null) {
        descr = peek() == '[' ? list() : string();
      } else if (key.equals("fortran_order") && fortranOrder == null) {
        fortranOrder = bool();
      } else if (key.equals("shape") && shape == null) {
        shape = shape();
      } else {
        throw bad("expected the keys descr, fortran_order and shape once each, got '" + key + "'");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    peek();
    if (at < text.length()) {
      throw bad("expected nothing but spaces after the closing brace");
    }
    if (descr == null || fortranOrder == null || shape == null) {
      throw bad("expected the keys descr, fortran_order and shape");
    }
    return new NpyHeader(descr, fortranOrder, List.copyOf(shape), dataOffset);
  }

  private List<Long> shape() throws BadFileException {
    List<Long> sizes = new ArrayList<>();
    expect('(');
    while (!accept(')')) {
      if (sizes.size() == MAX_DIMENSIONS) {
        throw bad("expected at most " + MAX_DIMENSIONS + " dimensions");
      }
      sizes.add(size());
      if (!accept(',')) {
        if (sizes.size() == 1) {
          throw bad("expected a tuple as shape, got a number in parentheses");
        }
        expect(')');
        break;
      }
    }
    return sizes;
  }

  private long size() throws BadFileException {
    peek();
    int from = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    // Long.MAX_VALUE has 19 digits.
    if (at == from || at - from > 19) {
      throw bad("expected sizes between 0 and 2^63 - 1 in the shape");
    }
    long size;
    try {
      size = Long.parseLong(text, from, at, 10);
    } catch (NumberFormatException e) {
      throw bad("expected sizes between 0 and 2^63 - 1 in the shape");
    }
    if (at < text.length() && text.charAt(at) == 'L') {
      at++; // Python 2's suffix of long integers.
    }
    return size;
  }

  private boolean bool() throws BadFileException {
    peek();
    for (String word : new String[] {"True", "False"}) {
      if (text.startsWith(word, at)) {
        at += word.length();
        return word.equals("True");
      }
    }
    throw bad("expected fortran_order to be True or False");
  }

  private String string() throws BadFileException {
    char quote = peek();
    int end = quote == '\'' || quote == '"' ? text.indexOf(quote, at + 1) : -1;
    if (end < 0) {
      throw bad("expected a string in quotes");
    }
    String string = text.substring(at + 1, end);
    if (string.indexOf('\\') >= 0) {
      throw bad("expected a string without escapes");
    }
    at = end + 1;
    return string;
  }

  /** The fields of a structured element type, verbatim. */
  private String list() throws BadFileException {
    int from = at;
    int depth = 0;
    do {
      char c = peek();
      if (c == '\'' || c == '"') {
        string();
        continue;
      }
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      if (c == 0) {
        throw bad("expected ']'");
      }
      at++;
    } while (depth > 0);
    return text.substring(from, at);
  }

  private void expect(char c) throws BadFileException {
    if (!accept(c)) {
      throw bad("expected '" + c + "'");
    }
  }

  private boolean accept(char c) {
    if (peek() == c && c != 0) {
      at++;
      return true;
    }
    return false;
  }

  /** The next character that is not white space, or 0 at the end. */
  private char peek() {
    while (at < text.length() && " \t\n\r\f".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    return at < text.length() ? text.charAt(at) : 0;
  }

  private BadFileException bad(String problem) {
    return new BadFileException(path, what + "bad npy header at character " + at + ": " + problem);
  }
}
