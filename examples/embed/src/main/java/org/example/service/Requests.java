package org.example.service;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;

/** Requests and answers as JSON; what is wrong with a request is an IllegalArgumentException. */
final class Requests {
  private static final JsonFactory JSON = new JsonFactory();

  /** A row and what to do with its latents. */
  record Edit(float[] row, LatentEdits edits) {}

  /** Writes an answer. */
  private interface Writer {
    void write(JsonGenerator json) throws IOException;
  }

  private Requests() {}

  /** {@code [[...], [...]]}: rows of {@code dIn} numbers. */
  static List<float[]> rows(byte[] body, int dIn) throws IOException {
    try (JsonParser json = JSON.createParser(body)) {
      expect(json.nextToken(), JsonToken.START_ARRAY, "an array of rows");
      List<float[]> rows = new ArrayList<>();
      while (json.nextToken() != JsonToken.END_ARRAY) {
        expect(json.currentToken(), JsonToken.START_ARRAY, "a row, an array of numbers");
        rows.add(row(json, dIn));
      }
      return rows;
    }
  }

  /**
   * {@code {"row": [...], "edits": [{"latent": 17, "scale": 4}, {"latent": 93, "set": 0}]}}: each
   * edit sets, scales or adds to a latent.
   */
  static Edit edit(byte[] body, int dIn, int dSae) throws IOException {
    try (JsonParser json = JSON.createParser(body)) {
      expect(json.nextToken(), JsonToken.START_OBJECT, "an object");
      float[] row = null;
      LatentEdits edits = LatentEdits.NONE;
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String name = json.currentName();
        JsonToken value = json.nextToken();
        switch (name) {
          case "row" -> {
            expect(value, JsonToken.START_ARRAY, "a row, an array of numbers");
            row = row(json, dIn);
          }
          case "edits" -> {
            expect(value, JsonToken.START_ARRAY, "an array of edits");
            while (json.nextToken() != JsonToken.END_ARRAY) {
              edits = one(json, edits, dSae);
            }
          }
          default -> throw new IllegalArgumentException("expected row and edits, got " + name);
        }
      }
      if (row == null) {
        throw new IllegalArgumentException("expected a row");
      }
      return new Edit(row, edits);
    }
  }

  private static LatentEdits one(JsonParser json, LatentEdits edits, int dSae) throws IOException {
    expect(json.currentToken(), JsonToken.START_OBJECT, "an edit, an object");
    int latent = -1;
    String what = null;
    float number = 0;
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String name = json.currentName();
      json.nextToken();
      float value = number(json);
      if (name.equals("latent")) {
        latent = (int) value;
        if (latent != value || latent < 0 || latent >= dSae) {
          throw new IllegalArgumentException(
              "latent: expected 0 to " + (dSae - 1) + ", got " + value);
        }
      } else {
        what = name;
        number = value;
      }
    }
    if (latent < 0 || what == null) {
      throw new IllegalArgumentException("expected a latent, and one of set, scale and add");
    }
    return switch (what) {
      case "set" -> edits.set(latent, number);
      case "scale" -> edits.scale(latent, number);
      case "add" -> edits.add(latent, number);
      default -> throw new IllegalArgumentException("expected set, scale or add, got " + what);
    };
  }

  private static float[] row(JsonParser json, int dIn) throws IOException {
    float[] row = new float[dIn];
    int count = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      if (count == dIn) {
        throw new IllegalArgumentException("expected rows of " + dIn + " numbers, got more");
      }
      row[count++] = number(json);
    }
    if (count < dIn) {
      throw new IllegalArgumentException("expected rows of " + dIn + " numbers, got " + count);
    }
    return row;
  }

  private static float number(JsonParser json) throws IOException {
    if (json.currentToken() == null || !json.currentToken().isNumeric()) {
      throw new IllegalArgumentException("expected a number, got " + json.currentToken());
    }
    float value = json.getFloatValue();
    if (!Float.isFinite(value)) {
      throw new IllegalArgumentException("expected a finite number, got " + json.getText());
    }
    return value;
  }

  private static void expect(JsonToken got, JsonToken wanted, String what) {
    if (got != wanted) {
      throw new IllegalArgumentException("expected " + what + ", got " + got);
    }
  }

  /** {@code [{"17": 0.42, "93": 1.5}, ...]}. */
  static String codes(SparseCode[] codes) throws IOException {
    return written(
        json -> {
          json.writeStartArray();
          for (SparseCode code : codes) {
            json.writeStartObject();
            for (int i = 0; i < code.length(); i++) {
              json.writeNumberField(Integer.toString(code.indices()[i]), code.values()[i]);
            }
            json.writeEndObject();
          }
          json.writeEndArray();
        });
  }

  static String row(float[] row) throws IOException {
    return written(
        json -> {
          json.writeStartArray();
          for (float value : row) {
            json.writeNumber(value);
          }
          json.writeEndArray();
        });
  }

  static String error(String message) throws IOException {
    return written(
        json -> {
          json.writeStartObject();
          json.writeStringField("error", message);
          json.writeEndObject();
        });
  }

  private static String written(Writer writer) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = JSON.createGenerator(text)) {
      writer.write(json);
    }
    return text.toString();
  }
}
