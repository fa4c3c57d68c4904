package io.github.sae4j.sae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

class SparseCodeTest {
  @Test
  void isAValueWithWords() {
    SparseCode code = new SparseCode(new int[] {17, 93}, new float[] {0.5f, 2});
    SparseCode same = new SparseCode(new int[] {17, 93}, new float[] {0.5f, 2});
    assertEquals("SparseCode{17: 0.5, 93: 2.0}", code.toString());
    assertEquals(same, code);
    assertEquals(same.hashCode(), code.hashCode());
    assertNotEquals(new SparseCode(new int[] {17, 94}, new float[] {0.5f, 2}), code);
    assertNotEquals(new SparseCode(new int[] {17, 93}, new float[] {0.5f, 1}), code);
  }
}
