package io.github.sae4j.bench.results;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Writes a comparison as JSON: environment, samples and ratios. */
public final class ResultsFile {
  private ResultsFile() {}

  /**
   * Writes.
   *
   * @param file the file; its folder is created
   * @param environment names and values
   * @param peers one line each
   * @param sections the tables
   * @throws IOException if the file cannot be written
   */
  public static void write(
      Path file, Map<String, String> environment, List<String> peers, List<Section> sections)
      throws IOException {
    if (file.toAbsolutePath().getParent() != null) {
      Files.createDirectories(file.toAbsolutePath().getParent());
    }
    try (JsonGenerator json = new JsonFactory().createGenerator(file.toFile(), JsonEncoding.UTF8)) {
      json.useDefaultPrettyPrinter();
      json.writeStartObject();
      json.writeObjectFieldStart("environment");
      for (Map.Entry<String, String> entry : environment.entrySet()) {
        json.writeStringField(entry.getKey(), entry.getValue());
      }
      json.writeEndObject();
      json.writeArrayFieldStart("peers");
      for (String peer : peers) {
        json.writeString(peer);
      }
      json.writeEndArray();
      json.writeArrayFieldStart("sections");
      for (Section section : sections) {
        write(json, section);
      }
      json.writeEndArray();
      json.writeEndObject();
    }
  }

  private static void write(JsonGenerator json, Section section) throws IOException {
    json.writeStartObject();
    json.writeStringField("title", section.title());
    json.writeArrayFieldStart("checks");
    for (Check check : section.checks()) {
      json.writeStartObject();
      json.writeStringField("name", check.name());
      number(json, "relative_error", check.error());
      number(json, "bound", check.bound());
      json.writeBooleanField("passed", check.passed());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("timings");
    for (Timing timing : section.timings().values()) {
      json.writeStartObject();
      json.writeStringField("name", timing.name());
      json.writeNumberField("threads", timing.threads());
      number(json, "median_seconds", timing.median());
      write(json, timing.interval());
      double rate = section.rate(timing.name());
      if (!Double.isNaN(rate)) {
        number(json, "rate", rate);
        json.writeStringField("unit", section.unit(timing.name()));
      }
      json.writeFieldName("seconds");
      json.writeArray(timing.seconds(), 0, timing.seconds().length);
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("ratios");
    for (Ratio ratio : section.ratios()) {
      json.writeStartObject();
      json.writeStringField("name", ratio.name());
      number(json, "value", ratio.value());
      if (ratio.interval().isPresent()) {
        write(json, ratio.interval().get());
      }
      if (!Double.isNaN(ratio.limit())) {
        number(json, ratio.atMost() ? "at_most" : "at_least", ratio.limit());
        json.writeBooleanField("met", !ratio.missed());
      }
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void write(JsonGenerator json, Interval interval) throws IOException {
    json.writeObjectFieldStart("interval");
    number(json, "low", interval.low());
    number(json, "high", interval.high());
    number(json, "confidence", interval.confidence());
    json.writeEndObject();
  }

  private static void number(JsonGenerator json, String name, double value) throws IOException {
    if (Double.isFinite(value)) {
      json.writeNumberField(name, value);
    } else {
      json.writeNullField(name);
    }
  }
}
