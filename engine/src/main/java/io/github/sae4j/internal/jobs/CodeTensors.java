package io.github.sae4j.internal.jobs;

import java.util.Map;

/** Names in files of codes. */
final class CodeTensors {
  static final String INDPTR = "indptr";
  static final String INDICES = "indices";
  static final String VALUES = "values";
  static final String D_SAE = "d_sae";
  static final String FIRST_ROW = "first_row";

  private CodeTensors() {}

  /** What a file of codes says of itself. */
  static Map<String, String> metadata(long firstRow, int dSae) {
    return Map.of(FIRST_ROW, Long.toString(firstRow), D_SAE, Integer.toString(dSae));
  }
}
