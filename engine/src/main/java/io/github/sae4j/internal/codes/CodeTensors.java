package io.github.sae4j.internal.codes;

import java.util.Map;

/** Names in files of codes. */
public final class CodeTensors {
  /** The start of each row of compressed rows. */
  public static final String INDPTR = "indptr";

  /** The active latents. */
  public static final String INDICES = "indices";

  /** Their activations. */
  public static final String VALUES = "values";

  public static final String D_SAE = "d_sae";
  public static final String FIRST_ROW = "first_row";

  private CodeTensors() {}

  /** Metadata of a file of codes: the number of its first row, and of latents. */
  public static Map<String, String> metadata(long firstRow, int dSae) {
    return Map.of(FIRST_ROW, Long.toString(firstRow), D_SAE, Integer.toString(dSae));
  }
}
