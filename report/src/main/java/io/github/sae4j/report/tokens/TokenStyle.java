package io.github.sae4j.report.tokens;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import java.util.Set;

/** How tokenizers write tokens, and where a space lies before one. */
enum TokenStyle {
  /** {@code ##ing} continues a word; all others begin one. */
  WORDPIECE,
  /** GPT-2's alphabet of bytes: {@code Ġ} is a space. */
  BYTE_LEVEL,
  /** SentencePiece: {@code ▁} is a space. */
  METASPACE,
  /** Spaces are in the tokens. */
  SPACED,
  /** Words without spaces. */
  WORDS;

  /** The longest token that is shown whole. */
  static final int MOST_CHARACTERS = 300;

  /** Marks that no space stands before, which WordPiece splits off all the same. */
  private static final Set<String> CLOSING =
      Set.of(".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "’", "”");

  private static final int[] BYTE_OF = byteAlphabet();

  /**
   * The style that fits tokens: that of most of their marks, since a heading of Markdown begins
   * with ## too, and vocabularies hold the others' marks as letters.
   */
  static TokenStyle of(Collection<String> tokens) {
    int bytes = 0;
    int metaspaces = 0;
    int pieces = 0;
    boolean spaced = false;
    for (String token : tokens) {
      if (token.startsWith("Ġ") || token.startsWith("Ċ")) {
        bytes++;
      } else if (token.startsWith("▁")) {
        metaspaces++;
      } else if (token.length() > 2
          && token.startsWith("##")
          && Character.isLetterOrDigit(token.codePointAt(2))) {
        pieces++;
      }
      spaced |= token.startsWith(" ") && token.length() > 1;
    }
    int most = Math.max(bytes, Math.max(metaspaces, pieces));
    if (most == 0) {
      return spaced ? SPACED : WORDS;
    }
    return most == bytes ? BYTE_LEVEL : most == metaspaces ? METASPACE : WORDPIECE;
  }

  /** A token for display, with the space before it. */
  String shown(String token) {
    return clipped(
        switch (this) {
          case WORDPIECE ->
              token.length() > 2 && token.startsWith("##")
                  ? token.substring(2)
                  : CLOSING.contains(token) ? token : " " + token;
          case BYTE_LEVEL -> bytes(token);
          case METASPACE -> token.replace('▁', ' ');
          case SPACED -> token;
          case WORDS -> " " + token;
        });
  }

  /** A text that may be of any length. */
  static String clipped(String text) {
    if (text.length() <= MOST_CHARACTERS) {
      return text;
    }
    int end = Character.isHighSurrogate(text.charAt(MOST_CHARACTERS - 1)) ? 1 : 0;
    return text.substring(0, MOST_CHARACTERS - end)
        + String.format(Locale.ROOT, "… (%,d characters)", text.length());
  }

  /** Bytes that are no whole character are shown by their number. */
  private static String bytes(String token) {
    byte[] raw = new byte[token.length()];
    for (int i = 0; i < raw.length; i++) {
      char letter = token.charAt(i);
      int value = letter < BYTE_OF.length ? BYTE_OF[letter] : -1;
      if (value < 0) {
        return token;
      }
      raw[i] = (byte) value;
    }
    try {
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(raw));
      return text.toString();
    } catch (CharacterCodingException e) {
      StringBuilder text = new StringBuilder();
      for (byte one : raw) {
        text.append(
            one >= ' ' && one < 127
                ? String.valueOf((char) one)
                : String.format(Locale.ROOT, "\\x%02x", one & 0xff));
      }
      return text.toString();
    }
  }

  /** GPT-2 gives printable bytes their own letter, the others letters from U+0100 on. */
  private static int[] byteAlphabet() {
    int[] byteOf = new int[0x200];
    Arrays.fill(byteOf, -1);
    int other = 0x100;
    for (int value = 0; value < 256; value++) {
      boolean printable =
          value >= '!' && value <= '~' || value >= 0xa1 && value <= 0xac || value >= 0xae;
      byteOf[printable ? value : other++] = value;
    }
    return byteOf;
  }
}
