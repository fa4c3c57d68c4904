package io.github.sae4j.internal.codes;

import java.util.Map;

/** Names in files of codes. */
public final class CodeTensors {
  /** Where each row of compressed rows begins. */
  public static final String INDPTR = "indptr";

  /** The active latents. */
  public static final String INDICES = "indices";

  /** Their activations. */
  public static final String VALUES = "values";

  public static final String D_SAE = "d_sae";
  public static final String FIRST_ROW = "first_row";

  private CodeTensors() {}

  /** What a file of codes says of itself. */
  public static Map<String, String> metadata(long firstRow, int dSae) {
    return Map.of(FIRST_ROW, Long.toString(firstRow), D_SAE, Integer.toString(dSae));
  }
}
